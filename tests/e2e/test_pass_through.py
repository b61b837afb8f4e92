"""What the policy lets through goes byte for byte and is counted by its reason: what is no chat call, and what cannot be read."""

import gzip
import json

import pytest

from e2e import chat
from e2e.policies import CACHE_OFF
from e2e.provider import answer

POLICY = {
    "admit": {
        "paths": {"openai": ["/v1/chat/completions"]},
        "max_body_bytes": 4096,
        "max_depth": 16,
        "unreadable": "pass",
        "pass_through": ["/"],
    },
    **CACHE_OFF,
}

JSON = {"content-type": "application/json"}
CHAT = "/v1/chat/completions"
LARGE = chat.request("x" * 5000)
MULTIPART = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n\x00\xff\r\n--b--\r\n'

CASES = {
    "get": ("GET", CHAT, {}, b"", "method"),
    "delete": ("DELETE", CHAT, {}, b"", "method"),
    "another-path": ("POST", "/v1/files", JSON, b'{"model":"auto","input":"hi"}', "path"),
    "path-in-the-query": ("POST", "/v1/other?x=/v1/chat/completions", JSON, chat.request(), "path"),
    "longer-path": ("POST", "/v1/chat/completions/abc?limit=2", JSON, chat.request(), "path"),
    "no-body": ("POST", CHAT, JSON, b"", "empty"),
    "multipart": ("POST", CHAT, {"content-type": "multipart/form-data; boundary=b"}, MULTIPART, "content_type"),
    "gzip": ("POST", CHAT, {**JSON, "content-encoding": "gzip"}, gzip.compress(chat.request()), "content_encoding"),
    "oversized": ("POST", CHAT, JSON, LARGE, "too_large"),
    "broken-json": ("POST", CHAT, JSON, b'{"model": "auto", "messages": [', "invalid_json"),
    "not-json": ("POST", CHAT, JSON, b"\x00\xff\xfe not json", "invalid_json"),
    "trailing-bytes": ("POST", CHAT, JSON, chat.request() + b" x", "invalid_json"),
    "array": ("POST", CHAT, JSON, b'[{"model": "auto"}]', "unknown_shape"),
    "no-messages": ("POST", CHAT, JSON, b'{"model": "auto", "prompt": "hi"}', "unknown_shape"),
    "messages-text": ("POST", CHAT, JSON, b'{"model": "auto", "messages": "hi"}', "unknown_shape"),
    "model-number": ("POST", CHAT, JSON, b'{"model": 1, "messages": [{"role":"user","content":"a"}]}', "unknown_shape"),
}


@pytest.mark.parametrize(("method", "path", "headers", "body", "reason"), CASES.values(), ids=CASES)
def test_what_is_no_chat_call_passes_untouched_and_is_counted(gateway, method, path, headers, body, reason):
    before = gateway.envoy.count("requests", outcome="passed", reason=reason)
    gateway.mini.answer = answer(b"\x00as it came\xff", 418, "application/octet-stream", [("x-own", "kept")])
    with gateway.envoy.client() as client:
        response = client.request(method, path, headers=headers, content=body or None)

    assert (response.status_code, response.content) == (418, b"\x00as it came\xff")
    assert response.headers["x-own"] == "kept"
    received = gateway.mini.only
    assert (received.method, received.path, received.body) == (method, path, body)
    assert {name: received.headers.get(name) for name in headers} == headers
    gateway.envoy.wait_count("requests", before + 1, outcome="passed", reason=reason)


@pytest.mark.parametrize("size", [5_000, 300_000, 3_000_000])
def test_an_oversized_body_without_a_length_passes_untouched(gateway, size):
    before = gateway.envoy.count("requests", outcome="passed", reason="too_large")
    body = chat.request("x" * size)
    pieces = (body[at : at + 1500] for at in range(0, len(body), 1500))
    with gateway.envoy.client() as client:
        response = client.post(CHAT, content=pieces, headers=JSON)

    assert response.status_code == 200
    assert gateway.mini.only.body == body
    gateway.envoy.wait_count("requests", before + 1, outcome="passed", reason="too_large")


def test_a_large_body_with_a_length_passes_untouched(gateway):
    body = chat.request("x" * 3_000_000)

    assert gateway.envoy.chat(body).status_code == 200
    assert gateway.mini.only.body == body


@pytest.mark.parametrize("path", ["/openai/v1/chat/completions", "/v1/chat/completions?api-version=2024"])
def test_a_path_that_ends_in_an_admitted_one_is_a_chat_call(gateway, path):
    with gateway.envoy.client() as client:
        response = client.post(path, content=chat.request(chat.HARD), headers=JSON)

    assert response.status_code == 200
    assert gateway.grand.only.json["model"] == "grand-2024-08-06"


FORGED = {
    "x-arbiter-cluster": "arbiter-model-grand",
    "X-Arbiter-Model": "grand",
    "x-arbiter-anything": "1",
}


def test_forged_headers_steer_no_chat_call(gateway):
    response = gateway.ask(chat.EASY, FORGED)

    assert response.status_code == 200
    assert not [name for name in gateway.mini.only.headers if name.startswith("x-arbiter")]
    assert gateway.mini.only.json["model"] == "mini-2024-07-18"
    assert gateway.grand.received == []


def test_forged_headers_steer_nothing_that_passes(gateway):
    with gateway.envoy.client() as client:
        response = client.get("/v1/files", headers=FORGED)

    assert response.status_code == 200
    assert not [name for name in gateway.mini.only.headers if name.startswith("x-arbiter")]
    assert gateway.grand.received == []


def test_a_provider_cannot_pretend_a_decision(gateway):
    gateway.mini.answer = answer(chat.completion(), headers=[("x-arbiter-decision", "forged")])

    assert "forged" not in gateway.ask(chat.EASY).headers["x-arbiter-decision"]


def deep(levels):
    """A chat call whose body is nested `levels` deep, itself included."""
    return chat.request().replace(b'"auto"', b'"auto", "x": ' + b"[" * (levels - 1) + b"]" * (levels - 1), 1)


MESSAGES = b'[{"role": "user", "content": "hi"}]'
REFUSED = {
    "two-models": (b'{"model": "auto", "messages": %s, "model": "grand"}' % MESSAGES, "model"),
    "two-models-one-escaped": (b'{"model": "auto", "messages": %s, "\\u006dodel": "grand"}' % MESSAGES, "model"),
    "two-messages": (b'{"model": "auto", "messages": %s, "messages": []}' % MESSAGES, "messages"),
    "two-messages-one-escaped": (b'{"m\\u0065ssages": [], "model": "auto", "messages": %s}' % MESSAGES, "messages"),
    "too-deep": (deep(17), None),
    "far-too-deep": (deep(1000), None),
}


@pytest.mark.parametrize(("body", "member"), REFUSED.values(), ids=REFUSED)
def test_a_body_that_can_be_read_in_two_ways_is_refused(gateway, body, member):
    response = gateway.envoy.chat(body)

    assert response.status_code == 400
    assert response.headers["content-type"].startswith("application/json")
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"]) == ("invalid_request_error", member)
    assert (member or "nested") in error["message"]
    assert all(provider.received == [] for provider in gateway.providers)


def test_a_body_at_the_depth_limit_is_accepted(gateway):
    assert gateway.envoy.chat(deep(16)).status_code == 200
    assert json.loads(gateway.mini.only.body)["model"] == "mini-2024-07-18"
