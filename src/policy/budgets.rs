//! Budgets, as a document says them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::PolicyError;
use super::fields::{check_attribute, duration, fault, reference};
use super::share::{ShareDocument, share};
use crate::calendar::Window;
use crate::condition::Names;
use crate::ledger::budget::{Budget, Period, Stages, Unit, WHOLE};

/// Most budgets of a policy: a call may come under all of them.
const MAX_BUDGETS: usize = 16;
/// Nano-dollars in a dollar.
const NANO: f64 = 1e9;
/// The greatest budget accepted, in dollars: a greater one is a slip of the pen.
const MAX_USD: f64 = 1e9;

/// A window of the calendar by its name, or `{ rolling: DURATION }`.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "must be minute, hour, day, week or month, or `{ rolling: \"24h\" }`")]
enum WindowDocument {
    Named(String),
    Rolling(RollingDocument),
}

/// A window that ends now.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RollingDocument {
    /// How long it is.
    rolling: String,
}

/// What may be spent: exactly one of `usd`, `tokens` and `requests`.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetDocument {
    /// Its name, in rules, logs and metrics.
    name: String,
    /// The attribute of `identity` of which each value has a budget of its own. Default: there is one for all.
    per: Option<String>,
    /// US dollars.
    usd: Option<f64>,
    /// Tokens of prompts and answers.
    tokens: Option<u64>,
    /// Calls.
    requests: Option<u64>,
    /// What is different for some values of `per`.
    #[serde(default)]
    limits: BTreeMap<String, f64>,
    /// The time that it is for.
    window: WindowDocument,
    /// What happens as it is used up. Default: it is said at 80 %, and calls are rejected at 100 %.
    stages: Option<StagesDocument>,
}

/// From which part of the budget on something happens.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct StagesDocument {
    /// Answers say so.
    warn: Option<ShareDocument>,
    /// Calls go one tier lower.
    lower: Option<ShareDocument>,
    /// Calls go to the cheapest tier.
    cheapest: Option<ShareDocument>,
    /// Calls are rejected.
    reject: Option<ShareDocument>,
}

/// Checks budgets; conditions may name them from then on.
///
/// # Errors
/// [`PolicyError`] names the budget and what is wrong with it.
pub(super) fn budgets(documents: Vec<BudgetDocument>, names: &mut Names) -> Result<Vec<Budget>, PolicyError> {
    if documents.len() > MAX_BUDGETS {
        return fault("budgets", format!("more than {MAX_BUDGETS}"));
    }
    let mut budgets: Vec<Budget> = Vec::with_capacity(documents.len());
    for (at, document) in documents.into_iter().enumerate() {
        let budget = budget(&format!("budgets[{at}]"), document, names)?;
        if budgets.iter().any(|earlier| earlier.name == budget.name) {
            return fault(
                format!("budgets[{at}].name"),
                format!("`{}` is the name of an earlier budget", budget.name),
            );
        }
        budgets.push(budget);
    }
    names.budgets = budgets.iter().map(|budget| budget.name.clone()).collect();
    Ok(budgets)
}

fn budget(path: &str, document: BudgetDocument, names: &Names) -> Result<Budget, PolicyError> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let name = document.name;
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.len() > 64 || !name.chars().all(is_plain) {
        return fault(
            format!("{path}.name"),
            "the name of a budget has up to 64 lower-case letters, digits and `_`, a letter first",
        );
    }
    let (unit, limit) = match (document.usd, document.tokens, document.requests) {
        (Some(usd), None, None) => (Unit::NanoDollars, nano(&format!("{path}.usd"), usd)?),
        (None, Some(tokens), None) => (Unit::Tokens, tokens),
        (None, None, Some(requests)) => (Unit::Requests, requests),
        _ => return fault(path, "must have exactly one of `usd`, `tokens` and `requests`"),
    };
    if let Some(per) = &document.per {
        check_attribute(&format!("{path}.per"), per, names)?;
    }
    let limits = document.limits.into_iter().map(|(holder, limit)| {
        let path = format!("{path}.limits.{holder}");
        let limit = match unit {
            Unit::NanoDollars => nano(&path, limit)?,
            Unit::Tokens | Unit::Requests => whole(&path, limit)?,
        };
        Ok((holder, limit))
    });
    let limits: BTreeMap<String, u64> = limits.collect::<Result<_, _>>()?;
    if document.per.is_none() && !limits.is_empty() {
        return fault(format!("{path}.limits"), "all calls have one budget: name an attribute with `per`");
    }
    let window = period(&format!("{path}.window"), &document.window)?;
    let stages = stages(&format!("{path}.stages"), document.stages)?;
    Ok(Budget { name, per: document.per, unit, limit, limits, window, stages })
}

/// What follows when; without a word it is said at 80 %, and calls are refused at 100 %.
fn stages(path: &str, document: Option<StagesDocument>) -> Result<Stages, PolicyError> {
    let Some(document) = document else {
        return Ok(Stages { warn: Some(800_000), reject: Some(WHOLE), ..Stages::default() });
    };
    let millionths = |field: &str, document: Option<ShareDocument>| {
        let path = format!("{path}.{field}");
        document.map(|document| share(&path, &document).map(in_millionths)).transpose()
    };
    let stages = Stages {
        warn: millionths("warn", document.warn)?,
        lower: millionths("lower", document.lower)?,
        cheapest: millionths("cheapest", document.cheapest)?,
        reject: millionths("reject", document.reject)?,
    };
    let in_order = [stages.warn, stages.lower, stages.cheapest, stages.reject];
    let in_order: Vec<u32> = in_order.into_iter().flatten().collect();
    if in_order.is_empty() {
        return fault(path, "names none of `warn`, `lower`, `cheapest` and `reject`");
    }
    if !in_order.is_sorted() {
        return fault(
            path,
            "a stricter stage begins before a milder one: the order is warn, lower, cheapest, reject",
        );
    }
    Ok(stages)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is within 0 and 1")]
fn in_millionths(share: f64) -> u32 {
    (share * f64::from(WHOLE)).round() as u32
}

/// Shortest rolling window.
const SHORTEST: Duration = Duration::from_secs(60);
/// Longest rolling window.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

fn period(path: &str, document: &WindowDocument) -> Result<Period, PolicyError> {
    match document {
        WindowDocument::Named(name) => {
            let windows = Window::NAMES.map(|(name, _)| name);
            let at = reference(path.to_owned(), name, &windows, "window")?;
            let window = Window::NAMES.get(usize::from(at)).map_or(Window::Day, |(_, window)| *window);
            Ok(Period::Calendar(window))
        }
        WindowDocument::Rolling(RollingDocument { rolling }) => {
            let path = format!("{path}.rolling");
            let length = duration(&path, rolling)?;
            if !(SHORTEST..=LONGEST).contains(&length) {
                return fault(path, "must be between 1m and 366d");
            }
            Ok(Period::Rolling(length))
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be within 0 and 1e18"
)]
fn nano(path: &str, usd: f64) -> Result<u64, PolicyError> {
    if (0.0..=MAX_USD).contains(&usd) {
        Ok((usd * NANO).round() as u64)
    } else {
        fault(path, "must be an amount of US dollars, at most a billion")
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be within 0 and 1e15"
)]
fn whole(path: &str, number: f64) -> Result<u64, PolicyError> {
    if (0.0..=1e15).contains(&number) && number.fract() == 0.0 {
        Ok(number as u64)
    } else {
        fault(path, "must be a whole number")
    }
}
