//! The router role: what all its streams share.

use std::cell::Cell;
use std::sync::Arc;

use crate::cache::exact::ExactCache;
use crate::cache::recall::{Caching, Hit, Recall};
use crate::cache::semantic::SemanticCache;
use crate::chat::Caller;
use crate::chat::renewal::{Renewal, renew};
use crate::complexity;
use crate::embedding::{Encoders, Sieve};
use crate::host::{Clock, Metrics, SharedData};
use crate::ledger::budget::Book;
use crate::policy::Policy;
use crate::routing::Credentials;
use crate::telemetry::history::History;
use crate::telemetry::{Meters, Metric, OpenLabel, Recent};

/// What the console tells of the past.
#[derive(Debug)]
pub(super) struct Memory {
    history: History,
    pub(super) recent: Recent,
}

/// A configured router role.
#[derive(Debug)]
pub(super) struct RouterRole {
    pub(super) policy: Policy,
    pub(super) cache: Option<ExactCache>,
    pub(super) semantic: Option<SemanticCache>,
    pub(super) meters: Meters,
    /// Teams by name, as far as they are told apart.
    pub(super) teams: OpenLabel,
    /// What operators are told of the past; `None` where the policy has no console.
    pub(super) memory: Option<Memory>,
    pub(super) credentials: Credentials,
    pub(super) encoder: Option<Arc<Sieve>>,
    pub(super) budgets: Vec<Book>,
    /// Stored answers that were given.
    given: Cell<u64>,
}

impl RouterRole {
    /// A router that enforces `policy`. `environment` looks up the environment variables that hold callers' keys, which are
    /// unknown without, and providers' credentials: where there is none, the provider's models are left out.
    pub(super) fn new(mut policy: Policy, environment: impl Fn(&str) -> Option<String>) -> Self {
        for not_taken in policy.identity.keys.look_up(&environment) {
            log::error!("{not_taken}; its holder is not known");
        }
        let cache = policy.exact_cache.as_ref().map(ExactCache::new);
        let credentials = Credentials::find(&policy, environment);
        for (provider, variable) in credentials.missing() {
            log::warn!(
                "providers.{}.credential: environment variable {variable} is not set, so its models are not asked; set it \
                 for Envoy and list it in vm_config.environment_variables.host_env_keys",
                policy.provider(provider).name
            );
        }
        let meters = Meters::new(policy.console.is_some());
        let new = || Memory { history: History::new(policy.time_zone.clone()), recent: Recent::default() };
        let memory = policy.console.as_ref().map(|_| new());
        let encoder = complexity::encoder(&policy.classify).unwrap_or_else(|unavailable| {
            log::error!("the learned scorer is not used, the heuristic alone scores: {unavailable}");
            meters.add(Metric::ScorerUnavailable, &[], 1);
            None
        });
        let semantic = semantic(&policy, &meters);
        let teams = OpenLabel::new(policy.telemetry.teams);
        let budgets = policy.books();
        let given = Cell::new(0);
        Self { budgets, policy, cache, semantic, meters, teams, memory, credentials, encoder, given }
    }

    /// What the cache has to say to a `caller`: a stored answer is put into its dialect, and has an id of its own and the time
    /// of now.
    pub(super) fn recalled<H: Clock>(&self, host: &H, recall: Recall, caller: Caller) -> Recall {
        match recall {
            Recall::Hit(hit) => {
                let key = hit.key;
                let spoken = hit.answer.spoken_to(caller);
                spoken.map_or(Recall::Forward(Caching::Replace(key)), |answer| {
                    Recall::Hit(self.renewed(host, Hit { answer, ..hit }))
                })
            }
            forward @ Recall::Forward(_) => forward,
        }
    }

    fn renewed<H: Clock>(&self, host: &H, mut hit: Hit) -> Hit {
        let (now, given) = (host.now(), self.given.get());
        self.given.set(given.wrapping_add(1));
        let mut hash = blake3::Hasher::new();
        for part in [hit.key.bytes().as_slice(), &now.as_nanos().to_le_bytes(), &given.to_le_bytes()] {
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let renewal = Renewal { id: hash.first_chunk().copied().unwrap_or_default(), created: now.as_secs() };
        if let Some(body) = renew(&hit.answer.body, renewal) {
            hit.answer.body = body;
        }
        hit
    }

    /// Hands to the host what was counted; to be called now and then.
    pub(super) fn report<H: Metrics + SharedData + Clock>(&self, host: &H) {
        self.meters.flush(host);
        let Some(Memory { history, recent }) = &self.memory else { return };
        recent.share(host);
        let counted = self.meters.counted();
        if !counted.is_empty() {
            history.add(host, &counted, host.now());
        }
    }
}

/// The semantic cache, if the policy has one and the models for it can be used.
fn semantic(policy: &Policy, meters: &Meters) -> Option<SemanticCache> {
    let bounds = policy.semantic_cache.clone()?;
    let cache = match Encoders::bundled() {
        Ok(encoders) => SemanticCache::new(bounds, encoders).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match cache {
        Ok(cache) => Some(cache),
        Err(error) => {
            log::error!("the semantic cache is off: {error}");
            meters.add(Metric::SemanticUnavailable, &[], 1);
            None
        }
    }
}
