//! A whole (not streamed) chat completion.

use super::Usage;

/// What is known of a completion once its body is complete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completion {
    /// Token counts, when the provider reported them.
    pub usage: Option<Usage>,
    /// Whether the answer may stand for a later one: exactly one choice, `finish_reason` `stop`, text content, no tool
    /// calls, no refusal, no audio.
    pub reusable: bool,
}

/// Reads the body of a 200 answer; `None` when it is not a chat completion.
#[must_use]
pub fn read(body: &[u8]) -> Option<Completion> {
    let _ = body;
    None
}
