//! The document as it is written: schema, defaults, validation.

use thiserror::Error;

use super::Policy;

/// What is wrong with a policy document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: {message}")]
pub struct PolicyError {
    /// Path to the field, for example `tiers[1].models[0]`; `policy` for the document itself.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

pub(super) fn parse(text: &str) -> Result<Policy, PolicyError> {
    let _ = text;
    Err(PolicyError { path: "policy".into(), message: "unreadable".into() })
}
