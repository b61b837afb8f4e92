//! The encoder that travels in the module. `make model` makes its files; `model/CARD.md` says how.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::{LoadError, Sieve};

static VOCABULARY: &[u8] = include_bytes!("../../model/sieve/vocab.txt");
static GRAPH: &[u8] = include_bytes!("../../model/sieve/sieve.onnx");

/// The encoder in the module, loaded at the first call.
///
/// # Errors
/// [`LoadError`], each time, if it cannot be loaded.
pub fn bundled() -> Result<Arc<Sieve>, Arc<LoadError>> {
    static SIEVE: OnceLock<Result<Arc<Sieve>, Arc<LoadError>>> = OnceLock::new();
    let load = || Sieve::load(VOCABULARY, Bytes::from_static(GRAPH)).map(Arc::new).map_err(Arc::new);
    SIEVE.get_or_init(load).clone()
}
