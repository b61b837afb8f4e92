"""What has been answered before is answered at once, to the same tenant, in the form that the caller asks for."""

import json

import openai
import pytest

from e2e import chat
from e2e.provider import answer, failure, stream
from e2e.waiting import until


def asked_twice(gateway, first, second=None, headers=None, second_headers=None):
    """Two calls, and whether the second came out of the cache."""
    responses = gateway.envoy.chat(first, headers), gateway.envoy.chat(second or first, second_headers or headers)
    assert [response.status_code for response in responses] == [200, 200]
    asked = sum(len(provider.received) for provider in gateway.providers)
    hit = is_hit(responses[1])
    assert asked == (1 if hit else 2)
    return responses[1], hit


def is_hit(response):
    return "; hit" in response.headers.get("cache-status", "")


def test_the_same_call_is_answered_once(gateway):
    body = chat.request(chat.unique())
    first = gateway.envoy.chat(body)
    second = gateway.envoy.chat(body)

    assert len(gateway.mini.received) == 1
    assert chat.is_given_anew(second, first)
    assert chat.is_given_anew(gateway.envoy.chat(body), second)
    assert second.headers["content-type"] == "application/json"
    assert "; fwd=miss" in first.headers["cache-status"]
    assert "age" not in first.headers
    assert "; hit" in second.headers["cache-status"]
    assert int(second.headers["age"]) in range(3)


def test_age_grows(gateway):
    body = chat.request(chat.unique())
    first = gateway.envoy.chat(body)

    response = until(lambda: (hit := gateway.envoy.chat(body)).headers.get("age") not in (None, "0") and hit, "age 1")
    assert chat.is_given_anew(response, first)
    assert len(gateway.mini.received) == 1


def test_spelling_does_not_matter(gateway):
    text = chat.unique("héllo")
    first = json.dumps({"model": "auto", "temperature": 1, "messages": [{"role": "user", "content": text}]}).encode()
    messages = json.dumps([{"content": text, "role": "user"}], indent=1)
    second = f'{{ "messages" : {messages},\n "temperature":1.0, "model":"\\u0061uto" }}'.encode()

    assert asked_twice(gateway, first, second)[1]


@pytest.mark.parametrize("member", [{"user": "u2"}, {"metadata": {"run": "2"}}, {"stream_options": None}])
def test_what_cannot_change_the_answer_does_not_matter(gateway, member):
    text = chat.unique()

    assert asked_twice(gateway, chat.request(text), chat.request(text, **member))[1]


@pytest.mark.parametrize(
    "member",
    [
        {"temperature": 0.5},
        {"top_p": 0.5},
        {"seed": 7},
        {"max_tokens": 5},
        {"stop": ["x"]},
        {"response_format": {"type": "json_object"}},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
        {"reasoning_effort": "low"},
        {"model": "mini"},
        {"an_unknown_parameter": 1},
    ],
    ids=lambda member: next(iter(member)),
)
def test_what_can_change_the_answer_is_another_call(gateway, member):
    text = chat.unique()

    assert not asked_twice(gateway, chat.request(text), chat.request(text, **member))[1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([{"role": "user", "content": "pay 100 dollars"}], [{"role": "user", "content": "pay 101 dollars"}]),
        ([{"role": "user", "content": "ab"}], [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]),
        (
            [{"role": "system", "content": "be kind"}, {"role": "user", "content": "x"}],
            [{"role": "user", "content": "x"}],
        ),
        ([{"role": "user", "content": " x"}], [{"role": "user", "content": "x"}]),
    ],
    ids=["one-digit", "split", "system", "space"],
)
def test_other_messages_are_another_call(gateway, first, second):
    marker = [{"role": "assistant", "content": chat.unique()}]

    first, second = (json.dumps({"model": "auto", "messages": marker + each}).encode() for each in (first, second))
    assert not asked_twice(gateway, first, second)[1]


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a", None, False),
        (None, "a", False),
        ("A", "a", False),
    ],
)
def test_tenants_do_not_share(gateway, first, second, shared):
    body = chat.request(chat.unique())
    first, second = ({} if name is None else {"x-tenant": name} for name in (first, second))
    gateway.envoy.chat(body, first)

    assert is_hit(gateway.envoy.chat(body, second)) == shared


