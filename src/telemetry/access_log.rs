//! One JSON object per call, published as filter state `wasm.arbiter` for Envoy's access log.

use std::collections::BTreeMap;

use serde::Serialize;

use super::counterfactual::Counterfactual;
use super::outcome::Outcome;
use crate::chat::Usage;
use crate::chat::usage::ServiceTier;
use crate::ledger::{Bill, NanoDollars};
use crate::routing::{Attempt, Failure};

/// The fields of one line; absent ones are left out.
#[derive(Debug, Clone, Serialize)]
pub struct AccessRecord<'r> {
    /// What became of the request.
    pub outcome: Outcome,
    /// Why: the reason of the decision, of the pass or of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'r str>,
    /// The rule that holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'r str>,
    /// The rules that would hold if they were not in shadow mode.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shadow_rules: Vec<&'r str>,
    /// The budget at the strictest stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<&'r str>,
    /// Its stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_stage: Option<&'r str>,
    /// What the rule says of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<&'r BTreeMap<String, String>>,
    /// The model that the caller named, or its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_model: Option<&'r str>,
    /// Whether the caller asked for a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// Level of complexity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complexity: Option<&'r str>,
    /// Score of complexity, 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// How likely an answer to another message was to serve this one, 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likeness: Option<f64>,
    /// The tier that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<&'r str>,
    /// The model that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'r str>,
    /// Its provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<&'r str>,
    /// How many times a provider was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<usize>,
    /// The attempts that failed, in order.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub failed: &'r [Attempted<'r>],
    /// What the cache did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<&'r str>,
    /// The key of the answer that was stored or served, in hexadecimal: a hash of all that the answer depends on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_key: Option<String>,
    /// By which an operator names the tenant of that answer: the first bytes of a hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// What the semantic cache said of a request that went to a provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semantic: Option<&'r str>,
    /// Why: the name of the veto, or of what the request is unfit for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semantic_reason: Option<&'r str>,
    /// Whether tokens and money are an estimate, or hold one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated: Option<bool>,
    /// Tokens of the answer.
    #[serde(flatten)]
    pub tokens: Option<Tokens>,
    /// Money, in nano-dollars.
    #[serde(flatten)]
    pub money: Option<Money>,
    /// What would have become of the request, had that been enforced which is only watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would: Option<Counterfactual<'r>>,
}

/// An attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Attempted<'r> {
    /// The model that was asked.
    pub model: &'r str,
    /// Why.
    pub reason: Failure,
}

/// The attempts that failed, in order.
pub fn failed(attempts: &[Attempt]) -> impl Iterator<Item = Attempted<'_>> {
    attempts.iter().filter_map(|attempt| Some(Attempted { model: &attempt.model, reason: attempt.failure? }))
}

/// Tokens as reported by the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tokens {
    input_tokens: u64,
    cached_input_tokens: u64,
    cache_write_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_1h_tokens: Option<u64>,
    output_tokens: u64,
    reasoning_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.input,
            cached_input_tokens: usage.cached_input,
            cache_write_tokens: usage.cache_write,
            cache_write_1h_tokens: Some(usage.cache_write_1h).filter(|tokens| *tokens > 0),
            output_tokens: usage.output,
            reasoning_tokens: usage.reasoning,
            service_tier: usage.service_tier.map(ServiceTier::as_openai),
        }
    }
}

/// A bill in nano-dollars; of a call that the policy has no part in only what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Money {
    cost_nanousd: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline_nanousd: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    saved_nanousd: Option<i64>,
}

impl From<Bill> for Money {
    fn from(bill: Bill) -> Self {
        Self {
            cost_nanousd: bill.cost.0,
            baseline_nanousd: Some(bill.baseline.0),
            saved_nanousd: Some(bill.saved()),
        }
    }
}

impl From<NanoDollars> for Money {
    fn from(cost: NanoDollars) -> Self {
        Self { cost_nanousd: cost.0, baseline_nanousd: None, saved_nanousd: None }
    }
}

impl<'r> AccessRecord<'r> {
    /// A record that says only what became of the request.
    #[must_use]
    pub fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            reason: None,
            rule: None,
            shadow_rules: Vec::new(),
            metadata: None,
            budget: None,
            budget_stage: None,
            requested_model: None,
            stream: None,
            complexity: None,
            score: None,
            likeness: None,
            tier: None,
            model: None,
            provider: None,
            attempts: None,
            failed: &[],
            cache: None,
            cache_key: None,
            tenant_id: None,
            semantic: None,
            semantic_reason: None,
            estimated: None,
            tokens: None,
            money: None,
            would: None,
        }
    }

    /// The record as one line of JSON, without a line break.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::NanoDollars;

    #[test]
    fn money_is_whole_and_what_is_not_known_is_not_there() {
        let bill = Bill { cost: NanoDollars(9_007_199_254_740_993), baseline: NanoDollars(1) };
        let record = AccessRecord { money: Some(bill.into()), ..AccessRecord::new(Outcome::Routed) };
        assert_eq!(
            String::from_utf8(record.to_json()).unwrap(),
            r#"{"outcome":"routed","cost_nanousd":9007199254740993,"baseline_nanousd":1,"saved_nanousd":-9007199254740992}"#
        );
    }

    #[test]
    fn a_callers_text_cannot_break_the_line() {
        let record = AccessRecord { requested_model: Some("a\"\n}"), ..AccessRecord::new(Outcome::Routed) };
        assert_eq!(record.to_json(), br#"{"outcome":"routed","requested_model":"a\"\n}"}"#);
    }
}
