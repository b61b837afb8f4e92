//! Texts as vectors: near each other when they ask for the same.

mod bundled;
pub mod onnx;
mod sieve;
mod wordpiece;

pub use bundled::bundled;
pub use sieve::{Embedding, LONGEST, LoadError, Sieve};
pub use wordpiece::{TokenId, VocabularyError, WordPiece};
