"""A caller that speaks Anthropic's dialect gets everything that OpenAI's callers get."""

import time

import anthropic
import pytest

from e2e import chat, dialects
from e2e.dialects import question, streaming
from e2e.policies import CACHE_OFF

PATH = "/v1/messages"
WITH_USAGE = {"openai": {"stream_options": {"include_usage": True}}, "anthropic": {}}


@pytest.fixture(scope="module", params=["openai", "anthropic", "gemini"])
def shared(request, tmp_path_factory):
    cache = {"cache": {"exact": {"ttl": "1h"}}}
    with dialects.running(tmp_path_factory.mktemp("messages"), (request.param,), **cache) as gateway:
        yield request.param, gateway


@pytest.fixture
def asked(shared):
    """The dialect of the only provider, the provider, and how to ask."""
    dialect, gateway = shared
    gateway.forget()
    return dialect, gateway.providers[dialect], lambda body, headers=None: gateway.ask("anthropic", body, headers)


def test_a_repeated_question_is_answered_from_the_cache(asked):
    _, provider, ask = asked
    body = question("anthropic", "auto", chat.unique())
    first, second = ask(body), ask(body)

    assert "fwd=miss" in first.headers["cache-status"]
    assert "; hit" in second.headers["cache-status"]
    assert chat.is_given_anew(second, first)
    assert len(provider.received) == 1


def test_a_streamed_answer_serves_both_forms(asked):
    dialect, provider, ask = asked
    provider.answer = streaming(dialect, "h\u00e9", "llo")
    text = chat.unique()
    ask(question("anthropic", "auto", text, stream=True))
    again, as_a_whole = ask(question("anthropic", "auto", text, stream=True)), ask(question("anthropic", "auto", text))

    assert "; hit" in again.headers["cache-status"] and "; hit" in as_a_whole.headers["cache-status"]
    assert as_a_whole.json()["content"] == [{"type": "text", "text": "h\u00e9llo"}]
    events = chat.events(again.content)
    assert [event["type"] for event in events][0] == "message_start"
    assert events[-2]["usage"]["output_tokens"] == 50
    assert len(provider.received) == 1


@pytest.mark.parametrize(("first", "other"), [("anthropic", "openai"), ("openai", "anthropic")])
def test_an_answer_serves_callers_of_both_dialects(asked, shared, first, other):
    """Who asks for the same in the other dialect gets the same answer, in its own words and in both forms."""
    _, gateway = shared
    _, provider, _ = asked
    text = chat.unique()
    instructed = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]
    bodies = {
        "anthropic": question("anthropic", "auto", text, system="Be brief.", temperature=0),
        "openai": {"model": "auto", "max_tokens": 100, "temperature": 0, "messages": instructed},
    }
    headers = {"anthropic": {"anthropic-version": "2023-06-01"}, "openai": {}}

    def ask(caller, **members):
        return gateway.ask(caller, {**bodies[caller], **members}, headers[caller])

    assert "fwd=miss" in ask(first).headers["cache-status"]
    whole, streamed = ask(other), ask(other, stream=True, **WITH_USAGE[other])

    assert "; hit" in whole.headers["cache-status"] and "; hit" in streamed.headers["cache-status"]
    assert len(provider.received) == 1
    answer, events = whole.json(), chat.events(streamed.content)
    if other == "openai":
        assert abs(answer["created"] - time.time()) < 60
        assert answer["choices"][0]["message"]["content"] == "hello"
        assert answer["usage"]["prompt_tokens"] == 1000
        assert events[-2]["usage"]["completion_tokens"] == 50
    else:
        assert answer["content"] == [{"type": "text", "text": "hello"}]
        assert answer["usage"]["input_tokens"] + answer["usage"]["cache_read_input_tokens"] == 1000
        assert events[-2]["usage"]["output_tokens"] == 50


def test_the_rest_of_a_conversation_that_anthropic_holds_is_told_to_nobody_else(tmp_path):
    """Its caller learns, in the word that it knows, that it must send all of it."""
    body = question("anthropic", "auto", "and then?", thread={"type": "continue", "previous_message_id": "msg_1"})
    with dialects.running(tmp_path, ("openai", "gemini")) as gateway:
        response = gateway.ask("anthropic", body)

        assert response.status_code == 400
        assert response.json()["error"]["details"] == {"error_code": "thread_unsupported_request"}
        assert all(provider.received == [] for provider in gateway.providers.values())


def test_a_conversation_that_anthropic_holds_goes_on_there_and_is_not_cached(tmp_path):
    body = question("anthropic", "auto", "and then?", thread={"type": "continue", "previous_message_id": "msg_1"})
    with dialects.running(tmp_path, ("anthropic",), cache={"exact": {"ttl": "1h"}}) as gateway:
        responses = [gateway.ask("anthropic", body) for _ in range(2)]

        assert ["fwd=bypass; detail=state" in response.headers["cache-status"] for response in responses] == [
            True,
            True,
        ]
        assert [call.json["thread"] for call in gateway.providers["anthropic"].received] == [body["thread"]] * 2


