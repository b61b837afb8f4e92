"""Rules of the policy through a real Envoy: who is refused, where the others go, and what is said of it."""

import json

import anthropic
import httpx
import openai
import pytest

from e2e import chat
from e2e.gateway import running
from e2e.provider import answer, failure
from e2e.waiting import until

POLICY = {
    "requested_model": "honor",
    "identity": {"headers": {"tenant": "x-tenant", "user": "x-user"}},
    "rules": [
        {
            "name": "no-embeddings",
            "when": 'chat.operation == "embeddings" && identity.tenant == "interns"',
            "then": "deny",
        },
        {
            "name": "no-grand-for-interns",
            "when": 'identity.tenant == "interns" && chat.model.matches("^grand")',
            "then": {"deny": {"message": "interns use mini", "status": 422}},
        },
        {"name": "watched", "when": 'identity.tenant == "watched"', "then": "deny", "mode": "shadow"},
        {"name": "urgent", "when": 'request.headers["x-priority"] == "high"', "then": {"tier": "large"}},
        {
            "name": "eu-only",
            "when": '"x-region" in request.headers && request.headers["x-region"] in ["eu", "ch"]',
            "then": {"only": {"providers": ["second"]}, "metadata": {"cost_center": "42"}},
        },
        {
            "name": "by-path",
            "when": 'identity.tenant == "bound" && request.path == "/v1/chat/completions"',
            "then": "deny",
        },
        {"name": "short", "when": 'identity.tenant == "brief"', "then": {"max_tokens": 50}},
        {"name": "later", "when": 'identity.tenant == "nightly"', "then": {"service_tier": "flex"}},
        {"name": "thrifty", "when": 'identity.tenant == "thrifty"', "then": {"reasoning_effort": "low"}},
        {"name": "lively", "when": 'identity.tenant == "lively"', "then": {"cache": {"ttl": "1s"}}},
        {
            "name": "second-first",
            "when": 'identity.tenant == "near"',
            "then": {"prefer": {"providers": ["second"]}},
        },
        {"name": "personal", "when": 'identity.tenant == "personal"', "then": {"cache": {"scope": "user"}}},
        {"name": "private", "when": 'identity.tenant == "private"', "then": {"cache": "off"}},
        {"name": "spare", "when": 'chat.model == "spare-please"', "then": {"model": "spare"}},
        {"name": "odd", "when": '100 / chat.tools > 1 && request.headers["x-odd"] == "yes"', "then": "deny"},
    ],
}


def ask(gateway, text=None, tenant="acme", model="auto", headers=(), path="/v1/chat/completions", **members):
    with gateway.envoy.client() as client:
        body = chat.request(text or chat.unique(), model, **members)
        headers = {"content-type": "application/json", "x-tenant": tenant, **dict(headers)}
        return client.post(path, content=body, headers=headers)


WATCHED = {
    "requested_model": "ignore",
    "rules": [{"name": "all-grand", "when": "chat.turns > 0", "then": {"tier": "large"}, "mode": "shadow"}],
}


def logged(gateway, **members):
    """What the access log says of the last call of which it says this."""

    def found():
        text = gateway.envoy.access_log.read_text() if gateway.envoy.access_log.exists() else ""
        calls = [json.loads(line) for line in text.split("\n")[:-1] if line]
        calls = [call.get("arbiter", call) for call in calls]
        return [call for call in calls if all(call.get(name) == value for name, value in members.items())]

    return until(found, f"a line with {members}")[-1]


def said(response):
    return response.headers["x-arbiter-decision"]


def test_a_call_that_no_rule_holds_for_goes_its_way(gateway):
    decision = said(ask(gateway, tools=[{"type": "function", "function": {"name": "f"}}]))

    assert "tier=small" in decision and "reason=complexity" in decision and "rule" not in decision


