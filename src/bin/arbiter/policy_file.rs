//! A policy in a file, YAML or JSON.

use std::path::{Path, PathBuf};

use llm_arbiter::policy::{Policy, PolicyError};
use serde_json::Value;
use thiserror::Error;

use crate::score::ScoreError;

/// A policy that was read, and the document it came from.
#[derive(Debug)]
pub struct PolicyFile {
    /// The policy.
    pub policy: Policy,
    /// The document as it is handed to the filter.
    pub document: Value,
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
    /// Requests cannot be scored.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// What was rendered cannot be written.
    #[error("the configuration cannot be written as YAML: {0}")]
    Unwritable(String),
}

/// Reads a policy. JSON is YAML, so one reader serves both.
pub fn read(path: &Path) -> Result<PolicyFile, CommandError> {
    let at = || path.to_owned();
    let text =
        std::fs::read_to_string(path).map_err(|source| CommandError::Unreadable { path: at(), source })?;
    let document: Value = serde_saphyr::from_str(&text)
        .map_err(|error| CommandError::Syntax { path: at(), message: error.to_string() })?;
    let policy =
        Policy::from_value(document.clone()).map_err(|source| CommandError::Policy { path: at(), source })?;
    Ok(PolicyFile { policy, document })
}
