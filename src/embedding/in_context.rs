//! Tokens as they stand in their text: what a word means depends on those around it. In milliseconds.

use std::sync::Arc;

use bytes::Bytes;
use tract_core::internal::*;

use super::onnx;
use super::sieve::{LoadError, Sieve};
use super::token_vectors::TokenVectors;
use super::wordpiece::TokenId;

/// The name of the output: float32 [1, tokens, width].
const OUTPUT: &str = "last_hidden_state";

/// An encoder of tokens in context. Tokens are those of a [`Sieve`], which also says how much each of them matters.
#[derive(Debug)]
pub struct ContextEncoder {
    sieve: Arc<Sieve>,
    plan: Arc<TypedRunnableModel>,
    /// Most tokens of a text, both ends included.
    longest: usize,
    /// What stands before and after a text.
    ends: [TokenId; 2],
    width: usize,
}

impl ContextEncoder {
    /// Makes an encoder of the bytes of an ONNX graph as [`onnx::read`] takes it, over the tokens of `sieve`. It is tried once.
    ///
    /// # Errors
    /// [`LoadError`] says what is wrong.
    pub fn load(sieve: Arc<Sieve>, graph: Bytes) -> Result<Self, LoadError> {
        let encoder = onnx::read(graph, OUTPUT)?;
        let vocabulary = sieve.wordpiece().len();
        if vocabulary > encoder.tokens {
            return Err(LoadError::Mismatch { vocabulary, table: encoder.tokens });
        }
        let ends = ["[CLS]", "[SEP]"].map(|token| sieve.wordpiece().id(token));
        let ([Some(first), Some(last)], Some(longest)) = (ends, encoder.places) else {
            return Err(LoadError::Output(OUTPUT));
        };
        let plan = encoder.model.into_decluttered().and_then(|model| model.into_optimized()?.into_runnable());
        let plan = plan.map_err(|fault| LoadError::Engine(format!("{fault:#}")))?;
        let mut encoder = Self { sieve, plan, longest, ends: [first, last], width: 0 };
        let tried = encoder.run(&encoder.ends).map_err(|fault| LoadError::Engine(format!("{fault:#}")))?;
        encoder.width = tried.len().checked_div(encoder.ends.len()).unwrap_or_default();
        if encoder.width == 0 { Err(LoadError::Output(OUTPUT)) } else { Ok(encoder) }
    }

    /// The vectors of the tokens of a text in their context, without those that the sieve skips. `None` if it has too many.
    #[must_use]
    pub fn token_vectors(&self, text: &str) -> Option<TokenVectors> {
        let most = self.longest.saturating_sub(self.ends.len());
        let read = self.sieve.wordpiece().read(text, most.saturating_add(1));
        if read.len() > most {
            return None;
        }
        let [first, last] = self.ends;
        let tokens: Vec<TokenId> = std::iter::once(first).chain(read.iter().copied()).chain([last]).collect();
        let states = self.run(&tokens).ok()?;
        let spoken = self.sieve.spoken(&read);
        let mut rows = Vec::with_capacity(states.len());
        let mut weights = Vec::with_capacity(read.len());
        for ((token, is_spoken), state) in
            read.iter().zip(spoken).zip(states.chunks_exact(self.width).skip(1))
        {
            if is_spoken {
                rows.extend_from_slice(state);
                weights.push(self.sieve.weight(*token));
            }
        }
        Some(TokenVectors::weighted(self.width, rows, weights))
    }

    fn run(&self, tokens: &[TokenId]) -> TractResult<Vec<f32>> {
        let input = |numbers: Vec<i64>| -> TractResult<TValue> {
            Ok(Tensor::from_shape(&[1, numbers.len()], &numbers)?.into_tvalue())
        };
        let ids = input(tokens.iter().map(|token| i64::from(*token)).collect())?;
        let places = input((0..).take(tokens.len()).collect())?;
        let outputs = self.plan.run(tvec![ids, places])?;
        let output = outputs.first().ok_or_else(|| TractError::msg("no output"))?;
        Ok(output.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
    }
}

#[cfg(test)]
mod tests;
