"""A provider that cannot be used now is skipped, unless there is no other."""

import pytest

from e2e import chat, policies
from e2e.provider import Provider, answer, failure, refused_port, reset
from e2e.waiting import until

BEFORE_EJECTION = 5
"""Failures in a row that a provider is allowed."""


def said_by(response):
    return response.json()["choices"][0]["message"]["content"].split(" ")[0]


def three_in_a_row(mini, grand, spare, **members):
    """One tier: `mini`, `grand`, `spare`."""
    document = policies.document(mini, grand, spare, **members)
    document["tiers"] = [{"name": "all", "handles": "high", "models": ["mini", "grand", "spare"]}]
    return document


def unresolved(provider, document=policies.document):
    """A document in which the host name of `provider` does not resolve."""

    def changed(mini, grand, spare, **members):
        policy = document(mini, grand, spare, **members)
        policy["providers"][provider]["host"] = "no-such-host.invalid"
        return policy

    return changed


@pytest.mark.parametrize("status", [502, 503])
def test_a_provider_that_fails_steadily_is_not_asked_each_time(start_gateway, status):
    gateway = start_gateway(policies.CACHE_OFF, ejects=True)
    gateway.mini.answer = failure(status)
    responses = [gateway.ask() for _ in range(30)]

    assert {said_by(response) for response in responses} == {"spare"}
    assert len(gateway.mini.received) == BEFORE_EJECTION
    assert len(gateway.spare.received) == 30
    assert responses[-1].headers["x-arbiter-decision"].endswith("attempts=1")


def test_a_provider_that_refuses_connections_is_not_tried(start_gateway):
    with refused_port() as port:
        gateway = start_gateway(policies.CACHE_OFF, ejects=True, ports={"mini": port})
        decisions = [gateway.ask().headers["x-arbiter-decision"] for _ in range(5)]

    assert not [decision for decision in decisions if not decision.endswith("attempts=1")]


def test_a_provider_that_takes_connections_again_is_asked_again(start_gateway):
    def quick(bootstrap):
        for cluster in bootstrap["static_resources"]["clusters"]:
            for check in cluster.get("health_checks", []):
                check |= {"interval": "0.1s", "no_traffic_interval": "0.1s", "interval_jitter": "0.01s"}

    with refused_port() as port:
        gateway = start_gateway(policies.CACHE_OFF, ejects=True, ports={"mini": port}, tweak=quick)
        assert said_by(gateway.ask()) == "spare"
    with Provider(answer(chat.completion("mini says hello")), port):
        until(lambda: said_by(gateway.ask()) == "mini", "mini to be asked again")


def test_connections_that_break_eject_nobody(start_gateway):
    """A caller's request may be what breaks them."""
    gateway = start_gateway(policies.CACHE_OFF, ejects=True)
    gateway.mini.answer = reset
    responses = [gateway.ask() for _ in range(3 * BEFORE_EJECTION)]

    assert {said_by(response) for response in responses} == {"spare"}
    assert len(gateway.mini.received) == 3 * BEFORE_EJECTION


def test_all_that_fail_steadily_are_skipped_for_the_one_that_does_not(start_gateway):
    gateway = start_gateway(policies.CACHE_OFF, document=three_in_a_row, ejects=True)
    gateway.mini.answer = gateway.grand.answer = failure(503)
    responses = [gateway.ask() for _ in range(10)]

    assert {said_by(response) for response in responses} == {"spare"}
    assert len(gateway.mini.received) == len(gateway.grand.received) == BEFORE_EJECTION
    assert len(gateway.spare.received) == 10


def test_a_provider_that_answers_now_and_then_is_always_asked(start_gateway):
    gateway = start_gateway(policies.CACHE_OFF, ejects=True)
    for _ in range(3):
        gateway.mini.then(*[failure(503)] * (BEFORE_EJECTION - 1), answer(chat.completion("mini says hello")))
    responses = [gateway.ask() for _ in range(3 * BEFORE_EJECTION)]

    assert len(gateway.mini.received) == len(responses)


def test_a_provider_is_asked_again_when_its_time_is_up(start_gateway):
    def shorten(bootstrap):
        for cluster in bootstrap["static_resources"]["clusters"]:
            if "outlier_detection" in cluster:
                cluster["outlier_detection"]["base_ejection_time"] = "1s"

    gateway = start_gateway(policies.CACHE_OFF, ejects=True, tweak=shorten)
    gateway.mini.then(*[failure(503)] * BEFORE_EJECTION)
    first = [said_by(gateway.ask()) for _ in range(BEFORE_EJECTION + 1)]

    assert first == ["spare"] * (BEFORE_EJECTION + 1)
    until(lambda: said_by(gateway.ask()) == "mini", "mini to be asked again")


def test_the_only_provider_is_asked_even_when_it_fails_steadily(start_gateway):
    gateway = start_gateway(policies.CACHE_OFF, ejects=True)
    gateway.grand.answer = failure(503, "not now")
    responses = [gateway.ask(chat.HARD) for _ in range(20)]

    assert {response.json()["error"]["message"] for response in responses} == {"not now"}
    assert len(gateway.grand.received) == 20
    gateway.grand.answer = answer(chat.completion("back again"))
    assert said_by(gateway.ask(chat.HARD)) == "back"


def test_when_every_provider_fails_steadily_they_are_still_asked(start_gateway):
    gateway = start_gateway(policies.CACHE_OFF, ejects=True)
    gateway.mini.answer = gateway.spare.answer = failure(503)
    for _ in range(20):
        gateway.ask()
    gateway.mini.answer = gateway.spare.answer = answer(chat.completion("back again"))

    assert said_by(gateway.ask()) == "back"


def test_a_host_name_that_does_not_resolve_is_skipped(start_gateway):
    gateway = start_gateway(policies.CACHE_OFF, document=unresolved("cheap"))
    response = gateway.ask()

    assert said_by(response) == "spare"
    assert response.headers["x-arbiter-decision"].endswith("attempts=1")


def test_a_host_name_that_does_not_resolve_is_skipped_after_a_failure_too(start_gateway):
    gateway = start_gateway(policies.CACHE_OFF, document=unresolved("strong", three_in_a_row))
    gateway.mini.answer = failure(503)
    response = gateway.ask()

    assert said_by(response) == "spare"
    assert response.headers["x-arbiter-decision"].endswith('attempts=2, failed="mini:503"')
