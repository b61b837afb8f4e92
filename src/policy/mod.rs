//! The policy document and the decision it leads to.
//!
//! A document is parsed once into types that cannot be wrong; see [`Policy::from_json`].

mod decision;
mod document;

pub use decision::{Decision, Reason, Target};
pub use document::PolicyError;

use std::time::Duration;

use crate::complexity::Level;
use crate::ledger::Prices;

/// A model of this policy: an index that is valid for the policy that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(pub(crate) u16);

/// A tier of this policy; a greater one is stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TierId(pub(crate) u16);

/// A provider of this policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(pub(crate) u16);

/// Everything that a team decides about its LLM traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub(crate) models: Vec<Model>,
    pub(crate) providers: Vec<Provider>,
    pub(crate) tiers: Vec<Tier>,
    /// The model that savings are counted against.
    pub baseline: ModelId,
    /// What a model named by the caller means.
    pub requested_model: RequestedModel,
    /// How complexity is scored.
    pub classify: Classify,
    /// Which requests are read at all.
    pub admit: Admit,
    /// Who is asking.
    pub tenant: TenantSource,
    /// The exact cache; `None` when it is off.
    pub exact_cache: Option<ExactCache>,
    /// Whether answers carry `x-arbiter-decision`.
    pub decision_header: bool,
    /// When an attempt counts as failed.
    pub failover: Failover,
    /// Distinguishes policies that could give the same request another answer; part of every cache key.
    pub revision: [u8; 32],
}

/// A model that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its name in this policy and in metrics.
    pub name: String,
    /// What its provider calls it.
    pub upstream_name: String,
    /// Who runs it.
    pub provider: ProviderId,
    /// What it costs.
    pub prices: Prices,
}

/// Who runs models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name in this policy and in metrics.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether to speak TLS.
    pub tls: bool,
    /// Path of its chat completions endpoint.
    pub path: String,
    /// Environment variable that holds its API key; `None`: requests carry no credential.
    pub credential: Option<String>,
}

/// A step of the ladder from cheap to strong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// The greatest complexity that it handles.
    pub handles: Level,
    /// Its models in failover order; never empty.
    pub models: Vec<ModelId>,
}

/// What a model named by the caller means. `auto` always means: decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestedModel {
    /// Use it.
    Honor,
    /// Use at most its tier.
    Cap,
    /// Decide as if `auto` had been named.
    Ignore,
}

/// How complexity is scored.
#[derive(Debug, Clone, PartialEq)]
pub struct Classify {
    /// Which scorer.
    pub scorer: Scorer,
    /// Where levels begin on the scale of the heuristic score, 0..=1.
    pub boundaries: Boundaries,
}

/// The scorers to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scorer {
    /// Weighs length, code, tools, terms and wording.
    Heuristic,
    /// Counts words and five keywords.
    Wordcount,
}

/// Scores from which on a request is medium, and high. `0 < medium < high <= 1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Boundaries {
    /// Least score of [`Level::Medium`].
    pub medium: f64,
    /// Least score of [`Level::High`].
    pub high: f64,
}

/// Which requests are read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admit {
    /// Paths, matched exactly or as a suffix that starts at a `/`; a query string does not count.
    pub paths: Vec<String>,
    /// Largest body that is read, in bytes.
    pub max_body_bytes: usize,
    /// Deepest JSON nesting that is accepted.
    pub max_depth: u16,
}

/// Where the tenant of a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantSource {
    /// A request header, lower case; absent means the one default tenant.
    Header(String),
    /// The caller's API key (`authorization`, `x-api-key`, `api-key`), hashed.
    ApiKey,
}

/// Bounds of the exact cache.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactCache {
    /// How long an answer may be served.
    pub ttl: Duration,
    /// Most answers kept.
    pub entries: u32,
    /// Most bytes of answers kept.
    pub bytes: u64,
    /// Requests with a greater temperature are not cached.
    pub max_temperature: f64,
    /// Requests for more choices are not cached.
    pub max_choices: u64,
}

/// When an attempt counts as failed and the next model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failover {
    /// Longest silence within one attempt, before the first byte and between chunks.
    pub per_try_idle_timeout: Duration,
    /// Longest time for one attempt to connect.
    pub connect_timeout: Duration,
    /// Longest time for a call, all attempts and the whole answer included.
    pub timeout: Duration,
}

impl Policy {
    /// Parses a policy document.
    ///
    /// # Errors
    /// [`PolicyError`] names the path to the first thing that is wrong.
    pub fn from_json(text: &str) -> Result<Self, PolicyError> {
        document::parse(text)
    }

    /// All models.
    pub fn models(&self) -> impl ExactSizeIterator<Item = (ModelId, &Model)> {
        (0_u16..).zip(&self.models).map(|(i, m)| (ModelId(i), m)).collect::<Vec<_>>().into_iter()
    }
}
