//! The sieve: a text as the direction of the sum of its tokens' vectors, in microseconds.

use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;
use tract_core::internal::*;
use tract_core::ops::source::TypedSource;

use super::onnx::{self, OnnxError};
use super::sum_rows;
use super::token_vectors::TokenVectors;
use super::wordpiece::{TokenId, VocabularyError, WordPiece};

/// Tokens of a text that are read: of a longer one its first 384 and its last 128, where instructions stand.
pub const LONGEST: usize = 512;
const TAIL: usize = 128;
/// What is looked at of a longer text, per token: most tokens are spelled with fewer bytes.
const BYTES_PER_TOKEN: usize = 8;

/// What changes how something is asked, not what: punctuation between sentences, and words of courtesy.
const SILENT: [&str; 15] = [
    ".", ",", "!", "?", ";", ":", "please", "thanks", "thank", "kindly", "hello", "hi", "hey", "cheers",
    "regards",
];

/// The name of the output: float32 [1, width].
const OUTPUT: &str = "embedding";

/// A direction: numbers whose squares add up to 1. Texts that ask for the same have a product near 1.
pub type Embedding = Vec<f64>;

/// Why a model cannot be used.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The vocabulary.
    #[error("vocabulary: {0}")]
    Vocabulary(#[from] VocabularyError),
    /// The graph.
    #[error("graph: {0}")]
    Graph(#[from] OnnxError),
    /// Tokens that the graph does not know.
    #[error(
        "the vocabulary has {vocabulary} tokens, the graph's table {table} rows; they must belong together"
    )]
    Mismatch {
        /// Tokens.
        vocabulary: usize,
        /// Rows.
        table: usize,
    },
    /// The engine.
    #[error("the graph cannot be run: {0}")]
    Engine(String),
    /// The width is not the same for every text.
    #[error(
        "the graph must have places, the vocabulary [CLS] and [SEP], where tokens are read in context; the output `{0}` must be float32 and have the same width for every text"
    )]
    Output(&'static str),
}

/// An encoder with its tokenizer.
#[derive(Debug)]
pub struct Sieve {
    wordpiece: WordPiece,
    /// Whether a token is one of [`SILENT`].
    silent: Vec<bool>,
    /// The words of `thank you`, of which the second is silent only after the first.
    thank_you: Option<(TokenId, TokenId)>,
    graph: Graph,
    width: usize,
    fingerprint: String,
}

/// What turns tokens into the sum of their vectors.
#[derive(Debug)]
enum Graph {
    /// One operation, which needs no plan.
    Operation(Box<dyn TypedOp>),
    /// More than one.
    Plan(Arc<TypedRunnableModel>),
}

impl Graph {
    fn new(mut model: TypedModel) -> TractResult<Self> {
        model = model.into_decluttered()?;
        sum_rows::fuse(&mut model)?;
        model = model.into_optimized()?;
        let operations = model.nodes().iter().filter(|node| !node.op_is::<TypedSource>());
        match operations.collect::<Vec<_>>().as_slice() {
            [node] if node.inputs.len() == 1 => Ok(Self::Operation(node.op.clone())),
            _ => Ok(Self::Plan(model.into_runnable()?)),
        }
    }

    fn run(&self, tokens: &[i64]) -> TractResult<Vec<f32>> {
        let input = tvec![Tensor::from_shape(&[1, tokens.len()], tokens)?.into_tvalue()];
        let outputs = match self {
            Self::Operation(operation) => operation.eval_out_of_plan(input)?.unwrap_or_default(),
            Self::Plan(plan) => plan.run(input)?,
        };
        let Some(output) = outputs.first() else { return Ok(Vec::new()) };
        Ok(output.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
    }
}

impl Sieve {
    /// Makes an encoder of the bytes of a vocabulary (`vocab.txt`) and of an ONNX graph as [`onnx::read`] takes it. It is tried
    /// once, so that a graph that cannot be run is found here.
    ///
    /// # Errors
    /// [`LoadError`] says which of them is wrong and how.
    pub fn load(vocabulary: &[u8], graph: Bytes) -> Result<Self, LoadError> {
        let wordpiece = WordPiece::new(vocabulary)?;
        let fingerprint = fingerprint(vocabulary, &graph);
        let encoder = onnx::read(graph, OUTPUT)?;
        if wordpiece.len() > encoder.tokens {
            return Err(LoadError::Mismatch { vocabulary: wordpiece.len(), table: encoder.tokens });
        }
        let graph = Graph::new(encoder.model).map_err(|e| LoadError::Engine(format!("{e:#}")))?;
        let silent = silent(&wordpiece);
        let thank_you = wordpiece.id("thank").zip(wordpiece.id("you"));
        let last = TokenId::try_from(wordpiece.len().saturating_sub(1)).unwrap_or_default();
        let mut sieve = Self { wordpiece, silent, thank_you, graph, width: 0, fingerprint };
        sieve.width = sieve.run(&[0, last.into()]).map_err(LoadError::Engine)?.len();
        if sieve.width == 0 { Err(LoadError::Output(OUTPUT)) } else { Ok(sieve) }
    }

