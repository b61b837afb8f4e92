//! How complexity is scored.

/// How complexity is scored.
#[derive(Debug, Clone, PartialEq)]
pub struct Classify {
    /// Which scorer.
    pub scorer: Scorer,
    /// Where levels begin on the scale of the heuristic score, 0..=1.
    pub boundaries: Boundaries,
}

/// The scorers to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scorer {
    /// Weighs length, code, tools, terms and wording.
    Heuristic,
    /// Counts words and five keywords.
    Wordcount,
}

/// Scores from which on a request is medium, and high. `0 < medium < high <= 1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Boundaries {
    /// Least score of [`Level::Medium`](super::Level::Medium).
    pub medium: f64,
    /// Least score of [`Level::High`](super::Level::High).
    pub high: f64,
}
