//! What a listener bears from those who connect to it: time, connections, headers, memory.

use std::time::Duration;

use clap::Args;
use llm_arbiter::envoy::MAX_ANSWER;
use llm_arbiter::policy::Policy;
use serde_json::{Map, Value, json};

use super::duration;

/// Time for a request to come, its body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Time for a request's headers to come.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection without a call is kept.
const CONNECTION_IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// Calls at a time on one connection (HTTP/2).
const MAX_STREAMS: u32 = 128;
/// Headers of a request.
const MAX_HEADERS: u32 = 100;
/// All headers of a request, in KiB.
const MAX_HEADERS_KB: u32 = 60;

/// What all callers together may take.
#[derive(Debug, Args)]
pub struct Capacity {
    /// Most connections of callers at a time.
    #[arg(long, default_value_t = 50_000)]
    max_connections: u64,
    /// Heap in MiB, above which Envoy turns calls away; its wasm VMs come on top.
    #[arg(long, default_value_t = 2048)]
    max_heap_mb: u64,
}

/// Members of the HTTP connection manager.
pub fn connection_manager(policy: &Policy) -> Map<String, Value> {
    let limits = json!({
        "request_timeout": duration(request_timeout(policy)),
        "request_headers_timeout": duration(HEADERS_TIMEOUT),
        "stream_idle_timeout": duration(idle_timeout(policy)),
        "max_request_headers_kb": MAX_HEADERS_KB,
        "common_http_protocol_options": {
            "idle_timeout": duration(CONNECTION_IDLE_TIMEOUT),
            "max_headers_count": MAX_HEADERS,
            // To many servers `x_tenant` and `x-tenant` are one.
            "headers_with_underscores_action": "REJECT_REQUEST"
        },
        "http2_protocol_options": {
            "max_concurrent_streams": MAX_STREAMS,
            // A body that is refused early shall not leave its sender waiting for room.
            "initial_stream_window_size": buffer_limit(policy),
            "initial_connection_window_size": buffer_limit(policy).saturating_mul(2)
        },
        "normalize_path": true,
        "merge_slashes": true
    });
    match limits {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Time for a request to come: to Envoy it has not, as long as the filter lets it wait for another one's answer.
fn request_timeout(policy: &Policy) -> Duration {
    let waits = policy.exact_cache.as_ref().and_then(|bounds| bounds.collapse);
    REQUEST_TIMEOUT.saturating_add(waits.unwrap_or_default())
}

/// Longest silence on a caller's stream: an attempt that is silent is ended by its route, which can ask the next model.
fn idle_timeout(policy: &Policy) -> Duration {
    policy.failover.timeout.saturating_add(Duration::from_secs(5))
}

/// Room for a body that is held until its end, and for its copy that retries send again; and for an answer that is held.
pub fn buffer_limit(policy: &Policy) -> usize {
    policy.admit.max_body_bytes.max(MAX_ANSWER).saturating_mul(2)
}

/// Turns connections and calls away before memory ends.
pub fn overload_manager(capacity: &Capacity) -> Value {
    let heap = "envoy.resource_monitors.fixed_heap";
    let action = |name: &str, at: f64| {
        json!({
            "name": format!("envoy.overload_actions.{name}"),
            "triggers": [{"name": heap, "threshold": {"value": at}}]
        })
    };
    json!({
        "refresh_interval": "0.250s",
        "resource_monitors": [
            {
                "name": heap,
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": capacity.max_heap_mb.saturating_mul(1 << 20)
                }
            },
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": capacity.max_connections
                }
            }
        ],
        "actions": [
            action("shrink_heap", 0.9),
            action("disable_http_keepalive", 0.92),
            action("stop_accepting_requests", 0.95)
        ]
    })
}
