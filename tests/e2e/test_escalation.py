"""Where a rule says so, a stronger model is asked when the answer of a cheap one is not good enough, and both are paid."""

import pytest

from e2e import chat, dialects, envoy
from e2e.policies import CACHE_OFF
from e2e.provider import answer, failure, stream

pytestmark = pytest.mark.skipif(envoy.version() < (1, 37), reason="retrying after a body would crash this Envoy")

SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "city",
        "schema": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
    },
}
REFUSAL = chat.completion(None, refusal="I will not say that.")
FILTERED = chat.completion("", finish_reason="content_filter")
CUT = chat.completion("And so", finish_reason="length")
OFF_SCHEMA = chat.completion('{"town": "Ulm"}')
ON_SCHEMA = chat.completion('{"city": "Ulm"}')

DECLINED = {
    "openai": answer(dialects.openai_completion({"content": ""}, "content_filter")),
    "anthropic": answer(dialects.anthropic_message([], "refusal")),
    "gemini": answer(dialects.gemini_response([], "SAFETY")),
}
"""Refusals, by dialect of the provider."""

# By hand, in nano-dollars: 1,000 tokens in and 200 out, at the prices per million tokens of `policies`.
MINI_COST = 1000 * 150 + 200 * 600
SPARE_COST = 1000 * 300 + 200 * 1200
GRAND_COST = 1000 * 2500 + 200 * 10000


def escalating(**then):
    """Members of a policy under whose only rule calls go on to the next tier."""
    return {**CACHE_OFF, "rules": [{"name": "up", "then": {"escalate": True, **then}}]}


@pytest.fixture
def gateway(start_gateway):
    """A gateway of one model per tier: `mini`, then `grand`."""
    tiers = [
        {"name": "small", "handles": "low", "models": ["mini"]},
        {"name": "large", "handles": "high", "models": ["grand"]},
    ]
    return start_gateway({**escalating(), "tiers": tiers})


@pytest.mark.parametrize(
    ("script", "members", "cause"),
    [
        (REFUSAL, {}, "refusal"),
        (FILTERED, {}, "refusal"),
        (CUT, {}, "cut"),
        (CUT, {"max_tokens": 300}, "cut"),
        (OFF_SCHEMA, {"response_format": SCHEMA}, "schema"),
        (chat.completion("Ulm"), {"response_format": {"type": "json_object"}}, "schema"),
    ],
    ids=["refusal", "filtered", "cut", "cut-below-the-limit", "off-schema", "no-json"],
)
def test_a_stronger_model_is_asked_and_both_are_paid(gateway, script, members, cause):
    gateway.mini.answer = answer(script)
    gateway.grand.answer = answer(ON_SCHEMA)
    response = gateway.ask(**members)
    (line,) = gateway.envoy.calls(1)

    assert response.status_code == 200
    assert response.json() == ON_SCHEMA
    assert "x-arbiter-retry" not in response.headers
    assert "model=grand" in response.headers["x-arbiter-decision"]
    assert f"mini:{cause}" in response.headers["x-arbiter-decision"]
    said = line["arbiter"]
    assert (said["outcome"], said["model"]) == ("routed", "grand")
    assert said["cost_nanousd"] == MINI_COST + GRAND_COST
    assert "estimated" not in said
    assert gateway.grand.only.json["model"] == "grand-2024-08-06"
    gateway.envoy.wait_count("attempts", 1, model="mini", result=cause)
    gateway.envoy.wait_count("attempts", 1, model="grand", result="answered")
    gateway.envoy.wait_count("tokens", 1000, model="mini", kind="input")
    gateway.envoy.wait_count("tokens", 1000, model="grand", kind="input")
    assert gateway.envoy.count("failovers", model="grand") == 0


