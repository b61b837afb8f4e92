"""Every attempt starts clean, goes to a model that can take it, and is accounted for."""

import pytest

from e2e import dialects, policies
from e2e.dialects import KEYS, error, question, whole
from e2e.envoy import Envoy, version
from e2e.provider import Provider, answer, failure, refused_port

OF_THE_CALLER = {
    "authorization": "Bearer sk-of-the-caller",
    "x-api-key": "sk-of-the-caller",
    "x-goog-api-key": "sk-of-the-caller",
    "api-key": "sk-of-the-caller",
    "cookie": "session=sk-of-the-caller",
    "openai-organization": "org-of-the-caller",
    "anthropic-version": "1999-01-01",
    "anthropic-beta": "interleaved-thinking-2025-05-14",
    "x-stainless-lang": "python",
}


def everything(provider):
    """All that a provider was sent, as text."""
    return repr([(received.line, received.raw_headers, received.body) for received in provider.received])


@pytest.fixture(
    scope="module",
    params=[("openai", "anthropic", "gemini"), ("gemini", "azure", "openai"), ("anthropic", "gemini", "mistral")],
    ids=",".join,
)
def chain(request, tmp_path_factory):
    """A gateway whose providers are asked in this order."""
    with dialects.running(tmp_path_factory.mktemp("chain"), request.param, **policies.CACHE_OFF) as gateway:
        yield gateway


@pytest.mark.parametrize("caller", dialects.CALLERS)
def test_no_provider_sees_the_key_of_another(chain, caller):
    chain.forget()
    for dialect in [*chain.providers][:2]:
        chain.providers[dialect].answer = error(dialect, 503, "not now")
    response = chain.ask(caller, question(caller, "auto"), OF_THE_CALLER)

    assert response.status_code == 200
    for dialect, provider in chain.providers.items():
        assert len(provider.received) == 1
        seen = everything(provider)
        assert KEYS[f"{dialect.upper()}_KEY"] in seen
        strangers = [key for key in KEYS.values() if key != f"sk-of-{dialect}"]
        assert not [key for key in [*strangers, "of-the-caller", "x-arbiter", "stainless"] if key in seen]
        # A version is for those who speak the dialect: translated requests are of the policy's.
        assert ("1999-01-01" in seen) == (caller == dialect == "anthropic")
        assert ("anthropic-version" in seen) == (dialect == "anthropic")
        assert ("interleaved-thinking" in seen) == (dialect == "anthropic")
        assert provider.only.headers["host"] == f"127.0.0.1:{provider.port}"
        assert int(provider.only.headers["content-length"]) == len(provider.only.body)


def test_failed_attempts_are_reported(tmp_path):
    order = ("openai", "anthropic", "gemini")
    with dialects.running(tmp_path, order) as gateway:
        gateway.providers["openai"].answer = error("openai", 429, "slow down")
        gateway.providers["anthropic"].answer = error("anthropic", 529, "busy")
        response = gateway.ask("openai", question("openai", "auto", user="u-1"))

        assert response.headers["x-arbiter-decision"].endswith('attempts=3, failed="openai:429 anthropic:529"')
        assert "model=gemini, provider=gemini" in response.headers["x-arbiter-decision"]
        assert response.headers["x-arbiter-dropped"] == "user"
        (line,) = gateway.envoy.calls(1)
        assert (line["arbiter"]["model"], line["arbiter"]["provider"]) == ("gemini", "gemini")
        assert line["arbiter"]["attempts"] == 3
        assert line["arbiter"]["failed"] == [
            {"model": "openai", "reason": "429"},
            {"model": "anthropic", "reason": "529"},
        ]
        gateway.envoy.wait_count("attempts", 1, provider="openai", model="openai", result="429")
        gateway.envoy.wait_count("attempts", 1, model="anthropic", result="529")
        gateway.envoy.wait_count("attempts", 1, model="gemini", result="answered")


def test_a_connection_that_fails_is_told_from_one_that_breaks(start_gateway):
    with refused_port() as port:
        gateway = start_gateway(policies.CACHE_OFF, ports={"mini": port})
        response = gateway.ask()
    assert 'failed="mini:connect_failure"' in response.headers["x-arbiter-decision"]

    gateway = start_gateway(policies.CACHE_OFF)
    gateway.mini.answer = lambda exchange: exchange.reset()
    assert 'failed="mini:reset"' in gateway.ask().headers["x-arbiter-decision"]


@pytest.mark.parametrize("caller", dialects.CALLERS)
def test_when_nobody_answers_the_caller_gets_an_error_of_its_own_dialect(tmp_path, caller):
    with refused_port() as port:
        document = dialects.policy({"openai": port, "anthropic": port})
        with Envoy.start(document, tmp_path, environment=KEYS) as envoy, envoy.client() as client:
            response = client.post(dialects.PATHS[caller], json=question(caller, "auto"))

    assert response.status_code == (529 if caller == "anthropic" else 503)
    message = response.json()["error"]["message"]
    assert message == "no provider gave an answer (openai: connect_failure, anthropic: connect_failure)"
    assert int(response.headers.get("content-length", len(response.content))) == len(response.content)


