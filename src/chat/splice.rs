//! Changing a body without touching what need not change.

use super::ChatRequest;

/// What to change in a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit<'m> {
    /// The model to name instead.
    pub model: &'m str,
    /// Whether `stream_options.include_usage` must be `true` afterwards.
    pub include_usage: bool,
}

/// Returns `body` with `edit` applied, or `None` when nothing has to change. `request` must have been read from `body`.
#[must_use]
pub fn splice(body: &[u8], request: &ChatRequest<'_>, edit: Edit<'_>) -> Option<Vec<u8>> {
    let _ = (body, request, edit);
    None
}
