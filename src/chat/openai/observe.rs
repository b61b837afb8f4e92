//! A streamed chat completion, observed as it flows past.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::delta::Delta;
use crate::chat::completion::{Ending, Onward, StreamSummary};
use crate::chat::sse::{EventReader, MAX_EVENT};
use crate::chat::usage::Usage;

/// What the observer shall do besides counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observe {
    /// Take out the usage chunk that the caller did not ask for.
    pub strip_usage: bool,
    /// Longest answer text to assemble, in bytes; 0 assembles none.
    pub keep_bytes: usize,
}

/// Reads a stream chunk by chunk, in constant memory but for the answer it keeps.
///
/// Everything is forwarded as it comes, with one exception: when the usage chunk has to be taken out, an event that begins
/// after the last `finish_reason` waits for its end, since it may be that chunk.
#[derive(Debug)]
pub struct ChunkObserver {
    strip_usage: bool,
    events: EventReader,
    seen: Seen,
    /// Bytes of an event that waits for its end.
    held: Vec<u8>,
    /// Part of the current event has been forwarded, so it cannot be taken out any more.
    begun: bool,
}

impl ChunkObserver {
    /// An observer at the start of a stream.
    #[must_use]
    pub fn new(observe: Observe) -> Self {
        Self {
            strip_usage: observe.strip_usage,
            events: EventReader::default(),
            seen: Seen { keep_bytes: observe.keep_bytes, ..Seen::default() },
            held: Vec::new(),
            begun: false,
        }
    }

    /// Feeds the next bytes and says what to forward. Boundaries may fall anywhere. At `end_of_stream` everything that
    /// waits comes out.
    pub fn feed(&mut self, chunk: &[u8], end_of_stream: bool) -> Onward {
        let waiting = self.held.len();
        let mut cuts = Vec::new();
        let mut start = 0;
        let (seen, begun) = (&mut self.seen, &mut self.begun);
        self.events.feed(chunk, |event| {
            let end = waiting.saturating_add(event.end);
            if event.is_oversized {
                seen.skip();
            }
            let is_cut = match seen.take(event.data) {
                Kind::Usage => self.strip_usage,
                // Callers read no further: what is wrong must be said before it.
                Kind::Done => seen.ending() == Ending::Cut,
                Kind::Other => false,
            };
            if is_cut && !*begun {
                cuts.push(start..end);
            }
            *begun = false;
            start = end;
        });
        let length = waiting.saturating_add(chunk.len());
        // An event that is too long to be read is too long to be held.
        let may_wait = self.strip_usage && self.seen.may_end() && !self.begun && !end_of_stream;
        let tail =
            if may_wait && length.saturating_sub(start) <= MAX_EVENT { start.min(length) } else { length };
        if tail == length {
            self.begun |= start < length;
        }
        if waiting == 0 && cuts.is_empty() && tail == length {
            return Onward::AsIs;
        }
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(chunk);
        self.held = bytes.split_off(tail);
        for cut in cuts.into_iter().rev() {
            bytes.drain(cut);
        }
        Onward::Replace(bytes)
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

/// What an event was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The chunk that only reports usage.
    Usage,
    /// `[DONE]`.
    Done,
    Other,
}

/// What the events have said so far.
#[derive(Debug, Default)]
struct Seen {
    keep_bytes: usize,
    first: Option<Head>,
    text: String,
    usage: Option<Value>,
    service_tier: Option<String>,
    /// Bytes of all that was said, text or not.
    said: u64,
    /// Choices that have begun, and that have ended.
    begun: u64,
    ended: u64,
    stopped: bool,
    done: bool,
    failed: bool,
    /// Something that a stored answer could not show.
    unusual: bool,
    /// An event was not read.
    skipped: bool,
}

/// What every chunk of a stream has in common.
#[derive(Debug)]
struct Head {
    id: Value,
    created: Value,
    model: Value,
    system_fingerprint: Value,
}

/// What every chunk repeats is only looked at in the first.
#[derive(Deserialize)]
struct Chunk<'c> {
    #[serde(borrow)]
    id: Option<&'c RawValue>,
    #[serde(borrow)]
    created: Option<&'c RawValue>,
    #[serde(borrow)]
    model: Option<&'c RawValue>,
    #[serde(borrow)]
    system_fingerprint: Option<&'c RawValue>,
    choices: Option<Vec<Choice>>,
    #[serde(borrow)]
    usage: Option<&'c RawValue>,
    #[serde(borrow)]
    service_tier: Option<&'c RawValue>,
    error: Option<IgnoredAny>,
}

