//! The clusters: one per tier, one per model, one per provider.

use std::net::IpAddr;

use llm_arbiter::policy::{Model, Policy, Provider, Tier};
use serde_json::{Value, json};

use super::{Failover, Options, duration, listener, plugin, socket_address};
use crate::policy_file::PolicyFile;

/// Certificates of the authorities that the system trusts, on Debian and its kin.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Most calls that a cluster has under way; calls to models last long, so there are many.
const MAX_CALLS: u32 = 16_384;

/// Tiers fail over between models; a model's cluster says which model it is; what passes through unread goes to the first
/// provider as it came.
pub fn all(file: &PolicyFile, options: &Options) -> Vec<Value> {
    let policy = &file.policy;
    let tiers = policy.tiers().map(|(_, tier)| tier_cluster(file, tier, options));
    let models = policy.models().map(|(_, model)| model_cluster(file, model, options));
    let first = policy
        .providers()
        .next()
        .map(|provider| endpoint_cluster(policy, &provider_name(provider), provider, None, None));
    tiers.chain(models).chain(first).collect()
}

/// Name of the cluster of what passes through.
pub fn provider_name(provider: &Provider) -> String {
    format!("arbiter-provider-{}", provider.name)
}

/// The filter runs on the cluster that the route names, not on its members.
fn tier_cluster(file: &PolicyFile, tier: &Tier, options: &Options) -> Value {
    let members: Vec<&str> = tier.models().map(|id| file.policy.model(id).cluster.as_str()).collect();
    let (name, config) = match options.failover {
        Failover::Composite => (
            "envoy.clusters.composite",
            json!({
                "@type": "type.googleapis.com/envoy.extensions.clusters.composite.v3.ClusterConfig",
                "clusters": members.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()
            }),
        ),
        Failover::Aggregate => (
            "envoy.clusters.aggregate",
            json!({
                "@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
                "clusters": members
            }),
        ),
    };
    json!({
        "name": tier.cluster,
        "connect_timeout": duration(file.policy.failover.connect_timeout),
        "lb_policy": "CLUSTER_PROVIDED",
        "cluster_type": {"name": name, "typed_config": config},
        "per_connection_buffer_limit_bytes": listener::buffer_limit(&file.policy),
        "circuit_breakers": circuit_breakers(),
        "typed_extension_protocol_options": protocol_options(false, Some(plugin::filter("provider", file, options)))
    })
}

fn model_cluster(file: &PolicyFile, model: &Model, options: &Options) -> Value {
    let provider = file.policy.provider(model.provider);
    let filter = plugin::filter("provider", file, options);
    endpoint_cluster(&file.policy, &model.cluster, provider, Some(model), Some(filter))
}

fn endpoint_cluster(
    policy: &Policy,
    name: &str,
    provider: &Provider,
    model: Option<&Model>,
    filter: Option<Value>,
) -> Value {
    let mut endpoint = json!({"endpoint": {"address": socket_address(&provider.host, provider.port)}});
    if let (Some(model), Value::Object(endpoint)) = (model, &mut endpoint) {
        let metadata = json!({"filter_metadata": {plugin::NAME: {"model": model.name}}});
        endpoint.insert("metadata".into(), metadata);
    }
    let kind = if provider.host.parse::<IpAddr>().is_ok() { "STATIC" } else { "STRICT_DNS" };
    let mut cluster = json!({
        "name": name,
        "type": kind,
        "connect_timeout": duration(policy.failover.connect_timeout),
        "per_connection_buffer_limit_bytes": listener::buffer_limit(policy),
        "circuit_breakers": circuit_breakers(),
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": protocol_options(provider.tls, filter)
    });
    if let (true, Value::Object(cluster)) = (provider.tls, &mut cluster) {
        cluster.insert("transport_socket".into(), tls(&provider.host));
    }
    cluster
}

/// Envoy's defaults (1024 calls, 3 retries at a time) would turn calls away when many of them fail over together. A retry
/// goes to another provider, so it adds no load to the one that fails.
fn circuit_breakers() -> Value {
    json!({"thresholds": [{
        "max_connections": MAX_CALLS,
        "max_pending_requests": MAX_CALLS,
        "max_requests": MAX_CALLS,
        "max_retries": MAX_CALLS
    }]})
}

fn protocol_options(tls: bool, filter: Option<Value>) -> Value {
    let mut options = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    });
    if let Value::Object(options) = &mut options {
        // ALPN chooses the protocol, and only TLS has it.
        let choice = if tls {
            ("auto_config", json!({"http2_protocol_options": {}}))
        } else {
            ("explicit_http_config", json!({"http_protocol_options": {}}))
        };
        options.insert(choice.0.into(), choice.1);
        if let Some(filter) = filter {
            let codec = json!({
                "name": "envoy.filters.http.upstream_codec",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"}
            });
            options.insert("http_filters".into(), json!([filter, codec]));
        }
    }
    json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options})
}

/// TLS with the provider's name in SNI and in its certificate, which an authority of the system has signed.
fn tls(host: &str) -> Value {
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": host,
            "common_tls_context": {
                "validation_context": {
                    "trusted_ca": {"filename": SYSTEM_AUTHORITIES},
                    "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": host}}]
                }
            }
        }
    })
}
