//! The heuristic scorer: signals, each with a weight, joined into one score.

use super::boundaries::Boundaries;
use super::features::Features;
use super::{Complexity, Signal};
use crate::chat::request::Shape;

/// Signals that add less than this to a score are not given as its reasons.
const NOTABLE: f64 = 0.02;
/// An average prompt. In a longer one words count by their density, so that a pasted document is not taken for hard
/// because it mentions everything once.
const AVERAGE_WORDS: f64 = 120.0;

/// One signal in one request.
struct Evidence {
    signal: Signal,
    /// The score of a request in which this signal alone is at its strongest.
    weight: f64,
    /// 0 (absent) ..= 1 (strongest).
    strength: f64,
}

impl Evidence {
    fn contribution(&self) -> f64 {
        self.weight * self.strength
    }
}

/// The score is `1 - (1 - w1 s1)(1 - w2 s2)...` over all signals: it stays within 0..=1, each signal can only raise it,
/// and with the default boundaries no single one makes a request high.
pub(super) fn assess(boundaries: Boundaries, text: &Features, shape: &Shape) -> Complexity {
    let (score, reasons) = weigh(text, shape);
    Complexity { score, level: boundaries.level(score), reasons }
}

/// The score, and the signals that raised it, strongest first.
pub(super) fn weigh(text: &Features, shape: &Shape) -> (f64, Vec<Signal>) {
    let mut evidence = evidence(text, shape);
    let score = joined(&evidence);
    evidence.sort_by(|a, b| b.contribution().total_cmp(&a.contribution()));
    let notable = evidence.iter().take_while(|e| e.contribution() >= NOTABLE);
    (score, notable.map(|e| e.signal).collect())
}

/// The score alone.
pub(super) fn score(text: &Features, shape: &Shape) -> f64 {
    joined(&evidence(text, shape))
}

fn joined(evidence: &[Evidence]) -> f64 {
    1.0 - evidence.iter().map(|e| 1.0 - e.contribution()).product::<f64>()
}

/// The table of weights. A ramp says from where on a count has an effect, and where its effect is full.
#[rustfmt::skip] // A table.
fn evidence(text: &Features, shape: &Shape) -> [Evidence; 14] {
    let words = f64::from(text.quarter_words) / 4.0;
    // A single word asks for nothing.
    let text = if words > 1.0 { *text } else { Features::default() };
    let share = 1.0 / (words / AVERAGE_WORDS).max(1.0);
    let density = |count: u32| f64::from(count) * share;

    let code = f64::from(text.fences.min(1))
        .max(ramp(f64::from(text.code_symbols) / words.max(12.0), 0.15, 0.6))
        .max(0.6 * ramp(density(text.code_words), 0.0, 5.0));
    let steps = density(text.sequence) + f64::from(text.items);
    let math = density(text.math) + 2.0 * density(text.proof) + density(text.numbers) / 3.0;
    // Who has tools is an agent, which names the same limit whatever it is asked.
    let limit = shape.max_output_tokens.filter(|_| shape.tools == 0);
    let output_tokens = f64::from(saturate(limit.unwrap_or_default()));
    let output = ramp(density(text.thorough), 0.0, 2.0).max(ramp(output_tokens, 2_000.0, 16_000.0));
    let tools = if shape.tools > 0 { 0.4 + 0.6 * ramp(f64::from(shape.tools), 1.0, 10.0) } else { 0.0 };
    let history = ramp(f64::from(shape.user_messages), 2.0, 12.0)
        .max(ramp(f64::from(shape.history_bytes), 2_000.0, 30_000.0));

    [
        Evidence { signal: Signal::Length, weight: 0.35, strength: ramp(words, 30.0, 400.0) },
        Evidence { signal: Signal::Code, weight: 0.40, strength: code },
        Evidence { signal: Signal::StackTrace, weight: 0.35, strength: ramp(f64::from(text.traces), 0.0, 3.0) },
        Evidence { signal: Signal::TechnicalTerms, weight: 0.35, strength: ramp(density(text.technical), 0.0, 5.0) },
        Evidence { signal: Signal::DemandingTask, weight: 0.40, strength: ramp(density(text.demanding), 0.0, 3.0) },
        Evidence { signal: Signal::MultiStep, weight: 0.30, strength: ramp(steps, 1.0, 5.0) },
        Evidence { signal: Signal::Constraints, weight: 0.20, strength: ramp(density(text.constraints), 1.0, 6.0) },
        Evidence { signal: Signal::Math, weight: 0.45, strength: ramp(math, 0.0, 4.0) },
        Evidence { signal: Signal::Questions, weight: 0.15, strength: ramp(f64::from(text.questions), 1.0, 4.0) },
        Evidence { signal: Signal::OutputSize, weight: 0.20, strength: output },
        Evidence { signal: Signal::StructuredOutput, weight: 0.10, strength: f64::from(u8::from(shape.structured_output)) },
        Evidence { signal: Signal::Tools, weight: 0.10, strength: tools },
        Evidence { signal: Signal::Images, weight: 0.35, strength: ramp(f64::from(shape.images), 0.0, 2.0) },
        Evidence { signal: Signal::History, weight: 0.25, strength: history },
    ]
}

/// 0 up to `from`, 1 from `to` on, in proportion between them.
fn ramp(value: f64, from: f64, to: f64) -> f64 {
    ((value - from) / (to - from)).clamp(0.0, 1.0)
}

fn saturate(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