fn value(raw: Option<&RawValue>) -> Value {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

#[derive(Deserialize)]
struct Choice {
    index: Option<u64>,
    delta: Option<Delta>,
    finish_reason: Option<String>,
    logprobs: Option<IgnoredAny>,
}

impl Seen {
    fn take(&mut self, data: &[u8]) -> Kind {
        if data.is_empty() {
            return Kind::Other;
        }
        if data == b"[DONE]" {
            self.done = true;
            return Kind::Done;
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
            self.skip();
            return Kind::Other;
        };
        self.failed |= chunk.error.is_some();
        let reports_usage = chunk.usage.is_some();
        if reports_usage {
            self.usage = Some(value(chunk.usage));
            self.service_tier = value(chunk.service_tier).as_str().map(str::to_owned);
        }
        match chunk.choices {
            Some(choices) if choices.is_empty() && reports_usage => return Kind::Usage,
            Some(choices) => choices.into_iter().for_each(|choice| self.choice(choice)),
            None => self.unusual = true,
        }
        if self.first.is_none() {
            self.first = Some(Head {
                id: value(chunk.id),
                created: value(chunk.created),
                model: value(chunk.model),
                system_fingerprint: value(chunk.system_fingerprint),
            });
        }
        Kind::Other
    }

    /// An event that is not read: the answer is not all known.
    fn skip(&mut self) {
        self.unusual = true;
        self.skipped = true;
    }

    fn choice(&mut self, choice: Choice) {
        let index = choice.index.unwrap_or(0);
        self.begun = self.begun.max(index.saturating_add(1));
        self.unusual |= index > 0 || choice.logprobs.is_some();
        if let Some(delta) = choice.delta {
            let text = delta.content.as_ref().map_or(0, |text| u64::try_from(text.len()).unwrap_or(u64::MAX));
            self.said = self.said.saturating_add(text).saturating_add(delta.other_bytes);
            self.unusual |= delta.other_bytes > 0;
            self.append(&delta.content.unwrap_or_default());
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            self.ended = self.ended.saturating_add(1);
            self.stopped = reason == "stop";
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

    /// Whether only the usage chunk and the end can still come.
    fn may_end(&self) -> bool {
        self.begun > 0 && self.ended >= self.begun && !self.done
    }

    /// All is said when every choice has its `finish_reason`; `[DONE]` only repeats it, unless what was not read may have said so.
    fn ending(&self) -> Ending {
        let has_said_all = self.begun > 0 && self.ended >= self.begun;
        if self.failed {
            Ending::Failed
        } else if has_said_all || (self.done && self.skipped) {
            Ending::Complete
        } else {
            Ending::Cut
        }
    }

    fn into_summary(self) -> StreamSummary {
        let ending = self.ending();
        let reusable = ending == Ending::Complete && self.stopped && !self.unusual && self.begun == 1;
        let usage = self.usage.as_ref().and_then(Usage::from_openai);
        let usage = usage.map(|usage| usage.served(self.service_tier.as_deref()));
        let answer = self.first.filter(|_| reusable).map(|head| {
            let choice = json!({
                "index": 0,
                "message": {"role": "assistant", "content": self.text, "refusal": null},
                "logprobs": null,
                "finish_reason": "stop"
            });
            let mut answer = json!({
                "id": head.id,
                "object": "chat.completion",
                "created": head.created,
                "model": head.model,
                "choices": [choice],
                "usage": self.usage,
                "system_fingerprint": head.system_fingerprint
            });
            if let (Some(tier), Value::Object(members)) = (self.service_tier, &mut answer) {
                members.insert("service_tier".into(), tier.into());
            }
            answer.to_string().into_bytes()
        });
        StreamSummary { usage, begun: None, said: self.said, ending, answer }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunk(choices: &Value, usage: &Value) -> String {
        let chunk = json!({"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m",
                           "choices": choices, "usage": usage});
        format!("data: {chunk}\n\n")
    }

    fn delta(delta: &Value, finish_reason: &Value) -> String {
        chunk(&json!([{"index": 0, "delta": delta, "finish_reason": finish_reason}]), &Value::Null)
    }

    fn text(text: &str) -> String {
        delta(&json!({"content": text}), &Value::Null)
    }

    fn stop() -> String {
        delta(&json!({}), &json!("stop"))
    }

    fn usage() -> String {
        chunk(&json!([]), &json!({"prompt_tokens": 9, "completion_tokens": 3}))
    }

    const DONE: &str = "data: [DONE]\n\n";

    /// Feeds `stream` cut at the given places; returns what was forwarded, piece by piece, and the summary.
    fn observed(stream: &str, cuts: &[usize], strip_usage: bool) -> (Vec<Vec<u8>>, StreamSummary) {
        let mut observer = ChunkObserver::new(Observe { strip_usage, keep_bytes: 1000 });
        let mut bounds: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
        bounds.extend([0, stream.len()]);
        bounds.sort_unstable();
        let pieces: Vec<&[u8]> = bounds.windows(2).map(|w| &stream.as_bytes()[w[0]..w[1]]).collect();
        let last = pieces.len() - 1;
        let forwarded = pieces.iter().enumerate().map(|(i, piece)| match observer.feed(piece, i == last) {
            Onward::AsIs => piece.to_vec(),
            Onward::Replace(bytes) => bytes,
        });
        (forwarded.collect(), observer.finish())
    }

    #[test]
    fn a_whole_stream_becomes_one_answer() {
        let stream = [
            delta(&json!({"role": "assistant", "content": ""}), &Value::Null),
            text("a "),
            text("b"),
            stop(),
            usage(),
        ];
        let (_, summary) = observed(&(stream.concat() + DONE), &[], false);
        assert_eq!(summary.ending, Ending::Complete);
        assert_eq!(summary.usage, Some(Usage { input: 9, output: 3, ..Usage::default() }));
        let answer: Value = serde_json::from_slice(&summary.answer.unwrap()).unwrap();
        assert_eq!(answer["choices"][0]["message"]["content"], "a b");
        assert_eq!(
            (&answer["id"], &answer["created"], &answer["model"]),
            (&json!("c1"), &json!(7), &json!("m"))
        );
        assert!(crate::chat::openai::completion::read(answer.to_string().as_bytes()).unwrap().reusable);
    }

    #[test]
    fn a_stream_that_may_not_stand_for_another_gives_no_answer() {
        let tool = delta(&json!({"tool_calls": [{"index": 0}]}), &Value::Null);
        let second =
            chunk(&json!([{"index": 1, "delta": {"content": "x"}, "finish_reason": "stop"}]), &Value::Null);
        let cases = [
            ("cut off by length", text("a") + &delta(&json!({}), &json!("length")) + DONE),
            ("calls a tool", tool + &stop() + DONE),
            ("two choices", text("a") + &stop() + &second + DONE),
            ("no end", text("a")),
            ("no finish reason", text("a") + DONE),
            ("too long", text(&"x".repeat(1001)) + &stop() + DONE),
            ("broken event", text("a") + "data: {\n\n" + &stop() + DONE),
            ("error", text("a") + "data: {\"error\":{\"message\":\"x\"}}\n\n" + DONE),
        ];
        for (name, stream) in cases {
            assert_eq!(observed(&stream, &[], false).1.answer, None, "{name}");
        }
    }

    #[test]
    fn how_a_stream_ended_is_told_apart() {
        let error = "data: {\"error\":{\"message\":\"x\"}}\n\n";
        let cases = [
            ("all", text("a") + &stop() + DONE, Ending::Complete),
            ("no [DONE]", text("a") + &stop(), Ending::Complete),
            ("no finish reason", text("a") + DONE, Ending::Cut),
            ("an empty finish reason", delta(&json!({"content": "a"}), &json!("")) + DONE, Ending::Cut),
            ("an event that cannot be read", text("a") + "data: {\n\n" + DONE, Ending::Complete),
            ("nothing", String::new(), Ending::Cut),
            ("cut", text("a"), Ending::Cut),
            ("error", text("a") + error, Ending::Failed),
            ("error at last", text("a") + &stop() + error, Ending::Failed),
        ];
        for (name, stream, ending) in cases {
            assert_eq!(observed(&stream, &[], false).1.ending, ending, "{name}");
        }
    }

    #[test]
    fn what_waits_is_bounded_and_an_event_that_was_not_read_makes_no_answer() {
        let mut observer = ChunkObserver::new(Observe { strip_usage: true, keep_bytes: 1000 });
        observer.feed((text("a") + &stop() + "data: ").as_bytes(), false);
        for _ in 0..40 {
            observer.feed(&[b'x'; 100_000], false);
            assert!(observer.held.len() <= MAX_EVENT, "{}", observer.held.len());
        }
        observer.feed(format!("\n\n{DONE}").as_bytes(), true);
        assert_eq!(observer.finish().answer, None);
    }

    #[test]
    fn the_usage_chunk_is_taken_out_wherever_the_stream_is_split() {
        let (head, tail) = (text("hé") + &stop(), DONE);
        let stream = format!("{head}{}{tail}", usage());
        for at in 0..=stream.len() {
            for second in [at, at + 1, stream.len() - 3] {
                let (forwarded, summary) = observed(&stream, &[at, second], true);
                assert_eq!(
                    String::from_utf8(forwarded.concat()).unwrap(),
                    format!("{head}{tail}"),
                    "split at {at}"
                );
                assert!(summary.answer.is_some(), "split at {at}");
            }
        }
    }

    #[test]
    fn no_byte_of_the_answer_waits() {
        let stream = text("a") + &text("b") + &stop();
        for at in 0..stream.len() {
            let (forwarded, _) = observed(&(stream.clone() + &usage() + DONE), &[at], true);
            assert_eq!(forwarded[0], stream.as_bytes()[..at], "split at {at}");
        }
    }

    #[test]
    fn usage_in_the_last_text_chunk_stays_and_counts() {
        let last = chunk(
            &json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]),
            &json!({"prompt_tokens": 9, "completion_tokens": 3}),
        );
        let stream = text("a") + &last + DONE;
        let (forwarded, summary) = observed(&stream, &[], true);
        assert_eq!(forwarded.concat(), stream.as_bytes());
        assert_eq!(summary.usage.unwrap().input, 9);
    }

    proptest! {
        #[test]
        fn what_is_forwarded_and_found_does_not_depend_on_the_splits(
            texts in prop::collection::vec("[a-zé漢\\n\"]{0,6}", 0..5),
            cuts in prop::collection::vec(any::<usize>(), 0..12),
            strip: bool,
        ) {
            let head: String = texts.iter().map(|t| text(t)).collect::<String>() + &stop();
            let stream = format!("{head}{}{DONE}", usage());
            let (forwarded, summary) = observed(&stream, &cuts, strip);
            let expected = if strip { format!("{head}{DONE}") } else { stream.clone() };
            prop_assert_eq!(String::from_utf8(forwarded.concat()).unwrap(), expected);
            prop_assert_eq!(summary, observed(&stream, &[], strip).1);
        }

        #[test]
        fn any_bytes_flow_through_unchanged_when_nothing_is_taken_out(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut observer = ChunkObserver::new(Observe { strip_usage: false, keep_bytes: 10 });
            prop_assert_eq!(observer.feed(&bytes, true), Onward::AsIs);
        }
    }
}
