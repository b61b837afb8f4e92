//! A whole completion as a stream of chunks.

use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Answer {
    id: Value,
    created: Value,
    model: Value,
    #[serde(default)]
    system_fingerprint: Value,
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Value,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: String,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

impl Answer {
    fn chunk(&self, choices: &Value, usage: Option<&Value>) -> String {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.system_fingerprint,
            "choices": choices
        });
        if let (Some(usage), Value::Object(members)) = (usage, &mut chunk) {
            members.insert("usage".into(), usage.clone());
        }
        format!("data: {chunk}\n\n")
    }
}

/// Role, text, end, usage if asked for, `[DONE]`. `None` when the body is not an answer of one text.
pub(in crate::chat) fn as_stream(answer: &[u8], include_usage: bool) -> Option<Vec<u8>> {
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    let [choice] = answer.choices.as_slice() else { return None };
    let delta = |delta: Value, finish_reason: Value| {
        let choices = json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}]);
        answer.chunk(&choices, include_usage.then_some(&Value::Null))
    };
    let mut events = delta(json!({"role": "assistant", "content": ""}), Value::Null);
    events.push_str(&delta(json!({"content": choice.message.content}), Value::Null));
    events.push_str(&delta(json!({}), json!(choice.finish_reason)));
    if include_usage {
        events.push_str(&answer.chunk(&json!([]), Some(&answer.usage)));
    }
    events.push_str("data: [DONE]\n\n");
    Some(events.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::openai::observe::{ChunkObserver, Observe};
    use crate::chat::usage::Usage;

    fn stored() -> Value {
        json!({
            "id": "c1", "object": "chat.completion", "created": 7, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "line\n\"é\"", "refusal": null},
                         "logprobs": null, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3}, "system_fingerprint": "fp"
        })
    }

    #[test]
    fn a_replayed_stream_is_the_stored_answer() {
        let events = as_stream(stored().to_string().as_bytes(), true).unwrap();
        let mut observer = ChunkObserver::new(Observe { strip_usage: false, keep_bytes: 100 });
        observer.feed(&events, true);
        let summary = observer.finish();
        assert_eq!(serde_json::from_slice::<Value>(&summary.answer.unwrap()).unwrap(), stored());
        assert_eq!(summary.usage, Some(Usage { input: 9, output: 3, ..Usage::default() }));
    }

    #[test]
    fn usage_is_said_only_to_those_who_asked() {
        let events = as_stream(stored().to_string().as_bytes(), false).unwrap();
        assert!(!String::from_utf8(events).unwrap().contains("usage"));
    }

    #[test]
    fn what_is_no_answer_is_not_replayed() {
        for body in ["", "{}", r#"{"id":1,"created":1,"model":"m","choices":[]}"#] {
            assert_eq!(as_stream(body.as_bytes(), true), None, "{body}");
        }
    }
}
