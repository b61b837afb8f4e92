//! Budgets that a call comes under: how they stand, what is set aside for it, and what it has cost in the end.

use std::fmt::Write;
use std::time::Duration;

use super::role::RouterRole;
use crate::chat::{ChatRequest, Usage};
use crate::host::{Clock, SharedData};
use crate::identity::{Attributes, text_named};
use crate::ledger::NanoDollars;
use crate::ledger::budget::{Reservation, Stage, Standing, Unit};
use crate::policy::{ModelId, Policy};
use crate::telemetry::Metric;

/// Tokens of an answer that nothing bounds, as far as its cost is set aside.
const UNBOUNDED_ANSWER: u64 = 1000;

/// A budget that a call comes under.
#[derive(Debug, Clone)]
pub(super) struct Charge {
    /// Index of the budget.
    book: usize,
    holder: String,
    standing: Standing,
}

/// What is set aside for a call, by the indices of budgets.
#[derive(Debug, Default)]
pub(super) struct Reserved(Vec<(usize, Reservation)>);

/// The budget that is used most, as callers and logs are told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Notice {
    pub(super) name: String,
    pub(super) stage: Stage,
    /// Which part of it is used, 0 for nothing, 1 for all.
    pub(super) used: f64,
    pub(super) resets_in: Duration,
}

/// What a call takes of budgets.
#[derive(Debug, Clone, Copy)]
struct Amounts {
    cost: u64,
    tokens: u64,
}

impl Amounts {
    fn in_unit(self, unit: Unit) -> u64 {
        match unit {
            Unit::NanoDollars => self.cost,
            Unit::Tokens => self.tokens,
            Unit::Requests => 1,
        }
    }
}

/// How the budgets stand that a caller comes under, of those that a call `is_charged` to.
pub(super) fn look<H: SharedData + Clock>(
    role: &RouterRole,
    host: &H,
    attributes: &Attributes,
    is_charged: impl Fn(usize) -> bool,
) -> Vec<Charge> {
    let now = host.now();
    let books = role.budgets.iter().enumerate().filter(|(at, _)| is_charged(*at));
    let charges = books.map(|(at, book)| {
        let per = book.budget().per.as_ref();
        let holder = per.and_then(|per| text_named(attributes, per)).unwrap_or_default().to_owned();
        let standing = book.standing(host, &holder, now);
        Charge { book: at, holder, standing }
    });
    charges.collect()
}

/// Which part of each budget is used, by its name.
pub(super) fn shares(role: &RouterRole, charges: &[Charge]) -> Vec<(String, f64)> {
    let share = |charge: &Charge| notice(role, charge).map(|notice| (notice.name, notice.used));
    charges.iter().filter_map(share).collect()
}

/// The budget whose stage is the strictest, if it has one; of several the one that lasts longest.
pub(super) fn strictest(role: &RouterRole, charges: &[Charge]) -> Option<Notice> {
    let staged = charges.iter().filter(|charge| charge.standing.stage > Stage::Within);
    let strictest = staged.max_by_key(|charge| (charge.standing.stage, charge.standing.resets_in));
    strictest.and_then(|charge| notice(role, charge))
}

fn notice(role: &RouterRole, charge: &Charge) -> Option<Notice> {
    let Standing { used, limit, stage, resets_in } = charge.standing;
    let name = role.budgets.get(charge.book)?.budget().name.clone();
    #[expect(clippy::cast_precision_loss, reason = "a share is said with three digits")]
    let used = if limit == 0 { 1.0 } else { used as f64 / limit as f64 };
    Some(Notice { name, stage, used, resets_in })
}

/// Sets aside what a request to a model may cost, in all budgets or in none; a rule may bound its answer.
///
/// # Errors
/// The budget that is spent.
pub(super) fn reserve<H: SharedData + Clock>(
    role: &RouterRole,
    host: &H,
    charges: &[Charge],
    (request, model, most): (&ChatRequest, ModelId, Option<u64>),
) -> Result<Reserved, Notice> {
    let amounts = estimated(&role.policy, request, model, most);
    let now = host.now();
    let mut reserved = Reserved::default();
    for charge in charges {
        let Some(book) = role.budgets.get(charge.book) else { continue };
        let name = book.budget().name.as_str();
        let count = |result| role.meters.add(Metric::Budgets, &[name, result], 1);
        match book.reserve(host, &charge.holder, (amounts.in_unit(book.budget().unit), now)) {
            Ok((standing, Some(reservation))) => {
                if standing.stage > Stage::Within {
                    count(standing.stage.as_str());
                }
                reserved.0.push((charge.book, reservation));
            }
            Ok((standing, None)) => {
                count(Stage::Reject.as_str());
                give_back(role, host, &reserved);
                let spent = notice(role, &Charge { standing, ..charge.clone() });
                return spent.map_or(Ok(Reserved::default()), Err);
            }
            Err(_) => count("contended"),
        }
    }
    Ok(reserved)
}

/// What a request to a model may cost: its prompt as estimated, and the longest answer that it may have; `most` is what a rule allows.
fn estimated(policy: &Policy, request: &ChatRequest, model: ModelId, most: Option<u64>) -> Amounts {
    let model = policy.model(model);
    let bounds = [request.shape.max_output_tokens, model.abilities.max_output, most];
    let longest = bounds.into_iter().flatten().min().unwrap_or(UNBOUNDED_ANSWER);
    let answers = request.sampling.choices.unwrap_or(1);
    let (input, output) = (request.estimated_tokens(), longest.saturating_mul(answers));
    let usage = Usage { input, output, ..Usage::default() };
    Amounts { cost: model.prices.cost(&usage).0, tokens: input.saturating_add(output) }
}

/// Books what a call has cost; what was set aside is given back.
pub(super) fn settle<H: SharedData + Clock>(
    role: &RouterRole,
    host: &H,
    reserved: &Reserved,
    (cost, tokens): (NanoDollars, u64),
) {
    close(role, host, reserved, |unit| Amounts { cost: cost.0, tokens }.in_unit(unit));
}

/// The call does not go to a provider.
fn give_back<H: SharedData + Clock>(role: &RouterRole, host: &H, reserved: &Reserved) {
    close(role, host, reserved, |_| 0);
}

fn close<H: SharedData + Clock>(
    role: &RouterRole,
    host: &H,
    reserved: &Reserved,
    spent: impl Fn(Unit) -> u64,
) {
    let now = host.now();
    for (at, reservation) in &reserved.0 {
        let Some(book) = role.budgets.get(*at) else { continue };
        if book.settle(host, reservation, (spent(book.budget().unit), now)).is_err() {
            role.meters.add(Metric::Budgets, &[&book.budget().name, "contended"], 1);
        }
    }
}

impl Notice {
    /// The value of the header that tells callers, an item of structured fields (RFC 9651), for example
    /// `team_day;used=0.834;stage=warn;resets=3600`.
    pub(super) fn value(&self) -> String {
        let Self { name, stage, used, resets_in } = self;
        let mut value = String::new();
        let (stage, seconds) = (stage.as_str(), resets_in.as_secs());
        let _ = write!(value, "{name};used={used:.3};stage={stage};resets={seconds}");
        value
    }
}
