//! The policy: everything that a team decides, parsed once into types that cannot be wrong; see [`Policy::from_value`].
//!
//! What is set stands with its concept (how complexity is scored with complexity, the cache's bounds with the cache): here it is
//! composed.

mod admit;
mod budgets;
mod cache;
mod catalog;
mod chains;
mod classify;
mod console;
mod conversations;
mod document;
mod failover;
mod fields;
mod identity;
mod list;
mod mode;
mod models;
mod named;
mod parse;
mod prices;
mod providers;
mod rules;
#[cfg(not(target_arch = "wasm32"))]
mod schema;
mod share;
mod telemetry;
#[cfg(test)]
mod tests;
mod tiers;

pub use catalog::{
    Abilities, Credential, MAX_TIER_MODELS, Model, ModelId, Provider, ProviderId, Tier, TierId,
};
pub use chains::{Chain, MAX_BEFORE};
pub use console::{Console, Reading};
pub use fields::read_duration;
pub use mode::{Lot, Mode};
pub use rules::{Constraints, Denial, Effect, Rule, RuleId, Rules, UNCONSTRAINED};
#[cfg(not(target_arch = "wasm32"))]
pub use schema::schema;
pub use share::read_share;
pub use telemetry::{Collector, Convention, Telemetry};

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use self::list::NonEmpty;
use crate::admission::Admission;
use crate::cache::conversations::Conversations;
use crate::cache::exact::Bounds;
use crate::cache::semantic::SemanticBounds;
use crate::calendar::Zone;
use crate::chat::headers::names_version;
use crate::complexity::{Classify, Level};
use crate::envoy::Failover;
use crate::identity::{Attributes, KEY, Sources, text_named};
use crate::ledger::budget::{Book, Budget};
use crate::sharing::SharedStore;

/// Everything that a team decides about its LLM traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Whether it is enforced.
    pub mode: Mode,
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
    pub admit: Admission,
    /// Where it is known from who asks.
    pub identity: Sources,
    /// The models that the holder of a key may ask, by the key's name; who has none here may ask all.
    key_models: BTreeMap<String, Vec<ModelId>>,
    /// The exact cache; `None` when it is off.
    pub exact_cache: Option<Bounds>,
    /// The semantic cache; `None` when it is off.
    pub semantic_cache: Option<SemanticBounds>,
    /// Whether, and how long, conversations stay with the model that has answered them; `None`: they move.
    pub conversations: Option<Conversations>,
    /// Where instances share the answers of the exact cache; `None` when each is alone.
    pub shared_store: Option<SharedStore>,
    /// What operators may do on a listener of their own; `None`: there is no such listener.
    pub console: Option<Console>,
    /// Whether answers carry `x-arbiter-decision`.
    pub decision_header: bool,
    /// What is reported, and under which names.
    pub telemetry: Telemetry,
    /// Who may do what.
    pub rules: Rules,
    /// What may be spent, by whom.
    pub budgets: Vec<Budget>,
    /// Where the team lives: what an hour or a day is.
    pub time_zone: Zone,
    /// When an attempt counts as failed.
    pub failover: Failover,
    /// Request headers that some provider gets because the policy says so: they may change an answer.
    pub forwarded_headers: BTreeSet<String>,
    /// Distinguishes policies that could give the same request another answer; part of every cache key.
    pub revision: [u8; 32],
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

    /// Whether a header names the API version that its readers among the providers are told anyway, if there are any.
    #[must_use]
    pub fn names_usual_version(&self, name: &str, value: &[u8]) -> bool {
        let mut readers = self.providers().filter(|provider| provider.dialect.version_header == Some(name));
        names_version(name) && readers.all(|provider| provider.api_version.as_bytes() == value)
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

    /// A model by its name in this policy, else by what its provider calls it.
    #[must_use]
    pub fn model_called(&self, name: &str) -> Option<ModelId> {
        let upstream = || self.models().find(|(_, model)| model.upstream_name == name).map(|(id, _)| id);
        self.model_by_name(name).or_else(upstream)
    }

    /// The tier below another one; the cheapest has none below it.
    #[must_use]
    pub fn tier_below(&self, tier: TierId) -> TierId {
        TierId(tier.0.saturating_sub(1))
    }

    /// The cheapest tier that contains a model.
    #[must_use]
    pub fn tier_of(&self, model: ModelId) -> Option<TierId> {
        self.tiers().find(|(_, tier)| tier.models().any(|id| id == model)).map(|(id, _)| id)
    }

    /// The cheapest tier that handles `level`; the last tier handles every level.
    #[must_use]
    pub fn cheapest_tier(&self, level: Level) -> TierId {
        let mut tiers = self.tiers().filter(|(_, tier)| tier.handles >= level);
        tiers.next().map_or(TierId(0), |(id, _)| id)
    }

    /// The models that the caller's key is for, if it is for some only.
    #[must_use]
    pub fn models_of_key(&self, attributes: &Attributes) -> Option<&[ModelId]> {
        self.key_models.get(text_named(attributes, KEY)?).map(Vec::as_slice)
    }

    /// The accounts of its budgets.
    #[must_use]
    pub fn books(&self) -> Vec<Book> {
        let book = |budget: &Budget| Book::new(budget.clone(), self.time_zone.clone(), self.failover.timeout);
        self.budgets.iter().map(book).collect()
    }

    /// Whether what is decided of the request with this lot is done, and not only counted.
    #[must_use]
    pub fn is_enforced(&self, lot: &Lot) -> bool {
        self.mode.enforces(lot, "")
    }

    /// Whether something counts for a share of requests.
    #[must_use]
    pub fn draws_lots(&self) -> bool {
        matches!(self.mode, Mode::Share(_)) || self.rules.draw_lots()
    }

    /// Whether rules, keys or budgets hold calls to anything.
    #[must_use]
    pub fn holds_calls(&self) -> bool {
        !self.rules.is_empty() || !self.key_models.is_empty() || !self.budgets.is_empty()
    }

    /// The provider that runs a model.
    #[must_use]
    pub fn provider_of(&self, model: ModelId) -> &Provider {
        self.provider(self.model(model).provider)
    }
}
