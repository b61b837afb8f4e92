//! Token counts of one answer, as providers report them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::count_of;

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
    cache_write_tokens: Option<u64>,
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
        let details = raw.prompt_tokens_details.as_ref();
        Some(Self {
            input: raw.prompt_tokens,
            cached_input: details.and_then(|details| details.cached_tokens).unwrap_or(0),
            cache_write: details.and_then(|details| details.cache_write_tokens).unwrap_or(0),
            output: raw.completion_tokens.unwrap_or(0),
            reasoning: raw
                .completion_tokens_details
                .and_then(|details| details.reasoning_tokens)
                .unwrap_or(0),
        })
    }

    /// As OpenAI's `usage` object.
    #[must_use]
    pub fn to_openai(&self) -> Value {
        let mut prompt = json!({"cached_tokens": self.cached_input});
        if let (1.., Value::Object(details)) = (self.cache_write, &mut prompt) {
            details.insert("cache_write_tokens".into(), self.cache_write.into());
        }
        json!({
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.input.saturating_add(self.output),
            "prompt_tokens_details": prompt,
            "completion_tokens_details": {"reasoning_tokens": self.reasoning}
        })
    }

    /// Reads Anthropic's `usage` object, whose `input_tokens` leaves out what was read from or written to the cache; `None`
    /// when it is not one.
    #[must_use]
    pub fn from_anthropic(usage: &Value) -> Option<Self> {
        let fresh = usage.get("input_tokens")?.as_u64()?;
        let cached_input = count_of(usage, "cache_read_input_tokens");
        let cache_write = count_of(usage, "cache_creation_input_tokens");
        Some(Self {
            input: fresh.saturating_add(cached_input).saturating_add(cache_write),
            cached_input,
            cache_write,
            output: count_of(usage, "output_tokens"),
            reasoning: 0,
        })
    }

    /// As Anthropic's `usage` object.
    #[must_use]
    pub fn to_anthropic(&self) -> Value {
        let fresh = self.input.saturating_sub(self.cached_input).saturating_sub(self.cache_write);
        json!({
            "input_tokens": fresh,
            "cache_creation_input_tokens": self.cache_write,
            "cache_read_input_tokens": self.cached_input,
            "output_tokens": self.output
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
        let usage = Usage { input: 10, cached_input: 4, cache_write: 0, output: 5, reasoning: 3 };
        assert_eq!(Usage::from_openai(&full), Some(usage));
        let short = json!({"prompt_tokens": 10, "completion_tokens": null, "prompt_tokens_details": null});
        assert_eq!(Usage::from_openai(&short), Some(Usage { input: 10, ..Usage::default() }));
        assert_eq!(Usage::from_openai(&usage.to_openai()), Some(usage));
        for none in [json!(null), json!({}), json!({"prompt_tokens": -1}), json!("10")] {
            assert_eq!(Usage::from_openai(&none), None, "{none}");
        }
    }

    #[test]
    fn anthropics_parts_of_the_input_add_up() {
        let reported = json!({"input_tokens": 10, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000,
                              "output_tokens": 5});
        let usage = Usage::from_anthropic(&reported).unwrap();
        assert_eq!(
            usage,
            Usage { input: 1110, cached_input: 1000, cache_write: 100, output: 5, reasoning: 0 }
        );
        assert_eq!(usage.to_anthropic(), reported);
        assert_eq!(Usage::from_openai(&usage.to_openai()), Some(usage));
    }
}
