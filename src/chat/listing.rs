//! Lists of models, as callers of each dialect read them.

use super::dialect::Caller;
use super::{anthropic, openai};

/// A model that a caller may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'l> {
    /// What it is named.
    pub name: &'l str,
    /// Who runs it.
    pub owner: &'l str,
}

/// Writes a list for a `caller`.
#[must_use]
pub fn all(models: &[Listed<'_>], caller: Caller) -> Vec<u8> {
    let list = match caller {
        Caller::OpenAi | Caller::Responses => openai::models::all(models),
        Caller::Anthropic => anthropic::models::all(models),
    };
    list.to_string().into_bytes()
}

/// Writes one model for a `caller`.
#[must_use]
pub fn one(model: &Listed<'_>, caller: Caller) -> Vec<u8> {
    let one = match caller {
        Caller::OpenAi | Caller::Responses => openai::models::one(model),
        Caller::Anthropic => anthropic::models::one(model),
    };
    one.to_string().into_bytes()
}
