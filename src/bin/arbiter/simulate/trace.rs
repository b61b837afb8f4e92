//! A line of a trace: a request as it came, and what it was answered.

use std::borrow::Cow;
use std::time::Duration;

use llm_arbiter::chat::Caller;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// Most characters of an excerpt.
const EXCERPT: usize = 120;
/// Bytes of text that make a token, for answers that do not say how many they have.
const BYTES_OF_A_TOKEN: usize = 4;

/// A request and its answer.
#[derive(Debug)]
pub struct Record<'l> {
    /// Whatever the line calls it.
    pub id: Value,
    /// When it came, since 1970; without it, at the time of the line before.
    pub(super) time: Option<Duration>,
    /// `:path`; what is not given follows from the headers.
    pub(super) path: Option<String>,
    pub(super) headers: Map<String, Value>,
    pub(super) body: &'l RawValue,
    /// HTTP status of the answer, where it does not stand in the answer.
    pub(super) status: Option<u16>,
    pub(super) response: Value,
}

/// A provider's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its media type.
    pub content_type: String,
    /// Its body.
    pub body: Vec<u8>,
    /// Whether how many tokens it has is only estimated.
    pub is_estimate: bool,
}

impl Record<'_> {
    /// The body as it came. A body that is no JSON stands in the line as a string.
    pub fn body(&self) -> Vec<u8> {
        let raw = self.body.get();
        let text = serde_json::from_str::<String>(raw).map_or(Cow::Borrowed(raw), Cow::Owned);
        text.into_owned().into_bytes()
    }

    /// How the last message of the user begins; nothing where there is no text.
    pub fn excerpt(&self) -> String {
        let body: Value = serde_json::from_str(self.body.get()).unwrap_or_default();
        let messages = body.get("messages").or_else(|| body.get("input"));
        let last = messages.and_then(Value::as_array).and_then(|messages| messages.last());
        let content = last.and_then(|message| message.get("content")).or(messages);
        let part =
            content.and_then(|content| content.as_str().or_else(|| content.pointer("/0/text")?.as_str()));
        let text = part.unwrap_or_default();
        let end = text.char_indices().nth(EXCERPT).map_or(text.len(), |(end, _)| end);
        text.get(..end).unwrap_or_default().to_owned()
    }

    /// The headers as the filter gets them: those that a recording may lack stand for those of a call.
    pub fn headers(&self, length: usize) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in &self.headers {
            let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            headers.extend(values.iter().map(|value| (name.to_ascii_lowercase(), text(value))));
        }
        let is_anthropic = headers.iter().any(|(name, _)| name == "anthropic-version");
        let path = if is_anthropic { "/v1/messages" } else { "/v1/chat/completions" };
        let length = length.to_string();
        let standard = [
            (":method", "POST"),
            (":path", self.path.as_deref().unwrap_or(path)),
            ("content-type", "application/json"),
            ("content-length", &length),
        ];
        for (name, value) in standard {
            if !headers.iter().any(|(given, _)| given == name) {
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        headers
    }

    /// What the provider answered. Where only its text is recorded, or not even that, the answer is made up around it.
    pub fn answer(&self, caller: Caller) -> Answer {
        match &self.response {
            Value::Object(members) if members.contains_key("body") => {
                let status = members.get("status").or_else(|| members.get("status_code"));
                let status = status.and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
                let body = members.get("body").unwrap_or(&Value::Null);
                let answer = self.answer_of(body, caller);
                Answer { status: status.unwrap_or(answer.status), ..answer }
            }
            other => self.answer_of(other, caller),
        }
    }

    fn answer_of(&self, body: &Value, caller: Caller) -> Answer {
        let given = |content_type: &str, body: String| Answer {
            status: self.status.unwrap_or(200),
            content_type: content_type.to_owned(),
            body: body.into_bytes(),
            is_estimate: false,
        };
        match body {
            Value::String(text) if is_event_stream(text) => given("text/event-stream", text.clone()),
            Value::String(text) if text.trim_start().starts_with('{') => {
                given("application/json", text.clone())
            }
            Value::String(text) => self.made_up(text, caller),
            Value::Null => self.made_up("", caller),
            other => given("application/json", other.to_string()),
        }
    }

    /// A whole answer of this text.
    fn made_up(&self, text: &str, caller: Caller) -> Answer {
        let tokens = |bytes: usize| bytes.div_ceil(BYTES_OF_A_TOKEN).max(1);
        let (input, output) = (tokens(self.body.get().len()), tokens(text.len()));
        let body = match caller {
            Caller::Anthropic => json!({
                "id": "msg_recorded", "type": "message", "role": "assistant", "model": "recorded", "stop_reason": "end_turn",
                "stop_sequence": null, "content": [{"type": "text", "text": text}],
                "usage": {"input_tokens": input, "output_tokens": output}
            }),
            Caller::Responses => json!({
                "id": "resp_recorded", "object": "response", "created_at": 0, "status": "completed", "model": "recorded",
                "output": [{"type": "message", "id": "msg_recorded", "role": "assistant", "status": "completed",
                            "content": [{"type": "output_text", "text": text, "annotations": []}]}],
                "usage": {"input_tokens": input, "output_tokens": output, "total_tokens": input.saturating_add(output)}
            }),
            Caller::OpenAi => json!({
                "id": "chatcmpl-recorded", "object": "chat.completion", "created": 0, "model": "recorded",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input.saturating_add(output)}
            }),
        };
        Answer {
            status: self.status.unwrap_or(200),
            content_type: "application/json".to_owned(),
            body: body.to_string().into_bytes(),
            is_estimate: true,
        }
    }
}

fn is_event_stream(text: &str) -> bool {
    ["data:", "event:", ":"].iter().any(|start| text.trim_start().starts_with(start))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
