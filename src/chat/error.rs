//! Errors as the caller's SDK expects them.

/// The body of an OpenAI-shaped error: `{"error": {"message", "type", "param", "code"}}`.
#[must_use]
pub fn openai(message: &str, kind: &str, param: Option<&str>, code: Option<&str>) -> Vec<u8> {
    serde_json::json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
        .to_string()
        .into_bytes()
}
