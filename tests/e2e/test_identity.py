"""Who asks, through a real Envoy: certificates of a mesh, metadata of routes, keys that the policy knows; and nobody can forge it by headers."""

import copy
import datetime
import hashlib
import ssl

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from e2e import chat
from e2e.gateway import running

HOUR = datetime.timedelta(hours=1)


class Authority:
    """Vouches for names of workloads."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mesh")])
        self.certificate = self._certificate(self.name, self.key, x509.BasicConstraints(ca=True, path_length=0))

    def _certificate(self, name, key, *extensions):
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(
            self.name, name, key.public_key(), x509.random_serial_number(), now - HOUR, now + HOUR
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, folder, stem, *names):
        """Writes a certificate with its key; the paths of both."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, stem)])
        certificate = self._certificate(subject, key, x509.SubjectAlternativeName(names))
        paths = folder / f"{stem}.pem", folder / f"{stem}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return paths

    def write(self, folder):
        path = folder / "authority.pem"
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path


def is_hit(response):
    assert response.status_code == 200, response.text
    return "hit" in response.headers["cache-status"]


class Mesh:
    """A gateway that asks for certificates, and callers with and without one."""

    POLICY = {
        "identity": {
            "mtls": {
                "trust_domains": ["cluster.local"],
                "attributes": {"tenant": "namespace", "workload": "service_account"},
            },
            "headers": {"tenant": "x-tenant", "workload": "x-workload"},
        },
        "rules": [
            {
                "name": "checkout-only",
                "when": 'identity.tenant == "payments" && identity.workload != "checkout"',
                "then": "deny",
            }
        ],
    }

    def __init__(self, gateway, folder, authority, trusted):
        self.gateway, self.folder, self.authority, self.trusted = gateway, folder, authority, trusted
        self.issued = 0

    def ask(self, text, spiffe_id=None, authority=None, **headers):
        context = ssl.create_default_context(cafile=str(self.trusted))
        context.check_hostname = False
        if spiffe_id:
            self.issued += 1
            names = x509.UniformResourceIdentifier(spiffe_id)
            context.load_cert_chain(*(authority or self.authority).issue(self.folder, f"caller{self.issued}", names))
        sent = {
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        with httpx.Client(verify=context, trust_env=False, timeout=20) as client:
            return client.post(self.url, content=chat.request(text), headers=sent)

    @property
    def url(self):
        return self.gateway.envoy.chat_url.replace("http://", "https://")


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mesh")
    authority = Authority()
    trusted = authority.write(folder)
    chain, key = authority.issue(folder, "gateway", x509.DNSName("localhost"))

    def tweak(bootstrap):
        (listener,) = bootstrap["static_resources"]["listeners"]
        listener["filter_chains"][0]["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "tls_certificates": [
                        {"certificate_chain": {"filename": str(chain)}, "private_key": {"filename": str(key)}}
                    ],
                    "validation_context": {"trusted_ca": {"filename": str(trusted)}},
                },
            },
        }

    with running(folder / "envoy", Mesh.POLICY, tweak=tweak) as gateway:
        yield Mesh(gateway, folder, authority, trusted)


def test_the_namespace_of_a_certificate_is_the_tenant(mesh):
    text = chat.unique()
    assert not is_hit(mesh.ask(text, "spiffe://cluster.local/ns/shop/sa/a"))
    assert is_hit(mesh.ask(text, "spiffe://cluster.local/ns/shop/sa/b"))
    assert not is_hit(mesh.ask(text, "spiffe://cluster.local/ns/other/sa/a"))


def test_no_header_makes_a_caller_another_workload(mesh):
    text = chat.unique()
    assert not is_hit(mesh.ask(text, "spiffe://cluster.local/ns/shop/sa/a"))
    assert not is_hit(mesh.ask(text, x_tenant="shop"))
    assert not is_hit(mesh.ask(text, "spiffe://cluster.local/ns/spy/sa/a", x_tenant="shop"))
    assert is_hit(mesh.ask(text, "spiffe://cluster.local/ns/shop/sa/a", x_tenant="spy"))


