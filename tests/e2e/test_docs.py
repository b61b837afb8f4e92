"""The commands of the documentation, run as they stand, with a stand-in as the provider."""

import json
import os
import pathlib
import re
import subprocess

import pytest
import yaml

from e2e import chat
from e2e.envoy import BINARY, ROOT
from e2e.ports import free_ports
from e2e.provider import Provider, answer

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
README = (ROOT / "README.md").read_text()
DOCS = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


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


def commands(page):
    """The commands of our own that a page has in indented lines."""
    lines = (ROOT / page).read_text().split("\n")
    return [
        line.strip()
        for line in lines
        if line.startswith("    ") and "dist/arbiter" in line and "month.jsonl" not in line
    ]


def inputs(directory):
    """What the commands of the documentation read: the policy of the README, and files as it describes them."""
    (directory / "dist").symlink_to(ROOT / "dist")
    (directory / "policy.yaml").write_text(re.search(r"^```yaml\n(.*?)^```$", README, re.M | re.S)[1])
    prices = {
        "input_cost_per_token": 1.5e-7,
        "output_cost_per_token": 6e-7,
        "litellm_provider": "openai",
        "mode": "chat",
    }
    policy = yaml.safe_load((directory / "policy.yaml").read_text())
    (directory / "list.json").write_text(json.dumps(dict.fromkeys(policy["models"], prices)))
    (directory / "request.json").write_text(json.dumps({"id": 1, "identity": {"tenant": "interns"}, "prompt": "Hi"}))
    graded = (
        {"prompt": f"What is {n} and {n}? {'Prove it. ' * (n % 7)}", "strong": 1, "weak": 0.2 * (n % 5)}
        for n in range(200)
    )
    (directory / "graded.jsonl").write_text("".join(json.dumps(row) + "\n" for row in graded))
    calls = subprocess.run([ROOT / "dist" / "arbiter", "workload", "--calls", "50"], capture_output=True, check=True)
    (directory / "calls.jsonl").write_bytes(calls.stdout)


@pytest.mark.parametrize("page", ["README.md", "docs/identity.md", "docs/rules.md", "docs/simulate.md"])
def test_the_commands_of_a_page_do_what_they_say(page, tmp_path):
    inputs(tmp_path)
    assert commands(page)
    for command in commands(page):
        run = subprocess.run(["bash", "-eo", "pipefail", "-c", command], cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 0, f"{command}\n{run.stdout}{run.stderr}"
        written = re.search(r"> (\S+)", command.split(" #")[0])
        assert (tmp_path / written[1]).stat().st_size if written else run.stdout, command
    if page == "README.md":
        valid = [BINARY, "--mode", "validate", "-c", "envoy.yaml"]
        checked = subprocess.run(valid, cwd=tmp_path, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
        scored = (
            (tmp_path / "policy.yaml").read_text().replace("scorer: heuristic", "scorer: learned, weights: scorer.json")
        )
        (tmp_path / "fitted.yaml").write_text(scored)
        subprocess.run(
            [ROOT / "dist" / "arbiter", "check", "fitted.yaml"], cwd=tmp_path, capture_output=True, check=True
        )


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
