//! What would have become of a call, had that been enforced which was only watched.

use serde::Serialize;

use super::outcome::Outcome;
use crate::ledger::{Bill, NanoDollars};

/// What would have become of it; absent fields are left out.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Counterfactual<'r> {
    /// What would have become of the request.
    pub outcome: Outcome,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'r str>,
    /// The rule that would have held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'r str>,
    /// The budget at the strictest stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<&'r str>,
    /// The tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<&'r str>,
    /// The model that would have been asked first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'r str>,
    /// Its provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<&'r str>,
    /// What the cache would have done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<&'r str>,
    /// What it would have cost, for the tokens of the answer that was given, in nano-dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_nanousd: Option<u64>,
    /// What it has cost, less that, in nano-dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_nanousd: Option<i64>,
}

impl Counterfactual<'_> {
    /// One that says only what would have become of the request.
    #[must_use]
    pub fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            reason: None,
            rule: None,
            budget: None,
            tier: None,
            model: None,
            provider: None,
            cache: None,
            cost_nanousd: None,
            saved_nanousd: None,
        }
    }

    /// The same, of a call that would have cost so much, and has cost so much.
    #[must_use]
    pub fn costing(self, would: Option<NanoDollars>, has: Option<NanoDollars>) -> Self {
        let saved = would.zip(has).map(|(cost, baseline)| Bill { cost, baseline }.saved());
        Self { cost_nanousd: would.map(|would| would.0), saved_nanousd: saved, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_have_been_saved_may_be_less_than_nothing() {
        let saved = |would, has| {
            Counterfactual::new(Outcome::Routed)
                .costing(Some(NanoDollars(would)), Some(NanoDollars(has)))
                .saved_nanousd
        };
        assert_eq!(saved(2, 5), Some(3));
        assert_eq!(saved(5, 2), Some(-3));
        assert_eq!(saved(0, u64::MAX), Some(i64::MAX));
        let unknown = Counterfactual::new(Outcome::Routed).costing(Some(NanoDollars(1)), None);
        assert_eq!((unknown.cost_nanousd, unknown.saved_nanousd), (Some(1), None));
    }
}
