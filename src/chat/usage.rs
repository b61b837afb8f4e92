//! Token counts of one answer, as providers report them.

use serde::Deserialize;
use serde_json::Value;

/// Tokens of one call. All counts are in tokens of the model that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// All input tokens, the cached ones included (OpenAI `prompt_tokens`).
    pub input: u64,
    /// Input tokens that the provider read from its prompt cache (`prompt_tokens_details.cached_tokens`).
    pub cached_input: u64,
    /// All output tokens, reasoning included (`completion_tokens`).
    pub output: u64,
    /// Output tokens spent on reasoning (`completion_tokens_details.reasoning_tokens`); part of `output`.
    pub reasoning: u64,
}

#[derive(Deserialize)]
struct OpenAi {
    prompt_tokens: u64,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl Usage {
    /// Reads OpenAI's `usage` object; `None` when it is not one.
    #[must_use]
    pub fn from_openai(usage: &Value) -> Option<Self> {
        let raw = OpenAi::deserialize(usage).ok()?;
        Some(Self {
            input: raw.prompt_tokens,
            cached_input: raw.prompt_tokens_details.and_then(|details| details.cached_tokens).unwrap_or(0),
            output: raw.completion_tokens.unwrap_or(0),
            reasoning: raw
                .completion_tokens_details
                .and_then(|details| details.reasoning_tokens)
                .unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn usage_is_read_with_and_without_details() {
        let full = json!({
            "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 3}
        });
        let usage = Usage { input: 10, cached_input: 4, output: 5, reasoning: 3 };
        assert_eq!(Usage::from_openai(&full), Some(usage));
        let short = json!({"prompt_tokens": 10, "completion_tokens": null, "prompt_tokens_details": null});
        assert_eq!(Usage::from_openai(&short), Some(Usage { input: 10, ..Usage::default() }));
        for none in [json!(null), json!({}), json!({"prompt_tokens": -1}), json!("10")] {
            assert_eq!(Usage::from_openai(&none), None, "{none}");
        }
    }
}
