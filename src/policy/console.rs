//! The `console` section.

use super::PolicyError;
use super::document::ConsoleDocument;
use super::fields::{fault, is_variable};

/// What operators may do on a listener of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// The environment variable with the token that every action must come with.
    pub token: String,
}

pub(super) fn console(document: Option<ConsoleDocument>) -> Result<Option<Console>, PolicyError> {
    let Some(ConsoleDocument { token }) = document else { return Ok(None) };
    if !is_variable(&token) {
        let message =
            "must be the name of an environment variable (letters, digits, `_`), not the token itself";
        return fault("console.token", message);
    }
    Ok(Some(Console { token }))
}
