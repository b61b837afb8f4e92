//! OpenAI's `usage` object.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::chat::usage::{ServiceTier, Usage};

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
    cache_write_1h_tokens: Option<u64>,
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
            cache_write_1h: details.and_then(|details| details.cache_write_1h_tokens).unwrap_or(0),
            output: raw.completion_tokens.unwrap_or(0),
            reasoning: raw
                .completion_tokens_details
                .and_then(|details| details.reasoning_tokens)
                .unwrap_or(0),
            service_tier: None,
        })
    }

    /// The same with `service_tier`, which OpenAI says beside its `usage`.
    #[must_use]
    pub fn served(self, service_tier: Option<&str>) -> Self {
        Self { service_tier: service_tier.and_then(ServiceTier::named), ..self }
    }

    /// As OpenAI's `usage` object.
    #[must_use]
    pub fn to_openai(&self) -> Value {
        let mut prompt = json!({"cached_tokens": self.cached_input});
        if let (1.., Value::Object(details)) = (self.cache_write, &mut prompt) {
            details.insert("cache_write_tokens".into(), self.cache_write.into());
            if self.cache_write_1h > 0 {
                details.insert("cache_write_1h_tokens".into(), self.cache_write_1h.into());
            }
        }
        json!({
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.input.saturating_add(self.output),
            "prompt_tokens_details": prompt,
            "completion_tokens_details": {"reasoning_tokens": self.reasoning}
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
        let usage = Usage { input: 10, cached_input: 4, output: 5, reasoning: 3, ..Usage::default() };
        assert_eq!(Usage::from_openai(&full), Some(usage));
        let short = json!({"prompt_tokens": 10, "completion_tokens": null, "prompt_tokens_details": null});
        assert_eq!(Usage::from_openai(&short), Some(Usage { input: 10, ..Usage::default() }));
        assert_eq!(Usage::from_openai(&usage.to_openai()), Some(usage));
        for none in [json!(null), json!({}), json!({"prompt_tokens": -1}), json!("10")] {
            assert_eq!(Usage::from_openai(&none), None, "{none}");
        }
    }
}
