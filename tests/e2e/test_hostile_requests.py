"""What a hostile caller sends, and what becomes of each: refused in the caller's dialect, or read as any server would read it."""

import gzip
import json

import pytest

from e2e import chat
from e2e.raw import raw

POLICY = {"admit": {"max_body_bytes": 65536, "max_depth": 16}, "cache": {"exact": "off"}}

MESSAGES = b'[{"role":"user","content":"Say hello"}]'
HEAD = b'{"model":"auto","messages":' + MESSAGES


def body(members=b"", messages=MESSAGES, model=b'"auto"'):
    """A chat call with other members, messages or model, as bytes."""
    return b'{"model":' + model + b',"messages":' + messages + (b"," + members if members else b"") + b"}"


def said(message):
    return body(messages=b"[" + message + b"]")


def parts(*items):
    return said(b'{"role":"user","content":[' + b",".join(items) + b"]}")


TEXT = b'{"type":"text","text":"Say hello"}'

INVALID_JSON = {
    "nothing-but-space": b"   ",
    "half-an-object": HEAD,
    "half-a-key": b'{"mod',
    "half-a-string": b'{"model":"au',
    "two-objects": body() + body(),
    "lines-of-objects": body() + b"\n" + body(),
    "text-after": body() + b" x",
    "comma-at-the-end": HEAD + b",}",
    "comma-in-a-list": body(b'"stop":["a",]'),
    "no-colon": b'{"model" "auto"}',
    "single-quotes": body().replace(b'"', b"'"),
    "bare-key": b"{model:" + b'"auto","messages":' + MESSAGES + b"}",
    "comment": b"/* x */" + body(),
    "line-comment": b"// x\n" + body(),
    "hash-comment": b"# x\n" + body(),
    "nan": body(b'"temperature":NaN'),
    "infinity": body(b'"temperature":Infinity'),
    "negative-infinity": body(b'"temperature":-Infinity'),
    "hexadecimal": body(b'"n":0x1'),
    "plus": body(b'"n":+1'),
    "leading-zero": body(b'"n":01'),
    "leading-point": body(b'"temperature":.5'),
    "trailing-point": body(b'"temperature":1.'),
    "empty-exponent": body(b'"temperature":1e'),
    "true-in-capitals": body(b'"stream":True'),
    "none": body(b'"stream":None'),
    "undefined": body(b'"stream":undefined'),
    "raw-line-break": said(b'{"role":"user","content":"a\nb"}'),
    "raw-tab": said(b'{"role":"user","content":"a\tb"}'),
    "raw-null": said(b'{"role":"user","content":"a\0b"}'),
    "null-after": body() + b"\0",
    "null-before": b"\0" + body(),
    "unknown-escape": said(rb'{"role":"user","content":"\x41"}'),
    "short-escape": said(rb'{"role":"user","content":"\u004"}'),
    "lone-high-surrogate": said(rb'{"role":"user","content":"\ud800"}'),
    "lone-low-surrogate": said(rb'{"role":"user","content":"\udc00"}'),
    "surrogates-turned-around": said(rb'{"role":"user","content":"\udc00\ud800"}'),
    "surrogate-in-the-model": body(model=rb'"auto\ud800"'),
    "surrogate-in-a-key": body(rb'"\ud800":1'),
    "surrogate-as-utf-8": said(b'{"role":"user","content":"\xed\xa0\x80"}'),
    "byte-order-mark": b"\xef\xbb\xbf" + body(),
    "utf-16": body().decode().encode("utf-16"),
    "utf-16-without-mark": body().decode().encode("utf-16-le"),
    "utf-32": body().decode().encode("utf-32"),
    "latin-1": said('{"role":"user","content":"é"}'.encode("latin-1")),
    "overlong": said(b'{"role":"user","content":"\xc0\xaf"}'),
    "cut-character": said(b'{"role":"user","content":"\xe2\x82"}'),
    "beyond-unicode": said(b'{"role":"user","content":"\xf4\x90\x80\x80"}'),
    "gzip-that-does-not-say-so": gzip.compress(body()),
    "form": b"model=auto&messages=hi",
    "yaml": b"model: auto\nmessages:\n- role: user\n  content: hi\n",
    "multipart": b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nauto\r\n--b--\r\n',
    "xssi-prefix": b")]}'\n" + body(),
    "vertical-tab-between": b"\x0b" + body(),
    "no-break-space-between": "\u00a0".encode() + body(),
}

