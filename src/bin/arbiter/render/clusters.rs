//! The clusters: one per chain of models, one per model, one per provider that untouched requests go to.

use std::net::IpAddr;

use llm_arbiter::envoy::{ENDPOINT_MODEL_FIELD, FILTER, PROVIDER_HEADER, SHARED_CLUSTER, TRACES_CLUSTER};
use llm_arbiter::policy::{Chain, Collector, Credential, Model, Policy, Provider};
use llm_arbiter::sharing::SharedStore;
use serde_json::{Value, json};

use super::{Options, duration, edge, pass_through, plugin, socket_address};
use crate::policy_file::PolicyFile;

/// Most calls that a cluster has under way; calls to models last long, so there are many.
const MAX_CALLS: u32 = 16_384;

/// Tiers fail over between models; a model's cluster says which model it is; what passes through unread goes to a provider as
/// it came.
pub fn all(file: &PolicyFile, options: &Options) -> Vec<Value> {
    let policy = &file.policy;
    let mut clusters = Vec::new();
    clusters.extend(policy.chains().iter().map(|chain| chain_cluster(file, chain, options)));
    clusters.extend(policy.models().map(|(_, model)| model_cluster(file, model, options)));
    clusters.extend(pass_through::providers(policy).into_iter().map(|provider| {
        endpoint_cluster(policy, &pass_through::cluster_name(provider), provider, None, Vec::new(), options)
    }));
    clusters.extend(policy.shared_store.as_ref().map(|SharedStore { host, port, tls, .. }| {
        // The deadline goes with each question, so that a connection may take longer than a caller waits.
        side_cluster(policy, SHARED_CLUSTER, (host, *port, *tls), options)
    }));
    clusters.extend(policy.telemetry.traces.as_ref().map(|Collector { host, port, tls, .. }| {
        side_cluster(policy, TRACES_CLUSTER, (host, *port, *tls), options)
    }));
    clusters
}

/// A server that is no provider: host, port, and whether it is spoken to over TLS.
fn side_cluster(policy: &Policy, name: &str, server: (&str, u16, bool), options: &Options) -> Value {
    let (host, port, is_tls) = server;
    let is_address = host.parse::<IpAddr>().is_ok();
    let endpoint = json!({"endpoint": {"address": socket_address(host, port)}});
    let mut cluster = json!({
        "name": name,
        "type": if is_address { "STATIC" } else { "STRICT_DNS" },
        "connect_timeout": duration(policy.failover.connect_timeout),
        "circuit_breakers": circuit_breakers(),
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    });
    if let (true, Value::Object(cluster)) = (is_tls, &mut cluster) {
        cluster.insert("transport_socket".into(), tls(host, options));
    }
    cluster
}

/// Models that are asked in turn. The filter runs on the cluster that the route names, not on its members. An aggregate skips members
/// that have no usable host.
fn chain_cluster(file: &PolicyFile, chain: &Chain, options: &Options) -> Value {
    let members: Vec<&str> = chain.models.iter().map(|id| file.policy.model(*id).cluster.as_str()).collect();
    json!({
        "name": chain.cluster,
        "connect_timeout": duration(file.policy.failover.connect_timeout),
        "lb_policy": "CLUSTER_PROVIDED",
        "cluster_type": {
            "name": "envoy.clusters.aggregate",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
                "clusters": members
            }
        },
        "per_connection_buffer_limit_bytes": edge::buffer_limit(&file.policy),
        "circuit_breakers": circuit_breakers(),
        "typed_extension_protocol_options": protocol_options(false, upstream_filters(file, options))
    })
}

fn model_cluster(file: &PolicyFile, model: &Model, options: &Options) -> Value {
    let provider = file.policy.provider(model.provider);
    let filters = upstream_filters(file, options);
    endpoint_cluster(&file.policy, &model.cluster, provider, Some(model), filters, options)
}

fn endpoint_cluster(
    policy: &Policy,
    name: &str,
    provider: &Provider,
    model: Option<&Model>,
    filters: Vec<Value>,
    options: &Options,
) -> Value {
    let mut endpoint = json!({"endpoint": {"address": socket_address(&provider.host, provider.port)}});
    if let (Some(model), Value::Object(endpoint)) = (model, &mut endpoint) {
        let metadata = json!({"filter_metadata": {FILTER: {ENDPOINT_MODEL_FIELD: model.name}}});
        endpoint.insert("metadata".into(), metadata);
    }
    // A name may stand for many addresses that change: Envoy connects to whichever answers, of either family.
    let is_address = provider.host.parse::<IpAddr>().is_ok();
    let kind = if is_address { "STATIC" } else { "LOGICAL_DNS" };
    let mut cluster = json!({
        "name": name,
        "type": kind,
        "connect_timeout": duration(policy.failover.connect_timeout),
        "per_connection_buffer_limit_bytes": edge::buffer_limit(policy),
        "circuit_breakers": circuit_breakers(),
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": protocol_options(provider.tls, filters)
    });
    if let Value::Object(cluster) = &mut cluster {
        if !is_address {
            cluster.insert("dns_lookup_family".into(), "ALL".into());
        }
        if provider.tls {
            cluster.insert("transport_socket".into(), tls(&provider.host, options));
        }
        if model.is_some() {
            cluster.insert("outlier_detection".into(), outlier_detection());
            cluster.insert("health_checks".into(), json!([health_check(policy)]));
        }
    }
    cluster
}

