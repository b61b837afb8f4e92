"""What one instance has answered another serves, and a request that waits for the store loses no byte and no time."""

import re
import socket

import pytest

from e2e import chat
from e2e.provider import Gate, Provider, answer, refused_port
from e2e.waiting import until

MISSING = answer(b"", status=404, content_type="text/plain")
STORED = answer(b"+OK", content_type="text/plain")


class Store:
    """A store in the words of Webdis: `GET /GET/KEY.txt`, `PUT /SETEX/KEY/SECONDS`. At a `gate` it answers no question."""

    def __init__(self, listening):
        self.values = {}
        self.gate = None
        self.listening = listening
        self.listening.answer = self.script

    def script(self, exchange):
        received = exchange.received
        verb, key = re.match(r"/(GET|SETEX)/([0-9a-z:]+)", received.path).groups()
        if verb == "SETEX":
            self.values[key] = received.body
            return STORED(exchange)
        if self.gate:
            self.gate.pass_through(exchange.closed)
        found = self.values.get(key)
        return (MISSING if found is None else answer(found, content_type="text/plain"))(exchange)

    def policy(self, timeout="5s"):
        return {"cache": {"shared": {"host": "127.0.0.1", "port": self.listening.port, "timeout": timeout}}}


@pytest.fixture
def store():
    with Provider(MISSING) as listening:
        yield Store(listening)


@pytest.fixture
def instances(start_gateway, store):
    """Two instances under the same policy; they have only the store in common."""
    here = start_gateway(store.policy())
    ports = {name: getattr(here, name).port for name in ("mini", "grand", "spare")}
    return here, start_gateway(store.policy(), ports=ports)


def raw_call(gateway, body):
    """A chat call on a bare connection, which the test can end whenever it likes."""
    host, port = gateway.envoy.address.split(":")
    connection = socket.create_connection((host, int(port)))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_an_answer_of_one_instance_is_served_by_another(instances, store):
    here, there = instances
    text = chat.unique()
    first = here.ask(text)
    until(lambda: store.values, "the answer to be shared")
    second = there.ask(text)
    assert chat.is_given_anew(second, first)
    assert second.headers["cache-status"].startswith("arbiter; hit")
    assert len(here.mini.received) == 1
    there.envoy.wait_count("shared", 1, result="hit")
    assert chat.is_given_anew(there.ask(text), first)
    assert there.envoy.count("shared") == 1, "what was found once is asked for no more"


def test_tenants_do_not_share_across_instances(instances, store):
    here, there = instances
    text = chat.unique()
    here.ask(text, {"x-tenant": "a"})
    until(lambda: store.values, "the answer to be shared")
    there.ask(text, {"x-tenant": "b"})
    assert len(here.mini.received) == 2


@pytest.mark.parametrize("size", [100, 300_000])
def test_a_request_that_waits_keeps_its_bytes(start_gateway, store, size):
    gateway = start_gateway(store.policy())
    store.gate = Gate()
    body = b'{ "messages" :[{"role":"user","content":"h\\u00e9 %s"}],"model":"auto", "x":1.0e0 }' % (b"y" * size)
    with raw_call(gateway, body) as connection:
        store.gate.wait_reached()
        assert not gateway.mini.received, "it waits"
        store.gate.open()
        gateway.mini.wait_for(1)
        assert gateway.mini.only.body == body.replace(b'"auto"', b'"mini-2024-07-18"')
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_a_store_that_is_silent_is_waited_for_no_longer_than_its_deadline(start_gateway, store):
    gateway = start_gateway(store.policy(timeout="50ms"))
    store.gate = Gate()
    response = gateway.ask()
    assert response.status_code == 200
    assert response.headers["cache-status"] == "arbiter; fwd=miss"
    gateway.envoy.wait_count("shared", 1, result="unavailable")


def test_a_store_that_is_away_costs_no_call(start_gateway):
    with refused_port() as port:
        gateway = start_gateway({"cache": {"shared": {"host": "127.0.0.1", "port": port}}})
        text = chat.unique()
        assert gateway.ask(text).status_code == 200
        assert gateway.ask(text).headers["cache-status"].startswith("arbiter; hit"), (
            "alone, it serves what it has itself"
        )
        gateway.envoy.wait_count("shared", 1, result="unavailable")


def test_a_caller_that_leaves_while_its_request_waits_leaves_nothing_behind(start_gateway, store):
    gateway = start_gateway(store.policy())
    store.gate = Gate()
    raw_call(gateway, chat.request(chat.unique())).close()
    [line] = gateway.envoy.calls(1)
    assert line["arbiter"]["outcome"] == "abandoned"
    store.gate.open()
    store.gate = None
    assert gateway.ask().status_code == 200
    assert len(gateway.mini.received) == 1, "only the second call went to a provider"


def test_a_streaming_caller_is_served_what_another_instance_has(instances, store):
    here, there = instances
    text = chat.unique()
    here.ask(text)
    until(lambda: store.values, "the answer to be shared")
    streamed = there.ask(text, stream=True)
    assert streamed.headers["content-type"] == "text/event-stream"
    assert streamed.text.endswith("data: [DONE]\n\n")
