"""Every caller's SDK with a stand-in of every provider, which is strict: what it does not know, it refuses."""

import contextlib

import pytest

from e2e import dialects
from e2e.dialects import CALLERS, DIALECTS, KEYS
from e2e.envoy import Envoy
from e2e.standins import Llmock
from e2e.test_answers_across_dialects import SDKS

WEATHER = {"toolCalls": [{"name": "weather", "arguments": '{"city": "Bern"}'}]}
PAIRS = [pytest.param(caller, dialect, id=f"{caller} from {dialect}") for caller in CALLERS for dialect in DIALECTS]


class Gateway:
    def __init__(self, envoy):
        self.envoy = envoy


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    directory = tmp_path_factory.mktemp("standins")
    replies = {"Say hello": {"content": "hello there, friend"}, "Weather?": WEATHER}
    with contextlib.ExitStack() as stack:
        standin = stack.enter_context(Llmock(directory / "llmock", replies, "--chunk-size", "3"))
        document = dialects.policy(dict.fromkeys(DIALECTS, standin.port))
        yield Gateway(stack.enter_context(Envoy.start(document, directory, environment=KEYS)))


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
def test_a_whole_answer(gateway, caller, dialect):
    assert SDKS[caller](gateway).said(dialect)[:2] == ("hello there, friend", "stop")


@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
def test_a_streamed_answer(gateway, caller, dialect):
    assert SDKS[caller](gateway).streamed(dialect)[:2] == ("hello there, friend", "stop")


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("caller", "dialect"), PAIRS)
def test_a_call_of_a_tool(gateway, caller, dialect, streaming):
    ((_, name, arguments),) = SDKS[caller](gateway).calls(dialect, streaming)
    assert (name, arguments) == ("weather", {"city": "Bern"})
