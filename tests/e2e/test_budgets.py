"""Budgets through a real Envoy: who has spent what, what follows, and that parallel calls of several workers do not get past them."""

import concurrent.futures
import re

import anthropic
import httpx
import openai
import pytest

from e2e import chat
from e2e.gateway import running
from e2e.policies import MINI_PRICES
from e2e.provider import Gate, answer, stream
from e2e.waiting import until

TENANT = {"identity": {"headers": {"tenant": "x-tenant", "team": "x-team"}}}
COST = round((1000 * MINI_PRICES["input"] + 200 * MINI_PRICES["output"]) * 1000)
"""Nano-dollars of a call of the small tier, by `chat.USAGE`."""


def usd(nano):
    return nano / 1e9


def headers_of(tenant, team=None):
    return {"x-tenant": tenant} | ({"x-team": team} if team else {})


def budget_of(response):
    """Name, share, stage and seconds that an answer says."""
    said = response.headers.get("x-arbiter-budget")
    if said is None:
        return None
    name, used, stage, resets = re.fullmatch(r"(\w+);used=([\d.]+);stage=(\w+);resets=(\d+)", said).groups()
    return name, float(used), stage, int(resets)


@pytest.fixture(scope="module")
def module_by_calls(tmp_path_factory):
    stages = {"warn": "50%", "lower": "70%", "cheapest": "80%", "reject": "100%"}
    policy = {
        **TENANT,
        "budgets": [
            {
                "name": "calls",
                "per": "tenant",
                "requests": 10,
                "window": "month",
                "stages": stages,
                "limits": {"rich": 1000},
            },
            {"name": "team_calls", "per": "team", "requests": 4, "window": "month", "limits": {"": 1000}},
        ],
        "rules": [{"name": "half", "when": 'budget.calls > 0.15 && identity.tenant == "ruled"', "then": "deny"}],
    }
    with running(tmp_path_factory.mktemp("calls"), policy) as gateway:
        yield gateway


@pytest.fixture
def by_calls(module_by_calls):
    for provider in module_by_calls.providers:
        provider.forget()
    return module_by_calls


def test_a_budget_that_a_rule_names_is_for_calls_under_that_rule(start_gateway):
    policy = {
        **TENANT,
        "requested_model": "honor",
        "budgets": [
            {"name": "all", "requests": 100, "window": "month", "stages": {"reject": "100%"}},
            {"name": "frontier", "requests": 2, "window": "month", "stages": {"reject": "100%"}},
        ],
        "rules": [{"name": "grand", "when": 'chat.model == "grand"', "then": {"budget": "frontier"}}],
    }
    gateway = start_gateway(policy)
    grand = [gateway.ask(chat.unique(), model="grand").status_code for _ in range(3)]
    others = [gateway.ask(chat.unique(), model="mini").status_code for _ in range(3)]

    assert grand == [200, 200, 429]
    assert others == [200, 200, 200]


def test_what_follows_gets_stricter_as_a_budget_is_spent(by_calls):
    asked = [by_calls.ask(chat.unique(chat.HARD), headers_of("staged")) for _ in range(11)]
    stages = [budget_of(response) and budget_of(response)[2] for response in asked[:10]]

    assert stages == [None] * 5 + ["warn"] * 2 + ["lower"] + ["cheapest"] * 2
    tiers = [re.search(r"tier=(\w+)", response.headers["x-arbiter-decision"])[1] for response in asked[:10]]
    assert tiers == ["large"] * 7 + ["small"] * 3
    assert "reason=budget" in asked[8].headers["x-arbiter-decision"]
    assert asked[10].status_code == 429
    assert asked[10].json()["error"]["code"] == "budget_exhausted"
    assert 0 < int(asked[10].headers["retry-after"]) <= 31 * 86400


def test_a_rolling_window_says_when_it_lets_calls_through_again(tmp_path):
    budget = {"name": "lately", "requests": 2, "window": {"rolling": "2h"}}
    with running(tmp_path, {"budgets": [budget]}) as gateway:
        asked = [gateway.ask() for _ in range(3)]

        assert [response.status_code for response in asked] == [200, 200, 429]
        assert 7200 <= int(asked[2].headers["retry-after"]) <= 7200 + 300


