//! An answer, as far as the books and the cache want to know it.

use super::usage::Usage;

/// What is known of a completion once its body is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Completion {
    /// Token counts, when the provider reported them.
    pub usage: Option<Usage>,
    /// Whether the answer may stand for a later one: exactly one choice, that ended because all was said, and nothing but text:
    /// no tool calls, no refusal, no audio, no log probabilities.
    pub reusable: bool,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// All was said.
    Complete,
    /// It stopped before that.
    #[default]
    Cut,
    /// The provider said that it had failed.
    Failed,
}

/// What is known of a stream once it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamSummary {
    /// Token counts, when the provider reported them.
    pub usage: Option<Usage>,
    /// What the provider had counted when it began.
    pub begun: Option<Usage>,
    /// Bytes of all that was said.
    pub said: u64,
    /// How it ended.
    pub ending: Ending,
    /// The answer as one JSON body in the caller's dialect, when it may stand for a later one.
    pub answer: Option<Vec<u8>>,
}

/// What to forward in place of the chunk that was fed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Onward {
    /// The chunk as it came.
    AsIs,
    /// These bytes instead.
    Replace(Vec<u8>),
}
