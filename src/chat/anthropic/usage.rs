//! Anthropic's `usage` object.

use serde_json::{Value, json};

use crate::chat::answer::count_of;
use crate::chat::usage::{ServiceTier, Usage};

impl Usage {
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
            cache_write_1h: usage
                .get("cache_creation")
                .map_or(0, |parts| count_of(parts, "ephemeral_1h_input_tokens")),
            output: count_of(usage, "output_tokens"),
            reasoning: usage
                .get("output_tokens_details")
                .map_or(0, |parts| count_of(parts, "thinking_tokens")),
            service_tier: usage.get("service_tier").and_then(Value::as_str).and_then(ServiceTier::named),
        })
    }

    /// As Anthropic's `usage` object.
    #[must_use]
    pub fn to_anthropic(&self) -> Value {
        let fresh = self.input.saturating_sub(self.cached_input).saturating_sub(self.cache_write);
        let mut usage = json!({
            "input_tokens": fresh,
            "cache_creation_input_tokens": self.cache_write,
            "cache_read_input_tokens": self.cached_input,
            "output_tokens": self.output
        });
        if let Value::Object(members) = &mut usage {
            if self.cache_write_1h > 0 {
                let parts = json!({
                    "ephemeral_5m_input_tokens": self.cache_write.saturating_sub(self.cache_write_1h),
                    "ephemeral_1h_input_tokens": self.cache_write_1h
                });
                members.insert("cache_creation".into(), parts);
            }
            if self.reasoning > 0 {
                members.insert("output_tokens_details".into(), json!({"thinking_tokens": self.reasoning}));
            }
            if let Some(tier) = self.service_tier {
                members.insert("service_tier".into(), tier.as_anthropic().into());
            }
        }
        usage
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn anthropics_parts_of_the_input_add_up() {
        let reported = json!({"input_tokens": 10, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000,
                              "output_tokens": 5});
        let usage = Usage::from_anthropic(&reported).unwrap();
        assert_eq!(
            usage,
            Usage { input: 1110, cached_input: 1000, cache_write: 100, output: 5, ..Usage::default() }
        );
        assert_eq!(usage.to_anthropic(), reported);
        assert_eq!(Usage::from_openai(&usage.to_openai()), Some(usage));
        let reported = json!({
            "input_tokens": 10, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 0, "output_tokens": 5,
            "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
            "service_tier": "batch"
        });
        let usage = Usage::from_anthropic(&reported).unwrap();
        assert_eq!((usage.cache_write_1h, usage.service_tier), (40, Some(ServiceTier::Flex)));
        assert_eq!(usage.to_anthropic(), reported);
        assert_eq!(Usage::from_openai(&usage.to_openai()).map(|read| read.served(Some("flex"))), Some(usage));
    }
}
