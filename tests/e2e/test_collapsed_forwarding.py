"""The same request, asked many times at once, goes to a provider once."""

import collections
import concurrent.futures
import contextlib
import json
import re
import socket

import httpx

from e2e import chat
from e2e.gateway import running
from e2e.provider import Gate, answer, failure, stream
from e2e.waiting import until

POLICY = {"cache": {"exact": {"collapse": "60s"}}}
CALLS = 50


def gated(gate, script):
    """A script that waits at `gate` before it begins."""

    def wait_and_answer(exchange):
        gate.pass_through(exchange.closed)
        script(exchange)

    return wait_and_answer


def under_way(envoy):
    """Calls that Envoy has begun and not ended."""
    text = httpx.get(f"http://{envoy.admin}/stats?filter=^http.llm.downstream_rq_active").text
    return int(re.search(r"downstream_rq_active: (\d+)", text)[1])


@contextlib.contextmanager
def asked_at_once(gateway, bodies):
    """Asks all `bodies` at a time; yields the calls once all are under way."""
    with concurrent.futures.ThreadPoolExecutor(len(bodies)) as pool:
        calls = [pool.submit(gateway.envoy.chat, body) for body in bodies]
        until(lambda: under_way(gateway.envoy) == len(bodies), f"{len(bodies)} calls to be under way")
        yield calls


def forwarding(responses):
    """How often each `cache-status` was said."""
    return collections.Counter(response.headers["cache-status"] for response in responses)


def test_fifty_identical_calls_go_to_a_provider_once(gateway):
    gate = Gate()
    gateway.mini.answer = gated(gate, answer(chat.completion("once")))
    body = chat.request(chat.unique())
    saved = gateway.envoy.count("saved_nanousd")
    with asked_at_once(gateway, [body] * CALLS) as calls:
        gate.open()
        responses = [call.result() for call in calls]

    assert len(gateway.mini.received) == 1
    assert {response.json()["choices"][0]["message"]["content"] for response in responses} == {"once"}
    assert forwarding(responses) == {"arbiter; fwd=miss": 1, "arbiter; fwd=miss; collapsed": CALLS - 1}
    gateway.envoy.wait_count("cache", CALLS - 1, result="collapsed")
    assert gateway.envoy.count("saved_nanousd") > saved
    lines = [call["arbiter"] for call in gateway.envoy.calls(CALLS)[-CALLS:]]
    assert collections.Counter(line["cache"] for line in lines) == {"collapsed": CALLS - 1, "stored": 1}
    assert all(line["cost_nanousd"] == 0 for line in lines if line["cache"] == "collapsed")


def test_streams_and_whole_answers_wait_for_each_other(gateway):
    gate = Gate()
    gateway.mini.answer = stream(gate, *chat.streamed("one ", "two"))
    text = chat.unique()
    stream_body, whole_body = (chat.request(text, stream=is_stream) for is_stream in (True, False))
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        # The provider streams, so that a stream must lead.
        leader = pool.submit(gateway.envoy.chat, stream_body)
        gateway.mini.wait_for(1)
        followers = [pool.submit(gateway.envoy.chat, body) for body in (stream_body, whole_body)]
        until(lambda: under_way(gateway.envoy) == 3, "3 calls to be under way")
        gate.open()
        *streams, whole = [call.result() for call in (leader, *followers)]

    assert len(gateway.mini.received) == 1
    for response in streams:
        events = [json.loads(event) for event in re.findall(r"data: (\{.*\})", response.text)]
        assert (
            "".join(event["choices"][0]["delta"].get("content", "") for event in events if event["choices"])
            == "one two"
        )
        assert response.text.endswith("data: [DONE]\n\n")
    assert whole.json()["choices"][0]["message"]["content"] == "one two"


def test_workers_wait_for_themselves_only(tmp_path):
    with running(tmp_path, POLICY, concurrency=2) as gateway:
        gate = Gate()
        gateway.mini.answer = gated(gate, answer(chat.completion()))
        with asked_at_once(gateway, [chat.request(chat.unique())] * CALLS) as calls:
            gate.open()
            assert all(call.result().status_code == 200 for call in calls)
        assert 1 <= len(gateway.mini.received) <= 2


def test_a_leader_that_fails_lets_its_followers_go(gateway):
    gate = Gate()
    gateway.mini.then(gated(gate, failure(400)))
    with asked_at_once(gateway, [chat.request(chat.unique())] * 5) as calls:
        gate.open()
        statuses = [call.result().status_code for call in calls]

    assert sorted(statuses) == [200] * 4 + [400]
    assert len(gateway.mini.received) == 5


def test_a_leader_whose_caller_leaves_lets_its_followers_go(gateway):
    gate = Gate()
    gateway.mini.then(gated(gate, answer(chat.completion("late"))))
    body = chat.request(chat.unique())
    host, port = gateway.envoy.address.split(":")
    with socket.create_connection((host, int(port))) as leader, concurrent.futures.ThreadPoolExecutor(1) as pool:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
        leader.sendall(head.encode() + b"content-type: application/json\r\n\r\n" + body)
        gateway.mini.wait_for(1)
        follower = pool.submit(gateway.envoy.chat, body)
        until(lambda: under_way(gateway.envoy) == 2, "two calls to be under way")
        leader.shutdown(socket.SHUT_RDWR)
        assert follower.result().json()["choices"][0]["message"]["content"] == "mini says hello"
    gate.open()


def test_nobody_waits_longer_than_the_policy_says(tmp_path):
    with running(tmp_path, {"cache": {"exact": {"collapse": "1s"}}}) as gateway:
        gate = Gate()
        gateway.mini.then(gated(gate, answer(chat.completion("late"))))
        body = chat.request(chat.unique())
        with asked_at_once(gateway, [body] * 2) as calls:
            gateway.mini.wait_for(2)
            first = next(concurrent.futures.as_completed(calls))
            assert first.result().json()["choices"][0]["message"]["content"] == "mini says hello"
            gate.open()
            assert {call.result().status_code for call in calls} == {200}
        gateway.envoy.wait_count("cache", 1, result="released")
