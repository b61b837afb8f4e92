//! How complexity is scored.

use std::sync::Arc;

use super::boundaries::Boundaries;
use super::head::Head;
use crate::embedding::EncoderSource;

/// How complexity is scored.
#[derive(Debug, Clone, PartialEq)]
pub struct Classify {
    /// Which scorer.
    pub scorer: Scorer,
    /// Where levels begin on the scorer's scale, 0..=1.
    pub boundaries: Boundaries,
}

/// The scorers to choose from.
#[derive(Debug, Clone, PartialEq)]
pub enum Scorer {
    /// Weighs length, code, tools, terms and wording.
    Heuristic,
    /// Counts words and five keywords.
    Wordcount,
    /// Weighs the same and what the prompt is about, as learned from graded answers.
    Learned {
        /// The weights.
        head: Arc<Head>,
        /// The encoder that they were fitted with.
        encoder: EncoderSource,
    },
}
