"""Streams flow through as they come; only a usage chunk that nobody asked for is taken out."""

import json

import pytest

from e2e import chat
from e2e.policies import CACHE_OFF
from e2e.provider import Gate, answer, stream

POLICY = CACHE_OFF
JSON = {"content-type": "application/json"}

WITH_USAGE = {"stream": True, "stream_options": {"include_usage": True}}


def received_until(chunks, data):
    """Reads from `chunks` until `data` has come; returns all that came."""
    found = b""
    for chunk in chunks:
        found += chunk
        if data in found:
            return found
    raise AssertionError(f"{data!r} is not in {found!r}")


@pytest.mark.parametrize("members", [{"stream": True}, WITH_USAGE], ids=["stripping", "not-stripping"])
def test_no_piece_of_a_stream_is_held_back(gateway, members):
    pieces = chat.streamed("one ", "two ", "three")
    gates = [Gate() for _ in pieces[:-2]]
    script = [item for pair in zip(pieces, gates) for item in pair] + pieces[-2:]
    gateway.mini.answer = stream(*script)
    body = chat.request(chat.unique(), **members)
    with (
        gateway.envoy.client() as client,
        client.stream("POST", "/v1/chat/completions", content=body, headers=JSON) as response,
    ):
        chunks = response.iter_raw()
        for piece, gate in zip(pieces, gates):
            # The provider stands at the gate: this piece must come before it sends another.
            received_until(chunks, piece)
            gate.open()
        rest = b"".join(chunks)

    assert rest.endswith(chat.DONE)


def test_response_headers_come_before_the_body(gateway):
    """Where no other model could be asked; else they come with the first event, see `test_endings`."""
    gate = Gate()
    gateway.grand.answer = stream(gate, *chat.streamed("x"))
    body = chat.request(chat.HARD, stream=True)
    with (
        gateway.envoy.client() as client,
        client.stream("POST", "/v1/chat/completions", content=body, headers=JSON) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        gate.open()
        assert response.read().endswith(chat.DONE)


def test_usage_is_asked_for_and_stripped_when_the_caller_did_not_ask(gateway):
    pieces = chat.streamed("one ", "two")
    gateway.mini.answer = stream(*pieces)
    response = gateway.ask(stream=True)

    assert gateway.mini.only.json["stream_options"] == {"include_usage": True}
    assert response.content == b"".join(pieces).replace(chat.usage_chunk(), b"")


@pytest.mark.parametrize("options", [{"include_usage": False}, {}, None, {"include_obfuscation": False}])
def test_stream_options_of_the_caller_survive_the_injection(gateway, options):
    gateway.mini.answer = stream(*chat.streamed("x"))
    response = gateway.ask(stream=True, stream_options=options)

    assert gateway.mini.only.json["stream_options"] == {**(options or {}), "include_usage": True}
    assert b'"usage"' not in response.content


def test_usage_is_kept_when_the_caller_asked(gateway):
    pieces = chat.streamed("one ", "two")
    gateway.mini.answer = stream(*pieces)
    body = chat.request(chat.unique(), **WITH_USAGE)
    response = gateway.envoy.chat(body)

    assert gateway.mini.only.body == body.replace(b'"auto"', b'"mini-2024-07-18"')
    assert response.content == b"".join(pieces)


def test_a_call_without_stream_gets_no_stream_options(gateway):
    gateway.ask()

    assert "stream_options" not in gateway.mini.only.json


def test_the_usage_of_a_chunk_with_text_stays(gateway):
    """Some providers report usage in the last chunk that has choices: it is not extra."""
    pieces = [chat.chunk({"content": "hi"}), chat.chunk({}, "stop", usage=chat.USAGE), chat.DONE]
    gateway.mini.answer = stream(*pieces)

    assert gateway.ask(stream=True).content == b"".join(pieces)


WHOLE = b"".join(chat.streamed("Grüße ", "世界 😀"))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100, 1000])
def test_a_stream_may_be_split_anywhere(gateway, size):
    gateway.mini.answer = stream(*(WHOLE[at : at + size] for at in range(0, len(WHOLE), size)))
    response = gateway.ask(stream=True)

    assert response.content == WHOLE.replace(chat.usage_chunk(), b"")


@pytest.mark.parametrize("ending", [b"\r\n", b"\r"], ids=["crlf", "cr"])
def test_streams_with_other_line_ends_are_read(gateway, ending):
    whole = WHOLE.replace(b"\n", ending)
    gateway.mini.answer = stream(*(whole[at : at + 5] for at in range(0, len(whole), 5)))
    response = gateway.ask(stream=True)

    assert response.content == whole.replace(chat.usage_chunk().replace(b"\n", ending), b"")


def test_comments_and_unknown_events_pass(gateway):
    pieces = [b": keep-alive\n\n", b"event: ping\ndata: {}\n\n", *chat.streamed("x", usage=None)]
    gateway.mini.answer = stream(*pieces)

    assert gateway.ask(stream=True).content == b"".join(pieces)


def test_a_stream_that_breaks_ends_with_what_came(gateway):
    gateway.mini.answer = stream(*chat.streamed("one ", "two")[:2], complete=False)
    got = b""
    with (
        gateway.envoy.client() as client,
        client.stream("POST", "/v1/chat/completions", content=chat.request(stream=True), headers=JSON) as response,
        pytest.raises(Exception, match="peer closed"),
    ):
        for chunk in response.iter_raw():
            got += chunk

    assert chat.text_of(got) == "one "


def test_a_large_json_answer_flows_through(gateway):
    """Larger than what Envoy buffers: an answer that were held back would become a 500."""
    large = json.dumps(chat.completion("x" * 5_000_000)).encode()
    gateway.mini.answer = answer(large)
    response = gateway.ask()

    assert response.status_code == 200
    assert response.content == large