/// Envoy's defaults (1024 calls, 3 retries at a time) would turn calls away when many of them fail over together. A retry
/// goes to another provider, so it adds no load to the one that fails, and `num_retries` bounds those of a call. A retry budget
/// cannot: calls count for the members of an aggregate, retries for the aggregate itself, which has no calls to take a share of.
fn circuit_breakers() -> Value {
    json!({"thresholds": [{
        "max_connections": MAX_CALLS,
        "max_pending_requests": MAX_CALLS,
        "max_requests": MAX_CALLS,
        "max_retries": MAX_CALLS
    }]})
}

/// A provider that answers five times in a row with 502 or 503 is skipped for half a minute, then longer each time. All of its
/// hosts may be: when every model of a tier is, Envoy asks them all the same. What a caller can bring about ejects nobody: errors
/// that a body provokes (500), and answers that take too long.
fn outlier_detection() -> Value {
    json!({
        "split_external_local_origin_errors": true,
        "consecutive_gateway_failure": 5,
        "enforcing_consecutive_gateway_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_local_origin_failure": 0,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_success_rate": 0,
        "interval": "1s",
        "base_ejection_time": "30s",
        "max_ejection_time": "300s",
        "max_ejection_percent": 100
    })
}

/// A provider that takes no connections is skipped until it does.
fn health_check(policy: &Policy) -> Value {
    json!({
        "tcp_health_check": {},
        "timeout": duration(policy.failover.connect_timeout),
        "interval": "5s",
        "interval_jitter": "1s",
        "no_traffic_interval": "60s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 1
    })
}

/// What runs once per attempt: the provider role, then what injects credentials that Envoy keeps to itself.
fn upstream_filters(file: &PolicyFile, options: &Options) -> Vec<Value> {
    let mut filters = vec![plugin::filter("provider", file, options)];
    filters.extend(file.policy.providers().filter_map(injector));
    if filters.len() > 1 {
        filters.push(json!({
            "name": "envoy.filters.http.header_mutation",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
                "mutations": {"request_mutations": [{"remove": PROVIDER_HEADER}]}
            }
        }));
    }
    filters
}

/// Gives the attempts that the provider role has marked as this provider's their credential, if that is Envoy's to give.
fn injector(provider: &Provider) -> Option<Value> {
    let extension = match provider.credential.as_ref()? {
        Credential::Environment(_) => return None,
        Credential::Sds(path) => secret_injector(provider, path),
        Credential::Aws { region, service } => aws_signer(region, service),
    };
    let is_marked = json!({"single_predicate": {
        "input": {
            "name": "request-headers",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                "header_name": PROVIDER_HEADER
            }
        },
        "value_match": {"exact": provider.name}
    }});
    let skip = json!({
        "name": "skip",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter"}
    });
    Some(json!({
        "name": format!("llm_arbiter.credential.{}", provider.name),
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher",
            "extension_config": extension,
            "xds_matcher": {"matcher_list": {"matchers": [{
                "predicate": {"not_matcher": is_marked},
                "on_match": {"action": skip}
            }]}}
        }
    }))
}

fn secret_injector(provider: &Provider, path: &str) -> Value {
    json!({
        "name": "envoy.filters.http.credential_injector",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
            "overwrite": true,
            "credential": {
                "name": "envoy.http.injected_credentials.generic",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic",
                    "credential": {
                        "name": provider.name,
                        "sds_config": {"path_config_source": {"path": path}, "resource_api_version": "V3"}
                    },
                    "header": provider.dialect.credential_header
                }
            }
        }
    })
}

/// Headers that are changed or added behind the signature.
const UNSIGNED: [&str; 3] = [PROVIDER_HEADER, "content-length", "transfer-encoding"];

/// Signs the request as it leaves, body and all.
fn aws_signer(region: &str, service: &str) -> Value {
    let unsigned: Vec<Value> = UNSIGNED.iter().map(|name| json!({"exact": name})).collect();
    json!({
        "name": "envoy.filters.http.aws_request_signing",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.aws_request_signing.v3.AwsRequestSigning",
            "service_name": service,
            "region": region,
            "match_excluded_headers": unsigned
        }
    })
}

fn protocol_options(tls: bool, mut filters: Vec<Value>) -> Value {
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
        if !filters.is_empty() {
            filters.push(json!({
                "name": "envoy.filters.http.upstream_codec",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"}
            }));
            options.insert("http_filters".into(), filters.into());
        }
    }
    json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options})
}

/// TLS with the provider's name in SNI and in its certificate, which a trusted authority has signed. An address may not stand in
/// SNI, and is another kind of name in a certificate.
fn tls(host: &str, options: &Options) -> Value {
    let is_address = host.parse::<IpAddr>().is_ok();
    let kind = if is_address { "IP_ADDRESS" } else { "DNS" };
    let mut context = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {
            "validation_context": {
                "trusted_ca": {"filename": options.trusted_ca},
                "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": host}}]
            }
        }
    });
    if let (false, Value::Object(context)) = (is_address, &mut context) {
        context.insert("sni".into(), host.into());
    }
    json!({"name": "envoy.transport_sockets.tls", "typed_config": context})
}
