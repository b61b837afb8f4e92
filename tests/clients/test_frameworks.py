"""SDKs and frameworks in each dialect that they speak: streams, calls of tools and their results, structured output."""

import json
import shutil

import pytest

from clients.conftest import ROOT, TOOLS
from clients.standins import ANSWER

SCRIPTS = ROOT / "tests" / "clients" / "scripts"
CITY = {"name": "Bern", "people": 134000}
EXPECTED = {"streamed": ANSWER, "said": ANSWER, "called": {"city": "Bern"}, "structured": CITY}
CALLS = {"weather": {"city": "Bern"}, "City": CITY, "final_result": CITY}


def is_as_expected(printed, dialects):
    tried = json.loads(printed.strip().split("\n")[-1])
    assert list(tried) == dialects
    for name, results in tried.items():
        assert results == {what: EXPECTED[what] for what in results}, name


@pytest.mark.parametrize(
    ("script", "dialects"),
    [
        ("with_langchain.py", ["chat", "responses", "messages"]),
        ("with_litellm.py", ["chat", "messages"]),
        ("with_pydantic_ai.py", ["chat", "responses", "messages"]),
        ("with_instructor.py", ["chat", "messages"]),
    ],
)
@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_python(gateway, tmp_path, script, dialects, vendor):
    gateway.only(vendor)
    gateway.call(**CALLS)
    command = [str(TOOLS / "venv/bin/python"), str(SCRIPTS / script)]
    is_as_expected(gateway.run(command, tmp_path / "home", {"GATEWAY": gateway.envoy.url}), dialects)


@pytest.mark.parametrize("script", ["with_sdks.mjs", "with_ai_sdk.mjs"])
@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_node(gateway, tmp_path, script, vendor):
    gateway.only(vendor)
    gateway.call(**CALLS)
    # Packages are looked for from where a script lies.
    copy = shutil.copy(SCRIPTS / script, TOOLS / "node" / f"{tmp_path.name}-{script}")
    try:
        printed = gateway.run(["node", str(copy)], tmp_path / "home", {"GATEWAY": gateway.envoy.url})
    finally:
        (TOOLS / "node" / f"{tmp_path.name}-{script}").unlink()
    is_as_expected(printed, ["chat", "responses", "messages"])
