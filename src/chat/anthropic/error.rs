//! Errors: `{"type": "error", "error": {"type", "message", "details": {"error_code"}}}`; few have details.

use serde_json::{Value, json};

use crate::chat::answer::{ApiError, ErrorKind, text_of};

/// The status with which Anthropic says that it has too much to do.
const OVERLOADED: u16 = 529;

/// Reads an error body; `None` when it is not one.
pub(in crate::chat) fn read(status: u16, body: &[u8]) -> Option<ApiError> {
    let body: Value = serde_json::from_slice(body).ok()?;
    if body.get("type")?.as_str()? != "error" {
        return None;
    }
    from_value(ErrorKind::of_status(status), &body)
}

/// Reads the data of an `error` event or an error body.
pub(in crate::chat) fn from_value(kind: ErrorKind, body: &Value) -> Option<ApiError> {
    let error = body.get("error")?;
    let message = error.get("message")?.as_str()?;
    let kind = match text_of(error, "type").as_str() {
        "overloaded_error" => ErrorKind::Overloaded,
        "rate_limit_error" => ErrorKind::RateLimit,
        _ => kind,
    };
    Some(ApiError::new(kind, message))
}

/// Writes an error body.
#[must_use]
pub(in crate::chat) fn write(error: &ApiError) -> Vec<u8> {
    let ApiError { kind, message, code, .. } = error;
    let mut told = json!({"type": word(*kind), "message": message});
    if let (Some(code), Value::Object(members)) = (code, &mut told) {
        members.insert("details".into(), json!({"error_code": code}));
    }
    json!({"type": "error", "error": told}).to_string().into_bytes()
}

/// The status that Anthropic's callers expect.
pub(in crate::chat) fn status(kind: ErrorKind, status: u16) -> u16 {
    if kind == ErrorKind::Overloaded { OVERLOADED } else { status }
}

fn word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidRequest => "invalid_request_error",
        ErrorKind::Authentication => "authentication_error",
        ErrorKind::Permission => "permission_error",
        ErrorKind::NotFound => "not_found_error",
        ErrorKind::TooLarge => "request_too_large",
        ErrorKind::RateLimit => "rate_limit_error",
        ErrorKind::Overloaded => "overloaded_error",
        ErrorKind::Timeout => "timeout_error",
        ErrorKind::Server => "api_error",
    }
}