def test_api_keys_can_be_the_tenants(start_gateway):
    gateway = start_gateway({"identity": {"api_key": True}})
    body = chat.request(chat.unique())

    def ask(key):
        return is_hit(gateway.envoy.chat(body, {"authorization": f"Bearer {key}", "x-tenant": "same"}))

    assert [ask("one"), ask("one"), ask("two"), ask("two")] == [False, True, False, True]


def test_a_stored_json_answer_is_replayed_as_a_stream(gateway):
    text = chat.unique()
    gateway.mini.answer = answer(chat.completion("Grüße, 世界 😀\nbye"))
    hit, was_hit = asked_twice(gateway, chat.request(text), chat.request(text, stream=True))

    assert was_hit
    assert hit.headers["content-type"].startswith("text/event-stream")
    *chunks, done = chat.events(hit.content)
    assert done == "[DONE]"
    assert chat.text_of(hit.content) == "Grüße, 世界 😀\nbye"
    assert {item["object"] for item in chunks} == {"chat.completion.chunk"}
    assert [choice["finish_reason"] for item in chunks for choice in item["choices"]][-1] == "stop"
    assert not any(item.get("usage") for item in chunks)


def test_a_replayed_stream_reports_usage_when_asked(gateway):
    text = chat.unique()
    with_usage = chat.request(text, stream=True, stream_options={"include_usage": True})
    hit, was_hit = asked_twice(gateway, chat.request(text), with_usage)

    assert was_hit
    last = chat.events(hit.content)[-2]
    assert (last["choices"], last["usage"]) == ([], chat.USAGE)


@pytest.mark.parametrize("usage", [chat.USAGE, None], ids=["with-usage", "without-usage"])
def test_a_stored_stream_is_replayed_as_json(gateway, usage):
    text = chat.unique()
    gateway.mini.answer = stream(*chat.streamed("Grüße, ", "世界", " 😀", usage=usage))
    hit, was_hit = asked_twice(gateway, chat.request(text, stream=True), chat.request(text))

    assert was_hit
    assert hit.headers["content-type"] == "application/json"
    document = hit.json()
    assert document["object"] == "chat.completion"
    assert document["choices"][0]["message"]["content"] == "Grüße, 世界 😀"
    assert document["choices"][0]["message"]["role"] == "assistant"
    assert document["choices"][0]["finish_reason"] == "stop"
    assert document.get("usage") == usage


def test_a_stored_stream_is_replayed_as_a_stream(gateway):
    body = chat.request(chat.unique(), stream=True)
    gateway.mini.answer = stream(*chat.streamed("one ", "two"))
    hit, was_hit = asked_twice(gateway, body)

    assert was_hit
    assert chat.text_of(hit.content) == "one two"


@pytest.mark.parametrize("stored", [False, True], ids=["stored-json", "stored-stream"])
def test_the_openai_sdk_reads_replays_of_both_forms(gateway, stored):
    gateway.mini.answer = stream(*chat.streamed("one ", "two")) if stored else answer(chat.completion("one two"))
    text = chat.unique()
    assert gateway.envoy.chat(chat.request(text, stream=stored)).status_code == 200
    with openai.OpenAI(base_url=f"{gateway.envoy.url}/v1", api_key="k", max_retries=0) as client:
        messages = [{"role": "user", "content": text}]
        whole = client.chat.completions.create(model="auto", messages=messages)
        pieces = list(client.chat.completions.create(model="auto", messages=messages, stream=True))

    assert len(gateway.mini.received) == 1
    assert whole.choices[0].message.content == "one two"
    assert whole.usage.total_tokens == chat.USAGE["total_tokens"]
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == "one two"


def test_no_cache_asks_again_and_stores_the_new_answer(gateway):
    body = chat.request(chat.unique())
    gateway.mini.then(answer(chat.completion("old")), answer(chat.completion("new")))
    gateway.envoy.chat(body)
    fresh = gateway.envoy.chat(body, {"cache-control": "no-cache"})
    hit = gateway.envoy.chat(body)

    assert "; fwd=request" in fresh.headers["cache-status"]
    assert is_hit(hit)
    assert [each.json()["choices"][0]["message"]["content"] for each in (fresh, hit)] == ["new", "new"]


def test_no_store_leaves_nothing_behind(gateway):
    body = chat.request(chat.unique())
    gateway.envoy.chat(body, {"cache-control": "no-store"})

    assert not is_hit(gateway.envoy.chat(body))


