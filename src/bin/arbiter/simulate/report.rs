//! What became of the requests, one by one and in all.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It got the answer to the very same request.
    ExactHit,
    /// It got the answer to a request that asks for the same in other words.
    SemanticHit,
    /// It went to a model.
    Routed,
    /// It went through unread.
    Passed,
    /// It was refused.
    Rejected,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::ExactHit => "exact hits",
            Self::SemanticHit => "semantic hits",
            Self::Routed => "routed",
            Self::Passed => "passed",
            Self::Rejected => "rejected",
        }
    }
}

/// A line of results.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// The request's.
    pub id: Value,
    /// What became of it.
    pub outcome: Outcome,
    /// Whose answer it got, at a hit.
    pub hit_id: Option<Value>,
    /// Why the semantic cache did not answer it, where a veto is why.
    pub veto: Option<String>,
    /// How likely the answer serves it, 0 to 1, at a semantic hit.
    pub likeness: Option<f64>,
    /// The tier that was chosen.
    pub tier: Option<String>,
    /// The model that was asked.
    pub model: Option<String>,
    /// Why this tier and model, why it was refused, why it passed.
    pub reason: Option<String>,
    /// In dollars; nothing where it is not known.
    pub cost_usd: Option<f64>,
    /// What the policy's baseline would have cost.
    pub baseline_usd: Option<f64>,
    /// The difference.
    pub saved_usd: Option<f64>,
    /// Whether money is an estimate.
    pub estimated: bool,
}

/// What became of all requests.
#[derive(Debug, Default)]
pub struct Totals {
    outcomes: BTreeMap<Outcome, u64>,
    cost: f64,
    baseline: f64,
}

impl Totals {
    /// Counts a result.
    pub fn add(&mut self, result: &Replayed) {
        let count = self.outcomes.entry(result.outcome).or_default();
        *count = count.saturating_add(1);
        self.cost += result.cost_usd.unwrap_or_default();
        self.baseline += result.baseline_usd.unwrap_or_default();
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u64 = self.outcomes.values().sum();
        write!(f, "{all} requests")?;
        for (outcome, count) in &self.outcomes {
            write!(f, ", {count} {}", outcome.as_str())?;
        }
        let (cost, baseline) = (self.cost, self.baseline);
        write!(f, "; cost ${cost:.6}, baseline ${baseline:.6}, saved ${:.6}", baseline - cost)
    }
}
