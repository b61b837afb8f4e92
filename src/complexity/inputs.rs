//! What the learned scorer weighs: counts over the text, and its embedding.

use super::features::Features;
use super::heuristic;
use crate::chat::request::Shape;
use crate::embedding::Sieve;

/// Inputs that are counts over the text; the embedding follows.
pub(super) const COUNTED: usize = 21;

/// What the head weighs: [`COUNTED`] counts, then the embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs(Vec<f64>);

impl Inputs {
    /// The numbers, in order.
    #[must_use]
    pub fn numbers(&self) -> &[f64] {
        &self.0
    }

    /// The embedding among them.
    #[must_use]
    pub fn embedding(&self) -> &[f64] {
        self.0.get(COUNTED..).unwrap_or_default()
    }
}

/// The inputs for a text; `None` if there is nothing in it to go by.
#[must_use]
pub fn inputs(sieve: &Sieve, text: &str) -> Option<Inputs> {
    of_features(&Features::of(text), sieve, text)
}

pub(super) fn of_features(features: &Features, sieve: &Sieve, text: &str) -> Option<Inputs> {
    let embedding = sieve.embed(text)?;
    let mut inputs = Vec::with_capacity(COUNTED.saturating_add(embedding.len()));
    inputs.extend(counted(features));
    inputs.extend(embedding);
    Some(Inputs(inputs))
}

/// Counts grow slowly: twenty terms are not ten times as telling as two.
fn counted(text: &Features) -> [f64; COUNTED] {
    let log = |count: u32| libm::log1p(f64::from(count));
    let words = libm::log1p(f64::from(text.quarter_words) / 4.0);
    [
        words,
        words * words / 10.0,
        heuristic::score(text, &Shape::default()),
        log(text.demanding),
        log(text.technical),
        log(text.code_words),
        log(text.code_symbols),
        log(text.fences),
        log(text.traces),
        log(text.sequence),
        log(text.items),
        log(text.constraints),
        log(text.math),
        log(text.proof),
        log(text.numbers),
        log(text.questions),
        log(text.thorough),
        log(text.quantity),
        log(text.decimals),
        log(text.longest_number),
        f64::from(text.letters) / f64::from(text.spelled.max(1)),
    ]
}
