//! A whole message, as far as the books and the cache want to know it.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::chat::completion::Completion;
use crate::chat::usage::Usage;

#[derive(Deserialize)]
struct Anthropic {
    r#type: String,
    content: Vec<Block>,
    stop_reason: Option<String>,
    usage: Option<Value>,
}

#[derive(Deserialize)]
struct Block {
    r#type: String,
    citations: Option<IgnoredAny>,
}

/// Reads a whole answer; `None` when it is not one.
pub(in crate::chat) fn read(body: &[u8]) -> Option<Completion> {
    let raw: Anthropic = serde_json::from_slice(body).ok()?;
    if raw.r#type != "message" {
        return None;
    }
    let is_text = |block: &Block| block.r#type == "text" && block.citations.is_none();
    let reusable = raw.stop_reason.as_deref() == Some("end_turn")
        && !raw.content.is_empty()
        && raw.content.iter().all(is_text);
    Some(Completion { usage: raw.usage.as_ref().and_then(Usage::from_anthropic), reusable })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_anthropics_messages_only_a_complete_text_may_stand_for_another() {
        let message = |reason: &str, content: Value| {
            let message = json!({"type": "message", "role": "assistant", "content": content, "stop_reason": reason,
                                 "usage": {"input_tokens": 3, "output_tokens": 2}});
            read(message.to_string().as_bytes()).unwrap()
        };
        let text = json!([{"type": "text", "text": "yes"}]);
        assert!(message("end_turn", text.clone()).reusable);
        assert_eq!(message("end_turn", text.clone()).usage.unwrap().input, 3);
        assert!(!message("max_tokens", text).reusable);
        assert!(
            !message("tool_use", json!([{"type": "tool_use", "id": "t", "name": "f", "input": {}}])).reusable
        );
        assert!(!message("end_turn", json!([{"type": "text", "text": "a", "citations": []}])).reusable);
    }
}
