//! A request that waits for the shared store, which another instance may have filled.
//!
//! It begins only when the body has ended, and has a deadline that Envoy holds: with or without an answer, the request goes on.

use super::reading::Reading;
use super::role::RouterRole;
use crate::cache::CacheKey;
use crate::cache::exact::KeptAnswer;
use crate::cache::origin::Origin;
use crate::cache::recall::{Caching, Hit, Recall};
use crate::chat::{ChatRequest, whole};
use crate::envoy::SHARED_CLUSTER;
use crate::host::{Callout, CalloutId, CalloutResponse, Host};
use crate::sharing::SharedAnswer;
use crate::telemetry::Metric;

/// What is waited for.
#[derive(Debug)]
pub(super) struct Pending {
    caching: Caching,
    key: CacheKey,
    callout: CalloutId,
}

/// All that is needed to go on.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) reading: Reading,
    pub(super) request: ChatRequest,
    pub(super) pending: Pending,
}

/// Asks the shared store for what the local cache does not have. `None` when there is nobody to ask, or nothing to ask for.
pub(super) fn ask<H: Host>(role: &RouterRole, host: &H, recall: &Recall) -> Option<Pending> {
    let store = role.policy.shared_store.as_ref()?;
    let Recall::Forward(caching @ (Caching::Store(key) | Caching::Replace(key))) = recall else {
        return None;
    };
    let question = store.question(key);
    let callout = Callout {
        cluster: SHARED_CLUSTER,
        authority: &store.host,
        method: "GET",
        path: &question.path,
        body: &[],
        timeout: store.timeout,
    };
    match host.call_out(&callout) {
        Ok(callout) => Some(Pending { caching: *caching, key: *key, callout }),
        Err(_) => {
            role.meters.add(Metric::Shared, &["unavailable"], 1);
            None
        }
    }
}

impl Waiting {
    /// Whether this is the answer that it waits for.
    pub(super) fn is_for(&self, callout: CalloutId) -> bool {
        self.pending.callout == callout
    }

    /// The store has answered, or has not in time.
    pub(super) fn end<H: Host>(
        self,
        role: &RouterRole,
        host: &H,
        response: Option<&CalloutResponse>,
    ) -> (Reading, ChatRequest, Recall) {
        let Self { reading, request, pending: Pending { caching, key, .. } } = self;
        let shared = response.and_then(|response| SharedAnswer::read(response.status, &response.body));
        let hit = shared.and_then(|SharedAnswer { stored_at, model, dialect, body }| {
            let cache = role.cache.as_ref()?;
            let (age, ttl_left) = cache.freshness(host, stored_at, reading.directives.max_age)?;
            let usage = whole::read(&body, dialect).and_then(|completion| completion.usage);
            let answer = KeptAnswer { body, dialect, usage, model };
            cache.adopt(host, &key, &answer, stored_at).then_some(Hit {
                key,
                answer,
                age,
                ttl_left,
                origin: Origin::Stored,
            })
        });
        // The store answers 404 to what it does not have.
        let result = match (&hit, response) {
            (Some(_), _) => "hit",
            (None, Some(CalloutResponse { status: 200 | 404, .. })) => "miss",
            (None, _) => "unavailable",
        };
        role.meters.add(Metric::Shared, &[result], 1);
        (reading, request, hit.map_or(Recall::Forward(caching), Recall::Hit))
    }
}

/// Shares an answer that was given just now; nobody waits for that.
pub(super) fn share<H: Host>(role: &RouterRole, host: &H, key: &CacheKey, answer: &KeptAnswer) {
    let (Some(store), Some(bounds)) = (&role.policy.shared_store, &role.policy.exact_cache) else { return };
    let Some(storing) = store.storing(key, answer, host.now(), bounds.ttl) else { return };
    let callout = Callout {
        cluster: SHARED_CLUSTER,
        authority: &store.host,
        method: "PUT",
        path: &storing.path,
        body: &storing.value,
        timeout: store.timeout,
    };
    let result = if host.call_out(&callout).is_ok() { "stored" } else { "unavailable" };
    role.meters.add(Metric::Shared, &[result], 1);
}
