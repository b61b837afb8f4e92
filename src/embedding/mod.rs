//! Texts as vectors: near each other when they ask for the same.

mod bundled;
mod in_context;
pub(crate) mod lanes;
pub mod onnx;
mod operators;
mod sieve;
mod source;
mod sum_rows;
mod token_vectors;
mod wordpiece;

pub use bundled::{Encoders, bundled};
pub use in_context::ContextEncoder;
pub use sieve::{Embedding, LONGEST, LoadError, Sieve};
pub use source::EncoderSource;
pub use token_vectors::TokenVectors;
pub use wordpiece::{TokenId, VocabularyError, WordPiece};
