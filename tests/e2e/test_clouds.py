"""Models that a cloud runs: Amazon's take requests that Envoy has signed, Google's name project, location and model in the path."""

import contextlib
import hashlib
import hmac
import re
import urllib.parse

import pytest

from e2e import dialects
from e2e.dialects import question, whole
from e2e.envoy import Envoy
from e2e.policies import CACHE_OFF
from e2e.provider import Provider, failure

AWS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "aws-secret", "AWS_EC2_METADATA_DISABLED": "true"}
ENVIRONMENT = {**AWS, "GOOGLE_TOKEN": "ya29.token", "OPENAI_KEY": "sk-of-openai"}
PROVIDERS = {
    "openai": {"dialect": "openai", "credential": "OPENAI_KEY"},
    "bedrock": {
        "dialect": "anthropic",
        "path": "/anthropic/v1/messages",
        "credential": {"aws": {"region": "eu-central-1"}},
    },
    "vertex-claude": {
        "dialect": "vertex-anthropic",
        "project": "acme",
        "location": "europe-west1",
        "credential": "GOOGLE_TOKEN",
    },
    "vertex-gemini": {
        "dialect": "vertex-gemini",
        "project": "acme",
        "location": "global",
        "credential": "GOOGLE_TOKEN",
    },
}
SPEAKS = {"openai": "openai", "bedrock": "anthropic", "vertex-claude": "anthropic", "vertex-gemini": "gemini"}


@pytest.fixture(scope="module")
def module_clouds(tmp_path_factory):
    """Envoy before a provider of each cloud, and one of OpenAI's that is asked first."""
    with contextlib.ExitStack() as stack:
        providers = {name: stack.enter_context(Provider(whole(SPEAKS[name], "hello"))) for name in PROVIDERS}
        document = dialects.policy({name: provider.port for name, provider in providers.items()}, **CACHE_OFF)
        for name, members in PROVIDERS.items():
            address = {"host": "127.0.0.1", "port": providers[name].port, "tls": False}
            document["providers"][name] = {**address, **members}
        place = tmp_path_factory.mktemp("clouds")
        gateway = stack.enter_context(Envoy.start(document, place, environment=ENVIRONMENT))
        yield dialects.DialectGateway(gateway, providers)


@pytest.fixture
def clouds(module_clouds):
    """The same, its providers as if just started."""
    for provider in module_clouds.providers.values():
        provider.forget()
    return module_clouds


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature_of(sent, secret, service, region):
    """The signature that AWS would expect of what it has received (Signature Version 4)."""
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/(\d+)/(\S+)/aws4_request, SignedHeaders=(\S+), Signature=(\w+)",
        sent.headers["authorization"],
    )
    date, scope, names, signature = found.groups()
    assert scope == f"{region}/{service}"
    path, _, query = sent.path.partition("?")
    headers = "".join(f"{name}:{sent.headers[name].strip()}\n" for name in names.split(";"))
    body = hashlib.sha256(sent.body).hexdigest()
    request = "\n".join([sent.method, urllib.parse.quote(path), query, headers, names, body])
    hashed = hashlib.sha256(request.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", sent.headers["x-amz-date"], f"{date}/{scope}/aws4_request", hashed])
    key = digest(digest(digest(digest(f"AWS4{secret}".encode(), date), region), service), "aws4_request")
    return signature, digest(key, to_sign).hex(), names.split(";")


@pytest.mark.parametrize("caller", dialects.CALLERS)
@pytest.mark.parametrize("first_fails", [False, True], ids=["asked first", "after a failover"])
def test_what_leaves_for_amazon_is_signed_as_it_leaves(clouds, caller, first_fails):
    if first_fails:
        clouds.providers["openai"].answer = failure(503)
    model = "auto" if first_fails else "bedrock"
    given = clouds.ask(caller, question(caller, model), {"authorization": "Bearer sk-caller", "x-api-key": "sk-caller"})
    sent = clouds.providers["bedrock"].only

    assert given.status_code == 200
    assert sent.path == "/anthropic/v1/messages"
    assert sent.json["model"] == "bedrock-large"
    signature, expected, signed = signature_of(sent, "aws-secret", "bedrock-mantle", "eu-central-1")
    assert signature == expected
    assert {"host", "x-amz-date", "anthropic-version"} <= set(signed)
    assert "x-arbiter-provider" not in sent.headers
    assert "sk-caller" not in repr(sent.raw_headers)


@pytest.mark.parametrize("name", ["openai", "vertex-claude", "vertex-gemini"])
def test_nobody_else_gets_a_signature(clouds, name):
    assert clouds.ask("openai", question("openai", name)).status_code == 200
    sent = clouds.providers[name].only
    assert "AWS4" not in sent.headers["authorization"] and "x-amz-date" not in sent.headers


@pytest.mark.parametrize("caller", dialects.CALLERS)
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
def test_what_leaves_for_google_names_the_model_in_the_path(clouds, caller, streaming):
    models = "/v1/projects/acme/locations/europe-west1/publishers/anthropic/models/vertex-claude-large"
    clouds.providers["vertex-claude"].answer = (
        dialects.streaming("anthropic", "hello") if streaming else whole("anthropic", "hello")
    )
    members = {"stream": True} if streaming else {}
    given = clouds.ask(caller, question(caller, "vertex-claude", **members), {"anthropic-beta": "b"})
    sent = clouds.providers["vertex-claude"].only

    assert given.status_code == 200 and b"hello" in given.content
    assert sent.path == models + (":streamRawPredict" if streaming else ":rawPredict")
    assert sent.headers["authorization"] == "Bearer ya29.token"
    assert "model" not in sent.json
    assert sent.json["anthropic_version"] == "vertex-2023-10-16"
    assert sent.json.get("stream", False) is streaming
    assert sent.headers["anthropic-beta"] == "b"


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
def test_gemini_runs_at_google_cloud_too(clouds, streaming):
    models = "/v1/projects/acme/locations/global/publishers/google/models/vertex-gemini-large"
    clouds.providers["vertex-gemini"].answer = (
        dialects.streaming("gemini", "hello") if streaming else whole("gemini", "hello")
    )
    members = {"stream": True} if streaming else {}
    given = clouds.ask("anthropic", question("anthropic", "vertex-gemini", **members))
    sent = clouds.providers["vertex-gemini"].only

    assert given.status_code == 200 and b"hello" in given.content
    assert sent.path == models + (":streamGenerateContent?alt=sse" if streaming else ":generateContent")
    assert sent.headers["authorization"] == "Bearer ya29.token"
    assert "x-goog-api-key" not in sent.headers
