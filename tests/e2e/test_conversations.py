"""Conversations stay with the model whose provider still has their prompt, where that is cheaper, through a real Envoy."""

import json

import pytest

from e2e import chat, policies
from e2e.gateway import running
from e2e.provider import answer, failure, stream

LONG = "You are a helpful assistant. " * 300
USAGE = {"prompt_tokens": 2500, "completion_tokens": 100, "total_tokens": 2600}
PRICES = {
    "mini": {"input": 1.0, "cached_input": 0.5, "output": 4.0},
    "spare": {"input": 1.2, "cached_input": 0.1, "output": 4.0},
    "grand": {"input": 3.0, "cached_input": 0.3, "output": 5.0},
}


def document(**members):
    """The usual policy, with prices that make a long prompt worth keeping."""
    policy = policies.document(**members)
    for name, prices in PRICES.items():
        policy["models"][name]["prices"] = prices
    return policy


@pytest.fixture
def gateway(tmp_path):
    with running(tmp_path, policies.CACHE_OFF, document=document, concurrency=2) as gateway:
        for provider in gateway.providers:
            provider.answer = answer(chat.completion("hello", usage=USAGE))
        yield gateway


def messages(*texts, system=LONG):
    """A system message, then user and assistant in turn."""
    roles = ("user", "assistant")
    said = [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]
    return [{"role": "system", "content": system}, *said]


def ask(gateway, said, tenant="acme", **members):
    body = json.dumps({"model": "auto", "messages": said, **members}).encode()
    response = gateway.envoy.chat(body, {"x-tenant": tenant})
    assert response.status_code == 200
    return response


def decided(response):
    return dict(part.split("=", 1) for part in response.headers["x-arbiter-decision"].split(", "))


def where(response):
    decision = decided(response)
    return decision["model"], decision["reason"]


def test_a_conversation_stays_where_its_prompt_is(gateway):
    hard, easy = chat.unique(chat.HARD), chat.unique()

    assert where(ask(gateway, messages(hard))) == ("grand", "complexity")
    gateway.envoy.wait_count("requests", 1, outcome="routed")
    assert where(ask(gateway, messages(hard, "hello", easy))) == ("grand", "conversation")
    gateway.envoy.wait_count("requests", 2, outcome="routed")
    assert where(ask(gateway, messages(hard, "hello", easy, "hello", easy))) == ("grand", "conversation")


def test_nobody_else_stays_and_a_short_prompt_is_worth_nothing(gateway):
    hard, easy = chat.unique(chat.HARD), chat.unique()
    ask(gateway, messages(hard))
    ask(gateway, messages(hard, system="be brief"))
    gateway.envoy.wait_count("requests", 2, outcome="routed")

    assert where(ask(gateway, messages(hard, "hello", easy), tenant="other")) == ("mini", "complexity")
    assert where(ask(gateway, messages(hard + "!", "hello", easy))) == ("mini", "complexity")
    assert where(ask(gateway, messages(hard, "hello", easy, system="be brief"))) == ("mini", "complexity")


def test_a_conversation_that_becomes_hard_moves_up(gateway):
    easy, hard = chat.unique(), chat.unique(chat.HARD)
    ask(gateway, messages(easy))
    gateway.envoy.wait_count("requests", 1, outcome="routed")

    assert where(ask(gateway, messages(easy, "hello", hard))) == ("grand", "complexity")


def test_a_conversation_that_has_failed_over_stays_there(gateway):
    easy = chat.unique()
    gateway.mini.then(failure(503))
    assert decided(ask(gateway, messages(easy)))["model"] == "spare"
    gateway.envoy.wait_count("requests", 1, outcome="routed")
    gateway.mini.forget()

    assert where(ask(gateway, messages(easy, "hello", chat.unique()))) == ("spare", "conversation")
    assert gateway.mini.received == []


def test_the_answer_may_have_been_streamed(gateway):
    hard = chat.unique(chat.HARD)
    piece = {"choices": [{"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}]}
    gateway.grand.then(stream(chat.event(piece), chat.event({"choices": [], "usage": USAGE}), chat.DONE))
    ask(gateway, messages(hard), stream=True)
    gateway.envoy.wait_count("requests", 1, outcome="routed")

    assert where(ask(gateway, messages(hard, "hello", chat.unique()))) == ("grand", "conversation")


def test_a_policy_may_have_them_move(tmp_path):
    with running(tmp_path, policies.CACHE_OFF | {"conversations": "move"}, document=document) as gateway:
        hard = chat.unique(chat.HARD)
        gateway.grand.answer = answer(chat.completion("hello", usage=USAGE))
        ask(gateway, messages(hard))
        gateway.envoy.wait_count("requests", 1, outcome="routed")

        assert where(ask(gateway, messages(hard, "hello", chat.unique()))) == ("mini", "complexity")
