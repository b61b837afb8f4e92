//! Whole answers: `message`.

use serde_json::{Map, Value, json};

use crate::chat::answer::{Answer, AnswerPart, Finish, Malformed, text_of};
use crate::chat::usage::Usage;

/// Reads an answer.
///
/// # Errors
/// [`Malformed`] when it is not a message.
pub(in crate::chat) fn read(body: &[u8]) -> Result<Answer, Malformed> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Malformed)?;
    let blocks = body.get("content").and_then(Value::as_array).ok_or(Malformed)?;
    Ok(Answer {
        id: text_of(&body, "id"),
        model: text_of(&body, "model"),
        parts: blocks.iter().filter_map(part).collect(),
        finish: finish(&text_of(&body, "stop_reason"), &text_of(&body, "stop_sequence")),
        usage: body.get("usage").and_then(Usage::from_anthropic),
    })
}

fn part(block: &Value) -> Option<AnswerPart> {
    match block.get("type")?.as_str()? {
        "text" => Some(AnswerPart::Text(text_of(block, "text"))),
        "thinking" => Some(AnswerPart::Thinking(text_of(block, "thinking"))),
        "tool_use" => Some(AnswerPart::ToolCall {
            id: text_of(block, "id"),
            name: text_of(block, "name"),
            arguments: block.get("input").map(Value::to_string).unwrap_or_default(),
        }),
        _ => None,
    }
}

/// What a `stop_reason` means.
pub(super) fn finish(reason: &str, sequence: &str) -> Finish {
    match reason {
        "stop_sequence" => Finish::StopSequence(sequence.to_owned()),
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::Filtered,
        _ => Finish::Stop,
    }
}

/// `stop_reason` and `stop_sequence` for it.
pub(super) fn stop_reason(finish: &Finish) -> (&'static str, Option<&str>) {
    match finish {
        Finish::Stop => ("end_turn", None),
        Finish::StopSequence(sequence) => ("stop_sequence", Some(sequence)),
        Finish::Length => ("max_tokens", None),
        Finish::ToolCalls => ("tool_use", None),
        Finish::Filtered => ("refusal", None),
    }
}

/// Writes an answer. Thoughts are left out: without their signature no provider would take them back.
#[must_use]
pub(in crate::chat) fn write(answer: &Answer) -> Vec<u8> {
    let blocks: Vec<Value> = answer.parts.iter().filter_map(block).collect();
    let (reason, sequence) = stop_reason(&answer.finish);
    json!({
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": blocks,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": answer.usage.unwrap_or_default().to_anthropic()
    })
    .to_string()
    .into_bytes()
}

fn block(part: &AnswerPart) -> Option<Value> {
    match part {
        AnswerPart::Thinking(_) => None,
        AnswerPart::Text(text) | AnswerPart::Refusal(text) => Some(json!({"type": "text", "text": text})),
        AnswerPart::ToolCall { id, name, arguments } => {
            let input = serde_json::from_str(arguments).unwrap_or_else(|_| Value::Object(Map::new()));
            Some(json!({"type": "tool_use", "id": id, "name": name, "input": input}))
        }
    }
}