def test_rules_hold_by_what_a_certificate_says(mesh):
    assert mesh.ask(chat.unique(), "spiffe://cluster.local/ns/payments/sa/checkout").status_code == 200
    denied = mesh.ask(chat.unique(), "spiffe://cluster.local/ns/payments/sa/report", x_workload="checkout")
    assert denied.status_code == 403


def test_who_is_of_another_trust_domain_is_nobody(mesh):
    text = chat.unique()
    assert not is_hit(mesh.ask(text, "spiffe://cluster.local/ns/shop/sa/a"))
    assert not is_hit(mesh.ask(text, "spiffe://elsewhere.local/ns/shop/sa/a"))


def test_a_certificate_of_another_authority_opens_no_connection(mesh):
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError, httpx.ConnectError)):
        mesh.ask(chat.unique(), "spiffe://cluster.local/ns/shop/sa/a", authority=Authority())


@pytest.fixture(scope="module")
def by_route(tmp_path_factory):
    def tweak(bootstrap):
        (listener,) = bootstrap["static_resources"]["listeners"]
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        (host,) = manager["route_config"]["virtual_hosts"]
        for route in host["routes"]:
            route["metadata"] = {"filter_metadata": {"llm_arbiter": {"tenant": "storefront"}}}

    policy = {
        "identity": {"route": ["tenant"], "headers": {"tenant": "x-tenant"}, "required": True},
        "rules": [{"name": "storefront", "when": 'identity.tenant == "storefront"', "then": {"tier": "large"}}],
    }
    with running(tmp_path_factory.mktemp("route"), policy, tweak=tweak) as gateway:
        yield gateway


def test_a_route_says_who_asks_whatever_the_caller_says(by_route):
    given = by_route.ask(chat.unique(), {"x-tenant": "somebody"})

    assert given.status_code == 200
    assert "rule=storefront" in given.headers["x-arbiter-decision"]


@pytest.fixture(scope="module")
def by_service(tmp_path_factory):
    """A virtual host for calls that are not urgent beside the usual one; each names its part of the policy."""

    def tweak(bootstrap):
        (listener,) = bootstrap["static_resources"]["listeners"]
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        (usual,) = manager["route_config"]["virtual_hosts"]
        nightly = {**copy.deepcopy(usual), "name": "nightly", "domains": ["nightly.test"]}
        manager["route_config"]["virtual_hosts"] = [usual, nightly]
        for host, name in ((usual, "chat"), (nightly, "nightly")):
            for route in host["routes"]:
                route["metadata"] = {"filter_metadata": {"llm_arbiter": {"service": name}}}

    rules = [
        {
            "name": "nightly",
            "when": 'identity.service == "nightly"',
            "then": {"tier": "small", "service_tier": "flex", "cache": "off"},
        },
        {"name": "chat", "when": 'identity.service == "chat"', "then": {"tier": {"min": "large"}}},
    ]
    policy = {"identity": {"route": ["service"], "headers": {"service": "x-service"}}, "rules": rules}
    with running(tmp_path_factory.mktemp("services"), policy, tweak=tweak) as gateway:
        yield gateway


def test_a_route_names_the_rules_that_apply_to_its_calls(by_service):
    by_service.ask(chat.unique(chat.HARD), {"host": "nightly.test"})
    by_service.ask(chat.unique(), {"x-service": "nightly"})

    assert by_service.mini.only.json["service_tier"] == "flex"
    assert len(by_service.grand.received) == 1


def hashed(key):
    return hashlib.sha256(key.encode()).hexdigest()


