//! The learned scorer: how much is expected to be missing from a weak model's answer, from counts over the text and its embedding.
//!
//! The head is linear: `need = bias + weights . inputs`, fitted to `1 - weak`, where `weak` is the grade of a weak model's answer,
//! 0..=1. The score is the share of the prompts it was calibrated on whose need is smaller, so `0.8` says: harder than
//! four in five. The further a text is from all of those prompts, the more the heuristic counts instead. Only basic arithmetic in a fixed order and one portable logarithm are used: the score is the same bit for bit on
//! every machine.

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
    let Some(inputs) = of_features(&features, sieve, text) else {
        return heuristic::assess(Boundaries::HEURISTIC, &features, shape);
    };
    let (of_shape, _) = heuristic::weigh(&Features::default(), shape);
    let (by_heuristic, _) = heuristic::weigh(&features, &Shape::default());
    let (_, mut reasons) = heuristic::weigh(&features, shape);
    let by_heuristic = Boundaries::HEURISTIC.rescale(by_heuristic, Boundaries::LEARNED);
    let learned = head.calibration.share_below(head.need(&inputs));
    // A single word asks for nothing.
    let trust = if features.quarter_words > 4 { head.ground.trust(inputs.embedding()) } else { 0.0 };
    if trust * (learned - by_heuristic) >= NOTABLE {
        reasons.insert(0, Signal::Learned);
    }
    let of_text = trust * learned + (1.0 - trust) * by_heuristic;
    let score = 1.0 - (1.0 - of_text) * (1.0 - of_shape);
    Complexity { score, level: boundaries.level(score), reasons }
}

#[cfg(test)]
mod tests;
