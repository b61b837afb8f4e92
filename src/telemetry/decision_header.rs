//! The response header `x-arbiter-decision`: a dictionary of structured fields (RFC 9651).

use std::fmt::Write;

use super::Attempted;
use crate::complexity::Complexity;

/// Says tier, model, score and reason, for example
/// `tier=small, model=gpt-4o-mini, complexity=low, score=0.12, reason=complexity, signals="length code"`; after attempts that
/// failed also `attempts=2, failed="gpt-4o:503"`.
///
/// `tier` is absent when the caller's own model was honored. Names come from the policy, which allows only characters that
/// a token may have.
#[must_use]
pub fn decision_header(
    tier: Option<&str>,
    model: &str,
    complexity: &Complexity,
    reason: &str,
    failed: &[Attempted<'_>],
) -> String {
    let mut value = String::with_capacity(128);
    if let Some(tier) = tier {
        let _ = write!(value, "tier={tier}, ");
    }
    let Complexity { score, level, .. } = complexity;
    let _ = write!(value, "model={model}, complexity={level}, score={score:.2}, reason={reason}");
    let mut signals = complexity.reasons.iter().map(|signal| signal.as_str());
    if let Some(first) = signals.next() {
        let _ = write!(value, ", signals=\"{first}");
        for signal in signals {
            let _ = write!(value, " {signal}");
        }
        value.push('"');
    }
    if !failed.is_empty() {
        let others = usize::from(failed.last().is_none_or(|last| last.model != model));
        let _ = write!(value, ", attempts={}, failed=\"", failed.len().saturating_add(others));
        for (i, attempt) in failed.iter().enumerate() {
            let _ = write!(value, "{}{}:{}", if i > 0 { " " } else { "" }, attempt.model, attempt.reason);
        }
        value.push('"');
    }
    value
}