    /// Its tokenizer.
    pub(super) fn wordpiece(&self) -> &WordPiece {
        &self.wordpiece
    }

    /// How much a token matters: the length of its vector.
    pub(super) fn weight(&self, token: TokenId) -> f32 {
        let vector = self.run(&[token.into()]).unwrap_or_default();
        vector.iter().map(|x| x * x).sum::<f32>().sqrt()
    }

    /// Which tokens of a text are read: all but the silent ones, unless there are only those.
    pub(super) fn spoken(&self, tokens: &[TokenId]) -> Vec<bool> {
        let before = std::iter::once(None).chain(tokens.iter().map(Some));
        let is_spoken = |(token, before): (&TokenId, Option<&TokenId>)| {
            let is_thank_you =
                self.thank_you.is_some_and(|(thank, you)| before == Some(&thank) && *token == you);
            let place = usize::try_from(*token).unwrap_or(usize::MAX);
            !is_thank_you && self.silent.get(place) != Some(&true)
        };
        let spoken: Vec<bool> = tokens.iter().zip(before).map(is_spoken).collect();
        if spoken.contains(&true) { spoken } else { vec![true; tokens.len()] }
    }

    /// Numbers in an embedding.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// What tells this encoder from others: BLAKE3 of the vocabulary and the graph, one after the other, in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// How many tokens of a text are read.
    #[must_use]
    pub fn length(&self, text: &str) -> usize {
        self.tokens(text).len()
    }

    /// The embedding of a text; `None` if there is nothing in it to go by.
    #[must_use]
    pub fn embed(&self, text: &str) -> Option<Embedding> {
        let sum = self.run(&self.tokens(text)).ok()?;
        let length = sum.iter().fold(0.0, |sum, x| sum + f64::from(*x) * f64::from(*x)).sqrt();
        let is_direction = sum.len() == self.width && length.is_finite() && length > 0.0;
        is_direction.then(|| sum.into_iter().map(|x| f64::from(x) / length).collect())
    }

    /// The vectors of the tokens of a text, each as it is where it stands alone.
    #[must_use]
    pub fn token_vectors(&self, text: &str) -> TokenVectors {
        let rows = self.tokens(text).into_iter().filter_map(|token| self.run(&[token]).ok());
        TokenVectors::new(self.width, rows.flatten().collect())
    }

    /// What is read of a text.
    fn tokens(&self, text: &str) -> Vec<i64> {
        let tokens = self.ends(text);
        let spoken = self.spoken(&tokens);
        tokens
            .into_iter()
            .zip(spoken)
            .filter(|(_, is_spoken)| *is_spoken)
            .map(|(token, _)| token.into())
            .collect()
    }

    /// The tokens of a text, or of the two ends of a long one.
    fn ends(&self, text: &str) -> Vec<TokenId> {
        let bytes = LONGEST * BYTES_PER_TOKEN;
        let tail_bytes = TAIL * BYTES_PER_TOKEN;
        let mut tokens = if text.len() <= bytes {
            self.wordpiece.read(text, bytes)
        } else {
            let head = text.floor_char_boundary(bytes - tail_bytes);
            let tail = text.ceil_char_boundary(text.len().saturating_sub(tail_bytes));
            let mut head = self.wordpiece.read(text.get(..head).unwrap_or_default(), LONGEST - TAIL);
            head.extend(self.wordpiece.read(text.get(tail..).unwrap_or_default(), tail_bytes));
            head
        };
        if let Some(tail) = tokens.len().checked_sub(TAIL).filter(|_| tokens.len() > LONGEST) {
            tokens.drain(LONGEST - TAIL..tail);
        }
        tokens
    }

    fn run(&self, tokens: &[i64]) -> Result<Vec<f32>, String> {
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        self.graph.run(tokens).map_err(|fault| format!("{fault:#}"))
    }
}

fn fingerprint(vocabulary: &[u8], graph: &[u8]) -> String {
    blake3::Hasher::new().update(vocabulary).update(graph).finalize().to_hex().to_string()
}

fn silent(wordpiece: &WordPiece) -> Vec<bool> {
    let mut silent = vec![false; wordpiece.len()];
    for token in SILENT {
        let place = wordpiece.id(token).and_then(|id| usize::try_from(id).ok());
        if let Some(is_silent) = place.and_then(|place| silent.get_mut(place)) {
            *is_silent = true;
        }
    }
    silent
}

#[cfg(test)]
mod tests;
