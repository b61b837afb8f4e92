//! How hard is this request?
//!
//! A scorer turns the last user message and the conversation's shape into a [`Complexity`]: a score, a level, and the
//! [`Signal`]s that led to it. Scorers look at the text once, allocate nothing for it, and never fail.

mod features;
mod heuristic;
mod signal;
mod vocabulary;
mod wordcount;
mod words;

pub use signal::Signal;

use std::fmt;

use crate::chat::request::Shape;
use crate::policy::{Classify, Scorer};

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

/// Scores a request by its last user message and the conversation's shape.
#[must_use]
pub fn assess(classify: &Classify, last_user_text: &str, shape: &Shape) -> Complexity {
    match classify.scorer {
        Scorer::Heuristic => heuristic::assess(classify.boundaries, last_user_text, shape),
        Scorer::Wordcount => wordcount::assess(last_user_text),
    }
}
