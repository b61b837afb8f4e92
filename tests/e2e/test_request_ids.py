"""Every answer names its request where SDKs look, and the log says what was asked, under which name and in which session."""

import json

import httpx
import openai
import pytest

from e2e import chat, dialects
from e2e.dialects import question
from e2e.provider import answer, failure, reset
from e2e.waiting import until

ID = "x-request-id"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    cache = {"cache": {"exact": {"ttl": "1h"}}}
    with dialects.running(tmp_path_factory.mktemp("ids"), ("openai", "anthropic"), **cache) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared):
    shared.forget()
    return shared


def logged(gateway, **members):
    """What the log says of the request of which it says this."""

    def found():
        text = gateway.envoy.access_log.read_text() if gateway.envoy.access_log.exists() else ""
        requests = [json.loads(line)["request"] for line in text.split("\n")[:-1]]
        return [request for request in requests if members.items() <= request.items()]

    return until(found, f"a line with {members}")[-1]


def ask(gateway, model="openai", text=None, path="/v1/chat/completions?trace=1", **headers):
    with gateway.envoy.client() as client:
        return client.post(path, json=question("openai", model, text or chat.unique()), headers=headers)


def test_an_answer_without_a_name_gets_ours_which_is_in_the_log(gateway):
    response = ask(gateway)

    assert logged(gateway, id=response.headers[ID])["path"] == "/v1/chat/completions"


def test_the_providers_own_name_stays(gateway):
    gateway.providers["openai"].answer = answer(chat.completion(), headers=[(ID, "req_openai")])

    assert ask(gateway).headers[ID] == "req_openai"


def test_an_sdk_of_openais_finds_the_name_that_anthropic_gives(gateway):
    message = dialects.anthropic_message([{"type": "text", "text": "hello"}])
    gateway.providers["anthropic"].answer = answer(message, headers=[("request-id", "req_anthropic")])
    http = httpx.Client(trust_env=False)
    with openai.OpenAI(api_key="x", base_url=f"{gateway.envoy.url}/v1", max_retries=0, http_client=http) as client:
        given = client.chat.completions.create(model="anthropic", messages=[{"role": "user", "content": chat.unique()}])
        assert given._request_id == "req_anthropic"


def test_a_stored_answer_has_a_name_of_its_own(gateway):
    text = chat.unique()
    first, again = ask(gateway, text=text), ask(gateway, text=text)

    assert "; hit" in again.headers["cache-status"]
    assert again.headers[ID] != first.headers[ID]
    assert logged(gateway, id=again.headers[ID])


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/nothing"])
def test_an_error_of_ours_has_a_name(gateway, path):
    with gateway.envoy.client() as client:
        response = client.post(path, json={})

    assert response.status_code in {400, 404} and len(response.headers[ID]) > 10


def test_an_error_of_a_provider_and_of_envoy_has_a_name(gateway):
    gateway.providers["openai"].answer = failure(400)
    assert logged(gateway, id=ask(gateway).headers[ID])
    gateway.providers["openai"].answer = reset
    response = ask(gateway)
    assert response.status_code == 503
    assert logged(gateway, id=response.headers[ID])


@pytest.mark.parametrize("header", ["x-claude-code-session-id", "session-id"])
def test_an_agents_session_is_in_the_log_and_goes_to_no_provider(gateway, header):
    ask(gateway, **{header: f'a "session" by {header}'})

    assert logged(gateway, session=f'a "session" by {header}')
    assert header not in gateway.providers["openai"].only.headers


def test_what_is_not_found_is_in_the_log_without_its_key(gateway):
    with gateway.envoy.client() as client:
        client.get("/v1beta/models?key=secret")

    assert logged(gateway, path="/v1beta/models")
    assert "secret" not in gateway.envoy.access_log.read_text()


def test_a_streamed_answer_has_a_name(gateway):
    gateway.providers["openai"].answer = dialects.streaming("openai", "hello")
    response = ask(gateway)

    assert logged(gateway, id=response.headers[ID])
