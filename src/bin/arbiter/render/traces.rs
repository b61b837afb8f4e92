//! Traces: Envoy's own spans, with what the filter knows of each call.

use llm_arbiter::envoy::TRACES_CLUSTER;
use llm_arbiter::policy::Collector;
use llm_arbiter::telemetry::SPAN_ATTRIBUTES;
use serde_json::{Value, json};

/// Time for the collector to take a batch of spans.
const TIMEOUT: &str = "2s";

/// Member `tracing` of the HTTP connection manager.
pub fn tracing(collector: &Collector) -> Value {
    let Collector { host, port, tls, share } = collector;
    let scheme = if *tls { "https" } else { "http" };
    let state = |(attribute, _): &(&str, &str)| json!({"tag": attribute, "value": format!("%FILTER_STATE(wasm.{attribute}:PLAIN)%")});
    // A query may hold a key.
    let url = json!({"tag": "http.url", "value": "%PATH(NQ:ORIG_OR_PATH)%"});
    let tags: Vec<Value> = SPAN_ATTRIBUTES.iter().map(state).chain([url]).collect();
    json!({
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                "service_name": "llm-arbiter",
                "http_service": {"http_uri": {
                    "uri": format!("{scheme}://{host}:{port}/v1/traces"),
                    "cluster": TRACES_CLUSTER,
                    "timeout": TIMEOUT
                }},
                "sampler": sampler(*share)
            }
        },
        "spawn_upstream_span": true,
        "custom_tags": tags
    })
}

/// Calls that come with a trace are part of it if their caller records it; of the others a `share` begins one.
fn sampler(share: f64) -> Value {
    let sampler = |name: &str, message: &str, members: Value| {
        let kind =
            format!("type.googleapis.com/envoy.extensions.tracers.opentelemetry.samplers.v3.{message}");
        let mut typed = json!({"@type": kind});
        if let (Value::Object(typed), Value::Object(members)) = (&mut typed, members) {
            typed.extend(members);
        }
        json!({"name": format!("envoy.tracers.opentelemetry.samplers.{name}"), "typed_config": typed})
    };
    let percentage = json!({"numerator": (share * 1e6).round(), "denominator": "MILLION"});
    let ratio = sampler(
        "trace_id_ratio_based",
        "TraceIdRatioBasedSamplerConfig",
        json!({"sampling_percentage": percentage}),
    );
    sampler("parent_based", "ParentBasedSamplerConfig", json!({"wrapped_sampler": ratio}))
}
