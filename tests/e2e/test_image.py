"""The image: its root file system, run as a container would run it, and the files that platforms read."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

import httpx
import pytest
import yaml

from e2e import chat
from e2e.envoy import BINARY, ROOT, START_PATIENCE
from e2e.ports import free_ports
from e2e.provider import Provider, answer
from e2e.waiting import until

TOOLS = pathlib.Path(sys.executable).parent
DOCKERFILE = ROOT / "docker" / "Dockerfile"
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
FLY = tomllib.loads((ROOT / "fly.toml").read_text())
RAILWAY = json.loads((ROOT / "railway.json").read_text())
ENTRYPOINT = (ROOT / "docker" / "entrypoint.sh").read_text()
KEY = "a-key-of-a-caller-of-ours"
USER = "10001"


def confined(root, *command):
    """A command that runs as the image's user, with nothing but the image to see."""
    if os.geteuid() == 0:
        return [shutil.which("chroot"), f"--userspec={USER}:{USER}", str(root), *command]
    return [shutil.which("unshare"), "--map-root-user", f"--root={root}", *command]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The image's root file system."""
    place = tmp_path_factory.mktemp("image") / "root"
    made = subprocess.run(
        [ROOT / "docker" / "rootfs.sh", place], env=os.environ | {"ENVOY": BINARY}, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return place


def ask(port, key=None):
    headers = {"authorization": f"Bearer {key}"} if key else {}
    body = json.loads(chat.request("What is the capital of France?"))
    return httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body, headers=headers, trust_env=False)


def test_a_container_answers_those_who_have_the_key_and_says_that_it_is_well(root, tmp_path):
    listen, console, admin = free_ports(3)
    environment = {
        "PATH": "/usr/local/bin:/bin",
        "PORT": str(listen),
        "ARBITER_CONSOLE_LISTEN": f"127.0.0.1:{console}",
        "ARBITER_ADMIN": f"127.0.0.1:{admin}",
        "ARBITER_ACCESS_LOG": "/run/arbiter/access.log",
        "ARBITER_POLICY": "/run/arbiter/policy.yaml",
        "ARBITER_CALLER_KEY": KEY,
        "ARBITER_CONSOLE_TOKEN": "a-token-of-an-operator",
        "OPENAI_API_KEY": "sk-of-the-provider",
    }
    with Provider(answer(chat.completion("Paris."))) as provider:
        policy = yaml.safe_load((ROOT / "docker" / "policy.yaml").read_text())
        policy["providers"]["openai"] |= {"host": "127.0.0.1", "port": provider.port, "tls": False}
        (root / "run" / "arbiter" / "policy.yaml").write_text(yaml.safe_dump(policy, sort_keys=False))
        with (tmp_path / "log").open("w") as log:
            command = confined(root, "/usr/local/bin/entrypoint")
            container = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        said = lambda: (tmp_path / "log").read_text()  # noqa: E731
        try:
            ready = confined(root, "/usr/local/bin/arbiter", "ready", "--admin", f"127.0.0.1:{admin}")
            is_ready = lambda: subprocess.run(ready, capture_output=True).returncode == 0  # noqa: E731
            until(lambda: container.poll() is not None or is_ready(), said, START_PATIENCE)
            assert container.poll() is None, said()

            assert httpx.get(f"http://127.0.0.1:{listen}/healthz", trust_env=False).status_code == 200
            assert ask(listen).status_code == 401
            assert ask(listen, "another-key-of-somebody").status_code == 401
            answered = ask(listen, KEY)
            assert answered.status_code == 200, answered.text
            assert answered.json()["choices"][0]["message"]["content"] == "Paris."
            assert [request.headers["authorization"] for request in provider.received] == ["Bearer sk-of-the-provider"]

            overview = f"http://127.0.0.1:{console}/api/overview"
            assert httpx.get(overview, trust_env=False).status_code == 401
            told = httpx.get(overview, headers={"authorization": "Bearer a-token-of-an-operator"}, trust_env=False)
            assert told.status_code == 200

            # Load balancers ask several times a second: the log has calls only.
            lines = root / "run" / "arbiter" / "access.log"
            logged = lambda: [json.loads(line) for line in lines.read_text().splitlines()]  # noqa: E731
            until(lambda: len(logged()) >= 3, said, 30)
            assert [line["status"] for line in logged()] == [401, 401, 200]
            assert KEY not in lines.read_text() + said()
        finally:
            container.terminate()
            container.wait(30)
    assert subprocess.run(ready, capture_output=True).returncode == 1


def test_a_container_with_a_policy_that_cannot_be_used_says_why_and_ends(root):
    (root / "run" / "arbiter" / "broken.yaml").write_text("tiers: []\n")
    environment = {"PATH": "/usr/local/bin:/bin", "ARBITER_POLICY": "/run/arbiter/broken.yaml"}
    ended = subprocess.run(
        confined(root, "/usr/local/bin/entrypoint"), env=environment, capture_output=True, text=True, timeout=30
    )
    assert ended.returncode != 0
    assert "broken.yaml" in ended.stderr and "missing field `models`" in ended.stderr


def test_the_image_runs_the_command_as_well(root):
    environment = {"PATH": "/usr/local/bin:/bin"}
    command = confined(root, "/usr/local/bin/entrypoint", "arbiter", "check", "/etc/arbiter/policy.yaml")
    checked = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "baseline: claude-sonnet-4-5" in checked.stdout


def test_the_dockerfile_follows_the_rules_and_copies_what_is_there():
    linted = subprocess.run([TOOLS / "hadolint", DOCKERFILE], capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout
    # What the context leaves out cannot be copied.
    taken = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.M)
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE.read_text(), re.M):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert any(source == kept or source.startswith(f"{kept}/") for kept in taken), source


def test_compose_is_what_its_specification_allows_and_mounts_what_is_there():
    schema = [TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "compose.yaml"]
    checked = subprocess.run(schema, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    stages = re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE.read_text(), re.M)
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).exists(), volume
        if "build" in service:
            assert service["build"]["target"] in stages
            assert (ROOT / service["build"]["dockerfile"]).exists()
    # The stand-ins are where the policy looks for them, and every published port is for this machine alone.
    providers = yaml.safe_load((ROOT / "docker" / "demo.yaml").read_text())["providers"]
    assert {provider["host"] for provider in providers.values()} <= set(COMPOSE["services"])
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_platforms_ask_for_the_health_where_it_is_told():
    (health,) = re.findall(r"--health (\S+)", ENTRYPOINT)
    (check,) = FLY["http_service"]["checks"]
    assert check["path"] == RAILWAY["deploy"]["healthcheckPath"] == health
    assert FLY["http_service"]["internal_port"] == int(FLY["env"]["PORT"])
    for dockerfile in (FLY["build"]["dockerfile"], RAILWAY["build"]["dockerfilePath"]):
        assert ROOT / dockerfile == DOCKERFILE
    # What is set there is what the entry script reads.
    named = set(re.findall(r"\$\{((?:ARBITER_|PORT)\w*)", ENTRYPOINT))
    assert set(FLY["env"]) <= named


def test_policies_of_the_image_can_be_used_and_those_who_ask_must_have_a_key():
    arbiter = ROOT / "dist" / "arbiter"
    for name in ("policy.yaml", "demo.yaml"):
        checked = subprocess.run([arbiter, "check", ROOT / "docker" / name], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
    strict = subprocess.run([arbiter, "check", "--strict", ROOT / "docker" / "policy.yaml"], capture_output=True)
    assert strict.returncode == 0, strict.stderr
