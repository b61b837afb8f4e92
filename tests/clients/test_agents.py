"""Codex and Claude Code, headless and with a key that nobody knows: they call tools, fail over and meet the cache."""

import json

import pytest

from clients.conftest import TOOLS
from clients.standins import ANSWER

BIN = TOOLS / "node" / "node_modules" / ".bin"
RUN = "echo made > proof.txt"
CODEX = """
model = "gpt-4o"
model_provider = "gateway"
model_providers.gateway = { name = "gateway", base_url = "http://127.0.0.1:10000/v1", env_key = "KEY", wire_api = "responses" }
"""


def codex(gateway, home, prompt):
    config = home / ".codex" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(CODEX.replace("127.0.0.1:10000", gateway.envoy.address))
    options = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json"]
    printed = gateway.run([str(BIN / "codex"), "exec", *options, prompt], home, {"KEY": "sk-fake"})
    events = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    said = [event["item"] for event in events if event["type"] == "item.completed"]
    return [item["text"] for item in said if item["type"] == "agent_message"][-1]


def claude(gateway, home, prompt):
    environment = {
        "ANTHROPIC_BASE_URL": gateway.envoy.url,
        "ANTHROPIC_API_KEY": "sk-fake",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    options = ["--print", "--model", "claude-sonnet-4-5", "--allowedTools", "Bash", "--output-format", "json"]
    result = json.loads(gateway.run([str(BIN / "claude"), *options, "--", prompt], home, environment))
    assert not result["is_error"]
    return result["result"]


AGENTS = {
    "codex": (codex, {"exec_command": {"cmd": RUN}}),
    "claude": (claude, {"Bash": {"command": RUN, "description": "Makes a file"}}),
}


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
@pytest.mark.parametrize(("run", "calls"), AGENTS.values(), ids=AGENTS)
def test_it_calls_a_tool_and_goes_on_with_the_result(gateway, tmp_path, run, calls, vendor):
    gateway.only(vendor)
    gateway.call(**calls)

    assert run(gateway, tmp_path / "home", "Make the file") == ANSWER
    assert (tmp_path / "home" / "proof.txt").read_text() == "made\n"
    first, second = gateway.records()
    assert (first["complexity"], first["tier"]) == (second["complexity"], second["tier"]) == ("low", "small")


@pytest.mark.parametrize(("run", "calls"), AGENTS.values(), ids=AGENTS)
def test_another_vendor_takes_over_amid_a_task(gateway, tmp_path, run, calls):
    gateway.call(**calls)
    gateway.fails_after(1, "openai")

    assert run(gateway, tmp_path / "home", "Make the file") == ANSWER
    assert (tmp_path / "home" / "proof.txt").read_text() == "made\n"
    first, second = gateway.records()
    assert (first["provider"], second["provider"]) == ("openai", "anthropic")
    assert second["failed"] == [{"model": "gpt-4o-mini", "reason": "503"}]


@pytest.mark.parametrize("run", [run for run, _ in AGENTS.values()], ids=AGENTS)
def test_the_same_question_is_answered_from_the_cache(gateway, tmp_path, run):
    for _ in range(2):
        assert run(gateway, tmp_path / "home", "Say hello") == ANSWER
    assert [record["outcome"] for record in gateway.records()] == ["routed", "hit"]
