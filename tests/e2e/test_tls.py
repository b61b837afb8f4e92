"""TLS to providers: the right name, a trusted authority, a date that has not passed, or no request at all."""

import contextlib
import datetime
import json
import ssl

import h2.config
import h2.connection
import h2.events
import pytest
import trustme

from e2e import policies
from e2e.chat import EASY, completion, request
from e2e.envoy import Envoy
from e2e.provider import Provider, answer


class TlsProvider:
    """A provider behind TLS on 127.0.0.1; notes the server name that was asked for and the requests that came through."""

    def __init__(self, authority, names=("localhost",), protocols=("http/1.1",), not_after=None):
        self.server_names = []
        self.requests = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.set_alpn_protocols(list(protocols))
        self._context.sni_callback = lambda _socket, name, _context: self.server_names.append(name)
        authority.issue_cert(*names, not_after=not_after).configure_cert(self._context)
        self._backend = Provider(answer(completion("behind TLS")))
        self._backend._serve = self._serve
        self.port = self._backend.port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._backend.__exit__()

    def _serve(self, connection):
        with contextlib.suppress(OSError), self._context.wrap_socket(connection, server_side=True) as secured:
            if secured.selected_alpn_protocol() == "h2":
                self._serve_h2(secured)
            else:
                Provider._serve(self._backend, secured)

    def _serve_h2(self, secured):
        secured.settimeout(0.1)
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        http.initiate_connection()
        secured.sendall(http.data_to_send())
        while not self._backend._closed.is_set():
            try:
                data = secured.recv(65536)
            except TimeoutError:
                continue
            if not data:
                return
            for event in http.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self.requests.append({name.decode(): value.decode() for name, value in event.headers})
                if isinstance(event, h2.events.StreamEnded):
                    headers = [(":status", "200"), ("content-type", "application/json")]
                    http.send_headers(event.stream_id, headers)
                    http.send_data(event.stream_id, json.dumps(completion("over HTTP/2")).encode(), end_stream=True)
            secured.sendall(http.data_to_send())

    @property
    def received(self):
        return self.requests or self._backend.received


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def ask(tmp_path, authority):
    """Asks a gateway whose first model is behind TLS at `host`, its second one at a plain port."""

    def answered(provider, spare, host="localhost"):
        trusted = tmp_path / "authority.pem"
        authority.cert_pem.write_to_path(str(trusted))
        document = policies.document(provider.port, spare.port, spare.port, **policies.CACHE_OFF)
        document["providers"]["cheap"] |= {"host": host, "tls": True, "credential": "CHEAP_KEY"}
        environment = {"CHEAP_KEY": "sk-cheap"}
        options = ("--trusted-ca", str(trusted))
        with Envoy.start(document, tmp_path / "envoy", environment=environment, options=options) as envoy:
            return envoy.chat(request(EASY))

    return answered


@pytest.fixture
def spare():
    with Provider(answer(completion("spare"))) as provider:
        yield provider


def text_of(response):
    return response.json()["choices"][0]["message"]["content"]


def test_a_provider_that_speaks_http2_is_asked_over_it(ask, authority, spare):
    with TlsProvider(authority, protocols=("h2", "http/1.1")) as provider:
        response = ask(provider, spare)

    assert text_of(response) == "over HTTP/2"
    assert provider.server_names == ["localhost"]
    (headers,) = provider.requests
    assert headers[":authority"] == f"localhost:{provider.port}"
    assert headers["authorization"] == "Bearer sk-cheap"


def test_a_provider_that_does_not_is_asked_over_http1(ask, authority, spare):
    with TlsProvider(authority) as provider:
        response = ask(provider, spare)

    assert text_of(response) == "behind TLS"
    assert provider.received[0].headers["authorization"] == "Bearer sk-cheap"


@pytest.mark.parametrize(
    ("host", "name", "asked_for"),
    [("api.localhost", "*.localhost", ["api.localhost"]), ("127.0.0.1", "127.0.0.1", [None])],
    ids=["wildcard", "address"],
)
def test_a_certificate_may_be_for_many_names_or_for_an_address(ask, authority, spare, host, name, asked_for):
    with TlsProvider(authority, names=(name,)) as provider:
        response = ask(provider, spare, host)

    assert text_of(response) == "behind TLS"
    assert provider.server_names == asked_for


def test_a_certificate_for_another_address_gets_no_request(ask, authority, spare):
    with TlsProvider(authority, names=("127.0.0.2", "localhost")) as provider:
        response = ask(provider, spare, "127.0.0.1")

    assert provider.received == []
    assert text_of(response) == "spare"


YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)

REFUSED = {
    "another name": lambda authority: TlsProvider(authority, names=("other.test",)),
    "expired": lambda authority: TlsProvider(authority, not_after=YESTERDAY),
    "unknown authority": lambda authority: TlsProvider(trustme.CA()),
}


@pytest.mark.parametrize("start", REFUSED.values(), ids=REFUSED)
def test_a_certificate_that_is_not_right_gets_no_request(ask, authority, spare, start):
    with start(authority) as provider:
        response = ask(provider, spare)

    assert provider.server_names == ["localhost"]
    assert provider.received == []
    assert text_of(response) == "spare"
    assert 'failed="mini:connect_failure"' in response.headers["x-arbiter-decision"]


def test_system_authorities_are_trusted_unless_told_otherwise(tmp_path, authority, spare):
    with TlsProvider(authority) as provider:
        document = policies.document(provider.port, spare.port, spare.port, **policies.CACHE_OFF)
        document["providers"]["cheap"] |= {"host": "localhost", "tls": True}
        with Envoy.start(document, tmp_path) as envoy:
            response = envoy.chat(request(EASY))

    assert text_of(response) == "spare"
    assert provider.received == []
