//! Token counts of one answer, as providers report them.

/// Tokens of one call. All counts are in tokens of the model that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// All input tokens, the cached ones included (OpenAI `prompt_tokens`).
    pub input: u64,
    /// Input tokens that the provider read from its prompt cache (`prompt_tokens_details.cached_tokens`).
    pub cached_input: u64,
    /// Input tokens that the provider wrote to its prompt cache (Anthropic `cache_creation_input_tokens`; in OpenAI's form
    /// `prompt_tokens_details.cache_write_tokens`, which is ours to say it with).
    pub cache_write: u64,
    /// All output tokens, reasoning included (`completion_tokens`).
    pub output: u64,
    /// Output tokens spent on reasoning (`completion_tokens_details.reasoning_tokens`); part of `output`.
    pub reasoning: u64,
}
