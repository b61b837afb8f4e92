"""Each provider gets its own credential and nobody else's."""

import pytest

from e2e import chat, policies
from e2e import gateway as gateways
from e2e.provider import failure

KEYS = {"CHEAP_KEY": "sk-cheap", "STRONG_KEY": "sk-strong"}

OF_THE_CALLER = {
    "authorization": "Bearer sk-caller",
    "x-api-key": "sk-caller",
    "api-key": "sk-caller",
    "x-goog-api-key": "sk-caller",
    "proxy-authorization": "Basic sk-caller",
    "cookie": "session=sk-caller",
    "openai-organization": "org-sk-caller",
    "openai-project": "proj-sk-caller",
}


@pytest.fixture(scope="module")
def module_gateway(tmp_path_factory):
    """`cheap` and `strong` have a credential, `second` has none."""

    def with_credentials(mini, grand, spare):
        document = policies.document(mini, grand, spare, **policies.CACHE_OFF, **policies.PASSES)
        document["providers"]["cheap"]["credential"] = "CHEAP_KEY"
        document["providers"]["strong"]["credential"] = "STRONG_KEY"
        return document

    directory = tmp_path_factory.mktemp("secrets")
    with gateways.running(directory, document=with_credentials, environment=KEYS) as gateway:
        yield gateway


def seen_by(provider):
    """Everything that a provider was sent, as text."""
    return repr([(received.line, received.raw_headers, received.body) for received in provider.received])


@pytest.mark.parametrize(("text", "name", "key"), [(chat.EASY, "mini", "sk-cheap"), (chat.HARD, "grand", "sk-strong")])
def test_a_provider_gets_its_own_credential_only(gateway, text, name, key):
    assert gateway.ask(text, OF_THE_CALLER).status_code == 200

    provider = getattr(gateway, name)
    assert provider.only.headers["authorization"] == f"Bearer {key}"
    assert "sk-caller" not in seen_by(provider)


def test_on_failover_each_gets_its_own(gateway):
    gateway.mini.answer = failure(503)
    assert gateway.ask(chat.EASY, OF_THE_CALLER).status_code == 200

    assert gateway.mini.only.headers["authorization"] == "Bearer sk-cheap"
    assert "authorization" not in gateway.spare.only.headers
    assert "sk-" not in seen_by(gateway.spare)


def test_what_passes_through_is_not_given_a_credential(gateway):
    with gateway.envoy.client() as client:
        client.get("/v1/files")

    assert "sk-" not in seen_by(gateway.mini)


def test_no_credential_is_written_anywhere(gateway):
    response = gateway.ask(chat.EASY, OF_THE_CALLER)

    gateway.envoy.calls(1)
    written = [gateway.envoy.access_log, gateway.envoy.log, gateway.envoy.log.parent / "bootstrap.json"]
    for text in (repr(response.headers), response.text, *(path.read_text() for path in written)):
        assert not [key for key in ("sk-caller", *KEYS.values()) if key in text]
