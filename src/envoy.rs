//! What the filter and Envoy's configuration agree on: the filter reads and writes these names, and `arbiter render` writes the
//! same ones into routes, clusters and retry policies.

use std::time::Duration;

/// Name of the filter, of its VM, and of the endpoint metadata that it reads.
pub const FILTER: &str = "llm_arbiter";

/// Prefix of the headers that are ours alone.
pub const OWN_PREFIX: &str = "x-arbiter-";
/// Prefix of Envoy's own headers.
const ENVOY_PREFIX: &str = "x-envoy-";
/// Those of them that Envoy sets itself before any filter runs, and that steer nothing.
const ENVOY_NOTES: [&str; 5] = [
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-envoy-attempt-count",
    "x-envoy-peer-metadata",
    "x-envoy-peer-metadata-id",
];
/// Request header that names the upstream cluster (route `cluster_header`).
pub const CLUSTER_HEADER: &str = "x-arbiter-cluster";
/// Request header that is there if the answer shall be streamed: such calls have routes of their own.
pub const STREAM_HEADER: &str = "x-arbiter-stream";
/// Response header that says what was decided.
pub const DECISION_HEADER: &str = "x-arbiter-decision";
/// Response header that says which budget is nearly spent.
pub const BUDGET_HEADER: &str = "x-arbiter-budget";
/// Response header by which the provider role asks Envoy to ask the next model (`retry_policy.retriable_headers`).
pub const RETRY_HEADER: &str = "x-arbiter-retry";
/// Request header by which the provider role names the provider whose credential Envoy shall inject; it never leaves Envoy.
pub const PROVIDER_HEADER: &str = "x-arbiter-provider";
/// Response header that lists what was left out of the request for the provider that answered.
pub const DROPPED_HEADER: &str = "x-arbiter-dropped";
/// Response header that marks a count of tokens which nobody has counted.
pub const ESTIMATED_HEADER: &str = "x-arbiter-estimated";

/// Request header by which a caller allows fewer wrong semantic hits than the policy, `0.1%` or `0.001`; `0` for none.
pub const MAX_FALSE_HITS_HEADER: &str = "x-arbiter-max-false-hits";

/// Prefix of the clusters that ask one model.
pub const MODEL_CLUSTER: &str = "arbiter-model-";
/// Prefix of the clusters that ask models of a tier in failover order.
pub const TIER_CLUSTER: &str = "arbiter-tier-";
/// Prefix of the clusters that what passes through unread goes to.
pub const PROVIDER_CLUSTER: &str = "arbiter-provider-";

/// Longest whole answer that is held until its end, in bytes. A longer one goes on unchecked if it needs no translation.
pub const MAX_ANSWER: usize = 2 << 20;

/// The cluster of the collector that gets spans.
pub const TRACES_CLUSTER: &str = "arbiter-traces";

/// The cluster of the store that instances share.
pub const SHARED_CLUSTER: &str = "arbiter-shared";

/// Path of the property that names the model behind the chosen endpoint.
pub const ENDPOINT_MODEL: [&str; 5] =
    ["xds", "upstream_host_metadata", "filter_metadata", FILTER, ENDPOINT_MODEL_FIELD];
/// Field of the endpoint's metadata that names its model.
pub const ENDPOINT_MODEL_FIELD: &str = "model";

/// Filter state that the access log may print: `%FILTER_STATE(wasm.arbiter:PLAIN)%`, a JSON object.
pub const RECORD_STATE: &str = "arbiter";
/// The same as a member that follows others, with the comma before it: where no filter has run, a log line lacks it and is
/// still JSON.
pub const RECORD_MEMBER_STATE: &str = "arbiter.member";
/// Filter state with what the request was, as a member of an object.
pub const REQUEST_MEMBER_STATE: &str = "arbiter.request";
/// Filter state by which the roles tell each other about a call.
pub const CALL_STATE: &str = "arbiter.call";

/// What makes an attempt fail, besides the statuses of [`Failover::statuses`] (`retry_policy.retry_on`).
pub const RETRY_ON: &str =
    "5xx,reset,connect-failure,refused-stream,retriable-status-codes,retriable-headers";

/// Whether a caller must not send this request header: it is ours alone, or it steers Envoy's retries and timeouts.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name.starts_with(OWN_PREFIX) || (name.starts_with(ENVOY_PREFIX) && !ENVOY_NOTES.contains(&name))
}

/// When an attempt counts as failed and the next model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failover {
    /// Longest silence within one attempt at a stream, before the first byte and between chunks.
    pub per_try_idle_timeout: Duration,
    /// Longest silence within one attempt at a whole answer, which comes when all is said.
    pub whole_answer_timeout: Duration,
    /// Longest time for one attempt to connect.
    pub connect_timeout: Duration,
    /// Longest time for a call, all attempts and the whole answer included.
    pub timeout: Duration,
    /// Whether 401 and 403 make the next model be asked: our credential is at fault, not the caller.
    pub refused_credentials: bool,
}

impl Failover {
    /// Longest silence within one attempt.
    #[must_use]
    pub fn silence(&self, stream: bool) -> Duration {
        if stream { self.per_try_idle_timeout } else { self.whole_answer_timeout }
    }

    /// The statuses below 500 after which the next model is asked.
    #[must_use]
    pub fn statuses(&self) -> &'static [u16] {
        if self.refused_credentials { &[429, 401, 403] } else { &[429] }
    }

    /// Whether an answer with this status makes the next model be asked.
    #[must_use]
    pub fn retries(&self, status: u16) -> bool {
        status >= 500 || self.statuses().contains(&status)
    }
}
