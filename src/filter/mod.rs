//! Per-stream state machines, one per role. Thin: host events in, core calls, host actions out.
//!
//! They are generic over the [`host`](crate::host), so the whole of them runs natively in tests.

pub mod admit;
pub(crate) mod call;
pub mod plugin;
pub mod provider;
pub mod router;

/// What the host does with the stream after a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Hand on what has come so far.
    Continue,
    /// Keep it until a later callback says otherwise.
    Pause,
}

/// Prefix of the headers that are ours alone.
pub(crate) const OWN_PREFIX: &str = "x-arbiter-";
/// Request header that names the upstream cluster (route `cluster_header`).
pub(crate) const CLUSTER_HEADER: &str = "x-arbiter-cluster";
/// Response header that says what was decided.
pub(crate) const DECISION_HEADER: &str = "x-arbiter-decision";
/// Response header by which the provider role asks Envoy to ask the next model (`retry_policy.retriable_headers`).
pub const RETRY_HEADER: &str = "x-arbiter-retry";
/// Request header by which the provider role names the provider whose credential Envoy shall inject; it never leaves Envoy.
pub const PROVIDER_HEADER: &str = "x-arbiter-provider";
/// Response header that lists what was left out of the request for the provider that answered.
pub(crate) const DROPPED_HEADER: &str = "x-arbiter-dropped";
/// Path of the property that names the model behind the chosen endpoint.
pub(crate) const ENDPOINT_MODEL: [&str; 5] =
    ["xds", "upstream_host_metadata", "filter_metadata", "llm_arbiter", "model"];
