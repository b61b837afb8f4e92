"""What the cache owes to those who share it."""

import pytest

from e2e import chat, dialects

POLICY = {"cache": {"exact": {"entries": 8, "bytes": 65536}}}


def ask(gateway, text, tenant="acme", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return gateway.ask(text, {"x-tenant": tenant, **headers})


def is_hit(response):
    return "; hit" in response.headers.get("cache-status", "")


def test_only_if_cached_asks_no_provider(gateway):
    text = chat.unique()
    missed = ask(gateway, text, cache_control="only-if-cached")

    assert missed.status_code == 504
    assert missed.json()["error"]["code"] == "only_if_cached"
    assert all(provider.received == [] for provider in gateway.providers)

    ask(gateway, text)
    assert is_hit(ask(gateway, text, cache_control="only-if-cached"))
    assert ask(gateway, text, cache_control="only-if-cached, no-cache").status_code == 504
    assert len(gateway.mini.received) == 1


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
def test_an_anthropic_caller_is_told_so_in_its_own_words(dialect_gateway, streaming):
    """That gateway has no cache at all: nothing can be stored there."""
    body = dialects.question("anthropic", "auto", stream=streaming)
    response = dialect_gateway.ask("anthropic", body, {"cache-control": "only-if-cached"})

    assert response.status_code == 504
    assert response.json()["error"]["type"] == "timeout_error"


def test_one_tenant_cannot_evict_the_others(start_gateway):
    gateway = start_gateway(POLICY)
    texts = [chat.unique() for _ in range(3)]
    for text in texts:
        ask(gateway, text, "small")
    for _ in range(40):
        assert ask(gateway, chat.unique(), "large").status_code == 200

    assert [is_hit(ask(gateway, text, "small")) for text in texts] == [True] * 3


def test_alone_a_tenant_may_have_it_all(start_gateway):
    gateway = start_gateway(POLICY)
    texts = [chat.unique() for _ in range(8)]
    for text in texts:
        ask(gateway, text)

    assert all(is_hit(ask(gateway, text)) for text in texts)
