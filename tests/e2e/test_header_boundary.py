"""Which headers cross the boundary: to a provider only what it needs, back to the caller only what helps it."""

import itertools
import json

import pytest

from e2e import chat, dialects, policies
from e2e.gateway import running, with_trailers
from e2e.provider import answer, failure, stream
from e2e.raw import raw

POLICY = policies.PASSES

OF_THE_CALLER = {
    "authorization": "Bearer caller-secret",
    "proxy-authorization": "Basic caller-secret",
    "x-api-key": "caller-secret",
    "api-key": "caller-secret",
    "x-goog-api-key": "caller-secret",
    "cookie": "session=caller-secret",
    "openai-organization": "org-caller-secret",
    "openai-project": "proj-caller-secret",
    "x-auth-token": "caller-secret",
    "x-access-token": "caller-secret",
    "x-forwarded-access-token": "caller-secret",
    "x-amz-security-token": "caller-secret",
    "cf-access-jwt-assertion": "caller-secret",
    "x-goog-iap-jwt-assertion": "caller-secret",
    "x-ms-token-aad-access-token": "caller-secret",
    "x-vault-token": "caller-secret",
    "x-tenant": "caller-secret",
    "x-user-email": "caller-secret@acme.test",
    "x-forwarded-for": "10.1.2.3, caller-secret",
    "x-real-ip": "10.1.2.3",
    "forwarded": "for=caller-secret",
    "referer": "https://intranet.test/caller-secret",
    "origin": "https://intranet.test",
    "user-agent": "caller-secret/1.0",
    "x-http-method-override": "DELETE",
    "x-envoy-original-path": "/caller-secret",
    "x-stainless-lang": "caller-secret",
    "x-anything-else": "caller-secret",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "accept-language": "de",
}
SENT = {
    *("host", "content-type", "content-length", "transfer-encoding", "accept", "user-agent", "authorization"),
    *("api-key", "x-api-key", "x-goog-api-key", "anthropic-version", "anthropic-beta"),
}


def everything(provider):
    return repr([(received.line, received.raw_headers, received.body) for received in provider.received])


@pytest.mark.parametrize("caller", dialects.CALLERS)
@pytest.mark.parametrize("dialect", dialects.DIALECTS)
def test_a_provider_gets_its_own_key_and_nothing_of_the_callers(dialect_gateway, caller, dialect):
    response = dialect_gateway.ask(caller, dialects.question(caller, dialect), OF_THE_CALLER)

    assert response.status_code == 200, response.text
    provider = dialect_gateway.providers[dialect]
    assert set(provider.only.headers) <= SENT
    seen = everything(provider)
    assert "caller-secret" not in seen
    assert f"sk-of-{dialect}" in seen
    assert not [other for other in dialects.DIALECTS if other != dialect and f"sk-of-{other}" in seen]
    assert provider.only.headers["user-agent"].startswith("llm-arbiter/")


@pytest.fixture(scope="module", params=list(itertools.permutations(dialects.DIALECTS, 3))[::7], ids="-".join)
def three(request, tmp_path_factory):
    with dialects.running(tmp_path_factory.mktemp("three"), request.param) as gateway:
        yield request.param, gateway


@pytest.mark.parametrize("caller", dialects.CALLERS)
def test_in_three_attempts_each_provider_gets_its_own_key_alone(three, caller):
    order, gateway = three
    gateway.forget()
    for dialect in order[:2]:
        gateway.providers[dialect].answer = failure(503)
    response = gateway.ask(caller, dialects.question(caller, "auto"), OF_THE_CALLER)

    assert response.status_code == 200, response.text
    for dialect in order:
        seen = everything(gateway.providers[dialect])
        assert set(gateway.providers[dialect].only.headers) <= SENT
        assert "caller-secret" not in seen
        assert f"sk-of-{dialect}" in seen
        assert not [other for other in order if other != dialect and f"sk-of-{other}" in seen]


OF_THE_DIALECT = {
    "anthropic-version": "2023-06-02",
    "anthropic-beta": "context-1m-2025-08-07",
    "anthropic-workspace-id": "wrkspc_1",
    "anthropic-not-yet-known": "x",
}


def test_towards_anthropic_from_its_own_callers_the_headers_of_the_dialect_stay(dialect_gateway):
    dialect_gateway.ask("anthropic", dialects.question("anthropic", "anthropic"), OF_THE_DIALECT)

    received = dialect_gateway.providers["anthropic"].only.headers
    assert {name: received.get(name) for name in OF_THE_DIALECT} == OF_THE_DIALECT


@pytest.mark.parametrize("dialect", [dialect for dialect in dialects.DIALECTS if dialect != "anthropic"])
def test_towards_others_they_do_not(dialect_gateway, dialect):
    dialect_gateway.ask("anthropic", dialects.question("anthropic", dialect), OF_THE_DIALECT)

    assert not set(OF_THE_DIALECT) & set(dialect_gateway.providers[dialect].only.headers)


