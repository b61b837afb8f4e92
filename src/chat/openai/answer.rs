//! Whole answers: `chat.completion`.

use serde_json::{Value, json};

use crate::chat::answer::{Answer, AnswerPart, Finish, Malformed, text_of};
use crate::chat::usage::Usage;

/// Reads an answer.
///
/// # Errors
/// [`Malformed`] when it is not a completion with a choice.
pub(in crate::chat) fn read(body: &[u8]) -> Result<Answer, Malformed> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Malformed)?;
    let choice = body.get("choices").and_then(|choices| choices.get(0)).ok_or(Malformed)?;
    let message = choice.get("message").filter(|message| message.is_object()).ok_or(Malformed)?;
    Ok(Answer {
        id: text_of(&body, "id"),
        model: text_of(&body, "model"),
        parts: parts(message),
        finish: finish(&text_of(choice, "finish_reason")),
        usage: usage(&body),
    })
}

/// The counts of a completion or of a chunk.
pub(super) fn usage(body: &Value) -> Option<Usage> {
    let usage = body.get("usage").and_then(Usage::from_openai)?;
    Some(usage.served(body.get("service_tier").and_then(Value::as_str)))
}

fn parts(message: &Value) -> Vec<AnswerPart> {
    let text = |member| Some(text_of(message, member)).filter(|text| !text.is_empty());
    let calls = message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    let calls = calls.map(|call| {
        let function = call.get("function").unwrap_or(&Value::Null);
        AnswerPart::ToolCall {
            id: text_of(call, "id"),
            name: text_of(function, "name"),
            arguments: text_of(function, "arguments"),
        }
    });
    let thoughts = text("reasoning_content").map(AnswerPart::Thinking);
    let said = content(message).into_iter().map(|piece| match piece {
        Piece::Text(text) => AnswerPart::Text(text),
        Piece::Thinking(text) => AnswerPart::Thinking(text),
    });
    let refusal = text("refusal").map(AnswerPart::Refusal);
    thoughts.into_iter().chain(said).chain(refusal).chain(calls).collect()
}

/// A piece of a message's content.
pub(super) enum Piece {
    Text(String),
    Thinking(String),
}

/// The content of a message or of a delta: a text, or, from Mistral's models that think, parts. Empty ones are left out.
pub(super) fn content(message: &Value) -> Vec<Piece> {
    let content = message.get("content").unwrap_or(&Value::Null);
    let pieces = match content {
        Value::String(text) => vec![Piece::Text(text.clone())],
        parts => parts.as_array().into_iter().flatten().filter_map(piece).collect(),
    };
    let is_empty =
        |piece: &Piece| matches!(piece, Piece::Text(text) | Piece::Thinking(text) if text.is_empty());
    pieces.into_iter().filter(|piece| !is_empty(piece)).collect()
}

fn piece(part: &Value) -> Option<Piece> {
    match part.get("type")?.as_str()? {
        "text" => Some(Piece::Text(text_of(part, "text"))),
        "thinking" => {
            let thoughts = match part.get("thinking")? {
                Value::String(text) => text.clone(),
                parts => parts.as_array()?.iter().map(|part| text_of(part, "text")).collect(),
            };
            Some(Piece::Thinking(thoughts))
        }
        _ => None,
    }
}

/// What a `finish_reason` means.
pub(super) fn finish(reason: &str) -> Finish {
    match reason {
        "length" => Finish::Length,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        "content_filter" => Finish::Filtered,
        _ => Finish::Stop,
    }
}

/// The `finish_reason` for it.
pub(super) fn finish_reason(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopSequence(_) => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Filtered => "content_filter",
    }
}

/// Writes an answer; `created` is the time, in seconds since the Unix epoch.
#[must_use]
pub(in crate::chat) fn write(answer: &Answer, created: u64) -> Vec<u8> {
    let (mut text, mut thinking, mut refusal) = (None::<String>, None::<String>, None::<String>);
    let mut calls = Vec::new();
    for part in &answer.parts {
        let (place, more) = match part {
            AnswerPart::Text(more) => (&mut text, more),
            AnswerPart::Thinking(more) => (&mut thinking, more),
            AnswerPart::Refusal(more) => (&mut refusal, more),
            AnswerPart::ToolCall { id, name, arguments } => {
                calls.push(json!({
                    "id": id, "type": "function", "function": {"name": name, "arguments": arguments}
                }));
                continue;
            }
        };
        place.get_or_insert_default().push_str(more);
    }
    if text.is_none() && calls.is_empty() && refusal.is_none() {
        text = Some(String::new());
    }
    let mut message = json!({"role": "assistant", "content": text, "refusal": refusal});
    if let Value::Object(members) = &mut message {
        if let Some(thinking) = thinking {
            members.insert("reasoning_content".into(), thinking.into());
        }
        if !calls.is_empty() {
            members.insert("tool_calls".into(), calls.into());
        }
    }
    let service_tier = answer.usage.and_then(|usage| usage.service_tier);
    let mut completion = json!({
        "id": answer.id,
        "object": "chat.completion",
        "created": created,
        "model": answer.model,
        "choices": [{
            "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(&answer.finish)
        }],
        "usage": answer.usage.as_ref().map(Usage::to_openai)
    });
    if let (Some(tier), Value::Object(members)) = (service_tier, &mut completion) {
        members.insert("service_tier".into(), tier.as_openai().into());
    }
    completion.to_string().into_bytes()
}