UNKNOWN_SHAPE = {
    "list": b"[" + body() + b"]",
    "string": b'"' + b"x" * 10 + b'"',
    "number": b"1",
    "null": b"null",
    "true": b"true",
    "empty-object": b"{}",
    "no-model": b'{"messages":' + MESSAGES + b"}",
    "model-null": body(model=b"null"),
    "model-number": body(model=b"1"),
    "model-list": body(model=b'["auto"]'),
    "model-object": body(model=b'{"name":"auto"}'),
    "no-messages": b'{"model":"auto"}',
    "prompt-instead": b'{"model":"auto","prompt":"hi"}',
    "input-instead": b'{"model":"auto","input":"hi"}',
    "contents-instead": b'{"model":"auto","contents":[{"parts":[{"text":"hi"}]}]}',
    "messages-null": body(messages=b"null"),
    "messages-empty": body(messages=b"[]"),
    "messages-text": body(messages=b'"hi"'),
    "messages-object": body(messages=b'{"role":"user","content":"hi"}'),
    "message-text": said(b'"hi"'),
    "message-null": said(b"null"),
    "message-list": said(b"[" + MESSAGES + b"]"),
    "message-without-role": said(b'{"content":"hi"}'),
    "role-number": said(b'{"role":1,"content":"hi"}'),
    "role-null": said(b'{"role":null,"content":"hi"}'),
    "content-number": said(b'{"role":"user","content":1}'),
    "content-true": said(b'{"role":"user","content":true}'),
    "content-object": said(b'{"role":"user","content":{"type":"text","text":"hi"}}'),
    "content-of-texts": said(b'{"role":"user","content":["hi"]}'),
    "content-of-nulls": said(b'{"role":"user","content":[null]}'),
    "stream-text": body(b'"stream":"true"'),
    "stream-number": body(b'"stream":1'),
    "stream-list": body(b'"stream":[true]'),
    "stream-options-true": body(b'"stream":true,"stream_options":true'),
    "temperature-text": body(b'"temperature":"0"'),
    "temperature-list": body(b'"temperature":[0]'),
    "n-text": body(b'"n":"2"'),
    "n-fraction": body(b'"n":1.5'),
    "n-negative": body(b'"n":-1'),
    "n-beyond-numbers": body(b'"n":1e400'),
    "max-tokens-text": body(b'"max_tokens":"100"'),
    "max-tokens-negative": body(b'"max_tokens":-1'),
    "max-tokens-fraction": body(b'"max_tokens":0.5'),
    "max-completion-tokens-text": body(b'"max_completion_tokens":"100"'),
    "max-completion-tokens-object": body(b'"max_completion_tokens":{}'),
    "logprobs-number": body(b'"logprobs":1'),
    "logprobs-text": body(b'"logprobs":"true"'),
}

