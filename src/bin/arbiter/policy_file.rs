//! A policy in a file, YAML or JSON.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use llm_arbiter::complexity::{self, Scorer, Unavailable};
use llm_arbiter::embedding::{EncoderSource, Sieve};
use llm_arbiter::policy::Policy;
use serde_json::{Value, json};
use thiserror::Error;

use crate::check::Warned;
use crate::compare::CompareError;
use crate::faults::Faults;
use crate::fit::FitError;
use crate::key::KeyError;
use crate::lines::LinesError;
use crate::places::Places;
use crate::prices::PricesError;
use crate::ready::ReadyError;
use crate::simulate::SimulateError;
use crate::workload::WorkloadError;

/// A policy that was read, and the document it came from.
#[derive(Debug)]
pub struct PolicyFile {
    /// The policy.
    pub policy: Policy,
    /// The document as it is handed to the filter: files that it names are in it.
    pub document: Value,
    /// Where its fields stand.
    pub places: Places,
    /// The encoder that its scorer needs.
    pub encoder: Option<Arc<Sieve>>,
}

/// Why a verb fails.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is neither YAML nor JSON.
    #[error("{}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        message: String,
    },
    /// The document is no policy.
    #[error(transparent)]
    Policy(#[from] Faults),
    /// The scorer cannot be used.
    #[error("{}: {source}", path.display())]
    Scorer {
        /// The policy.
        path: PathBuf,
        /// What is wrong.
        source: Unavailable,
    },
    /// Weights cannot be fitted.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// Messages to compare.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// There are warnings.
    #[error(transparent)]
    Warned(#[from] Warned),
    /// Prices cannot be imported.
    #[error(transparent)]
    Prices(#[from] PricesError),
    /// A key cannot be hashed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Envoy does not serve.
    #[error(transparent)]
    Ready(#[from] ReadyError),
    /// A trace cannot be replayed.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// Calls cannot be made up.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// Requests cannot be scored.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// What was rendered cannot be written.
    #[error("the configuration cannot be written as YAML: {0}")]
    Unwritable(String),
}

/// Reads a policy to fit weights for: whatever scorer it names, with its encoder or the one in the module.
pub fn read_to_fit(path: &Path) -> Result<(Policy, Arc<Sieve>), CommandError> {
    let mut document = document(path)?;
    let encoder = document.pointer("/classify/encoder").cloned();
    if let Value::Object(fields) = &mut document {
        let classify = encoder.map(|encoder| json!({"scorer": "learned", "encoder": encoder}));
        fields.insert("classify".into(), classify.unwrap_or_else(|| json!({})));
    }
    let policy = checked(&document, path)?;
    let source = match &policy.classify.scorer {
        Scorer::Learned { encoder, .. } => encoder.clone(),
        _ => EncoderSource::Bundled,
    };
    let encoder = source.load().map_err(|error| CommandError::Scorer {
        path: path.to_owned(),
        source: Unavailable::Encoder(error),
    })?;
    Ok((policy, encoder))
}

/// Reads a policy, and the files that it names, by their paths from its folder.
pub fn read(path: &Path) -> Result<PolicyFile, CommandError> {
    let mut document = document(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    if let Some(weights) = document.pointer_mut("/classify/weights")
        && let Some(file) = weights.as_str()
    {
        *weights = yaml(&folder.join(file))?;
    }
    let at = || path.to_owned();
    let policy = checked(&document, path)?;
    let encoder = complexity::encoder(&policy.classify)
        .map_err(|source| CommandError::Scorer { path: at(), source })?;
    Ok(PolicyFile { policy, document, places: Places::of_file(path), encoder })
}

/// The policy that a document is.
fn checked(document: &Value, path: &Path) -> Result<Policy, Faults> {
    Policy::from_value(document.clone()).map_err(|first| Faults::of(document, first, path))
}

/// Reads a document, and the encoder that it names.
fn document(path: &Path) -> Result<Value, CommandError> {
    let mut document = yaml(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for field in ["vocabulary", "graph"] {
        if let Some(file) = document.pointer_mut(&format!("/classify/encoder/{field}"))
            && let Some(name) = file.as_str()
        {
            let path = folder.join(name);
            let bytes = std::fs::read(&path).map_err(|source| CommandError::Unreadable { path, source })?;
            *file = json!({"base64": BASE64_STANDARD.encode(bytes)});
        }
    }
    Ok(document)
}

/// Reads a document. JSON is YAML, so one reader serves both.
fn yaml(path: &Path) -> Result<Value, CommandError> {
    let at = || path.to_owned();
    let text =
        std::fs::read_to_string(path).map_err(|source| CommandError::Unreadable { path: at(), source })?;
    serde_saphyr::from_str(&text)
        .map_err(|error| CommandError::Syntax { path: at(), message: error.to_string() })
}
