//! Texts as vectors: near each other when they ask for the same.

mod bundled;
pub mod onnx;
mod sieve;
mod source;
mod sum_rows;
mod token_vectors;
mod wordpiece;

pub use bundled::bundled;
pub use sieve::{Embedding, LONGEST, LoadError, Sieve};
pub use source::EncoderSource;
pub use token_vectors::TokenVectors;
pub use wordpiece::{TokenId, VocabularyError, WordPiece};
