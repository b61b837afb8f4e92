//! The listener: HTTP connection manager, routes and retries, access log.

use llm_arbiter::envoy::{
    CLUSTER_HEADER, MODEL_CLUSTER, RECORD_MEMBER_STATE, REQUEST_MEMBER_STATE, RETRY_HEADER, RETRY_ON,
    STREAM_HEADER,
};
use llm_arbiter::policy::{Chain, Policy};
use serde_json::{Value, json};

use super::{Options, address, duration, edge, health, pass_through, plugin, traces};
use crate::policy_file::PolicyFile;

pub fn listener(file: &PolicyFile, options: &Options) -> Value {
    let mut manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "llm",
        "codec_type": "AUTO",
        "route_config": {"name": "llm", "virtual_hosts": [virtual_host(file)]},
        "http_filters": http_filters(file, options),
        "access_log": [access_log(options)]
    });
    if let Value::Object(manager) = &mut manager {
        manager.extend(edge::connection_manager(&file.policy));
        let collector = file.policy.telemetry.traces.as_ref();
        manager.extend(collector.map(|collector| ("tracing".to_owned(), traces::tracing(collector))));
    }
    json!({
        "name": "llm",
        "address": address(options.listen),
        "per_connection_buffer_limit_bytes": edge::buffer_limit(&file.policy),
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager
        }]}]
    })
}

fn http_filters(file: &PolicyFile, options: &Options) -> Vec<Value> {
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
    });
    let health = options.health.as_deref().map(health::filter);
    health.into_iter().chain([plugin::filter("router", file, options), router]).collect()
}

fn virtual_host(file: &PolicyFile) -> Value {
    let policy = &file.policy;
    let mut routes = Vec::new();
    let chains = policy.chains();
    for stream in [true, false] {
        let chains = chains.iter().filter(|chain| !(stream && chain.escalates));
        routes.extend(chains.map(|chain| chain_route(policy, chain, stream)));
        routes.push(model_route(policy, stream));
    }
    routes.extend(pass_through::routes(policy));
    json!({
        "name": "llm",
        "domains": ["*"],
        "request_body_buffer_limit": edge::buffer_limit(policy),
        "routes": routes
    })
}

/// What chat calls to a cluster are matched by. A stream speaks all the time, a whole answer only when all is said.
fn chat_call(cluster: &Value, stream: bool) -> Value {
    let mut headers = vec![json!({"name": CLUSTER_HEADER, "string_match": cluster})];
    if stream {
        headers.push(json!({"name": STREAM_HEADER, "present_match": true}));
    }
    json!({"prefix": "/", "headers": headers})
}

/// The route to any single model. There is no other one to ask, but silence has an end here as well.
fn model_route(policy: &Policy, stream: bool) -> Value {
    json!({
        "match": chat_call(&json!({"prefix": MODEL_CLUSTER}), stream),
        "route": {
            "cluster_header": CLUSTER_HEADER,
            "timeout": duration(policy.failover.timeout),
            "retry_policy": {
                "num_retries": 0,
                "per_try_idle_timeout": duration(policy.failover.silence(stream))
            }
        }
    })
}

/// The route to models that are asked in turn: its retries go on to the next one.
fn chain_route(policy: &Policy, chain: &Chain, stream: bool) -> Value {
    json!({
        "match": chat_call(&json!({"exact": chain.cluster}), stream),
        "route": {
            "cluster_header": CLUSTER_HEADER,
            "timeout": duration(policy.failover.timeout),
            "retry_policy": {
                "retry_on": RETRY_ON,
                "retriable_status_codes": policy.failover.statuses(),
                "retriable_headers": [{"name": RETRY_HEADER, "present_match": true}],
                "num_retries": chain.models.len().saturating_sub(1),
                "per_try_idle_timeout": duration(policy.failover.silence(stream)),
                "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.010s"},
                "retry_priority": previous_priorities()
            }
        }
    })
}

/// The next attempt skips the priorities, that is the models, which have been asked.
fn previous_priorities() -> Value {
    json!({
        "name": "envoy.retry_priorities.previous_priorities",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
            "update_frequency": 1
        }
    })
}

/// One JSON line per call. The filter sets its part on every request.
fn access_log(options: &Options) -> Value {
    let call = concat!(
        r#"{"time":"%START_TIME%","method":"%REQ(:METHOD)%","status":%RESPONSE_CODE%,"duration_ms":%DURATION%,"#,
        r#""bytes_received":%BYTES_RECEIVED%,"bytes_sent":%BYTES_SENT%,"flags":"%RESPONSE_FLAGS%""#
    );
    let state = |name| format!("%FILTER_STATE(wasm.{name}:PLAIN)%");
    let line = format!("{call}{}{}}}\n", state(REQUEST_MEMBER_STATE), state(RECORD_MEMBER_STATE));
    let mut log = json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": options.access_log,
            // Where no filter has run, there is no record.
            "log_format": {"text_format_source": {"inline_string": line}, "omit_empty_values": true}
        }
    });
    if let (true, Value::Object(log)) = (options.health.is_some(), &mut log) {
        log.insert("filter".into(), health::not_a_check());
    }
    log
}