TWO_WAYS = {
    "two-models": body(b'"model":"grand"'),
    "two-models-alike": body(b'"model":"auto"'),
    "two-models-one-escaped": body(b'"\\u006dodel":"grand"'),
    "two-messages": body(b'"messages":[]'),
    "two-messages-one-escaped": body(b'"mess\\u0061ges":[]'),
    "two-streams": body(b'"stream":true,"stream":false'),
    "two-stream-options": body(b'"stream_options":{},"stream_options":{}'),
    "two-temperatures": body(b'"temperature":0,"temperature":2'),
    "two-ns": body(b'"n":1,"n":100'),
    "two-max-tokens": body(b'"max_tokens":1,"max_tokens":100000'),
    "two-max-completion-tokens": body(b'"max_completion_tokens":1,"max_completion_tokens":100000'),
    "two-tools": body(b'"tools":[],"tools":[{}]'),
    "two-response-formats": body(b'"response_format":null,"response_format":{"type":"json_object"}'),
    "two-service-tiers": body(b'"service_tier":"flex","service_tier":"priority"'),
    "two-reasoning-efforts": body(b'"reasoning_effort":"low","reasoning_effort":"high"'),
    "two-users": body(b'"user":"a","user":"b"'),
    "two-unknowns": body(b'"x":1,"x":2'),
    "two-empty-names": body(b'"":1,"":2'),
    "two-roles": said(b'{"role":"system","role":"user","content":"hi"}'),
    "two-contents": said(b'{"role":"user","content":"hi","content":"ho"}'),
    "two-contents-null-first": said(b'{"role":"user","content":null,"content":"ho"}'),
    "two-types": parts(b'{"type":"image_url","type":"text","text":"hi"}'),
    "two-texts": parts(b'{"type":"text","text":"hi","text":"ho"}'),
    "model-in-capitals": body(b'"MODEL":"grand"'),
    "model-capitalised": body(b'"Model":"grand"'),
    "only-a-capitalised-model": b'{"Model":"grand","messages":' + MESSAGES + b"}",
    "messages-capitalised": body(b'"Messages":[]'),
    "messages-with-long-s": body('"me\u017f\u017fages":[]'.encode()),
    "messages-with-long-s-escaped": body(rb'"me\u017f\u017fages":[]'),
    "max-tokens-with-kelvin": body('"max_to\u212aens":5'.encode()),
    "max-tokens-camel": body(b'"maxTokens":5'),
    "max-tokens-kebab": body(b'"max-tokens":5'),
    "max-tokens-capitals": body(b'"MAX_TOKENS":5'),
    "max-completion-tokens-camel": body(b'"maxCompletionTokens":5'),
    "stream-capitalised": body(b'"Stream":true'),
    "stream-options-camel": body(b'"streamOptions":{"include_usage":true}'),
    "temperature-capitalised": body(b'"Temperature":2'),
    "n-in-capitals": body(b'"N":100'),
    "tools-capitalised": body(b'"Tools":[]'),
    "response-format-camel": body(b'"responseFormat":{"type":"json_object"}'),
    "role-capitalised": said(b'{"Role":"user","content":"hi"}'),
    "content-capitalised": said(b'{"role":"user","Content":"hi"}'),
    "text-capitalised": parts(b'{"type":"text","Text":"hi"}'),
    "type-capitalised": parts(b'{"Type":"text","text":"hi"}'),
    "many-members": body(b",".join(b'"m%d":1' % i for i in range(5000))),
    "too-deep": body(b'"x":' + b"[" * 17 + b"]" * 17),
    "far-too-deep": body(b'"x":' + b"[" * 5000 + b"]" * 5000),
    "too-deep-in-objects": body(b'"x":' + b'{"a":' * 17 + b"1" + b"}" * 17),
    "too-deep-and-cut-off": b"[" * 60000,
}

READ_AS_IT_IS = {
    "plain": body(),
    "space-around": b" \r\n\t" + body() + b" \n",
    "escaped-model": body(model=rb'"\u0061uto"'),
    "escaped-key": rb'{"m\u006fdel":"auto","messages":' + MESSAGES + b"}",
    "members-turned-around": b'{"messages":' + MESSAGES + b',"model":"auto"}',
    "content-null": said(b'{"role":"user","content":null}'),
    "content-empty": said(b'{"role":"user","content":""}'),
    "content-of-nothing": said(b'{"role":"user","content":[]}'),
    "no-content": said(b'{"role":"user"}'),
    "unknown-role": said(b'{"role":"narrator","content":"hi"}'),
    "unknown-part": parts(TEXT, b'{"type":"hologram"}'),
    "part-without-type": parts(b'{"text":"hi"}'),
    "surrogate-pair": said(rb'{"role":"user","content":"\ud83d\ude00"}'),
    "null-escaped": said(rb'{"role":"user","content":"a\u0000b"}'),
    "last-code-point": said(b'{"role":"user","content":"\xf4\x8f\xbf\xbf"}'),
    "right-to-left": said('{"role":"user","content":"\u202etxt"}'.encode()),
    "zero-width": said('{"role":"user","content":"a\u200bb"}'.encode()),
    "huge-number-elsewhere": body(b'"seed":' + b"9" * 300),
    "huge-exponent-elsewhere": body(b'"seed":1e999'),
    "n-as-float": body(b'"n":1.0'),
    "max-tokens-as-exponent": body(b'"max_tokens":1e2'),
    "null-members": body(b'"stream":null,"n":null,"temperature":null,"max_tokens":null,"tools":null'),
    "unknown-member": body(b'"x":{"model":"grand"}'),
    "like-nothing-we-know": body(b'"Seed":1'),
    "prototype": body(b'"__proto__":{"model":"grand"},"constructor":1'),
    "injection-in-the-model": body(model=rb'"auto\r\nx-arbiter-cluster: arbiter-model-grand"'),
    "injection-in-a-key": body(rb'"\",\"model\":\"grand":1'),
    "as-deep-as-allowed": body(b'"x":' + b"[" * 15 + b"]" * 15),
}


