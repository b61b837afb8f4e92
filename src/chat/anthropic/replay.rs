//! A whole message as a stream of events.

use super::{answer, stream};
use crate::chat::answer::{Answer, AnswerPart, Malformed, StreamEvent};

/// A whole message as a stream of events.
///
/// # Errors
/// [`Malformed`] when it is not a message.
pub(in crate::chat) fn as_stream(body: &[u8]) -> Result<Vec<u8>, Malformed> {
    let Answer { id, model, parts, finish, usage } = answer::read(body)?;
    let mut writer = stream::Writer::default();
    let texts = parts.into_iter().filter_map(|part| match part {
        AnswerPart::Text(text) => Some(StreamEvent::Text(text)),
        _ => None,
    });
    let counts = usage.map(StreamEvent::Usage);
    let start = StreamEvent::Start { id, model };
    let events =
        counts.into_iter().chain([start]).chain(texts).chain([StreamEvent::Finish(finish), StreamEvent::End]);
    let mut out = Vec::with_capacity(body.len());
    for event in events {
        writer.write(event, &mut out);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::chat::anthropic::observe::MessageObserver;
    use crate::chat::usage::Usage;

    #[test]
    fn a_replayed_message_is_the_stored_one() {
        let stored = json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": "line\n\"é\""}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 9, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 3}
        });
        let events = as_stream(stored.to_string().as_bytes()).unwrap();
        let mut observer = MessageObserver::new(100);
        observer.feed(&events);
        let summary = observer.finish();
        assert_eq!(serde_json::from_slice::<Value>(&summary.answer.unwrap()).unwrap(), stored);
        assert_eq!(summary.usage, Some(Usage { input: 9, output: 3, ..Usage::default() }));
    }
}
