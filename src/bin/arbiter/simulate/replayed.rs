//! What became of a request.

use llm_arbiter::chat::Usage;
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
    /// Its name in words.
    pub fn as_str(self) -> &'static str {
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
    /// What the report asks for besides.
    #[serde(skip)]
    pub details: Details,
}

/// What a report asks for, and a line of results does not have.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Details {
    /// When the request came, in seconds since 1970.
    pub time: u64,
    /// The rule that held.
    pub rule: Option<String>,
    /// Complexity, 0 to 1; nothing where it was not asked for.
    pub score: Option<f64>,
    /// Why the model was chosen.
    pub is_by_complexity: bool,
    /// The tokens of the answer.
    pub usage: Option<Usage>,
    /// How the last message of the user begins.
    pub excerpt: String,
}
