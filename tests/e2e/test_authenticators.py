"""Envoy's own authenticators, as the files in `envoy/authenticators` put them before the filter, say who asks."""

import base64
import contextlib
import hashlib
import hmac
import json
import pathlib

import pytest
import yaml

from e2e import chat
from e2e.envoy import ROOT
from e2e.gateway import running
from e2e.provider import Provider, answer

POLICY = {"identity": {"headers": {"tenant": "x-tenant"}, "required": True}}
CLAIMS = {"tenant": "org", "team": ["realm", "team"]}
BY_CLAIM = {
    "identity": {
        "jwt": {"payload": "claims", "attributes": CLAIMS, "lists": {"groups": "groups"}},
        "headers": {"tenant": "x-tenant", "team": "x-team"},
        "required": True,
    },
    "rules": [
        {"name": "admins", "when": '"admins" in identity.groups', "then": {"tier": "large"}},
        {"name": "ads", "when": 'identity.team == "ads"', "then": "deny"},
    ],
}
SECRET = b"a secret of thirty-two bytes or more"


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(org, secret=SECRET, **claims):
    """A signed token (RFC 7515) that names an organisation."""
    head = encoded(json.dumps({"alg": "HS256", "kid": "k"}).encode())
    said = {"iss": "https://idp.example.com", "aud": "llm", "exp": 4_000_000_000, "org": org, **claims}
    signed = f"{head}.{encoded(json.dumps(said).encode())}"
    return f"{signed}.{encoded(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def filters(name):
    return yaml.safe_load((ROOT / "envoy" / "authenticators" / f"{name}.yaml").read_text())


def behind(chain, *clusters):
    """Puts filters before the router role."""

    def tweak(bootstrap):
        (listener,) = bootstrap["static_resources"]["listeners"]
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http_filters"][:0] = chain
        bootstrap["static_resources"]["clusters"] += clusters

    return tweak


def ask(gateway, text, **headers):
    return gateway.ask(text, {name.replace("_", "-"): value for name, value in headers.items()})


def is_served(response, as_hit):
    assert response.status_code == 200, response.text
    assert ("hit" in response.headers["cache-status"]) == as_hit


@pytest.fixture(scope="module")
def by_token(tmp_path_factory):
    directory = tmp_path_factory.mktemp("jwt")
    keys = pathlib.Path(directory) / "jwks.json"
    keys.write_text(json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "kid": "k", "k": encoded(SECRET)}]}))
    chain = filters("jwt_authn")
    chain[0]["typed_config"]["providers"]["idp"]["local_jwks"]["filename"] = str(keys)
    with running(directory, BY_CLAIM, tweak=behind(chain)) as gateway:
        yield gateway


def test_a_claim_of_a_token_is_the_tenant_whatever_the_caller_says(by_token):
    text = chat.unique()
    is_served(ask(by_token, text, authorization=f"Bearer {token('acme')}"), as_hit=False)
    forged = ask(by_token, text, authorization=f"Bearer {token('globex')}", x_tenant="acme")
    is_served(forged, as_hit=False)
    is_served(ask(by_token, text, authorization=f"Bearer {token('acme', jti='2')}"), as_hit=True)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer x",
        f"Bearer {token('acme', b'another secret of thirty-two bytes')}",
        f"Bearer {token('acme', exp=1)}",
    ],
    ids=["none", "broken", "forged", "expired"],
)
def test_who_has_no_valid_token_is_turned_away(by_token, authorization):
    headers = {"x_tenant": "acme"} | ({"authorization": authorization} if authorization else {})
    assert ask(by_token, chat.unique(), **headers).status_code == 401


def test_a_token_that_names_no_tenant_is_turned_away(by_token):
    response = ask(by_token, chat.unique(), authorization=f"Bearer {token(None)}")

    assert response.status_code == 401
    assert response.json()["error"]["code"] == "tenant_missing"


@pytest.mark.parametrize("org", [7, 1.0, True, ["acme"], {"acme": "acme"}, "a\nb"], ids=repr)
def test_a_claim_that_is_no_name_names_nobody(by_token, org):
    assert ask(by_token, chat.unique(), authorization=f"Bearer {token(org)}").status_code == 401


def test_rules_hold_by_claims_however_deep_and_by_lists(by_token):
    plain = ask(by_token, chat.unique(), authorization=f"Bearer {token('acme', groups=['users'])}")
    admin = ask(by_token, chat.unique(), authorization=f"Bearer {token('acme', groups=['users', 'admins'])}")
    denied = ask(by_token, chat.unique(), authorization=f"Bearer {token('acme', realm={'team': 'ads'})}")

    assert "tier=small" in plain.headers["x-arbiter-decision"]
    assert "rule=admins" in admin.headers["x-arbiter-decision"]
    assert denied.status_code == 403


def test_no_header_overrides_a_claim(by_token):
    bearer = f"Bearer {token('acme', realm={'team': 'search'})}"
    assert ask(by_token, chat.unique(), authorization=bearer, x_team="ads").status_code == 200
    bearer = f"Bearer {token('acme', realm={'team': 'ads'})}"
    assert ask(by_token, chat.unique(), authorization=bearer, x_team="search").status_code == 403


@pytest.fixture(scope="module")
def by_key(tmp_path_factory):
    with running(tmp_path_factory.mktemp("keys"), POLICY, tweak=behind(filters("api_key_auth"))) as gateway:
        yield gateway


def test_whose_key_it_is_says_who_asks(by_key):
    text = chat.unique()
    is_served(ask(by_key, text, authorization="Bearer change-me-one"), as_hit=False)
    is_served(ask(by_key, text, authorization="Bearer change-me-two", x_tenant="acme"), as_hit=False)
    is_served(ask(by_key, text, x_api_key="change-me-one"), as_hit=True)
    assert ask(by_key, text, authorization="Bearer wrong", x_tenant="acme").status_code == 401
    assert ask(by_key, text, x_tenant="acme").status_code == 401


@pytest.fixture(scope="module")
def by_service(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(Provider(answer(b"", 403)))
        endpoint = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": service.port}}}
        cluster = {
            "name": "authz",
            "type": "STATIC",
            "load_assignment": {"cluster_name": "authz", "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
        }
        directory = tmp_path_factory.mktemp("service")
        tweak = behind(filters("ext_authz"), cluster)
        yield service, stack.enter_context(running(directory, POLICY, tweak=tweak))


def test_a_service_says_who_asks(by_service):
    service, gateway = by_service
    text = chat.unique()
    service.then(*(answer(b"", headers=[("x-tenant", tenant)]) for tenant in ("acme", "globex", "acme")))
    is_served(ask(gateway, text, authorization="Bearer a"), as_hit=False)
    is_served(ask(gateway, text, authorization="Bearer b", x_tenant="acme"), as_hit=False)
    is_served(ask(gateway, text, authorization="Bearer c"), as_hit=True)


def test_a_service_that_names_nobody_or_refuses_lets_nobody_in(by_service):
    service, gateway = by_service
    service.then(answer(b""))
    assert ask(gateway, chat.unique(), authorization="Bearer a", x_tenant="acme").status_code == 401
    assert ask(gateway, chat.unique(), authorization="Bearer a", x_tenant="acme").status_code == 403
