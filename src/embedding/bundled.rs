//! The encoders that travel in the module. `make model` makes its files; `model/CARD.md` says how.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::{ContextEncoder, LoadError, Sieve};

static VOCABULARY: &[u8] = include_bytes!("../../model/sieve/vocab.txt");
static GRAPH: &[u8] = include_bytes!("../../model/sieve/sieve.onnx");
static STUDENT: &[u8] = include_bytes!("../../model/student/student.onnx");

/// The sieve in the module, loaded at the first call.
///
/// # Errors
/// [`LoadError`], each time, if it cannot be loaded.
pub fn bundled() -> Result<Arc<Sieve>, Arc<LoadError>> {
    static SIEVE: OnceLock<Result<Arc<Sieve>, Arc<LoadError>>> = OnceLock::new();
    let load = || Sieve::load(VOCABULARY, Bytes::from_static(GRAPH)).map(Arc::new).map_err(Arc::new);
    SIEVE.get_or_init(load).clone()
}

/// What the semantic cache reads messages with.
#[derive(Debug, Clone)]
pub struct Encoders {
    /// Finds what is alike.
    pub sieve: Arc<Sieve>,
    /// Looks at it closely.
    pub in_context: Arc<ContextEncoder>,
}

impl Encoders {
    /// Those in the module, loaded at the first call.
    ///
    /// # Errors
    /// [`LoadError`], each time, if one cannot be loaded.
    pub fn bundled() -> Result<Self, Arc<LoadError>> {
        static IN_CONTEXT: OnceLock<Result<Arc<ContextEncoder>, Arc<LoadError>>> = OnceLock::new();
        let sieve = bundled()?;
        let load = || ContextEncoder::load(Arc::clone(&sieve), Bytes::from_static(STUDENT));
        let in_context = IN_CONTEXT.get_or_init(|| load().map(Arc::new).map_err(Arc::new)).clone()?;
        Ok(Self { sieve, in_context })
    }
}
