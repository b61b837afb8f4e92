"""The gateway of `make run`, before stand-ins that a test can steer, and what clients are started with."""

import contextlib
import dataclasses
import os
import pathlib
import subprocess

import pytest
import yaml
from e2e.envoy import Envoy
from e2e.provider import Provider, failure

from clients.standins import Standin

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".local" / "clients"
DEMO = ROOT / "envoy" / "demo" / "policy.yaml"
DOCUMENTED = "127.0.0.1:10000"
"""Where the documentation says that the gateway is."""


@dataclasses.dataclass
class Gateway:
    envoy: Envoy
    openai: Provider
    anthropic: Provider

    @property
    def providers(self):
        return {"openai": self.openai, "anthropic": self.anthropic}

    def call(self, **calls):
        """Tools that the stand-ins call when they are offered them."""
        for provider in self.providers.values():
            provider.answer.calls = calls

    def only(self, vendor):
        """All other vendors fail."""
        for name, provider in self.providers.items():
            if name != vendor:
                provider.then(*[failure(503)] * 100)

    def fails_after(self, count, vendor):
        """A vendor answers so many calls, and fails from then on."""
        provider = self.providers[vendor]
        provider.then(*[provider.answer] * count, *[failure(503)] * 100)

    def records(self):
        """What the access log says of the calls of models, in order."""
        text = self.envoy.access_log.read_text()
        lines = [yaml.safe_load(line)["arbiter"] for line in text.splitlines()]
        return [line for line in lines if line["outcome"] in {"routed", "hit"}]

    def run(self, command, directory, environment=None, timeout=120):
        """Runs a client to its end in `directory`, which is its home as well; returns what it printed."""
        directory.mkdir(parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        environment = {**inherited, "HOME": str(directory), "NO_PROXY": "127.0.0.1", **(environment or {})}
        environment = {name: value.replace(DOCUMENTED, self.envoy.address) for name, value in environment.items()}
        done = subprocess.run(
            [part.replace(DOCUMENTED, self.envoy.address) for part in command],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout


@pytest.fixture
def gateway(tmp_path):
    policy = yaml.safe_load(DEMO.read_text())
    with contextlib.ExitStack() as stack:
        providers = {}
        for name, provider in policy["providers"].items():
            dialect = provider.get("dialect", "openai")
            providers[name] = stack.enter_context(Provider(Standin(dialect)))
            address = {"host": "127.0.0.1", "port": providers[name].port, "tls": False}
            policy["providers"][name] = {"dialect": dialect, **address}
        yield Gateway(stack.enter_context(Envoy.start(policy, tmp_path / "gateway")), **providers)
