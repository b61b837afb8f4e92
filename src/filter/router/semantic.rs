//! What the semantic cache has for a request that the exact cache does not have.

use super::reading::Reading;
use super::role::RouterRole;
use crate::cache::CacheKey;
use crate::cache::exact::KeptAnswer;
use crate::cache::recall::{Caching, Hit};
use crate::cache::semantic::{Accepts, Found, Noted, Query, SemanticCache, Unentered, Unfit};
use crate::cache::tag::TenantTag;
use crate::chat::{ChatRequest, whole};
use crate::host::Host;
use crate::routing::Plan;
use crate::telemetry::Metric;

/// What the semantic cache said of a request that goes to a provider.
#[derive(Debug)]
pub(super) struct Sought {
    /// What it said, by its name in metrics and logs.
    pub(super) result: &'static str,
    /// Why; empty where that says it all.
    pub(super) reason: &'static str,
    /// What is kept of the request when a provider has answered.
    pub(super) query: Option<Query>,
    /// The answer that would have been served.
    pub(super) audited: Option<KeptAnswer>,
}

/// Looks for an answer to a message that asks for the same, for a request that by its plan goes to a provider. `reply` makes the plan
/// that replies with a hit. Returns the plan that counts, and what was found where that is no hit.
pub(super) fn recall<H: Host>(
    role: &RouterRole,
    host: &H,
    (reading, request): (&Reading, &ChatRequest),
    plan: Plan,
    reply: impl FnOnce(Hit) -> Plan,
) -> (Plan, Option<Sought>) {
    let (Some(semantic), Some(exact), Plan::Forward(forward)) = (&role.semantic, &role.cache, &plan) else {
        return (plan, None);
    };
    if forward.caching.key().is_none() {
        return (plan, None);
    }
    let count = |result, reason| role.meters.add(Metric::Semantic, &[result, reason], 1);
    let tier = forward.candidates.decision.tier(&role.policy).map_or("", |tier| &tier.name);
    let query = match semantic.query(&reading.question(role, request), tier) {
        Ok(query) => query,
        Err(unfit) => {
            let reason = reason(unfit);
            count("unfit", reason);
            return (plan, Some(Sought { result: "unfit", reason, query: None, audited: None }));
        }
    };
    // A caller that wants a fresh answer has it kept.
    if matches!(forward.caching, Caching::Refresh(_)) {
        return (plan, Some(Sought { result: "refresh", reason: "", query: Some(query), audited: None }));
    }
    let accepts = Accepts { max_age: reading.directives.max_age, max_false_hits: reading.max_false_hits };
    let ((result, reason), audited) = match semantic.recall(host, exact, &query, accepts) {
        Found::Hit(hit) if !reading.directives.only_if_cached && semantic.is_audited() => {
            let result = if semantic.bounds().serves { "audited" } else { "shadow_hit" };
            ((result, ""), Some(hit.answer))
        }
        Found::Hit(hit) if semantic.bounds().serves => match reply(hit) {
            plan @ Plan::Reply(_) => {
                count("hit", "");
                return (plan, None);
            }
            // It stands under the key of another request: this one's plan holds.
            Plan::Forward(_) | Plan::Refuse(_) => (("unstreamable", ""), None),
        },
        Found::Hit(_) => (("shadow_hit", ""), None),
        Found::Miss(missed) => (missed.names(), None),
    };
    count(result, reason);
    (plan, Some(Sought { result, reason, query: Some(query), audited }))
}

/// A provider has answered what the cache would have answered as well: compares the two.
pub(super) fn audit<H: Host>(
    role: &RouterRole,
    host: &H,
    tenant: TenantTag,
    served: &KeptAnswer,
    fresh: &KeptAnswer,
) {
    let Some(semantic) = &role.semantic else { return };
    let text = |answer: &KeptAnswer| whole::text(&answer.body, answer.dialect);
    let (Some(served), Some(fresh)) = (text(served), text(fresh)) else { return };
    let agrees = semantic.agree(&served, &fresh);
    role.meters.add(Metric::Semantic, &[if agrees { "agreed" } else { "disagreed" }], 1);
    if semantic.bounds().note(host, tenant, agrees) == Noted::Tightened {
        role.meters.add(Metric::Semantic, &["tightened"], 1);
        log::warn!(
            "the semantic cache's answers to tenant {tenant} differ too often from what providers say: fewer may be wrong from now on"
        );
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
    role.meters.add(Metric::Semantic, &[result, reason], 1);
}

fn reason(unfit: Unfit) -> &'static str {
    match unfit {
        Unfit::Vetoed(veto) => veto.name(),
        Unfit::Parts => "parts",
        Unfit::Empty => "empty",
    }
}
