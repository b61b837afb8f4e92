"""`arbiter score` says natively what the filter says inside Envoy."""

import json
import subprocess

import pytest

from e2e import chat, policies
from e2e.envoy import ARBITER
from e2e.policies import CACHE_OFF

PROMPTS = [
    "hi",
    "What is the capital of France?",
    chat.HARD,
    "Analyze this architecture step by step, debug the deadlock, refactor it and prove that it is correct.",
    "Solve: 3x + 7 = 22, then explain every step and check the result. " * 5,
    "```python\ndef f(x):\n    return x / 0\n```\nTraceback (most recent call last): ZeroDivisionError. Why?",
    "Wie sp\u00e4t ist es?",
    "\u4f60\u597d\uff0c\u4eca\u5929\u5929\u6c14\u600e\u4e48\u6837\uff1f",
    "",
    "x" * 5000,
]


@pytest.mark.parametrize("scorer", ["heuristic", "wordcount"])
def test_the_command_and_the_filter_agree(start_gateway, tmp_path, scorer):
    members = {"classify": {"scorer": scorer}, **CACHE_OFF}
    gateway = start_gateway(members)
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(policies.document(1, 2, 3, **members)))
    lines = "".join(json.dumps({"id": i, "prompt": prompt}) + "\n" for i, prompt in enumerate(PROMPTS))
    printed = subprocess.run([ARBITER, "score", policy], input=lines, capture_output=True, text=True, check=True).stdout
    said = [json.loads(line) for line in printed.splitlines()]

    headers = [gateway.ask(prompt).headers["x-arbiter-decision"] for prompt in PROMPTS]
    logged = [line["arbiter"] for line in gateway.envoy.calls(len(PROMPTS))]
    assert [line["id"] for line in said] == list(range(len(PROMPTS)))
    assert [line["complexity"] for line in said] == [line["score"] for line in logged]
    assert [line["tier"] for line in said] == [line["tier"] for line in logged]
    for line, header in zip(said, headers, strict=True):
        signals = header.partition('signals="')[2].partition('"')[0].split()
        assert line["reasons"] == signals
