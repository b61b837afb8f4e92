"""Operators void answers on a listener of their own, and all workers stop serving them at once."""

import concurrent.futures
import json
import threading

import httpx
import pytest

from e2e import chat
from e2e.gateway import running
from e2e.provider import answer
from e2e.test_cache_bounds import worker_requests
from e2e.waiting import until

TOKEN = "s3cret"
POLICY = {"console": {"token": "CONSOLE_TOKEN"}, "identity": {"headers": {"tenant": "x-tenant"}}}
ENVIRONMENT = {"CONSOLE_TOKEN": TOKEN}


@pytest.fixture(scope="module")
def module_gateway(tmp_path_factory):
    with running(tmp_path_factory.mktemp("gateway"), POLICY, environment=ENVIRONMENT, concurrency=2) as gateway:
        yield gateway


def invalidate(gateway, token=TOKEN, **body):
    """Asks the console to void answers."""
    url = f"http://{gateway.envoy.listener('console')}/api/cache/invalidate"
    return httpx.post(url, json=body, headers={"authorization": f"Bearer {token}"}, timeout=20)


def is_hit(response):
    return "; hit" in response.headers["cache-status"]


@pytest.mark.parametrize(
    ("body", "void"),
    [
        ({"everything": True}, {"acme": True, "zoo": True}),
        ({"tenant": "acme"}, {"acme": True, "zoo": False}),
        ({"model": "mini"}, {"acme": True, "zoo": True}),
        ({"model": "grand"}, {"acme": False, "zoo": False}),
        ({"everything": True, "older_than": "1h"}, {"acme": False, "zoo": False}),
    ],
)
def test_what_is_void_goes_to_a_provider(gateway, body, void):
    text = chat.unique()

    def ask(tenant):
        return gateway.envoy.chat(chat.request(text), {"x-tenant": tenant})

    for tenant in void:
        assert not is_hit(ask(tenant))
        assert is_hit(ask(tenant))
    response = invalidate(gateway, **body)
    assert response.status_code == 200, response.text
    assert {tenant: not is_hit(ask(tenant)) for tenant in void} == void


def test_one_answer_is_removed_by_the_key_that_the_access_log_names(start_gateway):
    gateway = start_gateway(POLICY, environment=ENVIRONMENT)
    bodies = [chat.request(chat.unique()) for _ in range(2)]
    for body in bodies:
        gateway.envoy.chat(body)
    line = gateway.envoy.calls(2)[0]["arbiter"]

    assert invalidate(gateway, key=line["cache_key"]).json() == {"removed": 1}
    assert invalidate(gateway, key=line["cache_key"]).json() == {"removed": 0}
    assert [is_hit(gateway.envoy.chat(body)) for body in bodies] == [False, True]
    assert invalidate(gateway, tenant_id=line["tenant_id"]).status_code == 200
    assert [is_hit(gateway.envoy.chat(body)) for body in bodies] == [False, False]


def test_under_load_no_worker_serves_what_is_void(gateway):
    body = chat.request(chat.unique())
    gateway.envoy.chat(body)
    over = threading.Event()

    def load():
        with gateway.envoy.client() as client:
            while not over.is_set():
                client.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        callers = [pool.submit(load) for _ in range(4)]
        try:
            until(lambda: min(worker_requests(gateway.envoy)) > 0, "both workers to serve")
            for said in ("first", "second", "third"):
                until(lambda: is_hit(gateway.envoy.chat(body)), "an answer that was given since")
                gateway.mini.answer = answer(chat.completion(said))
                assert invalidate(gateway, everything=True).status_code == 200
                for _ in range(20):
                    assert gateway.envoy.chat(body).json()["choices"][0]["message"]["content"] == said
        finally:
            over.set()
    for caller in callers:
        caller.result()


def test_nobody_acts_without_the_token(gateway):
    body = chat.request(chat.unique())
    gateway.envoy.chat(body)
    for token in ("x", "other"):
        response = invalidate(gateway, token=token, everything=True)
        assert response.status_code == 401
        assert "Bearer TOKEN" in response.json()["error"]["message"]
    assert is_hit(gateway.envoy.chat(body))


def test_callers_do_not_reach_it(gateway):
    body = chat.request(chat.unique())
    gateway.envoy.chat(body)
    with gateway.envoy.client() as client:
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert client.post("/api/cache/invalidate", json={"everything": True}, headers=bearer).status_code != 401
    assert is_hit(gateway.envoy.chat(body))


def test_without_a_token_in_the_environment_there_are_no_actions(tmp_path):
    with running(tmp_path, POLICY) as gateway:
        response = invalidate(gateway, everything=True)
        assert response.status_code == 403
        assert json.loads(response.text)["error"]["message"].startswith("this is off")


def test_an_operator_reads_how_budgets_stand(tmp_path):
    budgets = [
        {"name": "spend", "per": "tenant", "usd": 0.001, "window": "month"},
        {"name": "calls", "requests": 4, "window": "month", "stages": {"warn": "50%"}},
    ]
    with running(tmp_path, {**POLICY, "budgets": budgets}, environment=ENVIRONMENT, concurrency=2) as gateway:
        for tenant in ("acme", "acme", "zoo"):
            assert gateway.ask(chat.unique(), {"x-tenant": tenant}).status_code == 200
        url = f"http://{gateway.envoy.listener('console')}/api/budgets"
        assert httpx.get(url).status_code == 401
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert httpx.post(url, json={}, headers=bearer).status_code == 405
        spend, calls = httpx.get(url, headers=bearer).json()["budgets"]

    assert (spend["name"], spend["per"], spend["unit"], spend["window"]) == ("spend", "tenant", "usd", "month")
    spent = {account["holder"]: account["spent"] for account in spend["accounts"]}
    assert spent == pytest.approx({"acme": 2 * 0.00027, "zoo": 0.00027})
    (all_calls,) = calls["accounts"]
    assert all_calls.pop("resets_in") > 0
    assert all_calls == {"holder": "", "spent": 3, "reserved": 0, "limit": 4, "stage": "warn"}
