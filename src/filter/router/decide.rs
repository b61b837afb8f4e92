//! From a request that has been read to what becomes of it.

use super::apply::{self, Applied};
use super::reading::Reading;
use super::role::RouterRole;
use super::semantic;
use crate::cache::recall::Recall;
use crate::chat::{ChatRequest, Operation};
use crate::host::Host;
use crate::routing::{Plan, plan, unscored};

/// Makes the plan for a request of which all is known that it needs, and carries it out.
pub(super) fn decide<H: Host>(
    role: &RouterRole,
    host: &H,
    reading: Reading,
    request: ChatRequest,
    recall: Recall,
) -> Applied {
    if reading.operation != Operation::Chat {
        if reading.directives.only_if_cached {
            return apply::not_cached(role, host, reading.caller);
        }
        let plan = unscored(&role.policy, &role.credentials, &request, (&reading.operation, &reading.ruling));
        return apply::apply_unscored(role, host, reading, request, plan);
    }
    let make = |recall| {
        let recall = role.recalled(host, recall, request.caller);
        plan(&role.policy, role.encoder.as_deref(), &role.credentials, &request, (&reading.ruling, recall))
    };
    let plan = make(recall);
    let (plan, sought) =
        semantic::recall(role, host, (&reading, &request), plan, |hit| make(Recall::Hit(hit)));
    if reading.directives.only_if_cached && !matches!(plan, Plan::Reply(_)) {
        return apply::not_cached(role, host, reading.caller);
    }
    apply::apply(role, host, reading, request, (plan, sought))
}