KEYS = {
    "identity": {
        "keys": {
            "ci": {
                "sha256": hashed("ak-ci"),
                "tenant": "platform",
                "attributes": {"team": "build"},
                "models": ["mini"],
            },
            "deploy": {"sha256": hashed("ak-deploy"), "tenant": "platform"},
            "web": {"sha256": hashed("ak-web"), "tenant": "shop"},
            "batch": {"sha256": hashed("ak-batch"), "tenant": "shop"},
        },
        "headers": {"team": "x-team"},
        "required": True,
    },
    "requested_model": "honor",
    "admit": {"pass_through": ["/v1/files"]},
    "rules": [{"name": "batch", "when": 'identity.key == "batch"', "then": {"model": "spare"}}],
}


@pytest.fixture(scope="module")
def module_by_key(tmp_path_factory):
    with running(tmp_path_factory.mktemp("keys"), KEYS) as gateway:
        yield gateway


@pytest.fixture
def by_key(module_by_key):
    for provider in module_by_key.providers:
        provider.forget()
    return module_by_key


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def test_a_key_of_the_policy_says_who_asks_and_goes_to_no_provider(by_key):
    text = chat.unique()
    assert not is_hit(by_key.ask(text, bearer("ak-web")))
    assert is_hit(by_key.ask(text, {"x-api-key": "ak-web"}))
    assert not is_hit(by_key.ask(text, bearer("ak-ci")))
    for provider in by_key.providers:
        assert all("ak-" not in str(request.headers) for request in provider.received)


@pytest.mark.parametrize(
    "headers", [{}, bearer("ak-unknown"), bearer(hashed("ak-web"))], ids=["none", "unknown", "hash"]
)
def test_who_has_no_key_of_the_policy_is_turned_away(by_key, headers):
    response = by_key.ask(chat.unique(), headers)

    assert response.status_code == 401
    assert "an API key that is known here" in response.json()["error"]["message"]
    assert all(provider.received == [] for provider in by_key.providers)


def test_two_keys_of_two_holders_are_refused(by_key):
    assert by_key.ask(chat.unique(), {**bearer("ak-web"), "x-api-key": "ak-ci"}).status_code == 400


def test_a_key_opens_its_own_models_only(by_key):
    denied = by_key.ask(chat.unique(), bearer("ak-ci"), model="grand")
    served = by_key.ask(chat.unique(), bearer("ak-web"), model="grand")
    hard = by_key.ask(chat.unique("word " * 2000), bearer("ak-ci"))

    assert "model=mini" in denied.headers["x-arbiter-decision"], "the nearest that it may have"
    assert "model=grand" in served.headers["x-arbiter-decision"]
    assert hard.status_code == 200 and "model=mini" in hard.headers["x-arbiter-decision"]
    with by_key.envoy.client() as client:
        embed = {"model": "grand", "input": "a"}
        assert client.post("/v1/embeddings", json=embed, headers=bearer("ak-ci")).status_code == 400
        assert client.post("/v1/embeddings", json=embed, headers=bearer("ak-web")).status_code == 200


def test_what_a_key_for_some_models_was_given_is_not_given_to_others_of_its_tenant(by_key):
    text = chat.unique()
    assert not is_hit(by_key.ask(text, bearer("ak-ci")))
    assert not is_hit(by_key.ask(text, bearer("ak-deploy")))
    assert is_hit(by_key.ask(text, bearer("ak-ci")))


def test_rules_know_the_key_by_its_name(by_key):
    assert "model=spare" in by_key.ask(chat.unique(), bearer("ak-batch")).headers["x-arbiter-decision"]


def test_a_key_of_the_policy_goes_nowhere_with_what_passes(by_key):
    with by_key.envoy.client() as client:
        client.get("/v1/files", headers={**bearer("ak-web"), "x-team": "build"})
    received = [request for provider in by_key.providers for request in provider.received]

    assert received and all("ak-web" not in str(request.headers) for request in received)


def test_the_models_that_a_key_opens_are_listed(by_key):
    with by_key.envoy.client() as client:
        listed = {
            key: {model["id"] for model in client.get("/v1/models", headers=bearer(key)).json()["data"]}
            for key in ("ak-ci", "ak-web")
        }

    assert listed["ak-ci"] == {"auto", "mini"}
    assert listed["ak-web"] == {"auto", "mini", "spare", "grand"}
