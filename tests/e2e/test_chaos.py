"""A thousand calls while the first provider misbehaves in every way that its stand-in knows."""

import collections
import concurrent.futures
import contextlib
import json
import time

import pytest

from e2e import chat, dialects
from e2e.dialects import CALLERS, KEYS, PATHS, question
from e2e.envoy import Envoy
from e2e.standins import Llmock

CALLS = 1000
DEADLINE = 10.0
"""Seconds that the policy gives a call."""

CHAOS = (
    *("--chaos-drop", "0.15", "--chaos-malformed", "0.15", "--chaos-disconnect", "0.15", "--chaos-ratelimit", "0.15"),
    *("--chaos-latency", "2"),
)


def is_answer(caller, body):
    if caller == "openai":
        return body["object"] == "chat.completion" and body["choices"][0]["message"]["content"] == "hello there"
    if caller == "responses":
        return body["object"] == "response" and body["output"][0]["content"][0]["text"] == "hello there"
    return body["type"] == "message" and body["content"][0]["text"] == "hello there"


def is_error(caller, body):
    if caller != "anthropic":
        return isinstance(body["error"]["message"], str) and isinstance(body["error"]["type"], str)
    return body["type"] == "error" and isinstance(body["error"]["message"], str)


def is_streamed_answer(caller, body):
    if caller == "openai":
        return chat.text_of(body) == "hello there" and body.endswith(chat.DONE)
    events = chat.events(body)
    if caller == "responses":
        return events[-1]["type"] == "response.completed" and is_answer(caller, events[-1]["response"])
    said = "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    return said == "hello there" and events[-1]["type"] == "message_stop"


def verdict(caller, streaming, response):
    """`answer` or `error`; anything else is a defect."""
    if response.status_code == 200 and streaming:
        assert is_streamed_answer(caller, response.content), response.content
        return "answer"
    body = json.loads(response.content)
    assert (is_answer if response.status_code == 200 else is_error)(caller, body), (response.status_code, body)
    return "answer" if response.status_code == 200 else "error"


@pytest.mark.parametrize("first", ["openai", "anthropic", "gemini"])
def test_every_call_ends_once_and_well(tmp_path, first):
    second = "anthropic" if first == "openai" else "openai"
    reply = {"call number": {"content": "hello there"}}
    calls = range(CALLS)
    with contextlib.ExitStack() as stack:
        chaotic = stack.enter_context(Llmock(tmp_path / "chaotic", reply, *CHAOS))
        steady = stack.enter_context(Llmock(tmp_path / "steady", reply))
        ports = {first: chaotic.port, second: steady.port}
        document = dialects.policy(ports, failover={"timeout": f"{int(DEADLINE)}s", "per_try_idle_timeout": "3s"})
        envoy = stack.enter_context(Envoy.start(document, tmp_path, concurrency=2, environment=KEYS))
        client = stack.enter_context(envoy.client())

        def call(number):
            caller, streaming = CALLERS[number % 3], number % 2 == 1
            body = question(caller, "auto", f"call number {number}.", **({"stream": True} if streaming else {}))
            began = time.monotonic()
            response = client.post(PATHS[caller], json=body)
            assert time.monotonic() - began < DEADLINE + 2
            return verdict(caller, streaming, response), response.headers["x-arbiter-decision"]

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            ended = list(pool.map(call, calls))
        asked = {first: texts(chaotic), second: texts(steady)}

    verdicts = collections.Counter(verdict for verdict, _ in ended)
    failed_over = sum("failed=" in decision for _, decision in ended)
    assert verdicts["answer"] + verdicts["error"] == len(calls)
    assert failed_over > len(calls) / 4, "the chaos was real"
    assert verdicts["error"] <= failed_over
    for times in asked.values():
        assert max(times.values()) == 1
    assert sum(asked[second].values()) <= failed_over


def texts(standin):
    """How often each call has come."""
    return collections.Counter(text for entry in standin.journal() for text in set(numbers(json.dumps(entry["body"]))))


def numbers(text):
    return [part.split(".")[0] for part in text.split("call number ")[1:]]
