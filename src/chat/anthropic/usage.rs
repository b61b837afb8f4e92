//! Anthropic's `usage` object.

use serde_json::{Value, json};

use crate::chat::answer::count_of;
use crate::chat::usage::Usage;

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
