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
    /// Those of them that it wrote for an hour (Anthropic `cache_creation.ephemeral_1h_input_tokens`; in OpenAI's form
    /// `prompt_tokens_details.cache_write_1h_tokens`).
    pub cache_write_1h: u64,
    /// All output tokens, reasoning included (`completion_tokens`).
    pub output: u64,
    /// Output tokens spent on reasoning (`completion_tokens_details.reasoning_tokens`); part of `output`.
    pub reasoning: u64,
    /// How the call was served, if the provider says so.
    pub service_tier: Option<ServiceTier>,
}

/// How a call was served, as far as prices differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceTier {
    /// As calls are (OpenAI `default` and `scale`, Anthropic `standard`).
    Standard,
    /// When there was time (OpenAI `flex`, Anthropic `batch`).
    Flex,
    /// Before others (`priority`).
    Priority,
}

impl ServiceTier {
    const ALL: [Self; 3] = [Self::Standard, Self::Flex, Self::Priority];

    /// What either dialect's word means.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "default" | "scale" | "standard" => Some(Self::Standard),
            "flex" | "batch" => Some(Self::Flex),
            "priority" => Some(Self::Priority),
            _ => None,
        }
    }

    /// OpenAI's word, also for logs.
    #[must_use]
    pub fn as_openai(self) -> &'static str {
        match self {
            Self::Standard => "default",
            Self::Flex => "flex",
            Self::Priority => "priority",
        }
    }

    /// Anthropic's word.
    #[must_use]
    pub fn as_anthropic(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Flex => "batch",
            Self::Priority => "priority",
        }
    }
}

impl Usage {
    /// How many numbers it is kept as.
    pub const NUMBERS: usize = 7;

    /// A guess, for an answer that its provider has not counted: a token for every four bytes of what it has `said`.
    #[must_use]
    pub fn estimated(input: u64, said: u64) -> Self {
        Self { input, output: said.div_ceil(4), ..Self::default() }
    }

    /// Tokens of prompt and answer together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// As numbers, to be kept.
    #[must_use]
    pub fn to_numbers(&self) -> [u64; Self::NUMBERS] {
        let tier = self.service_tier.map_or(0, |tier| match tier {
            ServiceTier::Standard => 1,
            ServiceTier::Flex => 2,
            ServiceTier::Priority => 3,
        });
        let Self { input, cached_input, cache_write, cache_write_1h, output, reasoning, .. } = *self;
        [input, cached_input, cache_write, cache_write_1h, output, reasoning, tier]
    }

    /// From the numbers that it was kept as.
    #[must_use]
    pub fn from_numbers(numbers: [u64; Self::NUMBERS]) -> Self {
        let [input, cached_input, cache_write, cache_write_1h, output, reasoning, tier] = numbers;
        let place = usize::try_from(tier).ok().and_then(|tier| tier.checked_sub(1));
        let service_tier = place.and_then(|place| ServiceTier::ALL.get(place).copied());
        Self { input, cached_input, cache_write, cache_write_1h, output, reasoning, service_tier }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was() {
        for service_tier in
            [None, Some(ServiceTier::Standard), Some(ServiceTier::Flex), Some(ServiceTier::Priority)]
        {
            let usage = Usage {
                input: 6,
                cached_input: 1,
                cache_write: 3,
                cache_write_1h: 2,
                output: 5,
                reasoning: 4,
                service_tier,
            };
            assert_eq!(Usage::from_numbers(usage.to_numbers()), usage);
        }
    }

    #[test]
    fn a_service_tier_is_known_by_its_word_in_either_dialect() {
        for tier in ServiceTier::ALL {
            assert_eq!(ServiceTier::named(tier.as_openai()), Some(tier));
            assert_eq!(ServiceTier::named(tier.as_anthropic()), Some(tier));
        }
        assert_eq!(ServiceTier::named("auto"), None);
    }
}
