//! Streamed answers: every event is a `GenerateContentResponse` with the next piece; the last one has a `finishReason` and the
//! counts of all.

use serde_json::Value;

use super::{answer, error};
use crate::chat::answer::{AnswerPart, ErrorKind, Finish, Malformed, StreamEvent, text_of};

/// Reads the events of a stream.
#[derive(Debug, Default)]
pub(in crate::chat) struct Reader {
    started: bool,
    id: String,
    calls: u32,
}

impl Reader {
    /// A reader at the start of a stream; an answer without an id gets `id`.
    #[must_use]
    pub(in crate::chat) fn new(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// Reads the data of one event into `events`.
    ///
    /// # Errors
    /// [`Malformed`] when it is no piece of an answer.
    pub(in crate::chat) fn read(
        &mut self,
        data: &[u8],
        events: &mut Vec<StreamEvent>,
    ) -> Result<(), Malformed> {
        let piece: Value = serde_json::from_slice(data).map_err(|_| Malformed)?;
        if let Some(error) = error::from_value(ErrorKind::Server, &piece) {
            events.push(StreamEvent::Error(error));
            return Ok(());
        }
        let candidate = piece.get("candidates").and_then(|candidates| candidates.get(0));
        let blocked = answer::blocked(&piece).is_some();
        if candidate.is_none() && !blocked && piece.get("usageMetadata").is_none() {
            return Err(Malformed);
        }
        if !std::mem::replace(&mut self.started, true) {
            let own = text_of(&piece, "responseId");
            if !own.is_empty() {
                self.id = own;
            }
            events.push(StreamEvent::Start { id: self.id.clone(), model: text_of(&piece, "modelVersion") });
        }
        for part in candidate.map(answer::parts_of).unwrap_or_default() {
            self.part(&part, events);
        }
        events.extend(piece.get("usageMetadata").and_then(answer::usage).map(StreamEvent::Usage));
        let reason = candidate.map(|candidate| text_of(candidate, "finishReason")).unwrap_or_default();
        if !reason.is_empty() {
            events.extend([StreamEvent::Finish(answer::finish(&reason, self.calls > 0)), StreamEvent::End]);
        } else if blocked {
            events.extend([StreamEvent::Finish(Finish::Filtered), StreamEvent::End]);
        }
        Ok(())
    }

    fn part(&mut self, part: &Value, events: &mut Vec<StreamEvent>) {
        let index = self.calls;
        match answer::answer_part(part, &self.id, &mut self.calls) {
            Some(AnswerPart::Text(text) | AnswerPart::Refusal(text)) if !text.is_empty() => {
                events.push(StreamEvent::Text(text));
            }
            Some(AnswerPart::Thinking(text)) if !text.is_empty() => events.push(StreamEvent::Thinking(text)),
            Some(AnswerPart::ToolCall { id, name, arguments }) => {
                events.push(StreamEvent::ToolCall { index, id, name });
                events.push(StreamEvent::Arguments { index, json: arguments });
            }
            _ => {}
        }
    }
}
