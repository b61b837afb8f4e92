"""Calls that are not scored go to the model that they name, with its provider's key, and are paid for; what nobody named is not found."""

import json

import httpx
import openai
import pytest

from e2e import dialects
from e2e.dialects import DIALECTS
from e2e.provider import answer, failure, stream

VECTORS = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}],
    "model": "served",
    "usage": {"prompt_tokens": 1000, "total_tokens": 1000},
}
COMPLETION = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1,
    "model": "served",
    "choices": [{"index": 0, "text": " there", "logprobs": None, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010},
}
PATHS = {
    "openai": "/v1/embeddings",
    "azure": "/openai/deployments/azure-large/embeddings?api-version=2024-10-21",
    "mistral": "/v1/embeddings",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with dialects.running(tmp_path_factory.mktemp("direct"), admit={"pass_through": ["/v1/files"]}) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared):
    shared.forget()
    return shared


@pytest.fixture
def client(gateway):
    http = httpx.Client(trust_env=False)
    with openai.OpenAI(api_key="sk-caller", base_url=f"{gateway.envoy.url}/v1", max_retries=0, http_client=http) as sdk:
        yield sdk


def cost(gateway, model):
    return gateway.envoy.count("cost_nanousd", model=model)


@pytest.mark.parametrize("dialect", PATHS)
def test_embeddings_are_credentialed_and_paid_for(gateway, client, dialect):
    gateway.providers[dialect].answer = answer(VECTORS)
    before = cost(gateway, dialect)
    given = client.embeddings.with_raw_response.create(model=dialect, input=["a", "b"], encoding_format="float")
    sent = gateway.providers[dialect].only

    assert given.parse().data[0].embedding == [0.25, -0.5]
    assert "reason=requested" in given.headers["x-arbiter-decision"]
    assert "complexity" not in given.headers["x-arbiter-decision"]
    assert sent.path == PATHS[dialect]
    assert f"sk-of-{dialect}" in sent.headers["api-key" if dialect == "azure" else "authorization"]
    assert "sk-caller" not in json.dumps(dict(sent.headers))
    assert sent.json == {"model": f"{dialect}-large", "input": ["a", "b"], "encoding_format": "float"}
    gateway.envoy.wait_count("cost_nanousd", before + 1000 * 1000, model=dialect)


def test_the_usage_of_long_embeddings_is_found(gateway):
    long = {**VECTORS, "data": [{"object": "embedding", "index": i, "embedding": [0.1] * 1000} for i in range(400)]}
    gateway.providers["openai"].answer = answer(long)
    before = cost(gateway, "openai")
    with gateway.envoy.client() as client:
        given = client.post("/v1/embeddings", json={"model": "openai", "input": "a"})

    assert len(given.content) > 2_000_000 and given.json() == long
    gateway.envoy.wait_count("cost_nanousd", before + 1000 * 1000, model="openai")


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
def test_old_completions_are_answered_and_paid_for(gateway, client, streaming):
    piece = {**COMPLETION, "usage": None}
    last = {**COMPLETION, "choices": []}
    gateway.providers["openai"].answer = (
        stream(dialects.chat.event(piece), dialects.chat.event(last), dialects.chat.DONE)
        if streaming
        else answer(COMPLETION)
    )
    before = cost(gateway, "openai")
    given = client.completions.create(model="openai", prompt="Hello", stream=streaming)
    text = "".join(part.choices[0].text for part in given if part.choices) if streaming else given.choices[0].text

    assert text == " there"
    assert gateway.providers["openai"].only.path == "/v1/completions"
    gateway.envoy.wait_count("cost_nanousd", before + 1000 * 1000 + 10 * 10_000, model="openai")


def test_an_error_is_the_providers_own(gateway, client):
    gateway.providers["openai"].answer = failure(400, "too many inputs")

    with pytest.raises(openai.BadRequestError, match="too many inputs"):
        client.embeddings.create(model="openai", input="a")


@pytest.mark.parametrize("model", ["auto", "text-embedding-that-nobody-has"])
def test_a_model_that_the_policy_lacks_is_not_found(gateway, client, model):
    with pytest.raises(openai.NotFoundError, match="no model of this name"):
        client.embeddings.create(model=model, input="a")
    assert all(provider.received == [] for provider in gateway.providers.values())


@pytest.mark.parametrize("dialect", [dialect for dialect in DIALECTS if dialect not in PATHS])
def test_who_does_not_serve_it_is_not_asked(gateway, client, dialect):
    with pytest.raises(openai.BadRequestError, match=f"{dialect}: its provider does not serve `/embeddings`"):
        client.embeddings.create(model=dialect, input="a")
    assert gateway.providers[dialect].received == []


def test_a_call_that_names_its_model_twice_is_refused(gateway):
    with gateway.envoy.client() as client:
        headers = {"content-type": "application/json"}
        given = client.post("/v1/embeddings", content=b'{"model": "openai", "model": "azure"}', headers=headers)

    assert (given.status_code, given.json()["error"]["code"]) == (400, "ambiguous_body")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/v1/chat/completions"), ("POST", "/v1/images/generations"), ("GET", "/v1/filesystem")],
)
def test_what_nobody_named_is_not_found(gateway, method, path):
    with gateway.envoy.client() as client:
        openais = client.request(method, path, headers={"authorization": "Bearer sk-caller"})
        anthropics = client.request(method, path, headers={"anthropic-version": "2023-06-01"})

    assert (openais.status_code, anthropics.status_code) == (404, 404)
    error = openais.json()["error"]
    assert (error["type"], error["code"]) == ("not_found_error", "not_found")
    assert f"`{method} {path}`" in error["message"] and "admit.pass_through" in error["message"]
    assert (anthropics.json()["type"], anthropics.json()["error"]["type"]) == ("error", "not_found_error")
    assert all(provider.received == [] for provider in gateway.providers.values())


def test_what_the_policy_names_passes_with_all_below_it(gateway):
    with gateway.envoy.client() as client:
        for path in ("/v1/files", "/v1/files/file-1/content"):
            assert client.get(path, headers={"authorization": "Bearer sk-caller"}).status_code == 200
    assert [sent.path for sent in gateway.providers["openai"].received] == ["/v1/files", "/v1/files/file-1/content"]
    assert gateway.providers["openai"].received[0].headers["authorization"] == "Bearer sk-caller"


def test_who_wants_no_provider_asked_is_told_so(gateway):
    with gateway.envoy.client() as client:
        asked = {"model": "openai", "input": "a"}
        given = client.post("/v1/embeddings", json=asked, headers={"cache-control": "only-if-cached"})

    assert (given.status_code, given.json()["error"]["code"]) == (504, "only_if_cached")
    assert gateway.providers["openai"].received == []
