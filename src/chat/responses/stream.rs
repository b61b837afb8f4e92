//! Streamed answers: `response.created`, items and their parts, `response.completed` with all of it once more.

use serde_json::{Map, Value, json};

use super::answer::finish;
use super::items::{Call, Head, PartKind, message};
use crate::chat::answer::{ApiError, ErrorKind, Finish, Malformed, StreamEvent, text_of};
use crate::chat::openai::error;
use crate::chat::redress::OwnTool;
use crate::chat::usage::Usage;

/// Reads the events of a stream.
#[derive(Debug, Default)]
pub(in crate::chat) struct Reader {
    calls: u32,
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
        let response = event.get("response").unwrap_or(&Value::Null);
        let delta = || text_of(&event, "delta");
        match event.get("type").and_then(Value::as_str).ok_or(Malformed)? {
            "response.created" => {
                events.push(StreamEvent::Start {
                    id: text_of(response, "id"),
                    model: text_of(response, "model"),
                });
            }
            "response.output_text.delta" => events.push(StreamEvent::Text(delta())),
            "response.refusal.delta" => events.push(StreamEvent::Refusal(delta())),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                events.push(StreamEvent::Thinking(delta()));
            }
            "response.output_item.added" => self.item(event.get("item").unwrap_or(&Value::Null), events),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                events.push(StreamEvent::Arguments { index: self.calls.saturating_sub(1), json: delta() });
            }
            "response.completed" | "response.incomplete" => {
                events.extend(Usage::of_response(response).map(StreamEvent::Usage));
                events.push(StreamEvent::Finish(finish(response, self.calls > 0)));
                events.push(StreamEvent::End);
            }
            "response.failed" => {
                let said = response.get("error").and_then(|said| error::from_value(ErrorKind::Server, said));
                events.push(StreamEvent::Error(said.unwrap_or_else(failed)));
            }
            "error" => {
                // What is said of it stands in the event, or in a member of it.
                let said = event.get("error").filter(|said| !said.is_null()).unwrap_or(&event);
                let said = error::from_value(ErrorKind::Server, said);
                events.push(StreamEvent::Error(said.unwrap_or_else(failed)));
            }
            _ => {}
        }
        Ok(())
    }

    fn item(&mut self, item: &Value, events: &mut Vec<StreamEvent>) {
        if matches!(item.get("type").and_then(Value::as_str), Some("function_call" | "custom_tool_call")) {
            let index = self.calls;
            self.calls = self.calls.saturating_add(1);
            events.push(StreamEvent::ToolCall {
                index,
                id: text_of(item, "call_id"),
                name: text_of(item, "name"),
            });
        }
    }
}

fn failed() -> ApiError {
    ApiError::new(ErrorKind::Server, "the provider could not complete the response")
}

/// Writes the events of a stream. The last one repeats all of the answer, so it is kept until then.
#[derive(Debug)]
pub(in crate::chat) struct Writer {
    head: Head,
    own_tools: Vec<OwnTool>,
    /// Items in their order; those that are not complete are `null`.
    output: Vec<Value>,
    message: Option<Message>,
    /// Calls by the provider's index for them, and their place.
    calls: Vec<(u32, usize, Call)>,
    finish: Finish,
    usage: Option<Usage>,
    sequence: u64,
}

/// A message that goes on.
#[derive(Debug)]
struct Message {
    id: String,
    place: usize,
    /// Parts that are complete.
    content: Vec<Value>,
    kind: PartKind,
    text: String,
}

impl Message {
    /// What its events have in common.
    fn place(&self) -> Value {
        json!({"item_id": self.id, "output_index": self.place, "content_index": self.content.len()})
    }
}

impl Writer {
    /// A writer at the start of a stream; `created` is the time, in seconds since the Unix epoch, `own_tools` are those that take a
    /// text.
    #[must_use]
    pub(in crate::chat) fn new(created: u64, own_tools: &[OwnTool]) -> Self {
        Self {
            head: Head { created, ..Head::default() },
            own_tools: own_tools.to_vec(),
            output: Vec::new(),
            message: None,
            calls: Vec::new(),
            finish: Finish::Stop,
            usage: None,
            sequence: 0,
        }
    }

    /// Appends what says `event` to `out`.
    pub(in crate::chat) fn write(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        match event {
            StreamEvent::Start { id, model } => {
                (self.head.id, self.head.model) = (id, model);
                let response = self.head.response("in_progress", Vec::new(), None);
                self.event("response.created", json!({"response": response}), out);
                self.event("response.in_progress", json!({"response": response}), out);
            }
            StreamEvent::Text(text) => self.say(PartKind::Text, &text, out),
            StreamEvent::Refusal(text) => self.say(PartKind::Refusal, &text, out),
            StreamEvent::Thinking(_) => {}
            StreamEvent::ToolCall { index, id, name } => self.call(index, id, name, out),
            StreamEvent::Arguments { index, json } => self.arguments(index, &json, out),
            StreamEvent::Finish(finish) => self.finish = finish,
            StreamEvent::Usage(usage) => self.usage = Some(usage),
            StreamEvent::End => self.end(out),
            StreamEvent::Error(error) => self.fail(&error, out),
        }
    }