def test_max_age_refuses_what_is_older(gateway):
    body = chat.request(chat.unique())
    gateway.envoy.chat(body)
    assert is_hit(gateway.envoy.chat(body, {"cache-control": "max-age=3600"}))
    until(lambda: gateway.envoy.chat(body).headers.get("age") not in (None, "0"), "the answer to be a second old")

    stale = gateway.envoy.chat(body, {"cache-control": "max-age=0"})
    assert not is_hit(stale)
    assert len(gateway.mini.received) == 2


NOT_CACHED = {
    "temperature": {"temperature": 1.5},
    "choices": {"n": 2},
}


@pytest.mark.parametrize("members", NOT_CACHED.values(), ids=NOT_CACHED)
def test_calls_that_want_variety_are_not_cached(gateway, members):
    response, hit = asked_twice(gateway, chat.request(chat.unique(), **members))

    assert not hit
    assert "fwd=bypass" in response.headers["cache-status"]


def test_the_limits_of_what_is_cached_are_the_policys(start_gateway):
    gateway = start_gateway({"cache": {"exact": {"max_temperature": 2.0, "max_choices": 1}}})

    assert asked_twice(gateway, chat.request(chat.unique(), temperature=1.5))[1]


TOOL_CALL = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
TOOL_DELTA = [{"index": 0, **TOOL_CALL[0]}]
TWO_CHOICES = chat.completion()
TWO_CHOICES["choices"] = [TWO_CHOICES["choices"][0], {**TWO_CHOICES["choices"][0], "index": 1}]
NOT_STORED = {
    "length": answer(chat.completion(finish_reason="length")),
    "content-filter": answer(chat.completion(finish_reason="content_filter")),
    "tool-calls": answer(chat.completion(None, "tool_calls", tool_calls=TOOL_CALL)),
    "tool-calls-with-stop": answer(chat.completion("x", "stop", tool_calls=TOOL_CALL)),
    "two-choices": answer(TWO_CHOICES),
    "plain-text": answer(json.dumps(chat.completion()).encode(), content_type="text/plain"),
    "compressed": answer(chat.completion(), headers=[("content-encoding", "x-own")]),
    "created": answer(chat.completion(), 201),
    "stream-length": stream(*chat.streamed("x", finish_reason="length")),
    "stream-tool-calls": stream(chat.chunk({"role": "assistant", "tool_calls": TOOL_DELTA}), *chat.streamed("")),
    "stream-that-ends-too-early": stream(*chat.streamed("x")[:-3]),
    "stream-without-reason": stream(chat.chunk({"role": "assistant", "content": "x"}), chat.DONE),
}


@pytest.mark.parametrize("script", NOT_STORED.values(), ids=NOT_STORED)
def test_an_answer_that_may_not_stand_for_another_is_not_stored(gateway, script):
    gateway.mini.answer = script
    body = chat.request(chat.unique(), stream=True)
    gateway.envoy.chat(body)
    second = gateway.envoy.chat(body)

    assert not is_hit(second)
    assert len(gateway.mini.received) == 2


def test_an_error_is_not_stored(gateway):
    for provider in (gateway.mini, gateway.spare):
        provider.then(failure(500))
    body = chat.request(chat.unique())

    assert gateway.envoy.chat(body).status_code == 500
    assert gateway.envoy.chat(body).status_code == 200
    assert is_hit(gateway.envoy.chat(body))


def test_a_stream_that_breaks_is_not_stored(gateway):
    gateway.mini.then(stream(*chat.streamed("x"), complete=False))
    body = chat.request(chat.unique(), stream=True)
    with pytest.raises(Exception, match="peer closed|incomplete|disconnected"):
        gateway.envoy.chat(body)

    assert not is_hit(gateway.envoy.chat(body))


def test_an_answer_expires(start_gateway):
    gateway = start_gateway({"cache": {"exact": {"ttl": "2s"}}})
    body = chat.request(chat.unique())
    gateway.envoy.chat(body)
    assert is_hit(gateway.envoy.chat(body))

    until(lambda: not is_hit(gateway.envoy.chat(body)), "the answer to expire")
    assert len(gateway.mini.received) == 2


def test_a_cache_that_is_off_never_answers(start_gateway):
    gateway = start_gateway({"cache": {"exact": "off"}})
    response, hit = asked_twice(gateway, chat.request(chat.unique()))

    assert not hit
    assert "cache-status" not in response.headers
