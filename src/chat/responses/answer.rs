//! Whole answers: `response`.

use serde_json::Value;

use super::items::{Call, Head, PartKind, message};
use crate::chat::answer::{Answer, AnswerPart, Finish, Malformed, text_of};
use crate::chat::redress::OwnTool;
use crate::chat::usage::Usage;

/// Reads an answer.
///
/// # Errors
/// [`Malformed`] when it is not a response.
pub(in crate::chat) fn read(body: &[u8]) -> Result<Answer, Malformed> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Malformed)?;
    let items = body.get("output").and_then(Value::as_array).ok_or(Malformed)?;
    let parts: Vec<AnswerPart> = items.iter().flat_map(parts).collect();
    let calls = parts.iter().any(|part| matches!(part, AnswerPart::ToolCall { .. }));
    Ok(Answer {
        id: text_of(&body, "id"),
        model: text_of(&body, "model"),
        finish: finish(&body, calls),
        usage: Usage::of_response(&body),
        parts,
    })
}

fn parts(item: &Value) -> Vec<AnswerPart> {
    let content = |member: &str| item.get(member).and_then(Value::as_array).into_iter().flatten();
    match item.get("type").and_then(Value::as_str).unwrap_or_default() {
        "message" => content("content").filter_map(said).collect(),
        "reasoning" => content("summary").map(|part| AnswerPart::Thinking(text_of(part, "text"))).collect(),
        "function_call" => vec![AnswerPart::ToolCall {
            id: text_of(item, "call_id"),
            name: text_of(item, "name"),
            arguments: text_of(item, "arguments"),
        }],
        _ => Vec::new(),
    }
}

fn said(part: &Value) -> Option<AnswerPart> {
    match part.get("type")?.as_str()? {
        "output_text" => Some(AnswerPart::Text(text_of(part, "text"))),
        "refusal" => Some(AnswerPart::Refusal(text_of(part, "refusal"))),
        _ => None,
    }
}

/// Why a response ended.
pub(super) fn finish(response: &Value, calls: bool) -> Finish {
    let reason = response.get("incomplete_details").map(|details| text_of(details, "reason"));
    match reason.as_deref() {
        Some("max_output_tokens") => Finish::Length,
        Some("content_filter") => Finish::Filtered,
        _ if calls => Finish::ToolCalls,
        _ => Finish::Stop,
    }
}

/// Writes an answer; `created` is the time, in seconds since the Unix epoch, `own_tools` are those that take a text. Thoughts are left
/// out: no provider would take them back without what it has added to its own.
#[must_use]
pub(in crate::chat) fn write(answer: &Answer, created: u64, own_tools: &[OwnTool]) -> Vec<u8> {
    let head = Head { id: answer.id.clone(), model: answer.model.clone(), created };
    let (mut output, mut content) = (Vec::new(), Vec::new());
    for part in &answer.parts {
        match part {
            AnswerPart::Thinking(_) => {}
            AnswerPart::Text(text) if text.is_empty() => {}
            AnswerPart::Text(text) => content.push(PartKind::Text.part(text)),
            AnswerPart::Refusal(text) => content.push(PartKind::Refusal.part(text)),
            AnswerPart::ToolCall { id, name, arguments } => {
                close(&head, &mut content, &mut output);
                let mut call = Call::new(&head, output.len(), id.clone(), name.clone(), own_tools);
                call.arguments.clone_from(arguments);
                output.push(call.ended());
            }
        }
    }
    close(&head, &mut content, &mut output);
    Value::Object(head.ended(output, &answer.finish, answer.usage)).to_string().into_bytes()
}

fn close(head: &Head, content: &mut Vec<Value>, output: &mut Vec<Value>) {
    if !content.is_empty() {
        let id = head.item_id("msg", output.len());
        output.push(message(&id, "completed", std::mem::take(content)));
    }
}
