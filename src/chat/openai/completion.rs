//! A whole `chat.completion`, as far as the books and the cache want to know it.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::delta::Delta;
use crate::chat::completion::Completion;
use crate::chat::usage::Usage;

#[derive(Deserialize)]
struct OpenAi {
    object: String,
    choices: Vec<Choice>,
    usage: Option<Value>,
    service_tier: Option<String>,
}

#[derive(Deserialize)]
struct Choice {
    finish_reason: Option<String>,
    message: Delta,
    logprobs: Option<IgnoredAny>,
}

impl Choice {
    fn is_reusable(&self) -> bool {
        self.finish_reason.as_deref() == Some("stop")
            && self.message.content.is_some()
            && self.message.other_bytes == 0
            && self.logprobs.is_none()
    }
}

/// Reads a whole answer; `None` when it is not one.
pub(in crate::chat) fn read(body: &[u8]) -> Option<Completion> {
    let raw: OpenAi = serde_json::from_slice(body).ok()?;
    if raw.object != "chat.completion" {
        return None;
    }
    let reusable = matches!(raw.choices.as_slice(), [choice] if choice.is_reusable());
    let usage = raw.usage.as_ref().and_then(Usage::from_openai);
    Some(Completion { usage: usage.map(|usage| usage.served(raw.service_tier.as_deref())), reusable })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(choice: Value) -> Value {
        json!({"object": "chat.completion", "id": "x", "choices": [choice],
               "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
    }

    fn text(extra: (&str, Value)) -> Value {
        let mut choice = json!({"index": 0, "finish_reason": "stop", "logprobs": null,
                                "message": {"role": "assistant", "content": "yes", "refusal": null, "annotations": []}});
        choice["message"][extra.0] = extra.1;
        choice
    }

    #[test]
    fn only_a_complete_text_may_stand_for_another() {
        let plain = text(("role", json!("assistant")));
        let with = |key: &str, value: Value| {
            let mut choice = plain.clone();
            choice[key] = value;
            choice
        };
        let cases = [
            ("text", plain.clone(), true),
            ("cut off", with("finish_reason", json!("length")), false),
            ("log probabilities", with("logprobs", json!({"content": []})), false),
            ("a tool call", text(("tool_calls", json!([{"id": "1"}]))), false),
            ("no tool call", text(("tool_calls", json!([]))), true),
            ("a refusal", text(("refusal", json!("no"))), false),
            ("no text", text(("content", Value::Null)), false),
            ("reasoning", text(("reasoning_content", json!("hm"))), false),
        ];
        for (name, choice, reusable) in cases {
            let completion = read(answer(choice).to_string().as_bytes()).unwrap();
            assert_eq!(completion.reusable, reusable, "{name}");
            assert_eq!(completion.usage.unwrap().output, 2);
        }
        let mut two = answer(plain.clone());
        two["choices"] = json!([plain, plain]);
        assert!(!read(two.to_string().as_bytes()).unwrap().reusable);
    }

    #[test]
    fn what_is_no_completion_is_not_read() {
        for body in ["", "{", "[]", r#"{"object":"list","choices":[]}"#, r#"{"error":{"message":"x"}}"#] {
            assert_eq!(read(body.as_bytes()), None, "{body}");
        }
    }
}
