//! The way of what is no chat call: to the provider whose key it carries, and without anybody else's.

use llm_arbiter::chat::Format;
use llm_arbiter::chat::headers::CREDENTIALS;
use llm_arbiter::envoy::PROVIDER_CLUSTER;
use llm_arbiter::policy::{Credential, Policy, Provider};
use serde_json::{Value, json};

use super::duration;

/// Anthropic's keys, where they stand in `authorization`; the scheme's case does not count (RFC 9110, section 11.1).
const ANTHROPIC_BEARER: &str = r"(?i)bearer\s+sk-ant-.*";
/// Paths of Azure, which takes tokens of its own in `authorization`.
const AZURE_PATHS: &str = "/openai/deployments/";

/// Request headers that say where the caller stands, or that ask a server for another method.
const REMOVED: [&str; 10] = [
    "referer",
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-real-ip",
    "true-client-ip",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];

/// Answer headers that are between a provider and those who ask it directly, or that steer Envoy.
const NOT_RETURNED: [&str; 19] = [
    "set-cookie",
    "alt-svc",
    "strict-transport-security",
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-expose-headers",
    "access-control-max-age",
    "openai-organization",
    "openai-project",
    "anthropic-organization-id",
    "x-envoy-ratelimited",
    "x-envoy-overloaded",
    "x-envoy-degraded",
    "x-envoy-immediate-health-check-fail",
    "x-envoy-upstream-canary",
    "x-envoy-decorator-operation",
    "x-envoy-peer-metadata",
];

/// Where something passes to: the first provider of each kind of key.
struct Destinations<'p> {
    policy: &'p Policy,
    anthropic: Option<&'p Provider>,
    azure: Option<&'p Provider>,
    gemini: Option<&'p Provider>,
    /// Takes what nothing else is known of.
    rest: Option<&'p Provider>,
}

impl<'p> Destinations<'p> {
    fn of(policy: &'p Policy) -> Self {
        // Who is asked with what Envoy signs or a cloud hands out takes no key of a caller's.
        let takes_keys = |provider: &Provider| {
            !provider.dialect.path.contains("{project}")
                && !matches!(provider.credential, Some(Credential::Aws { .. }))
        };
        let first = |is_it: &dyn Fn(&Provider) -> bool| {
            policy.providers().find(|provider| takes_keys(provider) && is_it(provider))
        };
        let with_key_in = |header: &str| first(&|provider| provider.dialect.credential_header == header);
        Self {
            policy,
            anthropic: first(&|provider| provider.dialect.format == Format::Anthropic),
            azure: with_key_in("api-key"),
            gemini: with_key_in("x-goog-api-key"),
            rest: with_key_in("authorization").or_else(|| policy.providers().next()),
        }
    }
}

/// The providers that something may pass to, each once.
pub fn providers(policy: &Policy) -> Vec<&Provider> {
    let Destinations { anthropic, azure, gemini, rest, .. } = Destinations::of(policy);
    let mut providers: Vec<&Provider> = Vec::new();
    for provider in [rest, anthropic, azure, gemini].into_iter().flatten() {
        if providers.iter().all(|known| known.name != provider.name) {
            providers.push(provider);
        }
    }
    providers
}

/// Name of the cluster of what passes through to a provider.
pub fn cluster_name(provider: &Provider) -> String {
    format!("{PROVIDER_CLUSTER}{}", provider.name)
}

/// The routes, to be tried in this order.
pub fn routes(policy: &Policy) -> Vec<Value> {
    let to = Destinations::of(policy);
    let with = |header: &str| json!({"prefix": "/", "headers": [{"name": header, "present_match": true}]});
    let anthropic_bearer = json!({
        "prefix": "/",
        "headers": [{"name": "authorization", "string_match": {"safe_regex": {"regex": ANTHROPIC_BEARER}}}]
    });
    let key_in_query = json!({"prefix": "/", "query_parameters": [{"name": "key", "present_match": true}]});
    let mut routes = vec![match to.gemini {
        Some(gemini) => to.route(key_in_query, gemini, &[]),
        // The path cannot be sent without the key.
        None => json!({"match": key_in_query, "direct_response": {"status": 404}}),
    }];
    if let Some(anthropic) = to.anthropic {
        routes.push(to.route(with("x-api-key"), anthropic, &["x-api-key"]));
        routes.push(to.route(anthropic_bearer, anthropic, &["authorization"]));
        routes.push(to.route(with("anthropic-version"), anthropic, &[]));
        routes.push(to.route(json!({"prefix": "/v1/messages"}), anthropic, &[]));
    } else if let Some(rest) = to.rest {
        routes.push(to.route(anthropic_bearer, rest, &[]));
    }
    let azure = [with("api-key"), json!({"prefix": AZURE_PATHS})];
    let keys: &[&[&str]] = &[&["api-key"], &["authorization"]];
    for (matched, kept) in azure.into_iter().zip(keys) {
        match (to.azure, to.rest) {
            (Some(azure), _) => routes.push(to.route(matched, azure, kept)),
            (None, Some(rest)) => routes.push(to.route(matched, rest, &[])),
            (None, None) => {}
        }
    }
    routes.extend(to.gemini.map(|gemini| to.route(with("x-goog-api-key"), gemini, &["x-goog-api-key"])));
    routes.extend(to.rest.map(|rest| {
        let kept: &[&str] = match rest.dialect.name {
            "openai" => &["authorization", "openai-organization", "openai-project"],
            _ if rest.dialect.credential_header == "authorization" => &["authorization"],
            _ => &[],
        };
        to.route(json!({"prefix": "/"}), rest, kept)
    }));
    routes
}

impl Destinations<'_> {
    /// A route to a provider, which gets only the credentials that are `kept`.
    fn route(&self, matched: Value, provider: &Provider, kept: &[&str]) -> Value {
        let credentials = CREDENTIALS.iter().copied().filter(|name| !kept.contains(name));
        let identifying = self.policy.identity.identifying_headers().filter(|name| !kept.contains(name));
        let removed: Vec<&str> = credentials.chain(REMOVED).chain(identifying).collect();
        json!({
            "match": matched,
            "route": {
                "cluster": cluster_name(provider),
                "host_rewrite_literal": provider.authority(),
                "timeout": duration(self.policy.failover.timeout)
            },
            "request_headers_to_remove": removed,
            "response_headers_to_remove": NOT_RETURNED
        })
    }
}
