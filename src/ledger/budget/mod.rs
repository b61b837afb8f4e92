//! Budgets: how much may be spent in a window of time, by whom, and what follows when it is nearly spent, or is.
//!
//! A call is charged to every budget that it comes under. What it may cost is reserved before it goes to a provider, and settled to what it
//! has cost at its end, so that calls under way count.

mod account;
mod book;
mod period;
#[cfg(test)]
mod tests;

pub use account::Account;
pub use book::{Book, Contended, Reservation, Standing};
pub use period::Period;

use std::collections::BTreeMap;
/// A budget of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Its name in this policy.
    pub name: String,
    /// The attribute of callers each value of which has a budget of its own; `None`: one for all calls.
    pub per: Option<String>,
    /// What is counted.
    pub unit: Unit,
    /// How much of it there is in a window.
    pub limit: u64,
    /// How much there is for some values of the attribute instead.
    pub limits: BTreeMap<String, u64>,
    /// What the limit holds for.
    pub window: Period,
    /// What follows when.
    pub stages: Stages,
}

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// US dollars times 10^9, by the policy's prices.
    NanoDollars,
    /// Tokens, input and output.
    Tokens,
    /// Calls that go to a provider.
    Requests,
}

impl Unit {
    /// Its name in policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NanoDollars => "usd",
            Self::Tokens => "tokens",
            Self::Requests => "requests",
        }
    }
}

/// What follows from how much is used, the strictest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Stage {
    /// Nothing.
    #[default]
    Within,
    /// It is said.
    Warn,
    /// Calls go one tier lower.
    Lower,
    /// Calls go to the cheapest tier.
    Cheapest,
    /// Calls are refused until the window ends.
    Reject,
}

impl Stage {
    /// Its name in policies, headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Warn => "warn",
            Self::Lower => "lower",
            Self::Cheapest => "cheapest",
            Self::Reject => "reject",
        }
    }
}

/// From which share of a budget on a stage holds, in millionths; `None`: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stages {
    /// It is said.
    pub warn: Option<u32>,
    /// Calls go one tier lower.
    pub lower: Option<u32>,
    /// Calls go to the cheapest tier.
    pub cheapest: Option<u32>,
    /// Calls are refused.
    pub reject: Option<u32>,
}

/// A whole budget, in millionths.
pub const WHOLE: u32 = 1_000_000;

impl Stages {
    /// The strictest stage that holds when so much of `limit` is used.
    #[must_use]
    pub fn at(&self, used: u64, limit: u64) -> Stage {
        let holds = |share: Option<u32>| {
            let is_reached = |share: u32| {
                u128::from(used).saturating_mul(WHOLE.into())
                    >= u128::from(limit).saturating_mul(share.into())
            };
            share.is_some_and(is_reached)
        };
        let strictest = [
            (self.reject, Stage::Reject),
            (self.cheapest, Stage::Cheapest),
            (self.lower, Stage::Lower),
            (self.warn, Stage::Warn),
        ];
        strictest.into_iter().find(|(share, _)| holds(*share)).map_or(Stage::Within, |(_, stage)| stage)
    }
}

impl Budget {
    /// How much there is for a holder.
    #[must_use]
    pub fn limit_of(&self, holder: &str) -> u64 {
        self.limits.get(holder).copied().unwrap_or(self.limit)
    }
}
