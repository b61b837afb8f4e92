//! What Claude models take, by the version in their names. As of November 2026, from Anthropic's notes on its models:
//!
//! | version | thinking | without thinking | `temperature`, `top_p`, `top_k` |
//! |---|---|---|---|
//! | up to 4.5, and names without one | a budget of tokens | not asked for | taken |
//! | 4.6 | adaptive, or a budget | not asked for | taken |
//! | 4.7 and 4.8 | adaptive | not asked for | refused |
//! | 5 to 5.4 | adaptive | must be switched off | refused |
//! | from 5.5 | adaptive | cannot be switched off | refused |

use super::model_name::version;

/// How a model is told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thinking {
    /// With a budget of tokens (`thinking.budget_tokens`).
    Budget,
    /// As much as it finds right, if it is asked to; a word says how much (`output_config.effort`).
    Adaptive,
    /// The same, and it thinks unless that is switched off.
    AdaptiveByDefault,
    /// The same, and nothing keeps it from thinking.
    AdaptiveAlways,
}

impl Thinking {
    /// All of them, by their names in policies.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("budget", Self::Budget),
        ("adaptive", Self::Adaptive),
        ("adaptive_by_default", Self::AdaptiveByDefault),
        ("adaptive_always", Self::AdaptiveAlways),
    ];
}

/// What a model that speaks Anthropic's dialect takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claude {
    /// How it is told to think.
    pub thinking: Thinking,
    /// Whether it takes `temperature`, `top_p` and `top_k`.
    pub sampling: bool,
}

impl Claude {
    /// What the model of this name takes, for example `claude-sonnet-4-5-20250929` or `anthropic.claude-opus-4-8-v1:0`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let version = version(name, "claude").unwrap_or_default();
        let thinking = match version {
            (0..=3, _) | (4, 0..=5) => Thinking::Budget,
            (4, _) => Thinking::Adaptive,
            (5, 0..=4) => Thinking::AdaptiveByDefault,
            _ => Thinking::AdaptiveAlways,
        };
        Self { thinking, sampling: version < (4, 7) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_the_version_in_its_name() {
        use Thinking::{Adaptive, AdaptiveAlways, AdaptiveByDefault, Budget};
        for (name, thinking, sampling) in [
            ("claude-3-7-sonnet-20250219", Budget, true),
            ("claude-opus-4-20250514", Budget, true),
            ("claude-sonnet-4-5-20250929", Budget, true),
            ("claude-haiku-4-5", Budget, true),
            ("claude-opus-4-6", Adaptive, true),
            ("claude-opus-4.7", Adaptive, false),
            ("anthropic.claude-opus-4-8-v1:0", Adaptive, false),
            ("claude-sonnet-5", AdaptiveByDefault, false),
            ("claude-fable-5-1", AdaptiveByDefault, false),
            ("claude-haiku-5-5", AdaptiveAlways, false),
            ("claude-opus-6-20270101", AdaptiveAlways, false),
            ("claude-opus-10", AdaptiveAlways, false),
            ("claude-next", Budget, true),
            ("kimi-k2-thinking", Budget, true),
        ] {
            assert_eq!(Claude::named(name), Claude { thinking, sampling }, "{name}");
        }
    }
}
