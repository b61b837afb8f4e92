//! The response header `x-arbiter-decision`: a dictionary of structured fields (RFC 9651).

use std::fmt::Write;

use super::access_log::{Attempted, failed};
use crate::complexity::Complexity;
use crate::routing::Attempt;

/// What the header says. Names come from the policy, which allows only characters that a token may have.
#[derive(Debug, Clone, Copy)]
pub struct DecisionHeader<'d> {
    /// The tier; `None` when the caller's own model was honored.
    pub tier: Option<&'d str>,
    /// The model that answered, or would have.
    pub model: &'d str,
    /// Its provider.
    pub provider: &'d str,
    /// How hard the request is, if that was asked.
    pub complexity: Option<&'d Complexity>,
    /// Why the tier was chosen.
    pub reason: &'d str,
    /// The rule that holds.
    pub rule: Option<&'d str>,
    /// How often a provider was asked, and what became of it.
    pub attempts: &'d [Attempt],
}

impl DecisionHeader<'_> {
    /// Its value, for example `tier=small, model=gpt-4o-mini, provider=openai, complexity=low, score=0.12, reason=complexity,
    /// signals="length code", attempts=2, failed="claude-haiku:529"`.
    #[must_use]
    pub fn value(&self) -> String {
        let mut value = String::with_capacity(192);
        if let Some(tier) = self.tier {
            let _ = write!(value, "tier={tier}, ");
        }
        let Self { model, provider, reason, attempts, .. } = self;
        let _ = write!(value, "model={model}, provider={provider}, ");
        if let Some(Complexity { score, level, .. }) = self.complexity {
            let _ = write!(value, "complexity={level}, score={score:.2}, ");
        }
        let _ = write!(value, "reason={reason}");
        if let Some(rule) = self.rule {
            let _ = write!(value, ", rule={rule}");
        }
        let signals = self.complexity.map(|complexity| complexity.reasons.as_slice()).unwrap_or_default();
        list(&mut value, "signals", signals.iter().map(|signal| signal.as_str()));
        let _ = write!(value, ", attempts={}", attempts.len());
        let failed = failed(attempts).map(|Attempted { model, reason }| format!("{model}:{reason}"));
        list(&mut value, "failed", failed);
        value
    }
}

/// Appends a member whose value is a string of words, if there are any.
fn list(value: &mut String, name: &str, mut words: impl Iterator<Item = impl AsRef<str>>) {
    let Some(first) = words.next() else { return };
    let _ = write!(value, ", {name}=\"{}", first.as_ref());
    for word in words {
        value.push(' ');
        value.push_str(word.as_ref());
    }
    value.push('"');
}