def test_a_rule_refuses_in_its_own_words_and_nobody_is_asked(gateway):
    before = gateway.envoy.count("rules", rule="no-grand-for-interns", result="denied")
    refused = ask(gateway, tenant="interns", model="grand")

    assert refused.status_code == 422
    assert refused.json()["error"]["message"] == "interns use mini"
    assert refused.json()["error"]["code"] == "denied_by_policy"
    assert all(provider.received == [] for provider in gateway.providers)
    gateway.envoy.wait_count("rules", before + 1, rule="no-grand-for-interns", result="denied")
    assert ask(gateway, tenant="acme", model="grand").status_code == 200
    assert ask(gateway, tenant="interns", model="mini").status_code == 200


def test_a_refusal_is_an_error_of_the_callers_own_dialect(gateway):
    http = httpx.Client(trust_env=False)
    message = [{"role": "user", "content": "hi"}]
    tenant = {"x-tenant": "interns"}
    with (
        openai.OpenAI(api_key="k", base_url=f"{gateway.envoy.url}/v1", max_retries=0, http_client=http) as sdk,
        pytest.raises(openai.UnprocessableEntityError) as refused,
    ):
        sdk.chat.completions.create(model="grand", messages=message, extra_headers=tenant)
    assert refused.value.code == "denied_by_policy"
    http = anthropic.DefaultHttpxClient(trust_env=False)
    with (
        anthropic.Anthropic(api_key="k", base_url=gateway.envoy.url, max_retries=0, http_client=http) as sdk,
        pytest.raises(anthropic.UnprocessableEntityError) as refused,
    ):
        sdk.messages.create(model="grand", max_tokens=9, messages=message, extra_headers=tenant)
    assert "interns use mini" in str(refused.value)


def test_calls_that_are_not_scored_are_refused_as_well(gateway):
    with gateway.envoy.client() as client:
        embed = {"model": "mini", "input": "a"}
        refused = client.post("/v1/embeddings", json=embed, headers={"x-tenant": "interns"})
        served = client.post("/v1/embeddings", json=embed, headers={"x-tenant": "acme"})

    assert refused.status_code == 403
    assert "no-embeddings" in refused.json()["error"]["message"]
    assert served.status_code == 200


def test_a_rule_chooses_the_tier_by_a_header(gateway):
    decision = said(ask(gateway, headers={"x-priority": "high"}))

    assert "tier=large" in decision and "reason=rule" in decision and "rule=urgent" in decision
    assert len(gateway.grand.received) == 1


def test_a_header_that_stands_twice_is_not_one_of_its_values(gateway):
    with gateway.envoy.client() as client:
        headers = [("content-type", "application/json"), ("x-priority", "low"), ("x-priority", "high")]
        given = client.post("/v1/chat/completions", content=chat.request(chat.unique()), headers=headers)

    assert "tier=small" in said(given)


def test_a_rule_bounds_how_much_is_thought(gateway):
    ask(gateway, tenant="thrifty", reasoning_effort="high")
    ask(gateway, tenant="thrifty")

    bounded, silent = gateway.mini.received
    assert bounded.json["reasoning_effort"] == "low"
    assert "reasoning_effort" not in silent.json, "a model that does not reason would refuse the call"


def test_a_rule_keeps_the_answers_of_users_apart(gateway):
    text = chat.unique()

    def status(user):
        headers = {"x-user": user} if user else {}
        return ask(gateway, text, tenant="personal", headers=headers).headers["cache-status"]

    first = [status(user) for user in ("ann", "bob", None)]
    again = [status(user) for user in ("ann", "bob", None)]
    assert all("fwd=miss" in said for said in first), first
    assert all("; hit" in said for said in again), again


def test_a_rule_prefers_a_provider_and_the_others_take_over(gateway):
    response = ask(gateway, tenant="near")
    assert "model=spare" in response.headers["x-arbiter-decision"]
    assert gateway.mini.received == []

    gateway.spare.answer = failure(503)
    response = ask(gateway, tenant="near")
    assert response.status_code == 200
    assert 'failed="spare:503"' in response.headers["x-arbiter-decision"]
    assert len(gateway.mini.received) == 1


def test_a_rule_leaves_some_providers_only_and_says_more_in_the_log(gateway):
    text = chat.unique()
    decision = said(ask(gateway, text, headers={"x-region": "eu"}))

    assert "model=spare" in decision and "rule=eu-only" in decision
    assert gateway.mini.received == [] and len(gateway.spare.received) == 1
    assert logged(gateway, rule="eu-only")["metadata"] == {"cost_center": "42"}


