"""Who asks: what a tenant has stored is nobody else's, and who does not say so is refused where the policy demands it."""

import pytest

from e2e import chat
from e2e.gateway import running

REQUIRED = {"identity": {"headers": {"tenant": "x-org"}, "required": True}}


def ask(gateway, text, headers):
    """A chat call; `headers` is a list, so that one may stand there twice."""
    with gateway.envoy.client() as client:
        headers = [("content-type", "application/json"), *headers]
        return client.post("/v1/chat/completions", content=chat.request(text), headers=headers)


def is_hit(response):
    assert response.status_code == 200, response.text
    return "hit" in response.headers["cache-status"]


def test_tenants_whose_names_are_no_text_share_nothing(gateway):
    text = chat.unique()
    names = [b"\xff", b"\xfe", b"\xff\xfe", "é".encode(), "é".encode("latin-1")]
    for name in names:
        assert not is_hit(ask(gateway, text, [("x-tenant", name)])), name
    for name in names:
        assert is_hit(ask(gateway, text, [("x-tenant", name)])), name


def test_a_tenant_that_is_named_twice_is_refused(gateway):
    response = ask(gateway, chat.unique(), [("x-tenant", "victim"), ("x-tenant", "me")])

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "tenant_repeated"
    assert "x-tenant" in response.json()["error"]["message"]
    assert gateway.mini.received == []


@pytest.fixture(scope="module")
def by_key(tmp_path_factory):
    with running(tmp_path_factory.mktemp("keys"), {"identity": {"api_key": True, "required": True}}) as gateway:
        yield gateway


def test_all_keys_of_a_caller_say_who_it_is(by_key):
    text = chat.unique()
    shared = ("authorization", "Bearer everybody")
    assert not is_hit(ask(by_key, text, [shared, ("x-api-key", "mine")]))
    assert not is_hit(ask(by_key, text, [shared, ("x-api-key", "yours")]))
    assert not is_hit(ask(by_key, text, [shared]))
    assert is_hit(ask(by_key, text, [("x-api-key", "mine"), shared]))


def test_without_a_key_nobody_is_served_where_one_is_required(by_key):
    response = ask(by_key, chat.unique(), [])

    assert response.status_code == 401
    assert response.json()["error"] == {
        "message": "nothing says who asks: an API key is missing",
        "type": "authentication_error",
        "param": None,
        "code": "tenant_missing",
    }


@pytest.fixture(scope="module")
def demanding(tmp_path_factory):
    with running(tmp_path_factory.mktemp("required"), REQUIRED) as gateway:
        yield gateway


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings"])
def test_without_a_tenant_nothing_gets_in_where_one_is_required(demanding, path, value):
    headers = {"content-type": "application/json"} | ({} if value is None else {"x-org": value})
    with demanding.envoy.client() as client:
        response = client.post(path, content=chat.request(), headers=headers)

    assert response.status_code == 401
    assert response.json()["error"]["code"] == "tenant_missing"
    assert all(provider.received == [] for provider in demanding.providers)


def test_an_anthropic_caller_is_told_in_its_own_words(demanding):
    with demanding.envoy.client() as client:
        response = client.post("/v1/messages", content=chat.request(), headers={"content-type": "application/json"})

    assert response.status_code == 401
    assert (response.json()["type"], response.json()["error"]["type"]) == ("error", "authentication_error")


def test_who_says_so_is_served(demanding):
    assert ask(demanding, chat.unique(), [("x-org", "acme")]).status_code == 200
