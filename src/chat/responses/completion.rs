//! A whole response, as far as the books and the cache want to know it.

use serde_json::Value;

use crate::chat::completion::Completion;
use crate::chat::usage::Usage;

/// Reads a whole answer; `None` when it is not one.
pub(in crate::chat) fn read(body: &[u8]) -> Option<Completion> {
    let response: Value = serde_json::from_slice(body).ok()?;
    let is_one = response.get("object").and_then(Value::as_str) == Some("response");
    is_one.then(|| Completion { usage: Usage::of_response(&response), reusable: is_reusable(&response) })
}

/// Whether it may stand for a later one: complete, and nothing but text, and what was thought before it.
pub(super) fn is_reusable(response: &Value) -> bool {
    let items = response.get("output").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let kind = |item: &Value| item.get("type").and_then(Value::as_str).map(str::to_owned);
    let says = |item: &Value| kind(item).as_deref() == Some("message");
    response.get("status").and_then(Value::as_str) == Some("completed")
        && items.iter().any(says)
        && items.iter().all(|item| match kind(item).as_deref() {
            Some("message") => is_text(item),
            Some("reasoning") => true,
            _ => false,
        })
}

fn is_text(message: &Value) -> bool {
    let is_empty =
        |part: &Value, member: &str| part.get(member).and_then(Value::as_array).is_none_or(Vec::is_empty);
    let parts = message.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    !parts.is_empty()
        && parts.iter().all(|part| {
            part.get("type").and_then(Value::as_str) == Some("output_text")
                && is_empty(part, "annotations")
                && is_empty(part, "logprobs")
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_complete_text_may_stand_for_another() {
        let response = |status: &str, output: Value| {
            let response = json!({"object": "response", "status": status, "output": output,
                                  "usage": {"input_tokens": 3, "output_tokens": 2}});
            read(response.to_string().as_bytes()).unwrap()
        };
        let text = json!({"type": "message", "content": [{"type": "output_text", "text": "yes", "annotations": []}]});
        let thought = json!({"type": "reasoning", "summary": []});
        assert!(response("completed", json!([text])).reusable);
        assert!(response("completed", json!([thought, text])).reusable);
        assert_eq!(response("completed", json!([text])).usage.unwrap().input, 3);
        let cited = json!({"type": "message", "content": [{"type": "output_text", "annotations": [{}]}]});
        let declined = json!({"type": "message", "content": [{"type": "refusal", "refusal": "no"}]});
        let call = json!({"type": "function_call", "name": "f", "arguments": "{}"});
        for output in [json!([]), json!([thought]), json!([cited]), json!([declined]), json!([text, call])] {
            assert!(!response("completed", output.clone()).reusable, "{output}");
        }
        assert!(!response("incomplete", json!([text])).reusable);
        assert_eq!(read(br#"{"object": "chat.completion", "output": []}"#), None);
    }
}
