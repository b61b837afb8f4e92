"""What connects to the listener: every call has a line in the log that is JSON, and time, connections and headers have limits."""

import json
import socket
import threading

import pytest

from e2e import chat
from e2e.policies import CACHE_OFF
from e2e.provider import Gate, answer
from e2e.raw import all_of, connect
from e2e.waiting import until

POLICY = CACHE_OFF


def lines(gateway):
    """Every line of the access log, parsed: one that is no JSON fails the test."""
    text = gateway.envoy.access_log.read_text() if gateway.envoy.access_log.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]


def head(path="/v1/chat/completions", method="POST", version="1.1", headers=(), length=None):
    found = [f"{method} {path} HTTP/{version}", "host: a", "content-type: application/json", *headers]
    return "\r\n".join([*found, *([f"content-length: {length}"] if length is not None else [])]).encode() + b"\r\n\r\n"


ODD = {
    "http-1.0": head(version="1.0", length=2) + b"{}",
    "not-http": b"\x16\x03\x01\x00\r\n\r\n",
    "broken-chunk": head(headers=["transfer-encoding: chunked"]) + b"nonsense\r\n\r\n",
    "upgrade": head("/", "GET", headers=["connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13"]),
    "connect": b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n",
    "strange-method": head("/", "G\x7e|^`", headers=["connection: close"]),
    "no-host": b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
    "large-headers": head(headers=["x: " + "a" * 70_000]),
    "many-headers": head(headers=[f"x-{i}: a" for i in range(200)]),
    "underscores": head("/v1/files", "GET", headers=["x_tenant: a", "connection: close"]),
}


@pytest.mark.parametrize("request_bytes", ODD.values(), ids=ODD)
def test_an_odd_request_has_a_line_that_is_json(start_gateway, request_bytes):
    gateway = start_gateway(POLICY)
    with connect(gateway) as connection:
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        all_of(connection)
    assert gateway.ask(chat.EASY).status_code == 200

    def is_logged():
        return [call for call in lines(gateway) if call.get("arbiter", {}).get("outcome") == "routed"]

    until(is_logged, "the last line")
    assert len(lines(gateway)) == 2


def outcome(gateway):
    found = until(lambda: [call for call in lines(gateway) if "arbiter" in call], "a line with a record")
    return found[-1]["arbiter"]["outcome"], found[-1]["arbiter"]["reason"]


def test_a_caller_that_leaves_while_it_is_being_read_is_counted(start_gateway):
    gateway = start_gateway(POLICY)
    with connect(gateway) as connection:
        connection.sendall(head(length=1000) + b'{"model": "auto", ')

    assert outcome(gateway) == ("abandoned", "unsent")
    gateway.envoy.wait_count("requests", 1, outcome="abandoned", reason="unsent")


def slow(**limits):
    def tweak(bootstrap):
        (listener,) = bootstrap["static_resources"]["listeners"]
        listener["filter_chains"][0]["filters"][0]["typed_config"] |= limits

    return tweak


def test_a_body_that_does_not_come_is_not_waited_for(start_gateway):
    gateway = start_gateway(POLICY, tweak=slow(request_timeout="0.3s"))
    with connect(gateway) as connection:
        connection.sendall(head(length=1000) + b"{")
        received = all_of(connection)

    assert received.startswith(b"HTTP/1.1 408")
    assert outcome(gateway) == ("failed", "unsent")
    gateway.envoy.wait_count("requests", 1, outcome="failed", reason="unsent")


def test_headers_that_do_not_come_are_not_waited_for(start_gateway):
    gateway = start_gateway(POLICY, tweak=slow(request_headers_timeout="0.3s"))
    with connect(gateway) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n")
        received = all_of(connection)

    assert received.startswith(b"HTTP/1.1 408")
    assert all(provider.received == [] for provider in gateway.providers)


def test_there_is_room_for_so_many_connections(start_gateway):
    gateway = start_gateway(POLICY, options=("--max-connections", "3"))
    gate = Gate()

    def late(exchange):
        gate.pass_through(exchange.closed)
        answer(chat.completion("late"))(exchange)

    gateway.mini.answer = late
    threads = [threading.Thread(target=gateway.ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    gateway.mini.wait_for(3)
    with connect(gateway) as connection:
        connection.sendall(head("/v1/files", "GET"))
        assert all_of(connection) == b""
    gate.open()
    for thread in threads:
        thread.join(20)


def test_a_name_out_of_a_request_is_cut_in_the_log(start_gateway):
    gateway = start_gateway(POLICY)
    gateway.ask(model='"é' * 50_000)

    (line,) = gateway.envoy.calls(1)
    assert line["arbiter"]["requested_model"] == ('"é' * 50_000)[:128]


def test_a_long_name_is_cut_in_an_error(gateway):
    name = b"x" * 100_000
    response = gateway.envoy.chat(b'{"model":"auto","%s":1,"%s":2}' % (name, name))

    assert response.status_code == 400
    assert len(response.content) < 1000


def test_requests_and_answers_larger_than_a_buffer_have_a_limit(start_gateway):
    gateway = start_gateway({**POLICY, "admit": {"max_body_bytes": 3_000_000}})

    assert gateway.envoy.chat(chat.request("x" * 2_900_000)).status_code == 200
    assert gateway.envoy.chat(chat.request("x" * 3_100_000)).status_code == 413
