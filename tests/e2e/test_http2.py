"""Callers that speak HTTP/2 get the same."""

import json
import socket

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded

from e2e import chat
from e2e.provider import Gate, answer, failure, stream

JSON = {"content-type": "application/json"}


@pytest.fixture
def client(gateway):
    """Speaks HTTP/2 with prior knowledge over one connection."""
    with gateway.envoy.client(http1=False, http2=True) as client:
        yield client


def post(client, body, path="/v1/chat/completions"):
    response = client.post(path, content=body, headers=JSON)
    assert response.http_version == "HTTP/2"
    return response


def test_a_chat_call_is_routed(gateway, client):
    body = chat.request(chat.HARD, temperature=2)
    response = post(client, body)

    assert response.status_code == 200
    assert response.json() == chat.completion("grand says hello")
    assert "large" in response.headers["x-arbiter-decision"]
    assert gateway.grand.only.body == body.replace(b'"auto"', b'"grand-2024-08-06"')


def test_a_stream_flows_through(gateway, client):
    gate = Gate()
    first, *rest = chat.streamed("one ", "two")
    gateway.mini.answer = stream(first, gate, *rest)
    body = chat.request(chat.unique(), stream=True)
    with client.stream("POST", "/v1/chat/completions", content=body, headers=JSON) as response:
        chunks = response.iter_raw()
        assert next(chunks) == first
        gate.open()
        assert first + b"".join(chunks) == b"".join([first, *rest]).replace(chat.usage_chunk(), b"")


@pytest.mark.parametrize("streaming", [False, True], ids=["json", "stream"])
def test_a_hit_is_replayed(gateway, client, streaming):
    text = chat.unique()
    gateway.mini.answer = answer(chat.completion("one two"))
    post(client, chat.request(text))
    hit = post(client, chat.request(text, stream=streaming))

    assert "; hit" in hit.headers["cache-status"]
    assert (chat.text_of(hit.content) if streaming else hit.json()["choices"][0]["message"]["content"]) == "one two"
    assert len(gateway.mini.received) == 1


def test_a_body_without_a_length_is_read_whole(gateway, client):
    body = chat.request(chat.unique(), padding="x" * 200_000)
    response = post(client, (body[at : at + 10_000] for at in range(0, len(body), 10_000)))

    assert response.status_code == 200
    assert gateway.mini.only.body == body.replace(b'"auto"', b'"mini-2024-07-18"')


def test_a_long_session_is_read_and_an_oversized_one_refused(gateway, client):
    body = chat.request(chat.unique("x" * 4_000_000))

    assert post(client, body).status_code == 200
    assert gateway.mini.only.body == body.replace(b'"auto"', b'"mini-2024-07-18"')
    assert post(client, chat.request("x" * 8_400_000)).status_code == 413
    assert len(gateway.mini.received) == 1


def test_a_refusal_and_a_failure_are_answers(gateway, client):
    assert post(client, b'{"model":"a","model":"b","messages":[]}').status_code == 400
    gateway.mini.then(failure(503))
    assert post(client, chat.request(chat.unique())).json() == chat.completion("spare says hello")


def test_calls_share_a_connection(gateway, client):
    for number in range(20):
        assert post(client, chat.request(chat.HARD if number % 2 else chat.unique())).status_code == 200


def post_with_trailers(address, body):
    """Posts a chat call whose end is marked by trailers; returns status and body of the answer."""
    connection = H2Connection(H2Configuration(header_encoding="utf-8"))
    connection.initiate_connection()
    head = {":method": "POST", ":path": "/v1/chat/completions", ":scheme": "http", ":authority": "chat.test"}
    connection.send_headers(1, [*head.items(), *JSON.items()])
    connection.send_data(1, body)
    connection.send_headers(1, [("x-checksum", "1")], end_stream=True)
    status, received = None, b""
    with socket.create_connection(address, timeout=20) as peer:
        while True:
            peer.sendall(connection.data_to_send())
            for event in connection.receive_data(peer.recv(65536)):
                if isinstance(event, ResponseReceived):
                    status = dict(event.headers)[":status"]
                elif isinstance(event, DataReceived):
                    received += event.data
                elif isinstance(event, StreamEnded):
                    return status, received


def test_a_body_that_ends_in_trailers_is_routed_and_fails_over(gateway):
    host, port = gateway.envoy.url.removeprefix("http://").split(":")
    gateway.mini.then(failure(503))
    body = chat.request(chat.unique())
    status, received = post_with_trailers((host, int(port)), body)

    assert (status, received) == ("200", json.dumps(chat.completion("spare says hello")).encode())
    assert gateway.mini.only.body == body.replace(b'"auto"', b'"mini-2024-07-18"')
    assert gateway.spare.only.body == body.replace(b'"auto"', b'"spare-with-a-longer-name-v2"')
