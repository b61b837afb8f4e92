"""A real Envoy with the built filter, on ports of its own."""

import json
import os
import pathlib
import re
import subprocess

import httpx
import yaml

from e2e.waiting import until

ROOT = pathlib.Path(__file__).resolve().parents[2]
WASM = ROOT / "dist" / "llm_arbiter.wasm"
ARBITER = ROOT / "dist" / "arbiter"
BINARY = os.environ.get("ENVOY") or str(ROOT / ".local" / "envoy-1.40.0" / "bin" / "envoy")

START_PATIENCE = 60.0
"""Seconds that Envoy may take to compile the module on a busy machine."""


class StartError(Exception):
    """Envoy or the render command ended instead of starting; the text is what it wrote."""


def version():
    """Version of the Envoy under test, for example (1, 40, 0)."""
    text = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.search(r"/(\d+)\.(\d+)\.(\d+)", text).groups())


def render(policy, directory, options=()):
    """The bootstrap that `arbiter render` makes of `policy`, as a dict. Ports are 0: Envoy picks free ones. `options` are
    added to the command line."""
    path = directory / "policy.json"
    path.write_text(json.dumps(policy))
    command = [
        *(str(ARBITER), "render", str(path), "--wasm", str(WASM)),
        *("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--console", "127.0.0.1:0"),
        *("--access-log", str(directory / "access.log")),
        *options,
    ]
    rendered = subprocess.run(command, capture_output=True, text=True)
    if rendered.returncode != 0:
        raise StartError(rendered.stderr)
    return yaml.safe_load(rendered.stdout)


def plugin_configurations(node):
    """Every plugin configuration in a bootstrap; each holds its JSON as the string `value`."""
    if isinstance(node, list):
        return [found for each in node for found in plugin_configurations(each)]
    if not isinstance(node, dict):
        return []
    own = [node["configuration"]] if "vm_config" in node else []
    return own + [found for each in node.values() for found in plugin_configurations(each)]


class Envoy:
    """A running Envoy. Files lie in `directory`; `environment` is added to that of the tests."""

    def __init__(self, bootstrap, directory, concurrency=1, environment=None):
        self.access_log = directory / "access.log"
        self.log = directory / "envoy.log"
        admin_address = directory / "admin.address"
        config = directory / "bootstrap.json"
        config.write_text(json.dumps(bootstrap))
        command = [
            *(BINARY, "-c", str(config), "--concurrency", str(concurrency), "--disable-hot-restart"),
            *("--admin-address-path", str(admin_address), "--file-flush-interval-msec", "20"),
            *("--log-path", str(self.log), "--log-level", "info", "--drain-time-s", "1"),
        ]
        with open(directory / "envoy.stderr", "wb") as stderr:
            self.process = subprocess.Popen(
                command, env={**os.environ, **(environment or {})}, stdout=stderr, stderr=stderr
            )
        try:
            self.admin = self._when_started(lambda: admin_address.exists() and admin_address.read_text().strip())
            self._when_started(lambda: httpx.get(f"http://{self.admin}/ready").text.strip() == "LIVE")
            self.address = self._when_started(lambda: self.listener("llm"))
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @classmethod
    def start(cls, policy, directory, concurrency=1, environment=None, tweak=None, ejects=False, options=()):
        """Renders `policy`, hands the bootstrap to `tweak`, and starts. Unless it `ejects`, a provider that has failed in
        one test is still asked in the next."""
        directory.mkdir(parents=True, exist_ok=True)
        bootstrap = render(policy, directory, options)
        if not ejects:
            for cluster in bootstrap["static_resources"]["clusters"]:
                cluster.pop("outlier_detection", None)
                cluster.pop("health_checks", None)
        if tweak:
            tweak(bootstrap)
        return cls(bootstrap, directory, concurrency, environment)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def url(self):
        return f"http://{self.address}"

    @property
    def chat_url(self):
        return f"{self.url}/v1/chat/completions"

    def client(self, **options):
        """An HTTP client that adds nothing of its own but what HTTP needs."""
        client = httpx.Client(base_url=self.url, timeout=20, trust_env=False, **options)
        for name in ("accept", "accept-encoding", "user-agent"):
            del client.headers[name]
        return client

    def chat(self, body, headers=None):
        """One chat call on a connection of its own."""
        with self.client() as client:
            return client.post(
                "/v1/chat/completions", content=body, headers={"content-type": "application/json", **(headers or {})}
            )

    def calls(self, count):
        """The access log once it has `count` lines, parsed."""

        def lines():
            text = self.access_log.read_text() if self.access_log.exists() else ""
            whole = [line for line in text.split("\n")[:-1] if line]
            return whole if len(whole) >= count else None

        found = until(lines, f"{count} lines in {self.access_log}")
        return [json.loads(line) for line in found]

    def counters(self):
        """Our counters: (name, labels) -> value."""
        text = httpx.get(f"http://{self.admin}/stats?usedonly&filter=arbiter").text
        found = re.findall(r"^\S*?arbiter\.([a-z_]+)((?:;[^:\s]*)?): (\d+)$", text, re.MULTILINE)
        return {(name, frozenset(filter(None, labels.split(";")))): int(value) for name, labels, value in found}

    def count(self, name, **labels):
        """Sum of the counters called `name` that carry all `labels`."""
        wanted = {f"{key}={value}" for key, value in labels.items()}
        return sum(value for (found, has), value in self.counters().items() if found == name and wanted <= has)

    def wait_count(self, name, value, **labels):
        """Waits until that sum is `value`; counters of an answer come with its end."""
        until(lambda: self.count(name, **labels) == value, lambda: f"{name} {labels} = {value} in {self.counters()}")

    def _when_started(self, condition):
        def alive():
            if self.process.poll() is not None:
                log = self.log.read_text(errors="replace") if self.log.exists() else "no log"
                raise StartError("\n".join(line for line in log.split("\n") if "[info]" not in line))
            try:
                return condition()
            except httpx.TransportError:
                return None

        return until(alive, lambda: f"Envoy to start, see {self.log}", START_PATIENCE)

    def listener(self, name):
        """The address of a listener, for example 127.0.0.1:41234; None while there is none."""
        listeners = httpx.get(f"http://{self.admin}/listeners?format=json").json().get("listener_statuses", [])
        addresses = {listener["name"]: listener["local_address"]["socket_address"] for listener in listeners}
        return "{address}:{port_value}".format(**addresses[name]) if name in addresses else None
