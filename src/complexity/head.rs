//! The weights of the learned scorer.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::calibration::{Calibration, STEPS};
use super::inputs::{COUNTED, Inputs};
use crate::embedding::Sieve;

/// The format of [`Head`] that is read.
const FORMAT: u32 = 1;

/// The weights of the scorer, as `arbiter fit` writes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The version of this format; 1.
    format: u32,
    /// Fingerprint of the encoder that they were fitted with.
    encoder: String,
    /// Need of a text whose inputs are all 0.
    bias: f64,
    /// Need per unit of each of the [`Inputs`].
    weights: Vec<f64>,
    /// What the prompts that it was fitted to are about.
    pub ground: Ground,
    /// What needs mean.
    pub calibration: Calibration,
}

/// Directions around which the embeddings of the prompts lie that the head was fitted to. Far from all of them its weights say
/// nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ground {
    /// Unit vectors.
    pub centres: Vec<Vec<f64>>,
    /// Cosine to the nearest centre that all but 2 % of the prompts reach; over 0.
    pub near: f64,
}

impl Ground {
    /// Cosine of an embedding to the nearest centre.
    #[must_use]
    pub fn nearness(&self, embedding: &[f64]) -> f64 {
        self.centres.iter().map(|centre| product(centre, embedding)).fold(-1.0, f64::max)
    }

    /// How far the head can be trusted with a text, 0 (not at all) ..= 1: wholly if it is as near as the prompts that the head
    /// has seen, and not at all from 0.6 of that on.
    #[must_use]
    pub fn trust(&self, embedding: &[f64]) -> f64 {
        ((self.nearness(embedding) / self.near - 0.6) / 0.4).clamp(0.0, 1.0)
    }

    fn is_valid(&self, width: usize) -> bool {
        let is_unit = |centre: &Vec<f64>| (0.99..1.01).contains(&centre.iter().map(|x| x * x).sum::<f64>());
        let fits = self.centres.iter().all(|centre| centre.len() == width && is_unit(centre));
        self.near > 0.0 && self.near <= 1.0 && !self.centres.is_empty() && fits
    }
}

/// The scalar product, as four sums side by side, of which none waits for another.
fn product(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sums = [0.0; 4];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest = a_rest.iter().zip(b_rest).fold(0.0, |sum, (a, b)| sum + a * b);
    sums.iter().sum::<f64>() + rest
}

/// Why a head cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeadError {
    /// No head, or of another version.
    #[error("format must be {FORMAT}; fit the weights again with this version of arbiter")]
    Format,
    /// For another encoder.
    #[error("they were fitted with another encoder; fit them again with this one")]
    Encoder,
    /// Too few or too many.
    #[error(
        "weights: there are {found}, and the encoder and the counts make {expected}; fit them again with this encoder"
    )]
    Width {
        /// Weights that there are.
        found: usize,
        /// Weights that there must be.
        expected: usize,
    },
    /// Nothing to compare embeddings with.
    #[error(
        "ground: must have at least one centre, each of length 1 and of the encoder's width, and `near` between 0 and 1"
    )]
    Ground,
    /// A table of the wrong size or order, or a number that is none.
    #[error("calibration: must have {} needs in ascending order and as many qualities in 0..=1, for at least one prompt", STEPS + 1)]
    Calibration,
}

impl Head {
    /// A head of a fit with this encoder: its bias, a weight for each input, and what it does.
    #[must_use]
    pub fn new(
        encoder: &Sieve,
        bias: f64,
        weights: Vec<f64>,
        ground: Ground,
        calibration: Calibration,
    ) -> Self {
        let encoder = encoder.fingerprint().to_owned();
        Self { format: FORMAT, encoder, bias, weights, ground, calibration }
    }

    /// The head in the module, fitted to public data; `model/CARD.md` says to which.
    #[must_use]
    pub fn bundled() -> Self {
        let nowhere = Ground { centres: Vec::new(), near: 1.0 };
        let unfitted = |_| Self {
            format: FORMAT,
            encoder: String::new(),
            bias: 0.0,
            weights: Vec::new(),
            ground: nowhere,
            calibration: Calibration::of(&[]),
        };
        serde_json::from_str(include_str!("../../model/scorer.json")).unwrap_or_else(unfitted)
    }

    /// Whether this is a head at all.
    ///
    /// # Errors
    /// [`HeadError`] says what is wrong.
    pub fn check(&self) -> Result<(), HeadError> {
        if self.format != FORMAT {
            return Err(HeadError::Format);
        }
        if self.calibration.is_valid() { Ok(()) } else { Err(HeadError::Calibration) }
    }

    /// Whether this head can be used with an encoder.
    ///
    /// # Errors
    /// [`HeadError`] says what is wrong.
    pub fn fits(&self, encoder: &Sieve) -> Result<(), HeadError> {
        let width = encoder.width();
        if self.encoder != encoder.fingerprint() {
            return Err(HeadError::Encoder);
        }
        let expected = COUNTED.saturating_add(width);
        if self.weights.len() != expected {
            return Err(HeadError::Width { found: self.weights.len(), expected });
        }
        if !self.ground.is_valid(width) {
            return Err(HeadError::Ground);
        }
        self.check()
    }

    /// The need.
    #[must_use]
    pub fn need(&self, inputs: &Inputs) -> f64 {
        self.bias + product(&self.weights, inputs.numbers())
    }
}
