//! Streamed answers: `message_start`, content blocks, `message_delta`, `message_stop`.

use serde_json::{Value, json};

use super::{answer, error};
use crate::chat::answer::{ErrorKind, Finish, Malformed, StreamEvent, count_of, text_of};
use crate::chat::usage::Usage;

/// Reads the events of a stream.
#[derive(Debug, Default)]
pub(in crate::chat) struct Reader {
    usage: Usage,
    /// Calls of tools that have begun, by the index of their content block.
    calls: Vec<u64>,
    /// Something was said that no event tells of.
    unsaid: bool,
    /// It has said why it ended.
    finished: bool,
}

impl Reader {
    /// Reads the data of one event into `events`.
    ///
    /// # Errors
    /// [`Malformed`] when it is no event of this kind.
    pub(in crate::chat) fn read(
        &mut self,
        data: &[u8],
        events: &mut Vec<StreamEvent>,
    ) -> Result<(), Malformed> {
        let event: Value = serde_json::from_slice(data).map_err(|_| Malformed)?;
        match event.get("type").and_then(Value::as_str).ok_or(Malformed)? {
            "message_start" => {
                let message = event.get("message").ok_or(Malformed)?;
                events.push(StreamEvent::Start {
                    id: text_of(message, "id"),
                    model: text_of(message, "model"),
                });
                self.usage = message.get("usage").and_then(Usage::from_anthropic).unwrap_or_default();
            }
            "content_block_start" => self.block(&event, events),
            "content_block_delta" => self.delta(&event, events),
            "message_delta" => {
                if let Some(usage) = event.get("usage") {
                    self.count(usage);
                }
                let delta = event.get("delta").unwrap_or(&Value::Null);
                if let Some(reason) = delta.get("stop_reason").and_then(Value::as_str)
                    && !std::mem::replace(&mut self.finished, true)
                {
                    events
                        .push(StreamEvent::Finish(answer::finish(reason, &text_of(delta, "stop_sequence"))));
                }
                events.push(StreamEvent::Usage(self.usage));
            }
            "message_stop" => events.push(StreamEvent::End),
            "error" => {
                events
                    .push(StreamEvent::Error(error::from_value(ErrorKind::Server, &event).ok_or(Malformed)?));
            }
            // `ping`, `content_block_stop`, and what may come to be.
            _ => {}
        }
        Ok(())
    }

    /// Whether the stream held anything, such as citations, that no event told of.
    #[must_use]
    pub(in crate::chat) fn left_something_unsaid(&self) -> bool {
        self.unsaid
    }

    fn block(&mut self, event: &Value, events: &mut Vec<StreamEvent>) {
        let block = event.get("content_block").unwrap_or(&Value::Null);
        match block.get("type").and_then(Value::as_str).unwrap_or_default() {
            "tool_use" => {
                let index = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
                self.calls.push(count_of(event, "index"));
                events.push(StreamEvent::ToolCall {
                    index,
                    id: text_of(block, "id"),
                    name: text_of(block, "name"),
                });
            }
            "text" => {
                let text = text_of(block, "text");
                if !text.is_empty() {
                    events.push(StreamEvent::Text(text));
                }
            }
            "thinking" => {}
            _ => self.unsaid = true,
        }
    }

    fn delta(&mut self, event: &Value, events: &mut Vec<StreamEvent>) {
        let delta = event.get("delta").unwrap_or(&Value::Null);
        match delta.get("type").and_then(Value::as_str).unwrap_or_default() {
            "text_delta" => events.push(StreamEvent::Text(text_of(delta, "text"))),
            "thinking_delta" => events.push(StreamEvent::Thinking(text_of(delta, "thinking"))),
            "input_json_delta" => {
                let block = count_of(event, "index");
                let index = self.calls.iter().position(|begun| *begun == block);
                let json = text_of(delta, "partial_json");
                if let Some(index) = index.and_then(|index| u32::try_from(index).ok())
                    && !json.is_empty()
                {
                    events.push(StreamEvent::Arguments { index, json });
                }
            }
            _ => self.unsaid = true,
        }
    }

