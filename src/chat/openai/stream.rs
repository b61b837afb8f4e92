//! Streamed answers: `chat.completion.chunk` events, ended by `[DONE]`.

use serde_json::{Value, json};

use super::answer::Piece;
use super::{answer, error};
use crate::chat::answer::{ErrorKind, Malformed, StreamEvent, text_of};
use crate::chat::usage::Usage;

const DONE: &[u8] = b"[DONE]";

/// Reads the events of a stream.
#[derive(Debug, Default)]
pub(in crate::chat) struct Reader {
    started: bool,
    finished: bool,
    ended: bool,
}

impl Reader {
    /// Whether the answer has said why it ended.
    #[must_use]
    pub(in crate::chat) fn has_said_all(&self) -> bool {
        self.finished
    }

    /// Reads the data of one event into `events`.
    ///
    /// # Errors
    /// [`Malformed`] when it is not a chunk.
    pub(in crate::chat) fn read(
        &mut self,
        data: &[u8],
        events: &mut Vec<StreamEvent>,
    ) -> Result<(), Malformed> {
        if data == DONE {
            // Without a reason why it ended, the answer is not complete, whatever this says.
            if self.finished && !std::mem::replace(&mut self.ended, true) {
                events.push(StreamEvent::End);
            }
            return Ok(());
        }
        let chunk: Value = serde_json::from_slice(data).map_err(|_| Malformed)?;
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            let error = error::from_value(ErrorKind::Server, error).ok_or(Malformed)?;
            events.push(StreamEvent::Error(error));
            return Ok(());
        }
        let choice = chunk.get("choices").and_then(|choices| choices.get(0));
        let id = text_of(&chunk, "id");
        // Azure sends what its filters found of the prompt before the answer has an id.
        if !self.started && (choice.is_some() || !id.is_empty()) {
            self.started = true;
            events.push(StreamEvent::Start { id, model: text_of(&chunk, "model") });
        }
        if let Some(choice) = choice {
            read_delta(choice.get("delta").unwrap_or(&Value::Null), events);
            if let Some(reason) =
                choice.get("finish_reason").and_then(Value::as_str).filter(|reason| !reason.is_empty())
            {
                self.finished = true;
                events.push(StreamEvent::Finish(answer::finish(reason)));
            }
        }
        events.extend(answer::usage(&chunk).map(StreamEvent::Usage));
        Ok(())
    }
}

fn read_delta(delta: &Value, events: &mut Vec<StreamEvent>) {
    let text = |member| Some(text_of(delta, member)).filter(|text| !text.is_empty());
    events.extend(text("reasoning_content").map(StreamEvent::Thinking));
    events.extend(answer::content(delta).into_iter().map(|part| match part {
        Piece::Text(text) => StreamEvent::Text(text),
        Piece::Thinking(text) => StreamEvent::Thinking(text),
    }));
    events.extend(text("refusal").map(StreamEvent::Refusal));
    for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let index = call.get("index").and_then(Value::as_u64).and_then(|index| index.try_into().ok());
        let index = index.unwrap_or(0);
        let function = call.get("function").unwrap_or(&Value::Null);
        let name = text_of(function, "name");
        if !name.is_empty() {
            events.push(StreamEvent::ToolCall { index, id: text_of(call, "id"), name });
        }
        let json = text_of(function, "arguments");
        if !json.is_empty() {
            events.push(StreamEvent::Arguments { index, json });
        }
    }
}

/// Writes the events of a stream.
#[derive(Debug)]
pub(in crate::chat) struct Writer {
    id: String,
    model: String,
    created: u64,
    usage: Option<Usage>,
}

impl Writer {
    /// A writer at the start of a stream; `created` is the time, in seconds since the Unix epoch.
    #[must_use]
    pub(in crate::chat) fn new(created: u64) -> Self {
        Self { id: String::new(), model: String::new(), created, usage: None }
    }

    /// Appends what says `event` to `out`.
    pub(in crate::chat) fn write(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        match event {
            StreamEvent::Start { id, model } => {
                (self.id, self.model) = (id, model);
                self.delta(&json!({"role": "assistant", "content": ""}), out);
            }
            StreamEvent::Text(text) => self.delta(&json!({"content": text}), out),
            StreamEvent::Thinking(text) => self.delta(&json!({"reasoning_content": text}), out),
            StreamEvent::Refusal(text) => self.delta(&json!({"refusal": text}), out),
            StreamEvent::ToolCall { index, id, name } => {
                let function = json!({"name": name, "arguments": ""});
                let call = json!({"index": index, "id": id, "type": "function", "function": function});
                self.delta(&json!({"tool_calls": [call]}), out);
            }
            StreamEvent::Arguments { index, json } => {
                let call = json!({"index": index, "function": {"arguments": json}});
                self.delta(&json!({"tool_calls": [call]}), out);
            }
            StreamEvent::Finish(finish) => {
                let reason = answer::finish_reason(&finish);
                self.chunk(&json!([choice(&json!({}), &reason.into())]), None, out);
            }
            StreamEvent::Usage(usage) => self.usage = Some(usage),
            StreamEvent::End => {
                if let Some(usage) = self.usage.take() {
                    self.chunk(&json!([]), Some(&usage), out);
                }
                event_of(DONE, out);
            }
            StreamEvent::Error(error) => event_of(&error::write(&error), out),
        }
    }

    fn delta(&self, delta: &Value, out: &mut Vec<u8>) {
        self.chunk(&json!([choice(delta, &Value::Null)]), None, out);
    }

    fn chunk(&self, choices: &Value, usage: Option<&Usage>, out: &mut Vec<u8>) {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
            "usage": usage.map(Usage::to_openai)
        });
        let service_tier = usage.and_then(|usage| usage.service_tier);
        if let (Some(tier), Value::Object(members)) = (service_tier, &mut chunk) {
            members.insert("service_tier".into(), tier.as_openai().into());
        }
        event_of(chunk.to_string().as_bytes(), out);
    }
}

fn choice(delta: &Value, finish_reason: &Value) -> Value {
    json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason})
}

fn event_of(data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\n\n");
}