def test_a_call_past_its_deadline_ends_in_an_error(start_gateway):
    gateway = start_gateway({"failover": {"timeout": "1s", "per_try_idle_timeout": "20s"}, **policies.CACHE_OFF})
    gateway.mini.answer = lambda exchange: exchange.closed.wait()
    response = gateway.ask()

    assert response.status_code == 504
    assert response.json()["error"]["type"] == "server_error"


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
def test_a_model_without_another_after_it_may_not_be_silent_either(start_gateway, streaming):
    field = "per_try_idle_timeout" if streaming else "whole_answer_timeout"
    members = {"failover": {field: "1s", "timeout": "60s"}, "requested_model": "honor"}
    gateway = start_gateway({**members, **policies.CACHE_OFF})
    gateway.mini.answer = lambda exchange: exchange.closed.wait()
    response = gateway.ask(model="mini", stream=streaming)

    assert response.status_code == 504
    assert response.json()["error"]["message"] == "no provider gave an answer (mini: timeout)"


WINDOWS = {"small": 10_000, "larger": 100_000}
TOO_LONG = answer(
    {
        "error": {
            "message": "too long",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    },
    400,
)


@pytest.mark.parametrize(
    ("first", "second", "asked"), [("small", "larger", True), ("larger", "small", False), ("small", "small", False)]
)
def test_a_prompt_that_proves_too_long_goes_to_a_larger_window_only(start_gateway, first, second, asked):
    if version() < (1, 37):
        pytest.skip("Envoy 1.36 ends when a retry is decided by an answer's body")

    def document(mini, grand, spare, **members):
        policy = policies.document(mini, grand, spare, **members)
        policy["models"]["mini"]["context_window"] = WINDOWS[first]
        policy["models"]["spare"]["context_window"] = WINDOWS[second]
        return policy

    gateway = start_gateway(policies.CACHE_OFF, document=document)
    gateway.mini.answer = TOO_LONG
    response = gateway.ask()

    assert len(gateway.spare.received) == asked
    assert response.status_code == (200 if asked else 400)
    assert "x-arbiter-retry" not in response.headers
    if asked:
        assert 'failed="mini:context_length"' in response.headers["x-arbiter-decision"]
    else:
        assert response.json()["error"]["code"] == "context_length_exceeded"


def test_a_prompt_that_is_too_long_by_estimate_is_not_sent_to_a_small_window(start_gateway):
    def document(mini, grand, spare, **members):
        policy = policies.document(mini, grand, spare, **members)
        policy["models"]["mini"]["context_window"] = 1000
        return policy

    gateway = start_gateway(policies.CACHE_OFF, document=document)
    assert gateway.ask("x" * 5000).status_code == 200

    assert gateway.mini.received == []
    assert gateway.spare.only.json["model"] == "spare-with-a-longer-name-v2"


def test_a_request_with_tools_never_goes_to_a_model_without(start_gateway):
    def document(mini, grand, spare, **members):
        policy = policies.document(mini, grand, spare, **members)
        policy["models"]["mini"]["tools"] = policy["models"]["spare"]["tools"] = False
        return policy

    gateway = start_gateway(policies.CACHE_OFF, document=document)
    tools = [{"type": "function", "function": {"name": "f"}}]
    response = gateway.ask(tools=tools)

    assert (gateway.mini.received, gateway.spare.received) == ([], [])
    assert gateway.grand.only.json["tools"] == tools
    assert "reason=ability" in response.headers["x-arbiter-decision"]


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("fails_over", [False, True])
def test_a_refused_credential_fails_over_only_if_the_policy_says_so(start_gateway, status, fails_over):
    gateway = start_gateway({"failover": {"refused_credentials": fails_over}, **policies.CACHE_OFF})
    gateway.mini.answer = failure(status, "wrong key")
    response = gateway.ask()

    assert response.status_code == (200 if fails_over else status)
    assert len(gateway.spare.received) == fails_over
    gateway.envoy.wait_count("attempts", 1, model="mini", result=str(status))
    assert f"mini answered {status}: the credential of its provider is refused" in gateway.envoy.log.read_text()


def test_a_missing_credential_is_named_and_no_empty_header_is_sent(tmp_path):
    with Provider(whole("openai", "hello")) as one, Provider(whole("anthropic", "hello")) as two:
        document = dialects.policy({"openai": one.port, "anthropic": two.port})
        environment = {"OPENAI_KEY": "", "ANTHROPIC_KEY": "sk-of-anthropic"}
        with Envoy.start(document, tmp_path, environment=environment) as envoy, envoy.client() as client:
            assert client.post(dialects.PATHS["openai"], json=question("openai", "auto")).status_code == 200
            pinned = client.post(dialects.PATHS["openai"], json=question("openai", "openai"))
            log = envoy.log.read_text()

    assert one.received == []
    assert len(two.received) == 1
    assert pinned.status_code == 503
    assert pinned.json()["error"]["code"] == "no_credential"
    assert "environment variable OPENAI_KEY is not set" in pinned.json()["error"]["message"]
    assert "providers.openai.credential: environment variable OPENAI_KEY is not set" in log