def test_what_was_answered_under_a_rule_is_not_given_to_calls_without_it(gateway):
    text = chat.unique()
    ask(gateway, text, headers={"x-region": "eu"})

    assert "hit" in ask(gateway, text, headers={"x-region": "ch"}).headers["cache-status"]
    assert "hit" not in ask(gateway, text).headers["cache-status"]
    assert "hit" in ask(gateway, text).headers["cache-status"]


def test_a_rule_names_the_model(gateway):
    assert "model=spare" in said(ask(gateway, model="spare-please"))


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions?x=1",
        "/V1/Chat/Completions",
        "/v1/chat/x/../completions",
        "/v1/chat/%63ompletions",
        "/v1/chat/completions;x=1",
    ],
)
def test_a_path_is_the_same_however_it_is_spelled(gateway, path):
    assert ask(gateway, tenant="bound", path=path).status_code == 403
    assert gateway.mini.received == []


def test_a_rule_bounds_answers_for_every_provider(gateway):
    ask(gateway, tenant="brief")
    ask(gateway, tenant="brief", max_tokens=500)
    ask(gateway, tenant="brief", max_tokens=5)
    first, second, third = (request.json for request in gateway.mini.received)

    assert first["max_completion_tokens"] == 50 and "max_tokens" not in first
    assert (second["max_tokens"], third["max_tokens"]) == (50, 5)


def test_a_call_that_can_wait_costs_half(gateway):
    gateway.mini.then(answer(chat.completion("later") | {"service_tier": "flex"}))
    ask(gateway, tenant="nightly")

    assert gateway.mini.only.json["service_tier"] == "flex"
    call = logged(gateway, rule="later")
    assert (call["service_tier"], call["cost_nanousd"]) == ("flex", (1000 * 150 + 200 * 600) // 2)


def test_a_rule_keeps_calls_out_of_the_cache(gateway):
    text = chat.unique()
    first, second = (ask(gateway, text, tenant="private") for _ in range(2))

    assert "detail=rule" in first.headers["cache-status"], first.headers["cache-status"]
    assert "hit" not in second.headers["cache-status"]
    assert len(gateway.mini.received) == 2


def test_a_rule_that_is_watched_changes_nothing_but_the_counter_and_the_log(gateway):
    before = gateway.envoy.count("rules", rule="watched", result="shadow")
    served = ask(gateway, tenant="watched")

    assert served.status_code == 200 and "rule" not in said(served)
    gateway.envoy.wait_count("rules", before + 1, rule="watched", result="shadow")
    call = logged(gateway, shadow_rules=["watched"])
    would = {"outcome": "refused", "reason": "rule", "rule": "watched", "cost_nanousd": 0}
    assert (call["outcome"], call["would"]) == ("routed", would | {"saved_nanousd": call["cost_nanousd"]})


def test_a_rule_bounds_how_old_answers_may_be(gateway):
    text = chat.unique()
    for tenant in ("lively", "acme"):
        ask(gateway, text, tenant=tenant)

    def result(tenant):
        return ask(gateway, text, tenant=tenant).headers["cache-status"]

    until(lambda: "fwd=stale" in result("lively"), "an answer that is too old")
    assert "hit" in result("acme")


def test_what_a_watched_rule_would_cost_is_counted(tmp_path):
    with running(tmp_path, WATCHED) as gateway:
        assert "tier=small" in said(ask(gateway))
        would = logged(gateway, shadow_rules=["all-grand"])["would"]

        assert (would["tier"], would["model"], would["saved_nanousd"]) == ("large", "grand", 270_000 - 4_500_000)
        gateway.envoy.wait_count("would_overspent_nanousd", 4_500_000 - 270_000)


def test_a_rule_that_denies_and_cannot_be_told_denies(gateway):
    before = gateway.envoy.count("rules", rule="odd", result="undecided")
    refused = ask(gateway, headers={"x-odd": "yes"})

    assert refused.status_code == 403
    gateway.envoy.wait_count("rules", before + 1, rule="odd", result="undecided")
