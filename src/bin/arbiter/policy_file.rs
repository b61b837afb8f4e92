//! A policy in a file, YAML or JSON.

use std::path::{Path, PathBuf};

use llm_arbiter::complexity::{self, Unavailable};
use llm_arbiter::embedding::Sieve;
use llm_arbiter::policy::{Policy, PolicyError};
use serde_json::Value;
use thiserror::Error;

use crate::fit::FitError;
use crate::lines::LinesError;

/// A policy that was read, and the document it came from.
#[derive(Debug)]
pub struct PolicyFile {
    /// The policy.
    pub policy: Policy,
    /// The document as it is handed to the filter: files that it names are in it.
    pub document: Value,
    /// The encoder that its scorer needs.
    pub encoder: Option<&'static Sieve>,
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
    #[error("{}: {source}", path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: PolicyError,
    },
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
    /// Requests cannot be scored.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// What was rendered cannot be written.
    #[error("the configuration cannot be written as YAML: {0}")]
    Unwritable(String),
}

/// Reads a policy whatever scorer it names: its weights may be what is to be made.
pub fn read_without_scorer(path: &Path) -> Result<Policy, CommandError> {
    let mut document = yaml(path)?;
    if let Value::Object(fields) = &mut document {
        fields.remove("classify");
    }
    Policy::from_value(document).map_err(|source| CommandError::Policy { path: path.to_owned(), source })
}

/// Reads a policy, and the files that it names, by their paths from its folder.
pub fn read(path: &Path) -> Result<PolicyFile, CommandError> {
    let mut document = yaml(path)?;
    if let Some(weights) = document.pointer_mut("/classify/weights")
        && let Some(file) = weights.as_str()
    {
        let file = path.parent().unwrap_or(Path::new("")).join(file);
        *weights = yaml(&file)?;
    }
    let at = || path.to_owned();
    let policy =
        Policy::from_value(document.clone()).map_err(|source| CommandError::Policy { path: at(), source })?;
    let encoder = complexity::encoder(&policy.classify)
        .map_err(|source| CommandError::Scorer { path: at(), source })?;
    Ok(PolicyFile { policy, document, encoder })
}

/// Reads a document. JSON is YAML, so one reader serves both.
fn yaml(path: &Path) -> Result<Value, CommandError> {
    let at = || path.to_owned();
    let text =
        std::fs::read_to_string(path).map_err(|source| CommandError::Unreadable { path: at(), source })?;
    serde_saphyr::from_str(&text)
        .map_err(|error| CommandError::Syntax { path: at(), message: error.to_string() })
}