    fn say(&mut self, kind: PartKind, text: &str, out: &mut Vec<u8>) {
        // A provider may say nothing: that begins no part.
        if text.is_empty() {
            return;
        }
        if self.message.as_ref().is_some_and(|message| message.kind != kind) {
            self.close_part(out);
        }
        if self.message.is_none() {
            let place = self.output.len();
            let id = self.head.item_id("msg", place);
            let item = message(&id, "in_progress", Vec::new());
            self.event("response.output_item.added", json!({"output_index": place, "item": item}), out);
            self.output.push(Value::Null);
            self.message = Some(Message { id, place, content: Vec::new(), kind, text: String::new() });
        }
        let Some(open) = &mut self.message else { return };
        let (at, is_first) = (open.place(), open.text.is_empty());
        open.kind = kind;
        open.text.push_str(text);
        if is_first {
            self.event("response.content_part.added", with(&at, json!({"part": kind.part("")})), out);
        }
        let (name, delta) = match kind {
            PartKind::Text => ("response.output_text.delta", json!({"delta": text, "logprobs": []})),
            PartKind::Refusal => ("response.refusal.delta", json!({"delta": text})),
        };
        self.event(name, with(&at, delta), out);
    }

    /// The part that goes on is complete.
    fn close_part(&mut self, out: &mut Vec<u8>) {
        let Some(open) = &mut self.message else { return };
        if open.text.is_empty() {
            return;
        }
        let (at, text) = (open.place(), std::mem::take(&mut open.text));
        let part = open.kind.part(&text);
        open.content.push(part.clone());
        let (name, said) = match open.kind {
            PartKind::Text => ("response.output_text.done", json!({"text": text, "logprobs": []})),
            PartKind::Refusal => ("response.refusal.done", json!({"refusal": text})),
        };
        self.event(name, with(&at, said), out);
        self.event("response.content_part.done", with(&at, json!({"part": part})), out);
    }

    fn close_message(&mut self, out: &mut Vec<u8>) {
        self.close_part(out);
        if let Some(Message { id, place, content, .. }) = self.message.take() {
            self.done(place, message(&id, "completed", content), out);
        }
    }

    fn call(&mut self, index: u32, call_id: String, name: String, out: &mut Vec<u8>) {
        self.close_message(out);
        let place = self.output.len();
        let call = Call::new(&self.head, place, call_id, name, &self.own_tools);
        self.event("response.output_item.added", json!({"output_index": place, "item": call.begun()}), out);
        self.output.push(Value::Null);
        self.calls.push((index, place, call));
    }

    fn arguments(&mut self, index: u32, json: &str, out: &mut Vec<u8>) {
        let call = self.calls.iter_mut().rev().find(|(of, ..)| *of == index);
        let Some((_, place, call)) = call else { return };
        call.arguments.push_str(json);
        if call.has_pieces() {
            let delta = with(&call.place(*place), json!({"delta": json}));
            self.event("response.function_call_arguments.delta", delta, out);
        }
    }

    fn close_call(&mut self, place: usize, call: &Call, out: &mut Vec<u8>) {
        let at = call.place(place);
        if let Some(input) = call.input() {
            self.event("response.custom_tool_call_input.delta", with(&at, json!({"delta": input})), out);
            self.event("response.custom_tool_call_input.done", with(&at, json!({"input": input})), out);
        } else {
            let said = json!({"arguments": call.json()});
            self.event("response.function_call_arguments.done", with(&at, said), out);
        }
        self.done(place, call.ended(), out);
    }

    fn done(&mut self, place: usize, item: Value, out: &mut Vec<u8>) {
        self.event("response.output_item.done", json!({"output_index": place, "item": item}), out);
        if let Some(kept) = self.output.get_mut(place) {
            *kept = item;
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close_message(out);
        for (_, place, call) in std::mem::take(&mut self.calls) {
            self.close_call(place, &call, out);
        }
        let response = self.head.ended(std::mem::take(&mut self.output), &self.finish, self.usage);
        let is_complete = response.get("status").and_then(Value::as_str) == Some("completed");
        let name = if is_complete { "response.completed" } else { "response.incomplete" };
        self.event(name, json!({"response": response}), out);
    }

    /// Programs look for the error in the response, or beside it.
    fn fail(&mut self, error: &ApiError, out: &mut Vec<u8>) {
        let output = std::mem::take(&mut self.output).into_iter().filter(|item| !item.is_null()).collect();
        let mut response = self.head.response("failed", output, self.usage);
        let code = error.code.as_deref().unwrap_or("server_error");
        response.insert("error".into(), json!({"code": code, "message": error.message}));
        let mut failure = error::value(error);
        if let Value::Object(members) = &mut failure {
            members.insert("response".into(), response.into());
        }
        self.event("response.failed", failure, out);
    }

    fn event(&mut self, name: &str, said: Value, out: &mut Vec<u8>) {
        let mut data = Map::new();
        data.insert("type".into(), name.into());
        data.insert("sequence_number".into(), self.sequence.into());
        if let Value::Object(members) = said {
            data.extend(members);
        }
        self.sequence = self.sequence.saturating_add(1);
        event_of(name, &Value::Object(data), out);
    }
}

/// An event with a name and data.
pub(super) fn event_of(name: &str, data: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("event: {name}\ndata: {data}\n\n").as_bytes());
}

/// The members of both.
fn with(place: &Value, said: Value) -> Value {
    let mut members = place.as_object().cloned().unwrap_or_default();
    if let Value::Object(said) = said {
        members.extend(said);
    }
    Value::Object(members)
}
