//! Errors: `{"error": {"message", "type", "param", "code"}}`.

use serde_json::{Value, json};

use crate::chat::answer::{ApiError, ErrorKind, text_of};

/// Reads an error body; `None` when it is not one.
pub(in crate::chat) fn read(status: u16, body: &[u8]) -> Option<ApiError> {
    let body: Value = serde_json::from_slice(body).ok()?;
    from_value(ErrorKind::of_status(status), body.get("error")?)
}

/// Reads the value of `error`.
pub(in crate::chat) fn from_value(kind: ErrorKind, error: &Value) -> Option<ApiError> {
    if let Some(message) = error.as_str() {
        return Some(ApiError::new(kind, message));
    }
    let message = error.as_object()?.get("message")?.as_str()?.to_owned();
    let word = |member| Some(text_of(error, member)).filter(|text| !text.is_empty());
    Some(ApiError { kind, message, code: word("code"), param: word("param") })
}

/// Writes an error body.
#[must_use]
pub(in crate::chat) fn write(error: &ApiError) -> Vec<u8> {
    value(error).to_string().into_bytes()
}

/// The error as a value.
pub(in crate::chat) fn value(error: &ApiError) -> Value {
    let ApiError { kind, message, code, param } = error;
    json!({"error": {"message": message, "type": word(*kind), "param": param, "code": code}})
}

/// The status that OpenAI's callers expect.
pub(in crate::chat) fn status(kind: ErrorKind, status: u16) -> u16 {
    if kind == ErrorKind::Overloaded { 503 } else { status }
}

fn word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidRequest | ErrorKind::TooLarge => "invalid_request_error",
        ErrorKind::Authentication => "authentication_error",
        ErrorKind::Permission => "permission_error",
        ErrorKind::NotFound => "not_found_error",
        ErrorKind::RateLimit => "rate_limit_error",
        ErrorKind::Overloaded | ErrorKind::Timeout | ErrorKind::Server => "server_error",
    }
}