def test_what_an_agent_sends_is_not_what_its_user_asks(tmp_path):
    """A short request stays one with an agent's instructions and tools around it, and while its tools are called."""
    reminder = "<system-reminder>\n" + "Design the database schema, then prove that the kernel is correct.\n" * 50
    asked = [{"type": "text", "text": f"{reminder}</system-reminder>"}, {"type": "text", "text": "fix the typo"}]
    use = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "README.md"}}
    found = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "the kernel of the database\n" * 500}
    turns = [
        {"role": "user", "content": asked},
        {"role": "assistant", "content": [{"type": "text", "text": "I read it."}, use]},
        {"role": "user", "content": [found]},
    ]
    agent = {
        "system": [{"type": "text", "text": "You are an agent that writes code.\n" * 500}],
        "tools": [{"name": f"tool{number}", "input_schema": {"type": "object"}} for number in range(20)],
        "max_tokens": 32000,
    }
    with dialects.running(tmp_path, ("anthropic",), **CACHE_OFF) as gateway:
        plain = gateway.ask("anthropic", question("anthropic", "auto", "fix the typo"))
        first = gateway.ask("anthropic", {**question("anthropic", "auto"), **agent, "messages": turns[:1]})
        later = gateway.ask("anthropic", {**question("anthropic", "auto"), **agent, "messages": turns})

    decisions = [response.headers["x-arbiter-decision"] for response in (plain, first, later)]
    assert all("complexity=low" in decision for decision in decisions), decisions
    assert decisions[1] == decisions[2]


def test_complexity_and_savings_are_reported(tmp_path):
    with dialects.running(tmp_path, ("anthropic",), **CACHE_OFF) as gateway:
        response = gateway.ask("anthropic", question("anthropic", "auto"))
        (line,) = gateway.envoy.calls(1)

    assert "tier=all, model=anthropic, provider=anthropic, complexity=low" in response.headers["x-arbiter-decision"]
    assert (line["arbiter"]["gen_ai.usage.input_tokens"], line["arbiter"]["gen_ai.usage.output_tokens"]) == (1000, 50)


def test_an_ambiguous_body_is_refused_in_the_callers_dialect(tmp_path):
    with dialects.running(tmp_path, ("openai",)) as gateway, gateway.envoy.client() as client:
        body = b'{"model":"a","model":"b","max_tokens":1,"messages":[{"role":"user","content":"x"}]}'
        response = client.post(PATH, content=body, headers={"content-type": "application/json"})

    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_the_models_of_the_policy_are_listed_as_anthropic_does(tmp_path):
    with dialects.running(tmp_path, ("openai", "anthropic")) as gateway, gateway.envoy.client() as http:
        client = anthropic.Anthropic(
            api_key="sk-caller",
            base_url=gateway.envoy.url,
            max_retries=0,
            http_client=anthropic.DefaultHttpxClient(trust_env=False),
        )
        listed = [(model.id, model.type) for model in client.models.list(limit=1000)]
        alive = http.head("/")
        gateway.envoy.wait_count("requests", 1, outcome="answered", reason="alive")

        assert listed == [("auto", "model"), ("openai", "model"), ("anthropic", "model")]
        assert client.models.retrieve("anthropic").display_name == "anthropic"
        with pytest.raises(anthropic.NotFoundError, match="no model of this name"):
            client.models.retrieve("nobody")
        assert (alive.status_code, alive.content) == (200, b"")
        assert all(provider.received == [] for provider in gateway.providers.values())


def test_tokens_are_counted_by_anthropic_for_its_models_and_estimated_for_others(tmp_path):
    with dialects.running(tmp_path, ("openai", "anthropic")) as gateway:
        client = anthropic.Anthropic(
            api_key="sk-caller",
            base_url=gateway.envoy.url,
            max_retries=0,
            http_client=anthropic.DefaultHttpxClient(trust_env=False),
        )
        gateway.providers["anthropic"].answer = dialects.answer({"input_tokens": 12})
        asked = [{"role": "user", "content": "hi"}]
        counted = client.messages.count_tokens(model="anthropic", messages=asked)

        assert counted.input_tokens == 12
        received = gateway.providers["anthropic"].only
        assert received.path == "/v1/messages/count_tokens"
        assert received.json["model"] == "anthropic-large"
        assert received.headers["x-api-key"] == "sk-of-anthropic"
        for model in ("openai", "auto", "claude-that-nobody-has"):
            answer = client.messages.with_raw_response.count_tokens(model=model, messages=asked)
            assert (answer.headers["x-arbiter-estimated"], 5 < answer.parse().input_tokens < 50) == ("true", True)
        assert gateway.providers["openai"].received == []
        assert len(gateway.providers["anthropic"].received) == 1
        assert gateway.envoy.count("cost_nanousd") == 0