def is_error(response, code):
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    return error["message"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(data, code, id=f"{code}-{name}")
        for bodies, code in (
            (INVALID_JSON, "invalid_json"),
            (UNKNOWN_SHAPE, "unknown_shape"),
            (TWO_WAYS, "ambiguous_body"),
        )
        for name, data in bodies.items()
    ],
)
def test_a_body_that_cannot_be_read_for_sure_is_refused(gateway, data, code):
    response = gateway.envoy.chat(data)

    assert response.status_code == 400, response.text
    assert is_error(response, code)
    assert all(provider.received == [] for provider in gateway.providers)


@pytest.mark.parametrize("data", READ_AS_IT_IS.values(), ids=READ_AS_IT_IS)
def test_a_strange_body_that_can_be_read_goes_on_with_only_its_model_changed(gateway, data):
    assert gateway.envoy.chat(data).status_code == 200

    assert len([1 for provider in gateway.providers for _ in provider.received]) == 1
    received = gateway.mini.only.json
    assert received["model"] == "mini-2024-07-18"
    assert {**received, "model": None} == {**json.loads(data), "model": None}


JSON = {"content-type": "application/json"}
HEADERS = {
    "no-type": ({}, body(), 400, "content_type"),
    "plain-text": ({"content-type": "text/plain"}, body(), 400, "content_type"),
    "form": ({"content-type": "application/x-www-form-urlencoded"}, body(), 400, "content_type"),
    "almost-json": ({"content-type": "application/jsonp"}, body(), 400, "content_type"),
    "json-in-a-parameter": ({"content-type": "text/plain; x=application/json"}, body(), 400, "content_type"),
    "event-stream": ({"content-type": "text/event-stream"}, body(), 400, "content_type"),
    "gzip": ({**JSON, "content-encoding": "gzip"}, gzip.compress(body()), 400, "content_encoding"),
    "brotli": ({**JSON, "content-encoding": "br"}, body(), 400, "content_encoding"),
    "two-encodings": ({**JSON, "content-encoding": "gzip, identity"}, body(), 400, "content_encoding"),
    "made-up-encoding": ({**JSON, "content-encoding": "x"}, body(), 400, "content_encoding"),
    "no-body": (JSON, b"", 400, "empty"),
    "too-large": (JSON, chat.request("x" * 70_000), 413, "too_large"),
}


@pytest.mark.parametrize(("headers", "data", "status", "code"), HEADERS.values(), ids=HEADERS)
def test_headers_that_keep_a_body_from_being_read_get_the_call_refused(gateway, headers, data, status, code):
    with gateway.envoy.client() as client:
        response = client.post("/v1/chat/completions", content=data, headers=headers)

    assert response.status_code == status
    assert is_error(response, code)
    assert all(provider.received == [] for provider in gateway.providers)


def test_a_body_that_grows_too_large_on_the_way_is_refused(gateway):
    pieces = (b" " * 8192 for _ in range(20))
    with gateway.envoy.client() as client:
        response = client.post("/v1/chat/completions", content=pieces, headers=JSON)

    assert response.status_code == 413
    assert is_error(response, "too_large")
    assert all(provider.received == [] for provider in gateway.providers)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/", "/V1/Messages?beta=true"])
def test_an_anthropic_caller_is_refused_in_its_own_words(gateway, path):
    with gateway.envoy.client() as client:
        response = client.post(path, content=body(b'"Model":"x"'), headers=JSON)

    assert response.status_code == 400
    assert response.json()["type"] == "error"
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert all(provider.received == [] for provider in gateway.providers)


PATHS = [
    "/v1/chat/completions/",
    "//v1/chat/completions",
    "/v1//chat//completions",
    "/V1/CHAT/COMPLETIONS",
    "/v1/chat/%63ompletions",
    "/v1/chat/%2563ompletions",
    "/v1/chat%2Fcompletions",
    "/v1/./chat/completions",
    "/v1/x/../chat/completions",
    "/v1/chat/completions;x=1",
    "/v1/chat/completions%20",
    "/v1/chat/completions?x=/v1/models",
    "/v1/chat\\completions",
    "/v1/chat/completions%3Fx=1",
    "/v1/chat/completions%23x",
    "/openai/deployments/x/chat/completions",
]


