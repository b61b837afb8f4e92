//! The verifier's weights, and what its scores mean.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::inputs::{INPUTS, Inputs, WORD_INPUTS, WordInputs};

/// The format of [`Head`] that is read.
const FORMAT: u32 = 2;

/// Weights of the verifier, fitted to pairs of which it is known whether one answer serves both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The version of this format; 2.
    format: u32,
    /// Fingerprint of the encoder that they were fitted with.
    encoder: String,
    /// For a first look, which takes microseconds: at the [`WordInputs`].
    words: Weights,
    /// The score of the first look below which there is no second one.
    least: f64,
    /// For a second look, at the [`Inputs`].
    all: Weights,
    /// What scores mean; the strictest first.
    calibration: Vec<Step>,
}

/// A logistic regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weights {
    /// Log odds where all inputs are 0.
    bias: f64,
    /// Log odds per unit of each input.
    weights: Vec<f64>,
}

impl Weights {
    fn score(&self, inputs: &[f64]) -> f64 {
        let odds =
            self.weights.iter().zip(inputs).fold(self.bias, |sum, (weight, input)| sum + weight * input);
        1.0 / (1.0 + libm::exp(-odds))
    }
}

/// What follows from asking for a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The share of near misses, 0..=1, that reach the score and would be answered wrongly.
    pub false_hits: f64,
    /// The score, 0..=1.
    pub score: f64,
    /// The share of rephrasings, 0..=1, that reach it.
    pub recall: f64,
}

/// Why a head cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeadError {
    /// Of another version.
    #[error("format must be {FORMAT}")]
    Format,
    /// For another encoder.
    #[error("the verifier's weights were fitted with another encoder")]
    Encoder,
    /// Too few or too many.
    #[error("there must be {WORD_INPUTS} weights for words and {INPUTS} for all")]
    Width,
    /// An empty table, or one that is out of order.
    #[error("calibration: must have steps, false hits and recall rising and scores falling, each 0 to 1")]
    Calibration,
}

impl Head {
    /// The head in the module.
    ///
    /// # Errors
    /// [`HeadError`] says what is wrong with it.
    pub fn bundled(encoder: &str) -> Result<Self, HeadError> {
        let head: Self =
            serde_json::from_str(include_str!("../../model/verifier.json")).map_err(|_| HeadError::Format)?;
        head.check(encoder)?;
        Ok(head)
    }

    fn check(&self, encoder: &str) -> Result<(), HeadError> {
        if self.format != FORMAT {
            return Err(HeadError::Format);
        }
        if self.encoder != encoder {
            return Err(HeadError::Encoder);
        }
        if self.words.weights.len() != WORD_INPUTS || self.all.weights.len() != INPUTS {
            return Err(HeadError::Width);
        }
        let is_share = |x: &f64| (0.0..=1.0).contains(x);
        let in_range = self
            .calibration
            .iter()
            .all(|step| [step.false_hits, step.score, step.recall].iter().all(is_share));
        let in_order =
            self.calibration.is_sorted_by(|a, b| a.false_hits <= b.false_hits && a.score >= b.score);
        if self.calibration.is_empty() || !in_range || !in_order {
            Err(HeadError::Calibration)
        } else {
            Ok(())
        }
    }

    /// How likely one answer serves both by the words alone, 0..=1, and whether a second look is due.
    #[must_use]
    pub fn first_look(&self, inputs: &WordInputs) -> (f64, bool) {
        let score = self.words.score(inputs);
        (score, score >= self.least)
    }

    /// How likely one answer serves both, 0..=1.
    #[must_use]
    pub fn score(&self, inputs: &Inputs) -> f64 {
        self.all.score(inputs)
    }

    /// The score to ask for so that at most so many near misses, 0..=1, are answered wrongly. `None`: stricter than the table
    /// reaches, no score is enough.
    #[must_use]
    pub fn threshold(&self, max_false_hits: f64) -> Option<Step> {
        let allowed = self.calibration.iter().take_while(|step| step.false_hits <= max_false_hits);
        allowed.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        let step = |false_hits, score, recall| Step { false_hits, score, recall };
        Head {
            format: FORMAT,
            encoder: "e".into(),
            words: Weights { bias: 0.0, weights: vec![0.0; WORD_INPUTS] },
            least: 0.0,
            all: Weights { bias: 0.0, weights: vec![0.0; INPUTS] },
            calibration: vec![step(0.01, 0.9, 0.4), step(0.05, 0.7, 0.6)],
        }
    }

    #[test]
    fn a_threshold_keeps_to_what_is_allowed() {
        let cases = [(0.0, None), (0.01, Some(0.9)), (0.04, Some(0.9)), (0.05, Some(0.7)), (1.0, Some(0.7))];
        for (allowed, score) in cases {
            assert_eq!(head().threshold(allowed).map(|step| step.score), score, "{allowed}");
        }
    }

    #[test]
    fn a_head_of_another_encoder_is_refused() {
        assert_eq!(head().check("e"), Ok(()));
        assert_eq!(head().check("f"), Err(HeadError::Encoder));
        assert_eq!(Head { calibration: Vec::new(), ..head() }.check("e"), Err(HeadError::Calibration));
    }

    #[test]
    fn the_score_without_evidence_is_even() {
        assert!((head().score(&[0.0; INPUTS]) - 0.5).abs() < 1e-12);
        assert_eq!(head().first_look(&[0.0; WORD_INPUTS]), (0.5, true));
        assert_eq!(Head { least: 0.6, ..head() }.first_look(&[0.0; WORD_INPUTS]), (0.5, false));
    }
}
