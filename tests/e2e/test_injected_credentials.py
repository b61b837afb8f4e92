"""A credential that is left to Envoy reaches its own provider, and no other."""

import contextlib
import dataclasses
import os

import pytest

from e2e import dialects
from e2e.dialects import KEYS, error, question, whole
from e2e.envoy import Envoy, StartError
from e2e.policies import CACHE_OFF, PASSES
from e2e.provider import Provider
from e2e.waiting import until

HEADERS = {
    "openai": "authorization",
    "mistral": "authorization",
    "azure": "api-key",
    "anthropic": "x-api-key",
    "gemini": "x-goog-api-key",
}
VALUES = {
    name: f"Bearer sk-of-{name}" if header == "authorization" else f"sk-of-{name}" for name, header in HEADERS.items()
}
OF_THE_CALLER = {header: "sk-of-the-caller" for header in HEADERS.values()}


def secret(name, value):
    """A secret as Envoy's SDS has it in a file."""
    return f"""resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: {name}
  generic_secret: {{ secret: {{ inline_string: "{value}" }} }}
"""


@dataclasses.dataclass
class Injecting:
    """Envoy, its providers by dialect, and where its secrets stand."""

    envoy: Envoy
    providers: dict
    directory: object

    def ask(self, model="auto", caller="openai", headers=None):
        with self.envoy.client() as client:
            return client.post(dialects.PATHS[caller], json=question(caller, model), headers=headers)


@contextlib.contextmanager
def injecting(directory, order, secrets, **members):
    """A gateway with providers in this order. Those in `secrets` have theirs in a file with the given text, the others an
    environment variable."""
    with contextlib.ExitStack() as stack:
        providers = {name: stack.enter_context(Provider(whole(name, "hello"))) for name in order}
        document = dialects.policy({name: provider.port for name, provider in providers.items()}, **members)
        for name, text in secrets.items():
            path = directory / f"{name}.yaml"
            if text is not None:
                path.write_text(text)
            document["providers"][name]["credential"] = {"sds": str(path)}
        envoy = stack.enter_context(Envoy.start(document, directory, environment=KEYS))
        yield Injecting(envoy, providers, directory)


@pytest.fixture
def start(tmp_path):
    """Starts a gateway for one test alone; see `injecting`."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **members: stack.enter_context(injecting(tmp_path, *arguments, **members))


def good(*names):
    return {name: secret(name, VALUES[name]) for name in names}


def sent_to(provider):
    """Everything that a provider was sent, as text."""
    return repr([(received.line, received.raw_headers, received.body) for received in provider.received])


def assert_has_only_its_own_key(name, provider):
    assert provider.only.headers[HEADERS[name]] == VALUES[name]
    sent = sent_to(provider)
    strangers = [key for key in [*KEYS.values(), "of-the-caller", "x-arbiter"] if key in sent]
    assert strangers == [f"sk-of-{name}"]


@pytest.mark.parametrize("name", HEADERS)
def test_the_provider_gets_exactly_the_secret(start, name):
    gateway = start([name], good(name))

    assert gateway.ask(headers=OF_THE_CALLER).status_code == 200
    assert_has_only_its_own_key(name, gateway.providers[name])


ORDERS = {
    "secret-variable": (["openai", "mistral"], ["openai"]),
    "variable-secret": (["mistral", "openai"], ["openai"]),
    "secret-secret": (["openai", "mistral"], ["openai", "mistral"]),
    "secret-secret-variable": (["openai", "anthropic", "gemini"], ["openai", "anthropic"]),
    "secret-variable-secret": (["anthropic", "gemini", "openai"], ["openai", "anthropic"]),
}


@pytest.fixture(scope="module", params=ORDERS.values(), ids=ORDERS)
def failing_over(request, tmp_path_factory):
    """A gateway of which all providers but the last fail."""
    order, secrets = request.param
    place = tmp_path_factory.mktemp("failing-over")
    with injecting(place, order, good(*secrets), **CACHE_OFF) as gateway:
        for name in order[:-1]:
            gateway.providers[name].answer = error(name, 503, "not now")
        yield gateway


@pytest.mark.parametrize("caller", dialects.CALLERS)
def test_on_failover_no_provider_sees_the_key_of_another(failing_over, caller):
    gateway = failing_over
    for provider in gateway.providers.values():
        provider.received.clear()

    assert gateway.ask(caller=caller, headers=OF_THE_CALLER).status_code == 200
    for name, provider in gateway.providers.items():
        assert_has_only_its_own_key(name, provider)


def test_a_caller_cannot_have_a_key_sent_to_another_provider(start):
    gateway = start(["mistral", "openai"], good("openai"))

    assert gateway.ask(headers={"x-arbiter-provider": "openai"}).status_code == 200
    assert_has_only_its_own_key("mistral", gateway.providers["mistral"])


def test_what_passes_through_is_given_no_secret(start):
    gateway = start(["openai"], good("openai"), **PASSES)
    with gateway.envoy.client() as client:
        client.get("/v1/files", headers={"x-arbiter-provider": "openai"})

    assert "sk-of" not in sent_to(gateway.providers["openai"])


def test_a_secret_that_is_replaced_is_used_without_a_restart(start):
    gateway = start(["openai"], good("openai"))
    gateway.ask()
    new = gateway.directory / "new.yaml"
    new.write_text(secret("openai", "Bearer sk-new"))
    os.rename(new, gateway.directory / "openai.yaml")

    def sent():
        gateway.ask()
        return gateway.providers["openai"].received[-1].headers["authorization"]

    until(lambda: sent() == "Bearer sk-new", "the new secret to be sent")
    assert gateway.providers["openai"].received[0].headers["authorization"] == VALUES["openai"]


USELESS = {
    "none": "resources: []\n",
    "empty": secret("openai", ""),
    "of another name": secret("other", "Bearer sk-other"),
}


@pytest.mark.parametrize("text", USELESS.values(), ids=USELESS)
@pytest.mark.parametrize("caller", dialects.CALLERS)
def test_a_secret_that_is_missing_is_an_error_of_ours_and_nothing_is_sent(start, caller, text):
    gateway = start(["openai", "mistral"], {"openai": text})
    response = gateway.ask(caller=caller)

    assert response.status_code == 503
    assert response.json()["error"]["type"] == ("api_error" if caller == "anthropic" else "server_error")
    assert response.json()["error"]["message"] == "no provider gave an answer (openai: no_credential)"
    assert [provider.received for provider in gateway.providers.values()] == [[], []]
    (line,) = gateway.envoy.calls(1)
    assert line["arbiter"]["failed"] == [{"model": "openai", "reason": "no_credential"}]
    gateway.envoy.wait_count("attempts", 1, model="openai", result="no_credential")
    assert "providers.openai.credential.sds: Envoy has not found the secret `openai`" in gateway.envoy.log.read_text()


def test_a_file_of_secrets_that_is_absent_is_named_at_start(start):
    with pytest.raises(StartError) as caught:
        start(["openai"], {"openai": None})

    assert "openai.yaml' does not exist" in str(caught.value)