    /// What `message_start` has counted.
    #[must_use]
    pub(in crate::chat) fn begun(&self) -> Option<Usage> {
        (self.usage != Usage::default()).then_some(self.usage)
    }

    /// Counts of `message_delta` are of the whole answer; those that it leaves out stand as `message_start` had them.
    fn count(&mut self, usage: &Value) {
        let mut merged = self.usage.to_anthropic();
        if let (Value::Object(merged), Value::Object(newer)) = (&mut merged, usage) {
            let counts = newer.iter().filter(|(_, value)| !value.is_null());
            merged.extend(counts.map(|(name, value)| (name.clone(), value.clone())));
        }
        self.usage = Usage::from_anthropic(&merged).unwrap_or(self.usage);
    }
}

/// What the content block that is being written holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Text,
    Call(u32),
}

/// Writes the events of a stream.
#[derive(Debug, Default)]
pub(in crate::chat) struct Writer {
    open: Option<Block>,
    /// Index of the next content block.
    next: u32,
    finish: Option<Finish>,
    usage: Option<Usage>,
}

impl Writer {
    /// Appends what says `event` to `out`. Thoughts are left out, since their signature is missing.
    pub(in crate::chat) fn write(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        match event {
            StreamEvent::Start { id, model } => start(&id, &model, &self.usage.unwrap_or_default(), out),
            StreamEvent::Text(text) | StreamEvent::Refusal(text) => {
                if self.open != Some(Block::Text) {
                    self.begin(Block::Text, &json!({"type": "text", "text": ""}), out);
                }
                self.delta(&json!({"type": "text_delta", "text": text}), out);
            }
            StreamEvent::Thinking(_) => {}
            StreamEvent::ToolCall { index, id, name } => {
                let block = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
                self.begin(Block::Call(index), &block, out);
            }
            StreamEvent::Arguments { index, json } => {
                // Blocks follow one another, so what belongs to an earlier call can no longer be said.
                if self.open == Some(Block::Call(index)) {
                    self.delta(&json!({"type": "input_json_delta", "partial_json": json}), out);
                }
            }
            StreamEvent::Usage(usage) => self.usage = Some(usage),
            StreamEvent::Finish(finish) => self.finish = Some(finish),
            StreamEvent::End => self.end(out),
            StreamEvent::Error(error) => {
                let error = serde_json::from_slice(&error::write(&error)).unwrap_or_default();
                event_of("error", &error, out);
            }
        }
    }

    fn begin(&mut self, block: Block, content: &Value, out: &mut Vec<u8>) {
        self.close(out);
        let event = json!({"type": "content_block_start", "index": self.next, "content_block": content});
        event_of("content_block_start", &event, out);
        self.open = Some(block);
    }

    fn delta(&self, delta: &Value, out: &mut Vec<u8>) {
        let event = json!({"type": "content_block_delta", "index": self.next, "delta": delta});
        event_of("content_block_delta", &event, out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            let event = json!({"type": "content_block_stop", "index": self.next});
            event_of("content_block_stop", &event, out);
            self.next = self.next.saturating_add(1);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        let finish = self.finish.take().unwrap_or_default();
        let (reason, sequence) = answer::stop_reason(&finish);
        let usage = self.usage.take().unwrap_or_default().to_anthropic();
        let delta = json!({"stop_reason": reason, "stop_sequence": sequence});
        event_of("message_delta", &json!({"type": "message_delta", "delta": delta, "usage": usage}), out);
        event_of("message_stop", &json!({"type": "message_stop"}), out);
    }
}

/// Counts are seldom known yet; those of `message_delta` stand for all.
fn start(id: &str, model: &str, usage: &Usage, out: &mut Vec<u8>) {
    let message = json!({
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage.to_anthropic()
    });
    event_of("message_start", &json!({"type": "message_start", "message": message}), out);
}

fn event_of(name: &str, data: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    out.extend_from_slice(data.to_string().as_bytes());
    out.extend_from_slice(b"\n\n");
}
