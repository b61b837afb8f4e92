//! One JSON object per call, published as filter state `wasm.arbiter` for Envoy's access log.

use std::collections::BTreeMap;

use serde::Serialize;

use super::counterfactual::Counterfactual;
use super::outcome::Outcome;
#[cfg(not(target_arch = "wasm32"))]
use super::request::RequestRecord;
use crate::chat::Usage;
use crate::chat::usage::ServiceTier;
use crate::ledger::{Bill, NanoDollars};
use crate::routing::{Attempt, Failure};

/// The fields of one line; absent ones are left out. What OpenTelemetry has a name for has that (GenAI conventions v0.1.0).
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
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
    /// SHA-256 of the text of the last user message, in hexadecimal; only where `telemetry.prompt_hash` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_hash: Option<&'r str>,
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
    /// Its provider, by its name in the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<&'r str>,
    /// What was asked of it: `chat`, `text_completion` or `embeddings`.
    #[serde(rename = "gen_ai.operation.name", skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'r str>,
    /// The provider's well-known name, or else its own.
    #[serde(rename = "gen_ai.provider.name", skip_serializing_if = "Option::is_none")]
    pub provider_name: Option<&'r str>,
    /// What the provider calls the model.
    #[serde(rename = "gen_ai.request.model", skip_serializing_if = "Option::is_none")]
    pub request_model: Option<&'r str>,
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
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Attempted<'r> {
    /// The model that was asked.
    pub model: &'r str,
    /// Why: a status, or a word.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String"))]
    pub reason: Failure,
}

/// The attempts that failed, in order.
pub fn failed(attempts: &[Attempt]) -> impl Iterator<Item = Attempted<'_>> {
    attempts.iter().filter_map(|attempt| Some(Attempted { model: &attempt.model, reason: attempt.failure? }))
}

/// Tokens as reported by the provider, under OpenTelemetry's names (GenAI conventions v0.1.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Tokens {
    /// All input, what came out of the provider's cache and was written to it included.
    #[serde(rename = "gen_ai.usage.input_tokens")]
    input: u64,
    /// Of the input, what came out of the provider's cache.
    #[serde(rename = "gen_ai.usage.cache_read.input_tokens")]
    cache_read: u64,
    /// Of the input, what was written to the provider's cache.
    #[serde(rename = "gen_ai.usage.cache_write.input_tokens")]
    cache_write: u64,
    /// Of that, what was written for an hour.
    #[serde(rename = "cache_write_1h_tokens", skip_serializing_if = "Option::is_none")]
    cache_write_1h: Option<u64>,
    /// All output, reasoning included.
    #[serde(rename = "gen_ai.usage.output_tokens")]
    output: u64,
    /// Of the output, what was thought.
    #[serde(rename = "gen_ai.usage.reasoning.output_tokens")]
    reasoning: u64,
    /// How the provider has served the call: `default`, `flex` or `priority`.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        Self {
            input: usage.input,
            cache_read: usage.cached_input,
            cache_write: usage.cache_write,
            cache_write_1h: Some(usage.cache_write_1h).filter(|tokens| *tokens > 0),
            output: usage.output,
            reasoning: usage.reasoning,
            service_tier: usage.service_tier.map(ServiceTier::as_openai),
        }
    }
}

/// A bill in nano-dollars; of a call that the policy has no part in only what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Money {
    /// What providers are paid.
    cost_nanousd: u64,
    /// What the baseline model would have cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline_nanousd: Option<u64>,
    /// Baseline less cost; negative where it cost more.
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

/// What a line of the access log says of a call.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug, schemars::JsonSchema)]
#[expect(dead_code, reason = "only its shape is asked for")]
struct Line<'r> {
    /// What became of it, and why.
    arbiter: AccessRecord<'r>,
    /// What it was, as it came.
    request: RequestRecord<'r>,
}

/// The JSON Schema (draft 2020-12) of the members `arbiter` and `request` of a line.
#[cfg(not(target_arch = "wasm32"))]
#[must_use]
pub fn access_log_schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<Line<'_>>().into()
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
            prompt_hash: None,
            stream: None,
            complexity: None,
            score: None,
            likeness: None,
            tier: None,
            model: None,
            provider: None,
            operation: None,
            provider_name: None,
            request_model: None,
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
