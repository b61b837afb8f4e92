//! How hard is this request?
//!
//! A scorer turns the last user message and the conversation's shape into a [`Complexity`]: a score, a level, and the
//! [`Signal`]s that led to it. Scorers look at the text once and never fail: what the learned one cannot judge, the heuristic does.

mod boundaries;
mod calibration;
mod features;
mod head;
mod heuristic;
mod inputs;
mod learned;
mod level;
mod settings;
mod signal;
mod vocabulary;
mod wordcount;
mod words;

pub use boundaries::Boundaries;
pub use calibration::{Calibration, Judged};
pub use head::{Ground, Head, HeadError};
pub use inputs::{Inputs, inputs};
pub use level::{Complexity, Level};
pub use settings::{Classify, Scorer};
pub use signal::Signal;

use std::sync::Arc;

use thiserror::Error;

use self::features::Features;
use crate::chat::request::Shape;
use crate::embedding::{LoadError, Sieve};

/// Why the learned scorer cannot be used.
#[derive(Debug, Error)]
pub enum Unavailable {
    /// The encoder cannot be loaded.
    #[error("the encoder cannot be loaded: {0}")]
    Encoder(Arc<LoadError>),
    /// The weights do not fit it.
    #[error("classify.weights: {0}")]
    Head(#[from] HeadError),
}

/// The encoder that `classify` needs, if it needs one.
///
/// # Errors
/// [`Unavailable`] if it cannot be loaded or does not fit the weights.
pub fn encoder(classify: &Classify) -> Result<Option<Arc<Sieve>>, Unavailable> {
    let Scorer::Learned { head, encoder } = &classify.scorer else { return Ok(None) };
    let sieve = encoder.load().map_err(Unavailable::Encoder)?;
    head.fits(&sieve)?;
    Ok(Some(sieve))
}

/// Scores a request by its last user message and the conversation's shape. Without a `sieve` the learned scorer is not used.
#[must_use]
pub fn assess(classify: &Classify, sieve: Option<&Sieve>, last_user_text: &str, shape: &Shape) -> Complexity {
    match (&classify.scorer, sieve) {
        (Scorer::Wordcount, _) => wordcount::assess(last_user_text),
        (Scorer::Heuristic, _) => {
            heuristic::assess(classify.boundaries, &Features::of(last_user_text), shape)
        }
        (Scorer::Learned { head, .. }, Some(sieve)) => {
            learned::assess(head, sieve, classify.boundaries, last_user_text, shape)
        }
        (Scorer::Learned { .. }, None) => {
            learned::without_encoder(classify.boundaries, last_user_text, shape)
        }
    }
}