@pytest.mark.parametrize(
    ("script", "members"),
    [
        (chat.completion("Ulm"), {}),
        (CUT, {"max_tokens": 200}),
        (ON_SCHEMA, {"response_format": SCHEMA}),
    ],
    ids=["good", "as-long-as-the-caller-wanted", "on-schema"],
)
def test_a_good_answer_is_the_last(gateway, script, members):
    gateway.mini.answer = answer(script)
    response = gateway.ask(**members)
    (line,) = gateway.envoy.calls(1)

    assert response.json() == script
    assert gateway.grand.received == []
    assert line["arbiter"]["cost_nanousd"] == MINI_COST


def test_a_stream_has_reached_its_caller_and_stays(gateway):
    gateway.mini.answer = stream(*chat.streamed("And so", finish_reason="length"))
    response = gateway.ask(stream=True)

    assert chat.text_of(response.content) == "And so"
    assert gateway.grand.received == []


def test_what_the_strong_model_says_is_the_answer(gateway):
    gateway.mini.answer = answer(REFUSAL)
    gateway.grand.answer = answer(FILTERED)

    assert gateway.ask().json() == FILTERED


def test_when_the_strong_model_fails_its_error_is_the_answer(gateway):
    gateway.mini.answer = answer(REFUSAL)
    gateway.grand.answer = failure(503, "the strong one is away")
    response = gateway.ask()
    (line,) = gateway.envoy.calls(1)

    assert response.status_code == 503
    assert line["arbiter"]["cost_nanousd"] == MINI_COST


def test_the_other_model_of_the_tier_comes_before_the_next_tier(start_gateway):
    gateway = start_gateway(escalating())
    gateway.mini.answer = answer(REFUSAL)
    gateway.spare.answer = answer(CUT)
    gateway.grand.answer = answer(chat.completion("at last"))
    response = gateway.ask()
    (line,) = gateway.envoy.calls(1)

    assert response.json()["choices"][0]["message"]["content"] == "at last"
    assert line["arbiter"]["cost_nanousd"] == MINI_COST + SPARE_COST + GRAND_COST


def test_only_what_the_rule_names_is_a_reason(start_gateway):
    gateway = start_gateway(escalating(escalate=["schema"]))
    gateway.mini.answer = answer(REFUSAL)

    assert gateway.ask().json() == REFUSAL


def test_a_rule_that_bounds_the_tier_bounds_this(start_gateway):
    gateway = start_gateway(escalating(tier={"max": "small"}))
    gateway.mini.answer = answer(REFUSAL)
    gateway.spare.answer = answer(REFUSAL)

    assert gateway.ask().json() == REFUSAL
    assert gateway.grand.received == []
    assert gateway.spare.received == []


def test_budgets_are_charged_with_the_tokens_of_both(start_gateway):
    tiers = [
        {"name": "small", "handles": "low", "models": ["mini"]},
        {"name": "large", "handles": "high", "models": ["grand"]},
    ]
    budgets = [{"name": "tokens", "tokens": 2000, "window": "month", "stages": {"reject": "100%"}}]
    gateway = start_gateway({**escalating(), "tiers": tiers, "budgets": budgets})
    gateway.mini.answer = answer(REFUSAL)

    assert [gateway.ask(max_tokens=300).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("caller", dialects.CALLERS)
@pytest.mark.parametrize(("cheap", "strong"), [("anthropic", "openai"), ("openai", "anthropic"), ("gemini", "openai")])
def test_callers_and_providers_of_all_dialects_escalate(tmp_path, caller, cheap, strong):
    tiers = [
        {"name": "small", "handles": "medium", "models": [cheap]},
        {"name": "large", "handles": "high", "models": [strong]},
    ]
    rules = [{"name": "up", "then": {"escalate": True}}]
    with dialects.running(tmp_path, (cheap, strong), tiers=tiers, rules=rules) as gateway:
        gateway.providers[cheap].answer = DECLINED[cheap]
        response = gateway.ask(caller, dialects.question(caller, "auto", "Say hello"))

    assert response.status_code == 200
    assert f"model={strong}" in response.headers["x-arbiter-decision"]
    assert len(gateway.providers[cheap].received) == len(gateway.providers[strong].received) == 1
