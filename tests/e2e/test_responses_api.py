"""Callers of the Responses API: providers that serve it get a call as it came, the others what it means."""

import contextlib
import json

import httpx
import openai
import pytest

from e2e import chat, dialects, envoy
from e2e.dialects import KEYS, USAGE, named, question
from e2e.envoy import Envoy
from e2e.provider import Provider, answer, failure, stream

PATH = "/v1/responses"
needs_late_retries = pytest.mark.skipif(
    envoy.version() < (1, 37), reason="retrying after a body would crash this Envoy"
)
CACHE_ON = {"cache": {"exact": {"ttl": "1h"}}}


def response(text="hello", **members):
    """A response, as OpenAI gives it."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1700000000,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "openai-large-2026",
        "output": [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": USAGE["input"],
            "input_tokens_details": {"cached_tokens": USAGE["cached"]},
            "output_tokens": USAGE["output"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": USAGE["input"] + USAGE["output"],
        },
        "metadata": {},
        **members,
    }


def streamed(*texts):
    """The events of a streamed response, in order."""
    whole = response("".join(texts))
    item, (part,) = whole["output"][0], whole["output"][0]["content"]
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events = [
        ("created", {"response": begun}),
        ("in_progress", {"response": begun}),
        ("output_item.added", {"output_index": 0, "item": {**item, "status": "in_progress", "content": []}}),
        ("content_part.added", {**at, "part": {**part, "text": ""}}),
        *(("output_text.delta", {**at, "delta": text, "logprobs": []}) for text in texts),
        ("output_text.done", {**at, "text": part["text"], "logprobs": []}),
        ("content_part.done", {**at, "part": part}),
        ("output_item.done", {"output_index": 0, "item": item}),
        ("completed", {"response": whole}),
    ]
    return [named({"type": f"response.{name}", "sequence_number": n, **data}) for n, (name, data) in enumerate(events)]


class Gateway:
    """Envoy before a provider that serves the Responses API, and one of Anthropic's dialect."""

    def __init__(self, envoy, providers):
        self.envoy = envoy
        self.openai, self.anthropic = providers["openai"], providers["anthropic"]

    def ask(self, model="auto", text=None, headers=None, **members):
        body = question("responses", model, text or chat.unique(), **members)
        with self.envoy.client() as client:
            return client.post(PATH, json=body, headers=headers)


@contextlib.contextmanager
def running(directory, **members):
    with contextlib.ExitStack() as stack:
        scripts = {"openai": answer(response()), "anthropic": dialects.whole("anthropic", "hello")}
        providers = {name: stack.enter_context(Provider(script)) for name, script in scripts.items()}
        document = dialects.policy({name: provider.port for name, provider in providers.items()}, **members)
        document["providers"]["openai"]["responses"] = PATH
        yield Gateway(stack.enter_context(Envoy.start(document, directory, environment=KEYS)), providers)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running(tmp_path_factory.mktemp("responses"), **CACHE_ON) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared):
    shared.openai.forget()
    shared.anthropic.forget()
    return shared


@pytest.fixture
def client(gateway):
    http = httpx.Client(trust_env=False)
    with openai.OpenAI(api_key="sk-caller", base_url=f"{gateway.envoy.url}/v1", max_retries=0, http_client=http) as sdk:
        yield sdk


def is_hit(response):
    return "; hit" in response.headers.get("cache-status", "")


def test_a_provider_that_serves_it_gets_the_call_as_it_came(gateway):
    members = {"reasoning": {"effort": "high"}, "brand_new": {"a": [1.50]}, "store": False, "include": ["x"]}
    text = chat.unique()
    given = gateway.ask(text=text, **members)
    sent = gateway.openai.only

    assert given.content == json.dumps(response()).encode()
    assert (sent.path, sent.headers["authorization"]) == (PATH, "Bearer sk-of-openai")
    assert sent.json == {**question("responses", "auto", text, **members), "model": "openai-large"}
    assert "x-arbiter-dropped" not in given.headers


def test_a_stream_passes_as_it_comes(gateway):
    events = streamed("h\u00e9", " there")
    gateway.openai.answer = stream(*events)
    given = gateway.ask(stream=True)

    assert given.content == b"".join(events)
    assert "stream_options" not in gateway.openai.only.json
    line = gateway.envoy.calls(1)[-1]["arbiter"]
    assert (line["model"], line["gen_ai.usage.input_tokens"], line["gen_ai.usage.output_tokens"]) == (
        "openai",
        1000,
        50,
    )


@pytest.mark.parametrize("model", ["openai", "anthropic"])
@pytest.mark.parametrize("first_streams", [False, True], ids=["kept whole", "kept from a stream"])
@pytest.mark.parametrize("then_streams", [False, True], ids=["whole", "streamed"])
def test_the_same_call_is_answered_once(gateway, client, model, first_streams, then_streams):
    scripts = {"openai": stream(*streamed("hel", "lo")), "anthropic": dialects.streaming("anthropic", "hel", "lo")}
    if first_streams:
        getattr(gateway, model).answer = scripts[model]
    text = chat.unique()
    first = gateway.ask(model, text, stream=first_streams)
    assert first.status_code == 200 and not is_hit(first)

    if then_streams:
        with client.responses.stream(model=model, input=text) as events:
            kinds = [event.type for event in events]
            again = events.get_final_response()
        assert kinds[:2] == ["response.created", "response.in_progress"]
        assert (kinds.count("response.output_text.delta"), kinds[-1]) == (1, "response.completed")
    else:
        again = client.responses.create(model=model, input=text)
    assert (again.output_text, again.usage.input_tokens) == ("hello", 1000)
    assert again.id not in first.text
    assert len(getattr(gateway, model).received) == 1


