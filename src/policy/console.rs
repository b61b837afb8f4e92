//! The `console` section.

use serde::Deserialize;

use super::PolicyError;
use super::fields::{fault, is_variable};

/// A listener for operators.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ConsoleDocument {
    /// The environment variable with the token that every action must come with. Without one there are no actions.
    token: Option<String>,
    /// Who may read figures, decisions and the policy: who has the token, or whoever reaches the listener (`open`). Default: `token`.
    #[serde(default)]
    reading: ReadingDocument,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum ReadingDocument {
    #[default]
    Token,
    Open,
}

/// What operators may do on a listener of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// The environment variable with the token that every action must come with; `None`: there are no actions.
    pub token: Option<String>,
    /// Who may read.
    pub reading: Reading,
}

/// Who may read what the console tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Who has the token.
    Token,
    /// Whoever reaches the listener.
    Open,
}

pub(super) fn console(document: Option<ConsoleDocument>) -> Result<Option<Console>, PolicyError> {
    let Some(ConsoleDocument { token, reading }) = document else { return Ok(None) };
    if token.as_deref().is_some_and(|token| !is_variable(token)) {
        let message =
            "must be the name of an environment variable (letters, digits, `_`), not the token itself";
        return fault("console.token", message);
    }
    let reading = match reading {
        ReadingDocument::Open => Reading::Open,
        ReadingDocument::Token if token.is_none() => {
            let message = "is missing; name an environment variable, or write `reading: open` if whoever reaches the listener may read";
            return fault("console.token", message);
        }
        ReadingDocument::Token => Reading::Token,
    };
    Ok(Some(Console { token, reading }))
}