def test_they_come_back_when_a_later_attempt_goes_to_anthropic(tmp_path):
    with dialects.running(tmp_path, ("openai", "anthropic")) as gateway:
        gateway.providers["openai"].answer = failure(503)
        gateway.ask("anthropic", dialects.question("anthropic", "auto"), OF_THE_DIALECT)

        received = gateway.providers["anthropic"].only.headers
        assert {name: received.get(name) for name in OF_THE_DIALECT} == OF_THE_DIALECT


def test_a_header_that_may_change_an_answer_is_part_of_what_is_cached(gateway):
    text = chat.unique()

    def is_hit(**headers):
        response = gateway.ask(text, {name.replace("_", "-"): value for name, value in headers.items()})
        return "hit" in response.headers["cache-status"]

    assert not is_hit()
    assert not is_hit(anthropic_beta="a")
    assert not is_hit(anthropic_beta="b")
    assert is_hit(anthropic_beta="a")
    assert is_hit(x_anything="else")


@pytest.fixture(scope="module")
def forwarding(tmp_path_factory):
    def document(mini, grand, spare):
        document = policies.document(mini, grand, spare)
        document["providers"]["cheap"] |= {"forward_headers": ["X-Experiment"], "tracing": True}
        return document

    with running(tmp_path_factory.mktemp("forwarding"), document=document) as gateway:
        yield gateway


TRACED = {"x-experiment": "a", "traceparent": OF_THE_CALLER["traceparent"], "x-request-id": "r-1"}


def test_what_the_policy_says_goes_on_as_well_and_only_there(forwarding):
    forwarding.mini.answer = failure(503)
    assert forwarding.ask(headers=TRACED).status_code == 200

    received = forwarding.mini.only.headers
    assert (received["x-experiment"], received["traceparent"]) == ("a", TRACED["traceparent"])
    assert "x-request-id" in received
    assert not set(TRACED) & set(forwarding.spare.only.headers)