def test_a_spent_budget_is_an_error_that_sdks_know(by_calls):
    for _ in range(10):
        assert by_calls.ask(chat.unique(), headers_of("known")).status_code == 200
    message = [{"role": "user", "content": chat.unique()}]
    http = httpx.Client(trust_env=False)
    with (
        openai.OpenAI(api_key="k", base_url=f"{by_calls.envoy.url}/v1", max_retries=0, http_client=http) as sdk,
        pytest.raises(openai.RateLimitError) as refused,
    ):
        sdk.chat.completions.create(model="auto", messages=message, extra_headers=headers_of("known"))
    assert refused.value.code == "budget_exhausted"
    http = anthropic.DefaultHttpxClient(trust_env=False)
    with (
        anthropic.Anthropic(api_key="k", base_url=by_calls.envoy.url, max_retries=0, http_client=http) as sdk,
        pytest.raises(anthropic.RateLimitError),
    ):
        sdk.messages.create(model="auto", max_tokens=9, messages=message, extra_headers=headers_of("known"))


def test_each_has_its_own_and_some_have_more(by_calls):
    for _ in range(10):
        by_calls.ask(chat.unique(), headers_of("poor"))

    assert by_calls.ask(chat.unique(), headers_of("poor")).status_code == 429
    assert by_calls.ask(chat.unique(), headers_of("other")).status_code == 200
    assert all(by_calls.ask(chat.unique(), headers_of("rich")).status_code == 200 for _ in range(12))


def test_a_call_is_charged_to_all_its_budgets_and_the_strictest_holds(by_calls):
    asked = [by_calls.ask(chat.unique(), headers_of(f"member{at}", "search")) for at in range(5)]

    assert [response.status_code for response in asked] == [200] * 4 + [429]
    assert "team_calls" in asked[4].json()["error"]["message"]
    assert by_calls.ask(chat.unique(), headers_of("member4", "ads")).status_code == 200


def test_what_is_refused_by_one_budget_is_not_charged_to_another(by_calls):
    for _ in range(14):
        by_calls.ask(chat.unique(), headers_of("patient", "impatient"))
    assert by_calls.ask(chat.unique(), headers_of("patient", "other")).status_code == 200


def test_what_is_stored_is_given_when_a_budget_is_spent_and_costs_nothing(by_calls):
    text = chat.unique()
    for at in range(10):
        by_calls.ask(text if at == 0 else chat.unique(), headers_of("thrifty"))

    assert by_calls.ask(chat.unique(), headers_of("thrifty")).status_code == 429
    again = by_calls.ask(text, headers_of("thrifty"))
    assert again.status_code == 200 and "hit" in again.headers["cache-status"]


def test_an_answer_of_a_lowered_tier_is_not_kept_for_better_times(by_calls):
    text = chat.unique(chat.HARD)
    for _ in range(8):
        by_calls.ask(chat.unique(), headers_of("frugal"))
    lowered = by_calls.ask(text, headers_of("frugal"))

    assert "reason=budget" in lowered.headers["x-arbiter-decision"]
    again = by_calls.ask(text, headers_of("frugal"))
    assert again.status_code == 200 and "hit" not in again.headers.get("cache-status", "")


def test_embeddings_are_charged_and_refused_as_well(by_calls):
    with by_calls.envoy.client() as client:
        asked = [
            client.post(
                "/v1/embeddings", json={"model": "mini", "input": "a"}, headers=headers_of("vectors")
            ).status_code
            for _ in range(11)
        ]
    assert asked == [200] * 10 + [429]


def test_rules_may_ask_how_a_budget_stands(by_calls):
    asked = [by_calls.ask(chat.unique(), headers_of("ruled")).status_code for _ in range(3)]
    assert asked == [200, 200, 403]


def test_counters_and_the_log_say_which_budget(start_gateway):
    budget = {"name": "few", "requests": 2, "window": "month", "stages": {"warn": "50%", "reject": "100%"}}
    gateway = start_gateway({"budgets": [budget]})
    for _ in range(4):
        gateway.ask(chat.unique())

    gateway.envoy.wait_count("budgets", 1, budget="few", result="warn")
    gateway.envoy.wait_count("budgets", 2, budget="few", result="reject")
    lines = [line["arbiter"] for line in gateway.envoy.calls(4)]
    said = [(line["outcome"], line.get("budget"), line.get("budget_stage")) for line in lines]
    spent = ("refused", "few", "reject")
    assert said == [("routed", None, None), ("routed", "few", "warn"), spent, spent]


@pytest.fixture(scope="module")
def module_by_cost(tmp_path_factory):
    policy = {
        **TENANT,
        "budgets": [
            {
                "name": "spend",
                "per": "tenant",
                "usd": usd(10 * COST),
                "window": "month",
                "stages": {"warn": 0, "reject": 1},
            }
        ],
    }
    with running(tmp_path_factory.mktemp("cost"), policy) as gateway:
        yield gateway


