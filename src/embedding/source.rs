//! Where an encoder comes from.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::{LoadError, Sieve, bundled};

/// Where an encoder comes from.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum EncoderSource {
    /// It travels in the module.
    #[default]
    Bundled,
    /// It comes with the policy.
    Given {
        /// Bytes of `vocab.txt`.
        vocabulary: Bytes,
        /// Bytes of the ONNX graph.
        graph: Bytes,
    },
}

impl EncoderSource {
    /// Loads the encoder; the one in the module only once.
    ///
    /// # Errors
    /// [`LoadError`] says which part is wrong and how.
    pub fn load(&self) -> Result<Arc<Sieve>, Arc<LoadError>> {
        match self {
            Self::Bundled => bundled(),
            Self::Given { vocabulary, graph } => {
                Sieve::load(vocabulary, graph.clone()).map(Arc::new).map_err(Arc::new)
            }
        }
    }
}

impl fmt::Debug for EncoderSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled => f.write_str("Bundled"),
            Self::Given { vocabulary, graph } => {
                write!(f, "Given({} bytes, {} bytes)", vocabulary.len(), graph.len())
            }
        }
    }
}