def test_what_goes_on_is_part_of_what_is_cached_but_a_trace_is_not(forwarding):
    forwarding.mini.forget()
    text = chat.unique()

    def is_hit(headers):
        return "hit" in forwarding.ask(text, headers).headers["cache-status"]

    assert not is_hit(TRACED)
    assert is_hit({**TRACED, "traceparent": "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
    assert not is_hit({**TRACED, "x-experiment": "b"})


OF_THE_PROVIDER = {
    "set-cookie": "__cf_bm=1; path=/",
    "alt-svc": 'h3=":443"',
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "x",
    "openai-organization": "org-ours",
    "anthropic-organization-id": "org-ours",
    "strict-transport-security": "max-age=1",
    "x-envoy-ratelimited": "true",
    "x-envoy-upstream-canary": "true",
    "x-envoy-immediate-health-check-fail": "1",
    "server": "cloudflare",
    "cf-ray": "1",
    "via": "1.1 x",
    "x-arbiter-decision": "forged",
}
HELPFUL = {
    "x-request-id": "req-1",
    "request-id": "req-2",
    "retry-after": "7",
    "x-ratelimit-remaining-requests": "5",
    "anthropic-ratelimit-tokens-remaining": "9",
    "openai-processing-ms": "12",
    "x-should-retry": "false",
}


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
def test_a_caller_gets_what_helps_it_and_nothing_else_of_a_provider(gateway, streaming):
    headers = [*OF_THE_PROVIDER.items(), *HELPFUL.items()]
    gateway.mini.answer = (
        answer(b"".join(chat.streamed("hello")), content_type="text/event-stream", headers=headers)
        if streaming
        else answer(chat.completion(), headers=headers)
    )
    received = gateway.ask(stream=streaming).headers

    assert {name: received.get(name) for name in HELPFUL} == HELPFUL
    assert not {name for name, value in OF_THE_PROVIDER.items() if received.get(name) == value}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failure_that_forbids_envoy_to_retry_fails_over_all_the_same(gateway, status):
    error = json.dumps({"error": {"message": "slow down"}}).encode()
    gateway.mini.answer = answer(error, status, headers=[("x-envoy-ratelimited", "true")])

    assert gateway.ask().status_code == 200
    assert len(gateway.spare.received) == 1


STEERING = {
    "x-envoy-max-retries": "0",
    "x-envoy-retry-on": "gateway-error",
    "x-envoy-upstream-rq-timeout-ms": "1",
    "x-envoy-upstream-rq-per-try-timeout-ms": "1",
    "x-envoy-hedge-on-per-try-timeout": "true",
    "x-envoy-retriable-status-codes": "200",
    "x-envoy-upstream-alt-stat-name": "x",
}


def test_a_caller_does_not_steer_retries_and_timeouts(gateway):
    gateway.mini.answer = failure(429)

    assert gateway.ask(headers=STEERING).status_code == 200
    assert len(gateway.spare.received) == 1
    with gateway.envoy.client() as client:
        assert client.get("/v1/files", headers=STEERING).status_code in {200, 429}
    assert not set(STEERING) & set(gateway.mini.received[-1].headers)


PASSING = {
    "openai-key": ({"authorization": "Bearer sk-proj-caller"}, "/v1/files", "openai", "authorization"),
    "anthropic-key": ({"x-api-key": "sk-ant-caller"}, "/v1/files", "anthropic", "x-api-key"),
    "anthropic-token": ({"authorization": "Bearer sk-ant-oat01-caller"}, "/v1/files", "anthropic", "authorization"),
    "anthropic-token-spelled": (
        {"authorization": "bearer  sk-ant-oat01-caller"},
        "/v1/files",
        "anthropic",
        "authorization",
    ),
    "google-key-in-the-query": ({"authorization": "Bearer caller"}, "/v1beta/models?key=AIza-caller", "gemini", None),
    "azure-token": (
        {"authorization": "Bearer eyJ-caller"},
        "/openai/deployments/x/embeddings",
        "azure",
        "authorization",
    ),
    "azure-gateway-key": ({"ocp-apim-subscription-key": "caller"}, "/v1/files", "openai", None),
    "anthropic-version": ({"anthropic-version": "2023-06-01"}, "/v1/files", "anthropic", None),
    "anthropic-path": ({"authorization": "Bearer sk-proj-caller"}, "/v1/messages/batches", "anthropic", None),
    "azure-key": ({"api-key": "caller"}, "/openai/models", "azure", "api-key"),
    "google-key": ({"x-goog-api-key": "AIza-caller"}, "/v1beta/models", "gemini", "x-goog-api-key"),
    "two-keys": (
        {"authorization": "Bearer sk-proj-caller", "x-api-key": "sk-ant-caller"},
        "/v1/files",
        "anthropic",
        "x-api-key",
    ),
    "no-key": ({"cookie": "caller", "x-forwarded-access-token": "caller"}, "/v1/files", "openai", None),
}


@pytest.mark.parametrize(("headers", "path", "dialect", "kept"), PASSING.values(), ids=PASSING)
def test_what_passes_through_carries_a_key_only_to_its_vendor(dialect_gateway, headers, path, dialect, kept):
    dialect_gateway.providers[dialect].answer = answer(b"passed", headers=[*OF_THE_PROVIDER.items(), *HELPFUL.items()])
    with dialect_gateway.envoy.client() as client:
        response = client.get(path, headers=headers)

    assert response.content == b"passed"
    received = dialect_gateway.providers[dialect].only
    port = dialect_gateway.providers[dialect].port
    assert (received.path, received.headers["host"]) == (path, f"127.0.0.1:{port}")
    credentials = {name for name, value in received.headers.items() if "caller" in value}
    assert credentials == ({kept} if kept else set())
    assert sum(len(provider.received) for provider in dialect_gateway.providers.values()) == 1
    assert {name: response.headers.get(name) for name in HELPFUL} == HELPFUL
    leaked = {name for name, value in OF_THE_PROVIDER.items() if response.headers.get(name) == value}
    assert leaked <= {"cf-ray", "via", "x-arbiter-decision"}


def test_without_a_provider_of_its_vendor_a_key_goes_nowhere(gateway):
    for headers in ({"authorization": "Bearer sk-ant-caller"}, {"x-api-key": "caller"}, {"x-goog-api-key": "caller"}):
        with gateway.envoy.client() as client:
            client.get("/v1/files", headers={**headers, "x-tenant": "caller"})
            client.get("/openai/deployments/x/models", headers={"authorization": "Bearer caller"})
            assert client.get("/v1beta/models?key=caller").status_code == 404
    for provider in gateway.providers:
        assert "caller" not in everything(provider)


CHUNKED = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
def test_a_call_that_ends_in_trailers_is_answered_and_no_trailer_comes_back(start_gateway, streaming):
    gateway = start_gateway(policies.CACHE_OFF, tweak=with_trailers)
    pieces = chat.streamed("hello") if streaming else [json.dumps(chat.completion("hello")).encode()]
    kind = b"text/event-stream" if streaming else b"application/json"
    script = stream(*pieces, trailers=b"set-cookie: ours=1\r\n", content_type=kind)
    gateway.mini.answer = gateway.grand.answer = script
    for text in (chat.EASY, chat.HARD):
        body = chat.request(text, stream=streaming)
        chunked = b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\ncookie: a=b\r\n\r\n" % (len(body), body)
        received = raw(gateway, CHUNKED + chunked)

        assert received.startswith(b"HTTP/1.1 200"), received
        assert b"hello" in received
        assert b"ours=1" not in received
