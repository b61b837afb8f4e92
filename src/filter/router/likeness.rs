//! What the semantic cache has for a request that the exact cache does not have.

use super::reading::Reading;
use super::role::RouterRole;
use crate::cache::CacheKey;
use crate::cache::recall::{Caching, Hit};
use crate::cache::semantic::{Found, Query, SemanticCache, Unentered, Unfit};
use crate::chat::ChatRequest;
use crate::host::Host;
use crate::routing::Plan;
use crate::telemetry::Metric;

/// What was found, and what is kept when the request is answered.
#[derive(Debug, Default)]
pub(super) struct Likeness {
    pub(super) hit: Option<Hit>,
    pub(super) query: Option<Query>,
}

/// Looks for an answer to a message that asks for the same, for a request that would go to a tier of the policy.
pub(super) fn look<H: Host>(
    role: &RouterRole,
    host: &H,
    reading: &Reading,
    request: &ChatRequest,
    plan: &Plan,
) -> Likeness {
    let (Some(semantic), Some(exact), Plan::Forward(forward)) = (&role.semantic, &role.cache, plan) else {
        return Likeness::default();
    };
    if forward.caching.key().is_none() {
        return Likeness::default();
    }
    let count = |result, reason| role.counters.add(Metric::Semantic, &[result, reason], 1);
    let tier = forward.candidates.decision.tier(&role.policy).map_or("", |tier| &tier.name);
    let query = match semantic.query(&reading.question(role, request), tier) {
        Ok(query) => query,
        Err(unfit) => {
            count("unfit", reason(unfit));
            return Likeness::default();
        }
    };
    // A caller that wants a fresh answer has it kept.
    if matches!(forward.caching, Caching::Refresh(_)) {
        return Likeness { hit: None, query: Some(query) };
    }
    let accepts = (reading.directives.max_age, reading.max_false_hits);
    match semantic.recall(host, exact, &query, accepts.0, accepts.1) {
        Found::Hit(hit) if semantic.bounds().serves => {
            count("hit", "");
            Likeness { hit: Some(hit), query: None }
        }
        Found::Hit(_) => {
            count("shadow_hit", "");
            Likeness { hit: None, query: Some(query) }
        }
        Found::Miss(missed) => {
            let (result, reason) = missed.names();
            count(result, reason);
            Likeness { hit: None, query: Some(query) }
        }
    }
}

/// Keeps a message whose answer has been stored.
pub(super) fn remember<H: Host>(
    role: &RouterRole,
    host: &H,
    semantic: &SemanticCache,
    query: Query,
    key: CacheKey,
) {
    let (result, reason) = match semantic.remember(host, query, key) {
        Ok(()) => ("stored", ""),
        Err(Unentered::TooLarge) => ("not_stored", "too_large"),
        Err(Unentered::Contended) => ("not_stored", "contended"),
    };
    role.counters.add(Metric::Semantic, &[result, reason], 1);
}

fn reason(unfit: Unfit) -> &'static str {
    match unfit {
        Unfit::Vetoed(veto) => veto.name(),
        Unfit::Parts => "parts",
        Unfit::Empty => "empty",
    }
}
