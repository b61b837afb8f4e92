//! The policy document and the decision it leads to.
//!
//! A document is parsed once into types that cannot be wrong; see [`Policy::from_json`].

mod decision;
mod document;
mod list;
mod parse;
#[cfg(test)]
mod tests;

pub use decision::{Decision, Reason, Target};

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use self::list::NonEmpty;

use crate::chat::{Caller, Dialect};
use crate::complexity::Level;
use crate::ledger::Prices;

/// A model of the policy that gave this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(u16);

/// A tier of the policy that gave this id; a greater one is stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TierId(u16);

/// A provider of the policy that gave this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(u16);

/// Everything that a team decides about its LLM traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    models: NonEmpty<Model>,
    providers: NonEmpty<Provider>,
    tiers: NonEmpty<Tier>,
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
    /// What it can do.
    pub abilities: Abilities,
    /// Name of the Envoy cluster that asks it alone.
    pub cluster: String,
}

/// What a model can do, as the policy declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// Longest prompt and answer together, in tokens; `None`: not known, so never the reason to skip it.
    pub context_window: Option<u64>,
    /// Longest answer to ask for where a dialect demands a bound and the caller names none, in tokens.
    pub max_output: u64,
    /// Whether it calls tools.
    pub tools: bool,
    /// Whether it sees images.
    pub images: bool,
    /// Whether it answers in a form that the caller demands.
    pub structured_output: bool,
    /// Whether it understands settings of reasoning.
    pub reasoning: bool,
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
    /// What it wants to be spoken to in.
    pub dialect: &'static Dialect,
    /// Path of a call; `{model}` stands for a model's upstream name.
    pub path: String,
    /// Path of a call whose answer is streamed.
    pub stream_path: String,
    /// API version, where its dialect has one.
    pub api_version: String,
    /// Where its API key comes from; `None`: requests carry no credential.
    pub credential: Option<Credential>,
}

/// Where an API key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// An environment variable that Envoy hands over.
    Environment(String),
    /// A secret in this file, which Envoy's own `credential_injector` reads by SDS: the filter never sees it.
    Sds(String),
}

impl Provider {
    /// The environment variable that holds its API key, if it comes from one.
    #[must_use]
    pub fn credential_variable(&self) -> Option<&str> {
        match &self.credential {
            Some(Credential::Environment(variable)) => Some(variable),
            _ => None,
        }
    }

    /// The file with the secret that Envoy injects, if the API key comes from one.
    #[must_use]
    pub fn credential_secret(&self) -> Option<&str> {
        match &self.credential {
            Some(Credential::Sds(path)) => Some(path),
            _ => None,
        }
    }
}

/// A step of the ladder from cheap to strong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// The greatest complexity that it handles.
    pub handles: Level,
    /// Name of the Envoy cluster that asks its models in failover order.
    pub cluster: String,
    models: NonEmpty<ModelId>,
}

impl Tier {
    /// The model that is asked first.
    #[must_use]
    pub fn first_model(&self) -> ModelId {
        *self.models.at(0)
    }

    /// Its models in failover order.
    pub fn models(&self) -> impl Iterator<Item = ModelId> {
        self.models.iter().map(|(_, id)| *id)
    }

    /// Name of the Envoy cluster that asks those of its models that stand in `chosen`, in failover order. `None` when that
    /// is a single model, which has a cluster of its own, or none.
    #[must_use]
    pub fn subset_cluster(&self, chosen: &[ModelId]) -> Option<String> {
        let places: Vec<String> = self
            .models
            .iter()
            .filter(|(_, id)| chosen.contains(id))
            .map(|(place, _)| place.to_string())
            .collect();
        match places.len() {
            0 | 1 => None,
            count if count == self.models().count() => Some(self.cluster.clone()),
            _ => Some(format!("{}+{}", self.cluster, places.join("+"))),
        }
    }

    /// Every choice of two or more of its models, in failover order: each is a cluster.
    #[must_use]
    pub fn subsets(&self) -> Vec<Vec<ModelId>> {
        let models: Vec<ModelId> = self.models().collect();
        (0_u32..1 << models.len().min(MAX_TIER_MODELS))
            .rev()
            .map(|chosen| {
                let is_chosen = |place: usize| chosen & (1_u32 << place) != 0;
                models.iter().enumerate().filter(|(place, _)| is_chosen(*place)).map(|(_, id)| *id).collect()
            })
            .filter(|subset: &Vec<ModelId>| subset.len() > 1)
            .collect()
    }
}

/// Most models of a tier: each choice among them is a cluster.
pub const MAX_TIER_MODELS: usize = 5;

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
    /// Paths and the dialect of those who call them, matched exactly or as a suffix that starts at a `/`; a query string does
    /// not count.
    pub paths: Vec<(String, Caller)>,
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
    /// Whether 401 and 403 make the next model be asked: our credential is at fault, not the caller.
    pub refused_credentials: bool,
}

impl Failover {
    /// Whether an answer with this status makes the next model be asked.
    #[must_use]
    pub fn retries(&self, status: u16) -> bool {
        status >= 500 || status == 429 || (self.refused_credentials && matches!(status, 401 | 403))
    }
}

/// What is wrong with a policy document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: {message}")]
pub struct PolicyError {
    /// Path to the field, for example `tiers[1].models[0]`; `policy` for the document itself.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Policy {
    /// Parses a policy document.
    ///
    /// # Errors
    /// [`PolicyError`] names the path to the first thing that is wrong.
    pub fn from_value(document: Value) -> Result<Self, PolicyError> {
        parse::policy(document::read(document)?)
    }

    /// All models with their ids.
    pub fn models(&self) -> impl Iterator<Item = (ModelId, &Model)> {
        self.models.iter().map(|(index, model)| (ModelId(index), model))
    }

    /// All tiers, cheap to strong.
    pub fn tiers(&self) -> impl Iterator<Item = (TierId, &Tier)> {
        self.tiers.iter().map(|(index, tier)| (TierId(index), tier))
    }

    /// All providers.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.providers.iter().map(|(_, provider)| provider)
    }

    /// A model by its id.
    #[must_use]
    pub fn model(&self, id: ModelId) -> &Model {
        self.models.at(id.0)
    }

    /// A tier by its id.
    #[must_use]
    pub fn tier(&self, id: TierId) -> &Tier {
        self.tiers.at(id.0)
    }

    /// A provider by its id.
    #[must_use]
    pub fn provider(&self, id: ProviderId) -> &Provider {
        self.providers.at(id.0)
    }

    /// A model by its name in this policy.
    #[must_use]
    pub fn model_by_name(&self, name: &str) -> Option<ModelId> {
        self.models().find(|(_, model)| model.name == name).map(|(id, _)| id)
    }

    /// The cheapest tier that contains a model.
    #[must_use]
    pub fn tier_of(&self, model: ModelId) -> Option<TierId> {
        self.tiers().find(|(_, tier)| tier.models().any(|id| id == model)).map(|(id, _)| id)
    }

    /// The provider that runs a model.
    #[must_use]
    pub fn provider_of(&self, model: ModelId) -> &Provider {
        self.provider(self.model(model).provider)
    }
}
