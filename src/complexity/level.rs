//! The verdict of a scorer.

use std::fmt;

use super::signal::Signal;

/// Complexity in three levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A small model does it.
    Low,
    /// Needs more than a small model.
    Medium,
    /// Needs a strong model.
    High,
}

impl Level {
    /// Its name in policies, headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The verdict on one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Complexity {
    /// 0 (trivial) ..= 1 (hard).
    pub score: f64,
    /// The level that the score falls into.
    pub level: Level,
    /// What raised the score, strongest first.
    pub reasons: Vec<Signal>,
}
