"""When a provider fails, the next model of the tier answers, and the client sees one answer."""

import concurrent.futures

import httpx
import pytest

from e2e import chat
from e2e.envoy import version
from e2e.policies import CACHE_OFF
from e2e.provider import Gate, answer, failure, hang, refused_port, reset, stream

POLICY = {
    "failover": {
        "per_try_idle_timeout": "1s",
        "whole_answer_timeout": "1s",
        "connect_timeout": "1s",
        "timeout": "30s",
    },
    "requested_model": "honor",
    **CACHE_OFF,
}

FAILURES = {
    "500": failure(500),
    "502": failure(502),
    "503": failure(503),
    "429": failure(429),
    "reset": reset,
    "hang": hang,
}
if version() >= (1, 37):
    FAILURES |= {"not-json": answer(b"{"), "not-a-completion": answer({"object": "list"}), "no-body": answer(b"")}


@pytest.mark.parametrize("script", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("streaming", [False, True], ids=["json", "stream"])
def test_the_next_model_answers(gateway, script, streaming):
    gateway.mini.answer = script
    if streaming:
        gateway.spare.answer = stream(*chat.streamed("spare says hello"))
    body = b'{ "x" : 1.0e2, "model":"auto" ,"messages":[{"content":"\\u0068i","role":"user"}],"stream":%s}' % (
        b'true, "stream_options": {"include_usage": true}' if streaming else b"false"
    )
    response = gateway.envoy.chat(body)

    assert response.status_code == 200
    said = chat.text_of(response.content) if streaming else response.json()["choices"][0]["message"]["content"]
    assert said == "spare says hello"
    assert gateway.mini.only.body == body.replace(b'"auto"', b'"mini-2024-07-18"')
    assert gateway.spare.only.body == body.replace(b'"auto"', b'"spare-with-a-longer-name-v2"')
    assert gateway.spare.only.path == "/compat/v1/chat/completions"
    assert gateway.spare.only.headers["host"] == f"127.0.0.1:{gateway.spare.port}"
    assert gateway.mini.only.headers["host"] == f"127.0.0.1:{gateway.mini.port}"
    assert "spare" in response.headers["x-arbiter-decision"]


def test_a_port_that_refuses_is_failed_over(start_gateway):
    with refused_port() as port:
        gateway = start_gateway(POLICY, ports={"mini": port})
        response = gateway.ask()

    assert response.json()["choices"][0]["message"]["content"] == "spare says hello"
    assert gateway.spare.only.json["model"] == "spare-with-a-longer-name-v2"


@pytest.mark.parametrize("size", [10, 500_000])
def test_bodies_of_any_size_reach_the_next_model_whole(gateway, size):
    gateway.mini.answer = failure(503)
    body = chat.request(chat.EASY, padding="x" * size)

    assert gateway.envoy.chat(body).status_code == 200
    assert gateway.spare.only.body == body.replace(b'"auto"', b'"spare-with-a-longer-name-v2"')


@pytest.mark.parametrize("status", [500, 503, 429])
def test_after_the_last_model_the_client_sees_its_error(gateway, status):
    gateway.mini.answer = failure(500, "the first failed")
    gateway.spare.answer = failure(status, "the last failed")
    response = gateway.ask()

    assert response.status_code == status
    assert response.json()["error"]["message"] == "the last failed"
    assert (len(gateway.mini.received), len(gateway.spare.received)) == (1, 1)
    assert gateway.grand.received == []


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_an_error_that_is_the_callers_is_not_failed_over(gateway, status):
    gateway.mini.answer = failure(status, "your fault")
    response = gateway.ask()

    assert (response.status_code, response.json()["error"]["message"]) == (status, "your fault")
    assert gateway.spare.received == []


@pytest.mark.parametrize("script", [failure(503, "mini is down"), failure(429, "mini is down")])
def test_a_model_that_was_asked_for_is_not_replaced_by_another(gateway, script):
    gateway.mini.answer = script
    response = gateway.ask(model="mini")

    assert response.status_code in (503, 429)
    assert response.json()["error"]["message"] == "mini is down"
    assert gateway.spare.received == []
    assert gateway.grand.received == []


def test_a_stream_that_has_begun_is_not_started_again(gateway):
    gateway.mini.answer = stream(chat.chunk({"content": "half"}), complete=False)
    with pytest.raises(httpx.RemoteProtocolError):
        gateway.ask(stream=True)

    assert gateway.spare.received == []


def test_the_first_model_is_asked_first_again(gateway):
    gateway.mini.then(failure(503))
    answers = [gateway.ask().json()["choices"][0]["message"]["content"] for _ in range(3)]

    assert answers == ["spare says hello", "mini says hello", "mini says hello"]


def test_failover_keeps_working_when_calls_come_together(gateway):
    gateway.mini.answer = failure(503)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: gateway.ask(), range(40)))

    assert [response.status_code for response in responses] == [200] * 40
    assert {received.json["model"] for received in gateway.spare.received} == {"spare-with-a-longer-name-v2"}
    assert len(gateway.spare.received) == 40


def test_an_outage_fails_over_any_number_of_calls_at_once(start_gateway):
    gateway = start_gateway(POLICY | {"failover": {"per_try_idle_timeout": "30s"}})
    gateway.mini.answer = failure(503)
    gate = Gate()

    def when_all_are_there(exchange):
        gate.pass_through(exchange.closed)
        answer(chat.completion("spare says hello"))(exchange)

    gateway.spare.answer = when_all_are_there
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        calls = [pool.submit(gateway.ask) for _ in range(200)]
        try:
            gateway.spare.wait_for(200)
        finally:
            gate.open()

    assert {call.result().status_code for call in calls} == {200}


def test_a_failed_answer_is_not_counted_as_the_answer(start_gateway):
    gateway = start_gateway({"failover": POLICY["failover"]})
    gateway.mini.then(failure(500))
    gateway.spare.answer = answer(chat.completion("kept"))
    body = chat.request(chat.unique())
    gateway.envoy.chat(body)
    hit = gateway.envoy.chat(body)

    assert "; hit" in hit.headers["cache-status"]
    assert hit.json()["choices"][0]["message"]["content"] == "kept"