def post(path="/v1/chat/completions", headers=(), data=None, version="1.1", length=True):
    """A request as bytes; nothing about it is checked."""
    data = body() if data is None else data
    lines = [f"POST {path} HTTP/{version}", "host: a", "connection: close", "content-type: application/json"]
    lines += [f"content-length: {len(data)}"] if length else []
    return "\r\n".join([*lines, *headers]).encode("latin-1") + b"\r\n\r\n" + data


@pytest.mark.parametrize("path", PATHS)
def test_however_a_path_is_spelled_no_chat_call_gets_past_the_policy(gateway, path):
    answer = raw(gateway, post(path, ["authorization: Bearer sk-caller"]))

    for provider in gateway.providers:
        for received in provider.received:
            assert received.path == "/v1/chat/completions"
            assert received.json["model"] == "mini-2024-07-18"
            assert "sk-caller" not in repr(received.raw_headers)
    assert gateway.mini.received or answer.split(b" ")[1] == b"400", answer


SMUGGLED = {
    "both-lengths": post(headers=["transfer-encoding: chunked"]),
    "two-lengths": post(headers=["content-length: 5"]),
    "negative-length": post(headers=["content-length: -1"], length=False),
    "length-in-words": post(headers=["content-length: many"], length=False),
    "chunked-twice": post(headers=["transfer-encoding: chunked, chunked"], length=False),
    "unknown-coding": post(headers=["transfer-encoding: xchunked"], length=False),
    "chunk-size-in-words": post(headers=["transfer-encoding: chunked"], data=b"many\r\n", length=False),
    "null-in-a-header": post(headers=["x: a\0b"]),
    "space-in-a-name": post(headers=["x-tenant : a"]),
    "no-name": post(headers=[": a"]),
    "no-path": post(path=""),
    "strange-version": post(version="9.9"),
    "headers-without-end": post(headers=["x: " + "a" * 100_000]),
    "not-http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
}


@pytest.mark.parametrize("request_bytes", SMUGGLED.values(), ids=SMUGGLED)
def test_what_two_http_readers_could_take_for_different_requests_goes_nowhere(gateway, request_bytes):
    answer = raw(gateway, request_bytes)

    assert answer == b"" or answer.split(b" ")[1] in {b"400", b"404", b"426", b"431", b"501"}, answer
    assert all(provider.received == [] for provider in gateway.providers)


def test_a_header_hidden_behind_a_bare_line_feed_steers_nothing(gateway):
    raw(gateway, post(headers=["x: a\nx-arbiter-cluster: arbiter-model-grand"]))

    assert "x-arbiter-cluster" not in gateway.mini.only.headers
    assert gateway.grand.received == []


def test_there_are_as_many_hostile_inputs_as_promised():
    lists = (INVALID_JSON, UNKNOWN_SHAPE, TWO_WAYS, READ_AS_IT_IS, HEADERS, PATHS, SMUGGLED)
    assert sum(map(len, lists)) >= 150


def heavy():
    """Messages of several megabytes that would take minutes if anything about them were read again for each of its parts."""
    calls = [{"id": f"c{i}", "type": "function", "function": {"name": "f", "arguments": "{}"}} for i in range(25_000)]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "x"} for call in calls]
    return {
        "turns": [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": calls}, *results],
        "messages": [{"role": ("user", "assistant")[i % 2], "content": "x"} for i in range(100_001)],
        "parts": [{"role": "user", "content": [{"type": "text", "text": "x"}] * 150_000}],
        "quotes": [{"role": "user", "content": '"' * 2_000_000}],
        "words": [{"role": "user", "content": "why " * 1_500_000}],
    }


@pytest.mark.parametrize("name", heavy())
def test_a_heavy_body_is_answered_before_its_caller_gives_up(dialect_gateway, name):
    """Also where it must be looked over, and written, in another dialect."""
    for dialect in ("openai", "anthropic", "gemini"):
        body = {"model": dialect, "messages": heavy()[name], "max_tokens": 5}

        assert dialect_gateway.ask("openai", body).status_code == 200
