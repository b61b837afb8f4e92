"""Shadow mode through a real Envoy: nothing changes on the wire, and all that would have become of a call is counted."""

import gzip
import json
import re

import pytest

from e2e import chat
from e2e.gateway import running
from e2e.provider import answer, failure, stream
from e2e.raw import raw
from e2e.waiting import until

POLICY = {
    "mode": "shadow",
    "requested_model": "ignore",
    "identity": {"headers": {"tenant": "x-tenant"}},
    "rules": [
        {"name": "no-interns", "when": 'identity.tenant == "interns"', "then": "deny"},
        {"name": "bounded", "when": 'identity.tenant == "brief"', "then": {"max_tokens": 5, "tier": "small"}},
    ],
    "budgets": [{"name": "calls", "per": "tenant", "requests": 1000, "window": "month", "limits": {"acme": 1}}],
}
HELLO = chat.request("hello", "grand-2024-08-06")
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


def http(body, path="/v1/chat/completions", method="POST", headers=(), chunked=False):
    """A request as bytes, after which the connection is closed."""
    fields = {"host": "llm.test", "content-type": "application/json", "connection": "close", **dict(headers)}
    if chunked:
        fields["transfer-encoding"] = "chunked"
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    elif body:
        fields["content-length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def compressed(exchange):
    body = gzip.compress(json.dumps(chat.completion("hello")).encode(), mtime=0)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
    exchange.send(head % len(body) + body)


EVENTS = [b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n', b"data: [DONE]\n\n"]
ANTHROPIC = {"anthropic-version": "2023-06-01", "x-api-key": "sk-ant-1"}
CALLS = {
    "whole": (http(HELLO, headers={"authorization": "Bearer sk-1", "accept-encoding": "gzip", "x-own": "é"}), None),
    "chunked": (http(HELLO, chunked=True), None),
    "streamed": (http(chat.request("hello", "mini", stream=True)), stream(*EVENTS)),
    "compressed": (http(HELLO), compressed),
    "refused by a rule": (http(HELLO, headers={"x-tenant": "interns"}), None),
    "bounded by a rule": (http(HELLO, headers={"x-tenant": "brief"}), None),
    "over its budget": (http(HELLO, headers={"x-tenant": "acme"}), None),
    "over its budget again": (http(HELLO, headers={"x-tenant": "acme"}), None),
    "unreadable": (http(b'{"model": "mini", "messages": [}'), failure(400)),
    "failed": (http(HELLO), failure(503)),
    "only stored": (http(HELLO, headers={"cache-control": "only-if-cached"}), None),
    "anthropic": (http(HELLO, "/v1/messages", headers=ANTHROPIC), failure(404)),
    "responses": (http(b'{"model": "mini", "input": "hello"}', "/v1/responses"), failure(404)),
    "embeddings": (http(b'{"model": "ada", "input": "hello"}', "/v1/embeddings"), failure(404)),
    "models": (http(b"", "/v1/models", "GET"), None),
    "somewhere": (http(b"{}", "/v1/files"), failure(404)),
}


def without_the_filter(bootstrap):
    """A `tweak`: the same Envoy, and we are not in it."""
    (listener,) = bootstrap["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http_filters"] = manager["http_filters"][-1:]


def exchanged(gateway, provider, request, script):
    """All that a provider and a caller see of each other, but what no two calls have in common."""
    provider.forget()
    if script:
        provider.then(script)
    response = raw(gateway, request)
    asked = provider.only
    once = {"x-request-id"}
    headers = [(name, value) for name, value in asked.raw_headers if name.lower() not in once]
    varying = rb"(?mi)^(date|x-request-id|x-envoy-upstream-service-time): [^\r]*\r\n"
    return (asked.line, headers, asked.body), re.sub(varying, b"", response)


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    with running(tmp_path_factory.mktemp("watched"), POLICY) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def bare(tmp_path_factory, watched):
    ports = {name: getattr(watched, name).port for name in ("mini", "grand", "spare")}
    directory = tmp_path_factory.mktemp("bare")
    with running(directory, POLICY, ports, tweak=without_the_filter) as gateway:
        yield gateway


@pytest.mark.parametrize("name", CALLS)
def test_no_byte_is_changed(watched, bare, name):
    request, script = CALLS[name]

    assert exchanged(watched, watched.mini, request, script) == exchanged(bare, watched.mini, request, script)


def logged(gateway, **members):
    """What the access log says of the last call of which it says this."""

    def found():
        lines = gateway.envoy.access_log.read_text().split("\n")[:-1]
        calls = [json.loads(line).get("arbiter", {}) for line in lines if line]
        return [call for call in calls if all(call.get(name) == value for name, value in members.items())]

    return until(found, f"a line with {members}")[-1]


def ask(gateway, text="hello", model="grand", **headers):
    with gateway.envoy.client() as client:
        names = {"content-type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return client.post("/v1/chat/completions", content=chat.request(text, model), headers=names)


def test_what_would_have_become_of_a_call_is_counted_and_priced(tmp_path):
    with running(tmp_path, POLICY) as gateway:
        gateway.mini.answer = answer(chat.completion("hi", usage=USAGE))
        text = chat.unique()

        assert "x-arbiter-decision" not in ask(gateway, text).headers
        call = logged(gateway, requested_model="grand")
        assert (call["outcome"], call["reason"], call["model"], call["cache"]) == (
            "passed",
            "shadow",
            "grand",
            "stored",
        )
        assert (call["gen_ai.usage.input_tokens"], call["cost_nanousd"]) == (1000, 3_500_000)
        assert "saved_nanousd" not in call
        would = call["would"]
        assert (would["outcome"], would["tier"], would["model"]) == ("routed", "small", "mini")
        assert (would["cost_nanousd"], would["saved_nanousd"]) == (210_000, 3_290_000)

        ask(gateway, text)
        gateway.envoy.wait_count("would_requests", 1, outcome="hit")
        ask(gateway, x_tenant="interns")
        gateway.envoy.wait_count("would_requests", 1, outcome="refused", reason="rule")
        gateway.envoy.wait_count("rules", 1, rule="no-interns", result="shadow")
        assert logged(gateway, rule="no-interns")["would"]["saved_nanousd"] == 3_500_000
        for _ in range(2):
            ask(gateway, chat.unique(), x_tenant="acme")
        gateway.envoy.wait_count("would_requests", 1, outcome="refused", reason="budget")
        assert ask(gateway, model="grand", authorization="Bearer x").status_code == 200
        gateway.envoy.wait_count("would_requests", 3, outcome="routed")

        paid, would = gateway.envoy.count("cost_nanousd"), gateway.envoy.count("would_cost_nanousd")
        assert (paid, would) == (6 * 3_500_000, 3 * 210_000)
        assert gateway.envoy.count("would_saved_nanousd") == paid - would
        assert gateway.envoy.count("requests", outcome="passed", reason="shadow") == 6
        assert gateway.envoy.count("saved_nanousd") == 0
        assert len(gateway.mini.received) == 6


def test_a_share_of_requests_is_enforced(tmp_path):
    with running(tmp_path, POLICY | {"mode": {"enforce": "50%"}, "budgets": []}) as gateway:
        answers = [ask(gateway, chat.unique()) for _ in range(60)]

        enforced = [answer for answer in answers if "x-arbiter-decision" in answer.headers]
        assert 12 < len(enforced) < 48
        gateway.envoy.wait_count("requests", len(enforced), outcome="routed")
        gateway.envoy.wait_count("requests", 60 - len(enforced), outcome="passed", reason="shadow")


def test_answers_that_were_only_watched_answer_nobody(tmp_path):
    with running(tmp_path, {"mode": {"enforce": "50%"}}) as gateway:
        text = chat.unique()
        reached = [ask(gateway, text) for _ in range(40)]

        hits = [answer for answer in reached if "hit" in answer.headers.get("cache-status", "")]
        enforced = [answer for answer in reached if "x-arbiter-decision" in answer.headers]
        assert len(hits) == len(enforced) - 1
        gateway.envoy.wait_count("would_requests", 40 - len(enforced) - 1, outcome="hit")


def test_enforcing_is_one_word(tmp_path):
    with running(tmp_path, POLICY | {"mode": "enforce"}) as gateway:
        assert ask(gateway, x_tenant="interns").status_code == 403
