//! From a request that has been read to what becomes of it.

use super::apply::{self, Applied};
use super::budgets::{self, Charge, Notice, Reserved};
use super::conversations;
use super::exchange::Asked;
use super::reading::Reading;
use super::role::RouterRole;
use super::semantic::{self, Sought};
use crate::cache::recall::Recall;
use crate::chat::{ChatRequest, Operation};
use crate::host::Host;
use crate::ledger::budget::Stage;
use crate::policy::ModelId;
use crate::routing::{Plan, Premises, Unscored, plan, unscored};

/// What is to become of a request. Nothing has happened yet, but that budgets have set aside what it may cost.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "it is taken apart at once; whether it is large depends on the target"
)]
pub(super) enum Course {
    /// A plan for an answer, and what the semantic cache said.
    Chat(Plan, Option<Sought>, Funds),
    /// A plan for anything else.
    Unscored(Unscored, Funds),
    /// It is refused: nothing is stored, and the caller wants nothing else.
    NotCached,
    /// It is refused: a budget is spent.
    Exhausted(Notice),
}

/// Makes the plan for a request of which all is known that it needs, and carries it out.
pub(super) fn decide<H: Host>(
    role: &RouterRole,
    host: &H,
    reading: Reading,
    request: ChatRequest,
    recall: Recall,
) -> Applied {
    match consider(role, host, (&reading, &request), recall) {
        Course::Chat(plan, sought, funds) => {
            funds.given_to(apply::apply(role, host, reading, request, (plan, sought)))
        }
        Course::Unscored(plan, funds) => {
            funds.given_to(apply::apply_unscored(role, host, reading, request, plan))
        }
        Course::NotCached => apply::not_cached(role, host, reading.caller),
        Course::Exhausted(spent) => apply::exhausted(role, host, &Asked::of(request, &reading), &spent),
    }
}

/// Makes the plan for a request of which all is known that it needs.
pub(super) fn consider<H: Host>(
    role: &RouterRole,
    host: &H,
    (reading, request): (&Reading, &ChatRequest),
    recall: Recall,
) -> Course {
    if reading.operation != Operation::Chat {
        return consider_unscored(role, host, reading, request);
    }
    // What is stored costs nothing.
    let charges = if matches!(recall, Recall::Hit(_)) { Vec::new() } else { charges(role, host, reading) };
    let stage = budgets::strictest(role, &charges).map_or(Stage::Within, |notice| notice.stage);
    let last_answer = match recall {
        Recall::Forward(_) => conversations::last_answer(role, host, (reading, request)),
        Recall::Hit(_) => None,
    };
    let known = Premises { ruling: &reading.ruling, stage, last_answer: last_answer.as_ref() };
    let make = |recall| {
        let recall = role.recalled(host, recall, request.caller);
        plan(&role.policy, role.encoder.as_deref(), &role.credentials, request, known, recall)
    };
    let plan = make(recall);
    let (plan, sought) = semantic::recall(role, host, (reading, request), plan, |hit| make(Recall::Hit(hit)));
    if reading.directives.only_if_cached && !matches!(plan, Plan::Reply(_)) {
        return Course::NotCached;
    }
    let funds = match &plan {
        Plan::Forward(forward) => {
            let model = forward.candidates.decision.model;
            fund(role, host, (reading, charges), (request, model))
        }
        Plan::Reply(_) | Plan::Refuse(_) => Ok(Funds::default()),
    };
    funds.map_or_else(Course::Exhausted, |funds| Course::Chat(plan, sought, funds))
}

fn consider_unscored<H: Host>(
    role: &RouterRole,
    host: &H,
    reading: &Reading,
    request: &ChatRequest,
) -> Course {
    if reading.directives.only_if_cached {
        return Course::NotCached;
    }
    let plan = unscored(&role.policy, &role.credentials, request, (&reading.operation, &reading.ruling));
    let funds = match &plan {
        // Counting costs nothing.
        Unscored::Forward(forward) if reading.operation != Operation::Count => {
            let model = forward.candidates.decision.model;
            fund(role, host, (reading, charges(role, host, reading)), (request, model))
        }
        _ => Ok(Funds::default()),
    };
    funds.map_or_else(Course::Exhausted, |funds| Course::Unscored(plan, funds))
}

/// What pays for a call.
#[derive(Debug, Default)]
pub(super) struct Funds {
    pub(super) reserved: Reserved,
    pub(super) notice: Option<Notice>,
}

impl Funds {
    fn given_to(self, mut applied: Applied) -> Applied {
        if let Applied::Forwarded(forwarded) = &mut applied {
            forwarded.reserved = self.reserved;
            forwarded.verdict.notice = self.notice;
        }
        applied
    }
}

fn charges<H: Host>(role: &RouterRole, host: &H, reading: &Reading) -> Vec<Charge> {
    let constraints = reading.ruling.constraints(&role.policy);
    let is_charged = |budget| role.policy.rules.charge(budget, constraints);
    budgets::look(role, host, &reading.identity.attributes, is_charged)
}

/// Sets aside what a call to a model may cost.
fn fund<H: Host>(
    role: &RouterRole,
    host: &H,
    (reading, charges): (&Reading, Vec<Charge>),
    (request, model): (&ChatRequest, ModelId),
) -> Result<Funds, Notice> {
    // A stored answer that cannot be given is asked for anew.
    let charges = if charges.is_empty() { self::charges(role, host, reading) } else { charges };
    let most = reading.ruling.constraints(&role.policy).max_tokens;
    let reserved = budgets::reserve(role, host, &charges, (request, model, most))?;
    Ok(Funds { reserved, notice: budgets::strictest(role, &charges) })
}
