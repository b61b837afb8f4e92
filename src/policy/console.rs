//! The `console` section.

use super::PolicyError;
use super::fields::{fault, is_variable};
use serde::Deserialize;

/// A listener for operators.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ConsoleDocument {
    /// The environment variable with the token that every action must come with.
    pub(super) token: String,
}

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
