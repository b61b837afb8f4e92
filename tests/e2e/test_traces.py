"""Envoy's spans say what the filter knows of a call."""

import contextlib

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from e2e import chat
from e2e.envoy import version
from e2e.gateway import running
from e2e.provider import Provider, answer
from e2e.waiting import until

pytestmark = pytest.mark.skipif(version() < (1, 37), reason="spans take attributes from filter state since Envoy 1.37")

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@contextlib.contextmanager
def traced(directory, share="100%", **policy):
    """A gateway, and what lists the spans that its collector has got."""
    with Provider(answer("")) as collector:
        traces = {"host": "127.0.0.1", "port": collector.port, "share": share}
        with running(directory, {"telemetry": {"traces": traces}, **policy}, tweak=at_once) as gateway:
            yield gateway, lambda: [span for request in collector.received for span in spans_of(request)]


def at_once(bootstrap):
    """Envoy sends spans as soon as there are any."""
    soon = {"tracing.opentelemetry.flush_interval_ms": 50, "tracing.opentelemetry.min_flush_spans": 1}
    bootstrap["layered_runtime"] = {"layers": [{"name": "test", "static_layer": soon}]}


def spans_of(request):
    assert request.path == "/v1/traces"
    export = ExportTraceServiceRequest.FromString(request.body)
    return [span for of in export.resource_spans for scope in of.scope_spans for span in scope.spans]


def attributes(span):
    return {attribute.key: attribute.value.string_value for attribute in span.attributes}


def of_call(spans):
    """The spans that speak of a call of the filter's."""
    return [span for span in spans if "arbiter.outcome" in attributes(span)]


def test_a_span_names_model_tokens_decision_and_money_and_goes_on_with_the_callers_trace(tmp_path):
    with traced(tmp_path) as (gateway, spans):
        gateway.ask("Hello there", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
        until(lambda: of_call(spans()), lambda: f"{spans()}", 30)
        (span,) = of_call(spans())
        said = attributes(span)
        assert span.trace_id.hex() == TRACE and span.parent_span_id.hex() == PARENT
        # What asked the provider is a child of it.
        until(lambda: any(each.parent_span_id == span.span_id for each in spans()), lambda: f"{spans()}", 30)
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "mini-2024-07-18",
        "arbiter.outcome": "routed",
        "arbiter.tier": "small",
        "arbiter.attempts": "1",
    }
    assert {name: said.get(name) for name in expected} == expected
    assert int(said["gen_ai.usage.input_tokens"]) > 0 and int(said["gen_ai.usage.output_tokens"]) > 0
    assert int(said["arbiter.cost_nanousd"]) > 0 and int(said["arbiter.saved_nanousd"]) > 0


def test_spans_hold_no_prompt_no_key_and_no_query(tmp_path):
    with traced(tmp_path) as (gateway, spans):
        with gateway.envoy.client() as client:
            headers = {"content-type": "application/json", "authorization": "Bearer sk-of-a-caller"}
            body = chat.request("a secret of mine")
            client.post("/v1/chat/completions?key=sk-in-a-query", content=body, headers=headers)
        until(lambda: of_call(spans()), lambda: f"{spans()}", 30)
        text = f"{spans()}"
    assert "/v1/chat/completions" in text
    for secret in ("a secret of mine", "sk-of-a-caller", "sk-in-a-query"):
        assert secret not in text


def test_only_the_share_of_calls_that_is_asked_for_begins_a_trace(tmp_path):
    with traced(tmp_path, share="0%") as (gateway, spans):
        gateway.ask()
        gateway.ask("Sampled by its caller", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
        until(lambda: of_call(spans()), lambda: f"{spans()}", 30)
        assert {span.trace_id.hex() for span in spans()} == {TRACE}
