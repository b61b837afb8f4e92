//! What becomes of requests.

use serde::Serialize;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A provider answered with 200.
    Routed,
    /// Answered from the cache.
    Hit,
    /// A provider answered with 200, but not to the end.
    Cut,
    /// No provider answered with 200.
    Failed,
    /// The caller left before the answer's end.
    Abandoned,
    /// Answered by us with an error: nobody says who asks, the body cannot be read, or no model may take the request.
    Refused,
    /// Not read, or only watched.
    Passed,
    /// Answered from the policy.
    Answered,
}

impl Outcome {
    /// Its name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Routed => "routed",
            Self::Hit => "hit",
            Self::Cut => "cut",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
            Self::Refused => "refused",
            Self::Passed => "passed",
            Self::Answered => "answered",
        }
    }
}
