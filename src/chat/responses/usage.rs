//! The `usage` object of a response.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::chat::usage::{ServiceTier, Usage};

#[derive(Deserialize)]
struct Responses {
    input_tokens: u64,
    output_tokens: Option<u64>,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    cache_write_1h_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

impl Usage {
    /// Reads the usage of a response; `None` when it says none.
    #[must_use]
    pub(super) fn of_response(response: &Value) -> Option<Self> {
        let raw = Responses::deserialize(response.get("usage")?).ok()?;
        let details = raw.input_tokens_details.as_ref();
        Some(Self {
            input: raw.input_tokens,
            cached_input: details.and_then(|details| details.cached_tokens).unwrap_or(0),
            cache_write: details.and_then(|details| details.cache_write_tokens).unwrap_or(0),
            cache_write_1h: details.and_then(|details| details.cache_write_1h_tokens).unwrap_or(0),
            output: raw.output_tokens.unwrap_or(0),
            reasoning: raw.output_tokens_details.and_then(|details| details.reasoning_tokens).unwrap_or(0),
            service_tier: response.get("service_tier").and_then(Value::as_str).and_then(ServiceTier::named),
        })
    }

    /// As the `usage` object of a response.
    #[must_use]
    pub(super) fn to_responses(self) -> Value {
        let mut input = json!({"cached_tokens": self.cached_input});
        if let (1.., Value::Object(details)) = (self.cache_write, &mut input) {
            details.insert("cache_write_tokens".into(), self.cache_write.into());
            if self.cache_write_1h > 0 {
                details.insert("cache_write_1h_tokens".into(), self.cache_write_1h.into());
            }
        }
        json!({
            "input_tokens": self.input,
            "input_tokens_details": input,
            "output_tokens": self.output,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.input.saturating_add(self.output)
        })
    }
}
