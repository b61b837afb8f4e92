"""Calls go to the cheapest tier that can do the job, and nothing but the model changes on the way."""

import contextlib
import json
import re

import pytest

from e2e import chat
from e2e import gateway as gateways
from e2e.policies import CACHE_OFF

POLICY = CACHE_OFF


@pytest.mark.parametrize(
    ("text", "provider", "upstream_name"),
    [
        (chat.EASY, "mini", "mini-2024-07-18"),
        (chat.MEDIUM, "grand", "grand-2024-08-06"),
        (chat.HARD, "grand", "grand-2024-08-06"),
        ("word " * 50, "mini", "mini-2024-07-18"),
        ("word " * 51, "grand", "grand-2024-08-06"),
        ("word " * 201, "grand", "grand-2024-08-06"),
    ],
)
def test_complexity_chooses_the_tier_and_its_model(gateway, text, provider, upstream_name):
    response = gateway.ask(text)

    assert response.status_code == 200
    assert response.json()["choices"][0]["message"]["content"] == f"{provider} says hello"
    assert getattr(gateway, provider).only.json["model"] == upstream_name
    assert sum(len(each.received) for each in gateway.providers) == 1


def test_only_the_last_user_message_counts(gateway):
    messages = [
        {"role": "user", "content": chat.HARD},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "thanks"},
    ]
    gateway.ask(messages=messages)

    assert gateway.mini.only.json["messages"] == messages


@pytest.mark.parametrize(
    "body",
    [
        b'{"zeta":1,"model":"auto","alpha":2,"messages":[{"content":"hi","role":"user"}]}',
        b'{"messages":[{"role":"user","content":"hi"}],"temperature":1.0e-2,"seed":1.0E2,"top_p":1e0,"model":"auto"}',
        b'{"messages":[{"role":"user","content":"\\u0068\\u00e9\\ud83d\\ude00 \\/ \\"hi\\""}],"model":"\\u0061uto"}',
        '{"messages":[{"role":"user","content":"héllo 😀"}],"model":"auto"}'.encode(),
        b' \t\r\n{ "model" :\n\t"auto" , "messages" : [ { "role" : "user" , "content" : "hi" } ] } \n',
        b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"x_unknown":{"a":[1.10,null,true,{}]},"x":-0.0}',
        b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"seed":123456789012345678901234567890}',
        b'{"metadata":{"model":"auto","model":"auto"},"model":"auto","messages":[{"role":"user","content":"hi"}]}',
    ],
    ids=["key-order", "numbers", "escapes", "utf-8", "white-space", "unknown-fields", "big-number", "inner-model"],
)
def test_nothing_but_the_model_changes(gateway, body):
    assert gateway.envoy.chat(body).status_code == 200

    received = gateway.mini.only
    # The top-level `model` is the last one in every body but those where it is the only one.
    value = list(re.finditer(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")', body))[-1]
    assert received.body == body[: value.start(1)] + b'"mini-2024-07-18"' + body[value.end(1) :]
    assert received.headers.get("content-length", str(len(received.body))) == str(len(received.body))


def test_a_body_in_small_chunks_is_read_whole(gateway):
    body = chat.request(chat.EASY, padding="x" * 100_000)
    pieces = (body[at : at + 1000] for at in range(0, len(body), 1000))
    with gateway.envoy.client() as client:
        response = client.post("/v1/chat/completions", content=pieces, headers={"content-type": "application/json"})

    assert response.status_code == 200
    assert gateway.mini.only.body == body.replace(b'"auto"', b'"mini-2024-07-18"')


def test_the_decision_header_says_tier_model_score_and_reason(gateway):
    header = gateway.ask(chat.HARD).headers["x-arbiter-decision"]

    for part in ("large", "grand", "high"):
        assert part in header
    assert re.search(r"score=\d(\.\d+)?", header)
    assert re.search(r"reason=\"?[a-z]", header)


def test_the_decision_header_can_be_switched_off(start_gateway):
    response = start_gateway({"decision_header": False, **CACHE_OFF}).ask()

    assert response.status_code == 200
    assert not [name for name in response.headers if name.startswith("x-arbiter")]


@pytest.fixture(scope="module")
def gateways_by_mode(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        started = {}

        def gateway(mode):
            if mode not in started:
                policy = {"requested_model": mode, **CACHE_OFF}
                started[mode] = stack.enter_context(gateways.running(tmp_path_factory.mktemp(mode), policy))
            return started[mode]

        yield gateway


@pytest.mark.parametrize(
    ("mode", "asked", "text", "answering"),
    [
        ("honor", "grand", chat.EASY, "grand"),
        ("honor", "mini", chat.HARD, "mini"),
        ("honor", "spare", chat.HARD, "spare"),
        ("honor", "auto", chat.HARD, "grand"),
        ("honor", "auto", chat.EASY, "mini"),
        ("cap", "grand", chat.EASY, "mini"),
        ("cap", "grand", chat.HARD, "grand"),
        ("cap", "mini", chat.HARD, "mini"),
        ("cap", "auto", chat.HARD, "grand"),
        ("ignore", "mini", chat.HARD, "grand"),
        ("ignore", "grand", chat.EASY, "mini"),
        ("ignore", "auto", chat.EASY, "mini"),
    ],
)
def test_a_named_model_means_what_the_policy_says(gateways_by_mode, mode, asked, text, answering):
    gateway = gateways_by_mode(mode)
    response = gateway.ask(text, model=asked)

    assert response.json()["choices"][0]["message"]["content"] == f"{answering} says hello"
    assert json.loads(getattr(gateway, answering).received[-1].body)["model"].startswith(answering)
