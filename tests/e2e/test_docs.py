"""The commands of the first hour, run as they stand, with a stand-in as the provider."""

import json
import os
import pathlib
import re
import socket
import subprocess

from e2e import chat
from e2e.envoy import BINARY, ROOT
from e2e.provider import Provider, answer

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
DOCS = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def free_ports(count):
    """Ports that nobody listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def test_the_first_hour_is_as_it_is_written(tmp_path):
    blocks = BLOCK.findall((ROOT / "docs" / "first-hour.md").read_text())
    (tmp_path / "dist").symlink_to(ROOT / "dist")
    with Provider(answer(chat.completion("Paris."))) as provider:
        script = "set -euo pipefail\nset -m\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + "\n".join(blocks)
        for written, free in zip(("10000", "9901", "9902"), free_ports(3), strict=True):
            script = script.replace(f"127.0.0.1:{written}", f"127.0.0.1:{free}")
        stand_in = f"host: 127.0.0.1, port: {provider.port}, tls: false"
        script = script.replace("host: api.openai.com", stand_in)
        environment = os.environ | {
            "PATH": f"{pathlib.Path(BINARY).parent}:{os.environ['PATH']}",
            "OPENAI_API_KEY": "sk-test",
        }
        run = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110
        )
        assert run.returncode == 0, run.stdout + run.stderr
        asked = [request.headers["authorization"] for request in provider.received]

    # Every call has gone its way with its caller's key; what the policy would have saved is said.
    assert asked == ["Bearer sk-test"] * 3
    (would,) = re.findall(r"\{'requests': 3, .*\}", run.stdout)
    assert float(re.search(r"'saved_usd': ([\d.]+)", would)[1]) > 0
    (line,) = [json.loads(line) for line in run.stdout.split("\n") if line.startswith('{"time"')]
    assert line["arbiter"]["would"]["tier"] == "small"


def test_the_month_of_the_documentation_is_what_the_commands_say(tmp_path):
    page = (ROOT / "docs" / "simulate.md").read_text()
    commands = [line.strip() for line in page.split("\n") if "month.jsonl" in line]
    for name in ("dist", "envoy"):
        (tmp_path / name).symlink_to(ROOT / name)
    run = subprocess.run(["bash", "-ec", "\n".join(commands) + " --json month.json"], cwd=tmp_path, capture_output=True)
    assert run.returncode == 0, run.stderr
    report = json.loads((tmp_path / "month.json").read_text())
    (policy,) = report["policies"]
    figures, rates, calls = policy["figures"], policy["hit_rates"], report["requests"]
    money = [figures["baseline_usd"], figures["cost_usd"], *figures["saved_usd_by_cause"].values()]
    each = [figures["baseline_usd"] / calls, figures["cost_usd"] / calls]
    said = [f"{calls:,} calls"] + [f"${amount:.2f}" for amount in money] + [f"${amount:.5f}" for amount in each]
    said += [f"{100 * rates[cache]:.1f} %" for cache in ("exact", "semantic")]
    assert [figure for figure in said if figure not in page] == []


def test_every_link_of_the_documentation_leads_somewhere():
    missing = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in DOCS
        for target in LINK.findall(page.read_text())
        if not (page.parent / target).exists()
    ]
    assert missing == []
