//! A streamed response, observed as it flows past.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::completion::is_reusable;
use crate::chat::completion::{Ending, StreamSummary};
use crate::chat::sse::EventReader;
use crate::chat::usage::Usage;

/// Reads a stream chunk by chunk, in constant memory but for the answer it keeps, which stands in its last event. Everything is forwarded
/// as it comes.
#[derive(Debug)]
pub struct ResponseObserver {
    events: EventReader,
    seen: Seen,
}

#[derive(Debug, Default)]
struct Seen {
    keep_bytes: usize,
    answer: Option<Vec<u8>>,
    usage: Option<Usage>,
    /// Bytes of all that was said, text or not.
    said: u64,
    ended: bool,
    failed: bool,
    /// An event was too long to be read: the last one may have been.
    skipped: bool,
}

#[derive(Deserialize)]
struct Event<'e> {
    r#type: &'e str,
    #[serde(borrow)]
    delta: Option<&'e RawValue>,
    #[serde(borrow)]
    response: Option<&'e RawValue>,
}

impl ResponseObserver {
    /// An observer at the start of a stream that keeps answers of up to `keep_bytes` bytes; 0 keeps none.
    #[must_use]
    pub fn new(keep_bytes: usize) -> Self {
        Self { events: EventReader::default(), seen: Seen { keep_bytes, ..Seen::default() } }
    }

    /// Feeds the next bytes. Boundaries may fall anywhere.
    pub fn feed(&mut self, chunk: &[u8]) {
        let Self { events, seen } = self;
        events.feed(chunk, |event| {
            seen.skipped |= event.is_oversized;
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
        let ending = self.seen.ending();
        let Seen { usage, said, answer, .. } = self.seen;
        let answer = answer.filter(|_| ending == Ending::Complete);
        StreamSummary { usage, begun: None, said, ending, answer }
    }
}

impl Seen {
    fn take(&mut self, data: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Event<'_>>(data) else { return };
        if let Some(delta) = event.delta {
            // As it is written, but for its quotes.
            let length = u64::try_from(delta.get().len()).unwrap_or(u64::MAX).saturating_sub(2);
            self.said = self.said.saturating_add(length);
        }
        match event.r#type {
            "response.completed" | "response.incomplete" => {
                self.ended = true;
                self.end(event.response);
            }
            "response.failed" => {
                self.failed = true;
                self.end(event.response);
                self.answer = None;
            }
            "error" => self.failed = true,
            _ => {}
        }
    }

    fn end(&mut self, response: Option<&RawValue>) {
        let Some(raw) = response else { return };
        let response: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        self.usage = Usage::of_response(&response);
        if raw.get().len() <= self.keep_bytes && is_reusable(&response) {
            self.answer = Some(raw.get().as_bytes().to_vec());
        }
    }

    fn ending(&self) -> Ending {
        if self.failed {
            Ending::Failed
        } else if self.ended || self.skipped {
            Ending::Complete
        } else {
            Ending::Cut
        }
    }
}