@pytest.fixture
def by_cost(module_by_cost):
    for provider in module_by_cost.providers:
        provider.forget()
    return module_by_cost


def test_what_a_call_has_cost_is_what_is_spent(by_cost):
    shares = [budget_of(by_cost.ask(chat.unique(), headers_of("exact")))[1] for _ in range(4)]
    assert shares == [0.0, 0.1, 0.2, 0.3]


def test_calls_under_way_count(by_cost):
    gate = Gate()
    by_cost.mini.answer = stream(
        chat.chunk({"content": "a"}), gate, chat.chunk({}, "stop"), chat.usage_chunk(), chat.DONE
    )
    with by_cost.envoy.client() as client:
        call = chat.request(chat.unique(), stream=True, max_tokens=5000)
        sent = {"content-type": "application/json", **headers_of("parallel")}
        with client.stream("POST", "/v1/chat/completions", content=call, headers=sent) as response:
            assert response.status_code == 200
            by_cost.mini.wait_for(1)
            by_cost.mini.answer = answer(chat.completion())
            refused = by_cost.ask(chat.unique(), headers_of("parallel"))
            gate.open()
            response.read()

    assert refused.status_code == 429, "an answer of 5,000 tokens may cost as much as ten of 200"
    until(lambda: by_cost.ask(chat.unique(), headers_of("parallel")).status_code == 200, "the rest to be given back")


def test_what_has_come_of_a_stream_that_its_caller_leaves_is_spent(by_cost):
    gate = Gate()
    by_cost.mini.answer = stream(chat.chunk({"content": "x" * 4000}), gate, chat.DONE)
    with by_cost.envoy.client() as client:
        call = chat.request(chat.unique(), stream=True)
        sent = {"content-type": "application/json", **headers_of("leaver")}
        with client.stream("POST", "/v1/chat/completions", content=call, headers=sent) as response:
            next(response.iter_raw())
    by_cost.mini.answer = answer(chat.completion())

    gate.open()
    by_cost.envoy.wait_count("estimated", 1, outcome="abandoned")
    share = budget_of(by_cost.ask(chat.unique(), headers_of("leaver")))[1]
    assert 0.2 < share < 0.3, "a thousand tokens have come"


def test_a_call_that_nobody_answers_costs_nothing(by_cost):
    for provider in (by_cost.mini, by_cost.spare):
        provider.answer = answer({"error": {"message": "no"}}, status=400)
    assert by_cost.ask(chat.unique(), headers_of("unlucky")).status_code == 400
    for provider in (by_cost.mini, by_cost.spare):
        provider.answer = answer(chat.completion())

    assert budget_of(by_cost.ask(chat.unique(), headers_of("unlucky")))[1] == 0


def at_once(gateway, count, tenant, **members):
    """Statuses of calls that are made at the same time, each on a connection of its own."""

    def ask(_):
        return gateway.ask(chat.unique(), headers_of(tenant), **members).status_code

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(ask, range(count)))


def test_parallel_calls_of_two_workers_do_not_get_past_a_budget(start_gateway):
    usage = {"prompt_tokens": 4, "completion_tokens": 1000, "total_tokens": 1004}
    cost = round((4 * MINI_PRICES["input"] + 1000 * MINI_PRICES["output"]) * 1000)
    policy = {
        **TENANT,
        "budgets": [
            {"name": "spend", "per": "tenant", "usd": usd(20 * cost), "window": "month"},
            {"name": "calls", "per": "tenant", "requests": 20, "window": "month", "limits": {"spender": 1000}},
        ],
    }
    gateway = start_gateway(policy, concurrency=2)
    gateway.mini.answer = answer(chat.completion(usage=usage))

    statuses = at_once(gateway, 64, "counter")
    assert statuses.count(200) == 20 and statuses.count(429) == 44
    statuses = at_once(gateway, 64, "spender", max_tokens=1000)
    assert set(statuses) == {200, 429}
    assert 19 <= statuses.count(200) <= 20 + 2, "less than a call of each worker beyond it"
    gateway.envoy.wait_count("cost_nanousd", (20 + statuses.count(200)) * cost)


def test_tokens_per_minute_are_a_budget_too(start_gateway):
    policy = {**TENANT, "budgets": [{"name": "tpm", "per": "tenant", "tokens": 2500, "window": "minute"}]}
    gateway = start_gateway(policy)
    refused = None

    def is_refused():
        nonlocal refused
        refused = gateway.ask(chat.unique(), headers_of("a"))
        return refused.status_code == 429

    until(is_refused, "a minute to be used up")
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert gateway.ask(chat.unique(), headers_of("b")).status_code == 200
