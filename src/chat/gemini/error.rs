//! Errors: `{"error": {"code", "message", "status"}}`, sometimes in a list.

use serde_json::Value;

use crate::chat::answer::{ApiError, ErrorKind, text_of};

/// Reads an error body; `None` when it is not one.
pub(in crate::chat) fn read(status: u16, body: &[u8]) -> Option<ApiError> {
    let body: Value = serde_json::from_slice(body).ok()?;
    from_value(ErrorKind::of_status(status), &body)
}

/// Reads an error body or the data of an event.
pub(in crate::chat) fn from_value(kind: ErrorKind, body: &Value) -> Option<ApiError> {
    let error = body.get(0).unwrap_or(body).get("error")?;
    let message = error.get("message")?.as_str()?;
    let kind = match text_of(error, "status").as_str() {
        "UNAUTHENTICATED" => ErrorKind::Authentication,
        "PERMISSION_DENIED" => ErrorKind::Permission,
        "NOT_FOUND" => ErrorKind::NotFound,
        "RESOURCE_EXHAUSTED" => ErrorKind::RateLimit,
        "UNAVAILABLE" => ErrorKind::Overloaded,
        "DEADLINE_EXCEEDED" => ErrorKind::Timeout,
        _ => kind,
    };
    Some(ApiError::new(kind, message))
}
