//! What the semantic cache has for a request that the exact cache does not have.

use super::reading::Reading;
use super::role::RouterRole;
use crate::cache::CacheKey;
use crate::cache::recall::{Caching, Hit};
use crate::cache::semantic::{Accepts, Found, Query, SemanticCache, Unentered, Unfit};
use crate::chat::ChatRequest;
use crate::host::Host;
use crate::routing::Plan;
use crate::telemetry::Metric;

/// Looks for an answer to a message that asks for the same, for a request that by its plan goes to a provider. `reply` makes the plan
/// that replies with a hit. Returns the plan that counts, and what is kept when a provider has answered.
pub(super) fn recall<H: Host>(
    role: &RouterRole,
    host: &H,
    (reading, request): (&Reading, &ChatRequest),
    plan: Plan,
    reply: impl FnOnce(Hit) -> Plan,
) -> (Plan, Option<Query>) {
    let (Some(semantic), Some(exact), Plan::Forward(forward)) = (&role.semantic, &role.cache, &plan) else {
        return (plan, None);
    };
    if forward.caching.key().is_none() {
        return (plan, None);
    }
    let count = |result, reason| role.counters.add(Metric::Semantic, &[result, reason], 1);
    let tier = forward.candidates.decision.tier(&role.policy).map_or("", |tier| &tier.name);
    let query = match semantic.query(&reading.question(role, request), tier) {
        Ok(query) => query,
        Err(unfit) => {
            count("unfit", reason(unfit));
            return (plan, None);
        }
    };
    // A caller that wants a fresh answer has it kept.
    if matches!(forward.caching, Caching::Refresh(_)) {
        return (plan, Some(query));
    }
    let accepts = Accepts { max_age: reading.directives.max_age, max_false_hits: reading.max_false_hits };
    match semantic.recall(host, exact, &query, accepts) {
        Found::Hit(hit) if semantic.bounds().serves => match reply(hit) {
            plan @ Plan::Reply(_) => {
                count("hit", "");
                return (plan, None);
            }
            // It stands under the key of another request: this one's plan holds.
            Plan::Forward(_) | Plan::Refuse(_) => count("unstreamable", ""),
        },
        Found::Hit(_) => count("shadow_hit", ""),
        Found::Miss(missed) => {
            let (result, reason) = missed.names();
            count(result, reason);
        }
    }
    (plan, Some(query))
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
