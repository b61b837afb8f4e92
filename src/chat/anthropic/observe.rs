//! A streamed message, observed as it flows past.

use super::answer;
use super::stream::Reader;
use crate::chat::answer::{Answer, AnswerPart, Finish, StreamEvent};
use crate::chat::completion::{Ending, StreamSummary};
use crate::chat::sse::EventReader;
use crate::chat::usage::Usage;

/// Reads a stream chunk by chunk, in constant memory but for the answer it keeps. Everything is forwarded as it comes.
#[derive(Debug)]
pub struct MessageObserver {
    events: EventReader,
    seen: Seen,
}

#[derive(Debug, Default)]
struct Seen {
    reader: Reader,
    keep_bytes: usize,
    id: String,
    model: String,
    text: String,
    usage: Option<Usage>,
    /// Bytes of all that was said, text or not.
    said: u64,
    finish: Option<Finish>,
    ended: bool,
    failed: bool,
    /// Something that a stored answer could not show.
    unusual: bool,
}

impl MessageObserver {
    /// An observer at the start of a stream that assembles answers of up to `keep_bytes` bytes of text; 0 assembles none.
    #[must_use]
    pub fn new(keep_bytes: usize) -> Self {
        Self { events: EventReader::default(), seen: Seen { keep_bytes, ..Seen::default() } }
    }

    /// Feeds the next bytes. Boundaries may fall anywhere.
    pub fn feed(&mut self, chunk: &[u8]) {
        let Self { events, seen } = self;
        events.feed(chunk, |event| {
            seen.unusual |= event.is_oversized;
            seen.take(event.data);
        });
    }

    /// How the stream would have ended if it ended now, and whether that is between two events.
    #[must_use]
    pub fn ending(&self) -> (Ending, bool) {
        (self.seen.ending(), self.events.is_between_events())
    }

    /// What the stream was.
    #[must_use]
    pub fn finish(self) -> StreamSummary {
        self.seen.into_summary()
    }
}

impl Seen {
    fn take(&mut self, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let mut events = Vec::new();
        if self.reader.read(data, &mut events).is_err() {
            self.unusual = true;
        }
        for event in events {
            if let StreamEvent::Text(said)
            | StreamEvent::Thinking(said)
            | StreamEvent::Refusal(said)
            | StreamEvent::Arguments { json: said, .. } = &event
            {
                self.said = self.said.saturating_add(u64::try_from(said.len()).unwrap_or(u64::MAX));
            }
            match event {
                StreamEvent::Start { id, model } => (self.id, self.model) = (id, model),
                StreamEvent::Text(text) => self.append(&text),
                StreamEvent::Usage(usage) => self.usage = Some(usage),
                StreamEvent::Finish(finish) => self.finish = Some(finish),
                StreamEvent::End => self.ended = true,
                StreamEvent::Error(_) => self.failed = true,
                StreamEvent::Thinking(_)
                | StreamEvent::Refusal(_)
                | StreamEvent::ToolCall { .. }
                | StreamEvent::Arguments { .. } => self.unusual = true,
            }
        }
    }

    fn append(&mut self, text: &str) {
        if self.text.len().saturating_add(text.len()) > self.keep_bytes {
            self.unusual = true;
            self.text = String::new();
        } else if !self.unusual {
            self.text.push_str(text);
        }
    }

    fn ending(&self) -> Ending {
        match (self.failed, self.ended) {
            (true, _) => Ending::Failed,
            (false, true) => Ending::Complete,
            (false, false) => Ending::Cut,
        }
    }

    fn into_summary(self) -> StreamSummary {
        let (ending, begun) = (self.ending(), self.reader.begun());
        let reusable = ending == Ending::Complete
            && !self.unusual
            && !self.reader.left_something_unsaid()
            && self.finish == Some(Finish::Stop)
            && !self.text.is_empty();
        let answer = reusable.then(|| {
            answer::write(&Answer {
                id: self.id,
                model: self.model,
                parts: vec![AnswerPart::Text(self.text)],
                finish: Finish::Stop,
                usage: self.usage,
            })
        });
        StreamSummary { usage: self.usage, begun, said: self.said, ending, answer }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(data: &Value) -> String {
        format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())
    }

    fn stream(deltas: &[Value], reason: &str) -> String {
        let start = json!({"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 9, "output_tokens": 1}}});
        let block =
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
        let deltas =
            deltas.iter().map(|delta| json!({"type": "content_block_delta", "index": 0, "delta": delta}));
        let end = json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 3}});
        let stop = json!({"type": "message_stop"});
        [start, block].into_iter().chain(deltas).chain([end, stop]).map(|data| event(&data)).collect()
    }

    fn observed(stream: &str, at: usize) -> StreamSummary {
        let mut observer = MessageObserver::new(100);
        let (head, tail) = stream.as_bytes().split_at(at);
        observer.feed(head);
        observer.feed(tail);
        observer.finish()
    }

    #[test]
    fn a_whole_stream_becomes_one_answer_wherever_it_is_split() {
        let text = |text: &str| json!({"type": "text_delta", "text": text});
        let stream = stream(&[text("h\u{e9} "), text("b")], "end_turn");
        for at in 0..=stream.len() {
            let summary = observed(&stream, at);
            assert_eq!(
                summary.usage,
                Some(Usage { input: 9, output: 3, ..Usage::default() }),
                "split at {at}"
            );
            let answer = summary.answer.unwrap();
            assert!(crate::chat::anthropic::completion::read(&answer).unwrap().reusable);
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(answer["content"][0]["text"], "h\u{e9} b");
        }
    }

    #[test]
    fn a_stream_that_may_not_stand_for_another_gives_no_answer() {
        let text = json!({"type": "text_delta", "text": "a"});
        let cited = json!({"type": "citations_delta", "citation": {}});
        for (name, stream) in [
            ("cut off by length", stream(std::slice::from_ref(&text), "max_tokens")),
            ("cited", stream(&[text.clone(), cited], "end_turn")),
            ("too long", stream(&[json!({"type": "text_delta", "text": "x".repeat(101)})], "end_turn")),
            ("no end", stream(&[text], "end_turn").replace("message_stop", "ping")),
        ] {
            assert_eq!(observed(&stream, 0).answer, None, "{name}");
        }
    }
}
