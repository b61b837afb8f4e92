"""The official OpenAI SDK notices nothing but better answers, with a stand-in that speaks OpenAI's API."""

import contextlib

import openai
import pytest

from e2e import policies
from e2e.envoy import Envoy
from e2e.standins import Llmock

ANSWER = "The capital of France is Paris, of course it is."
USAGE = {"prompt_tokens": 14, "completion_tokens": 9, "total_tokens": 23}
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
BROKEN = [{"role": "user", "content": "nobody can answer this"}]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A stand-in behind Envoy, and an SDK client in front of it."""
    directory = tmp_path_factory.mktemp("sdk")
    replies = {"capital of France": (ANSWER, USAGE), "capital of Spain": ("Madrid.", USAGE)}
    with contextlib.ExitStack() as stack:
        standin = stack.enter_context(Llmock(directory / "llmock", replies))
        policy = policies.document(mini=standin.port, grand=standin.port, spare=standin.port)
        for provider in policy["providers"].values():
            provider.pop("path", None)
        envoy = stack.enter_context(Envoy.start(policy, directory / "envoy"))
        client = stack.enter_context(openai.OpenAI(base_url=f"{envoy.url}/v1", api_key="sk-caller", max_retries=0))
        yield client, standin


@pytest.fixture
def client(world):
    return world[0]


def test_a_chat_call(client):
    completion = client.chat.completions.create(model="auto", messages=QUESTION)

    assert completion.choices[0].message.content == ANSWER
    assert completion.model == "mini-2024-07-18"
    assert completion.usage.total_tokens == 23


def test_the_models_of_the_policy_are_listed(client, world):
    asked = len(world[1].journal())
    listed = [(model.id, model.owned_by) for model in client.models.list()]

    assert listed == [("auto", "llm-arbiter"), ("mini", "cheap"), ("spare", "second"), ("grand", "strong")]
    assert client.models.retrieve("mini").id == "mini"
    with pytest.raises(openai.NotFoundError, match="no model of this name"):
        client.models.retrieve("nobody")
    assert len(world[1].journal()) == asked


def test_a_second_chat_call_comes_out_of_the_cache(client, world):
    messages = [{"role": "user", "content": "What is the capital of Spain?"}]
    replies = [client.chat.completions.create(model="auto", messages=messages) for _ in range(2)]

    assert [reply.choices[0].message.content for reply in replies] == ["Madrid.", "Madrid."]
    assert replies[0].id != replies[1].id
    asked = [entry for entry in world[1].journal() if entry["body"]["messages"] == messages]
    assert len(asked) == 1


@pytest.mark.parametrize("fresh", [True, False], ids=["from-the-provider", "from-the-cache"])
def test_a_stream(client, fresh):
    headers = {"cache-control": "no-cache"} if fresh else {}
    with client.chat.completions.create(model="auto", messages=QUESTION, stream=True, extra_headers=headers) as stream:
        chunks = list(stream)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("fresh", [True, False], ids=["from-the-provider", "from-the-cache"])
def test_a_stream_with_usage(client, fresh):
    headers = {"cache-control": "no-cache"} if fresh else {}
    chunks = list(
        client.chat.completions.create(
            model="auto",
            messages=QUESTION,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=headers,
        )
    )

    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 23


def test_response_headers_say_what_was_decided(client):
    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=QUESTION, extra_headers={"cache-control": "no-cache"}
    )

    assert "small" in raw.headers["x-arbiter-decision"]
    assert raw.headers["cache-status"]
    assert raw.parse().choices[0].message.content == ANSWER


def test_an_error_of_the_provider_is_the_sdks_error(client):
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="auto", messages=BROKEN)

    assert caught.value.status_code == 503
    assert caught.value.code == "no_fixture_match"


def test_a_refusal_is_the_sdks_error(client):
    nested = []
    for _ in range(100):
        nested = [nested]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="auto", messages=QUESTION, extra_body={"deep": nested})

    assert caught.value.type == "invalid_request_error"
    assert "nested" in caught.value.message


def test_other_parts_of_the_api_are_reached(client):
    assert client.models.list().data