def test_what_a_provider_holds_is_asked_of_that_provider_and_never_stored(gateway):
    text = chat.unique()
    for members in ({"previous_response_id": "resp_1"}, {"store": True}, {"conversation": "conv_1"}):
        for _ in range(2):
            given = gateway.ask("openai", text, **members)
            assert given.status_code == 200
            assert "detail=state" in given.headers["cache-status"], given.headers["cache-status"]
    assert (len(gateway.openai.received), len(gateway.anthropic.received)) == (6, 0)


def test_who_cannot_hold_anything_is_not_asked_to(gateway):
    given = gateway.ask("anthropic", previous_response_id="resp_1")

    assert given.status_code == 400
    message = given.json()["error"]["message"]
    assert "anthropic: `previous_response_id` cannot be said to its provider" in message
    assert gateway.anthropic.received == []


def test_state_stays_with_the_provider_of_the_model_that_is_named(tmp_path):
    with contextlib.ExitStack() as stack:
        one, other = (stack.enter_context(Provider(answer(response()))) for _ in range(2))
        document = dialects.policy({"openai": one.port, "azure": other.port}, requested_model="cap")
        for provider in document["providers"].values():
            provider["responses"] = PATH
        gateway = stack.enter_context(Envoy.start(document, tmp_path, environment=KEYS))
        with gateway.client() as client:
            for model in ("azure", "openai", "azure"):
                body = question("responses", model, previous_response_id="resp_1")
                assert client.post(PATH, json=body).status_code == 200
    assert (len(one.received), len(other.received)) == (1, 2)


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(failure(500), id="status"),
        pytest.param(
            stream(named({"type": "error", "error": {"code": "server_error", "message": "overloaded"}})),
            id="error event",
            marks=needs_late_retries,
        ),
        pytest.param(
            stream(named({"type": "response.failed", "response": {"error": {"code": "x", "message": "overloaded"}}})),
            id="failed event",
            marks=needs_late_retries,
        ),
    ],
)
def test_another_vendor_takes_over(gateway, client, streaming, broken):
    gateway.openai.answer = broken
    gateway.anthropic.answer = dialects.streaming("anthropic", "hel", "lo") if streaming else gateway.anthropic.answer
    text = chat.unique()
    if streaming:
        with client.responses.stream(model="auto", input=text) as events:
            given = events.get_final_response()
    else:
        given = client.responses.create(model="auto", input=text)

    assert (given.output_text, given.model) == ("hello", "anthropic-large")
    assert len(gateway.openai.received) == 1
    assert gateway.anthropic.only.json["messages"][0]["content"][0]["text"] == text


def test_a_stream_that_is_cut_ends_in_an_error(gateway, client):
    gateway.openai.answer = stream(*streamed("first", "second")[:5])

    with pytest.raises(openai.APIError, match="ended before the answer was complete"):
        with client.responses.stream(model="openai", input=chat.unique()) as events:
            events.get_final_response()


def test_a_tool_that_takes_a_text_is_called_by_any_provider(gateway, client):
    block = {"type": "tool_use", "id": "toolu_1", "name": "patch", "input": {"input": "*** Begin Patch"}}
    gateway.anthropic.answer = answer(dialects.anthropic_message([block], "tool_use"))
    tools = [{"type": "custom", "name": "patch", "description": "Patches files"}]
    asked = [{"role": "user", "content": chat.unique("Patch it")}]
    (call,) = client.responses.create(model="anthropic", input=asked, tools=tools).output

    assert (call.type, call.name, call.input) == ("custom_tool_call", "patch", "*** Begin Patch")
    result = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "done"}
    gateway.anthropic.answer = dialects.whole("anthropic", "Patched.")
    again = client.responses.create(
        model="anthropic", input=[*asked, call.model_dump(exclude_none=True), result], tools=tools
    )
    assert again.output_text == "Patched."
    turns = gateway.anthropic.received[-1].json["messages"]
    assert turns[1]["content"][0]["input"] == {"input": "*** Begin Patch"}
    assert turns[2]["content"][0]["tool_use_id"] == "toolu_1"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"model": "auto"}, "unknown_shape"),
        ({"model": "auto", "messages": [{"role": "user", "content": "x"}]}, "unknown_shape"),
        ({"model": "auto", "input": [{"Role": "user", "content": "x"}]}, "ambiguous_body"),
    ],
)
def test_what_is_no_call_is_refused_in_openais_words(gateway, body, code):
    with gateway.envoy.client() as client:
        given = client.post(PATH, json=body)

    assert (given.status_code, given.json()["error"]["code"]) == (400, code)
    assert given.json()["error"]["type"] == "invalid_request_error"
