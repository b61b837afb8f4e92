//! The learned scorer: how much is expected to be missing from a weak model's answer, from counts over the text and its embedding.
//!
//! The head is linear: `need = bias + weights . inputs`, fitted to `1 - weak`, where `weak` is the grade of a weak model's answer,
//! 0..=1. The score is the share of the prompts it was calibrated on whose need is smaller, so `0.8` says: harder than four in
//! five. The further a text is from all of those prompts, the more the heuristic counts instead.
//!
//! Only basic arithmetic in a fixed order and one portable logarithm are used: the score is the same bit for bit on every machine.

use super::boundaries::Boundaries;
use super::features::Features;
use super::head::Head;
use super::inputs::of_features;
use super::{Complexity, Signal, heuristic};
use crate::chat::request::Shape;
use crate::embedding::Sieve;

/// What the head must add to the heuristic's score to be given as a reason.
const NOTABLE: f64 = 0.1;

/// The text's score, raised by what the conversation's shape adds, as the heuristic weighs it.
pub(super) fn assess(
    head: &Head,
    sieve: &Sieve,
    boundaries: Boundaries,
    text: &str,
    shape: &Shape,
) -> Complexity {
    let features = Features::of(text);
    let (by_heuristic, mut reasons) = heuristic::weigh(&features, shape);
    let mut score = rescaled(by_heuristic);
    // A single word asks for nothing.
    let inputs = if features.quarter_words > 4 { of_features(&features, sieve, text) } else { None };
    if let Some(inputs) = inputs {
        let of_shape = heuristic::score(&Features::default(), shape);
        let of_text = head.calibration.share_below(head.need(&inputs));
        let learned = 1.0 - (1.0 - of_text) * (1.0 - rescaled(of_shape));
        let added = head.ground.trust(inputs.embedding()) * (learned - score);
        score = (score + added).clamp(0.0, 1.0);
        if added >= NOTABLE {
            reasons.push(Signal::Learned);
        }
    }
    Complexity { score, level: boundaries.level(score), reasons }
}

/// The heuristic's verdict on the scale of the learned one.
pub(super) fn without_encoder(boundaries: Boundaries, text: &str, shape: &Shape) -> Complexity {
    let (score, reasons) = heuristic::weigh(&Features::of(text), shape);
    let score = rescaled(score);
    Complexity { score, level: boundaries.level(score), reasons }
}

fn rescaled(heuristic: f64) -> f64 {
    Boundaries::HEURISTIC.rescale(heuristic, Boundaries::LEARNED)
}

#[cfg(test)]
mod tests;
