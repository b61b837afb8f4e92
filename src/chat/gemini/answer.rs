//! Whole answers: `GenerateContentResponse`.

use serde_json::Value;

use crate::chat::answer::{Answer, AnswerPart, Finish, Malformed, count_of, text_of};
use crate::chat::usage::Usage;

/// Reads an answer; one without an id gets `id`.
///
/// # Errors
/// [`Malformed`] when it has neither a candidate nor a reason why there is none.
pub(in crate::chat) fn read(body: &[u8], id: &str) -> Result<Answer, Malformed> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Malformed)?;
    let own = text_of(&body, "responseId");
    let id = if own.is_empty() { id.to_owned() } else { own };
    let candidate = body.get("candidates").and_then(|candidates| candidates.get(0));
    if candidate.is_none() && blocked(&body).is_none() {
        return Err(Malformed);
    }
    let mut calls = 0;
    let parts = candidate.map(parts_of).unwrap_or_default();
    let parts: Vec<AnswerPart> = parts.iter().filter_map(|part| answer_part(part, &id, &mut calls)).collect();
    Ok(Answer {
        model: text_of(&body, "modelVersion"),
        finish: candidate
            .map_or(Finish::Filtered, |candidate| finish(&text_of(candidate, "finishReason"), calls > 0)),
        usage: body.get("usageMetadata").and_then(usage),
        parts,
        id,
    })
}

/// Why a prompt got no candidate.
pub(super) fn blocked(body: &Value) -> Option<&str> {
    body.get("promptFeedback")?.get("blockReason")?.as_str()
}

/// The parts of a candidate.
pub(super) fn parts_of(candidate: &Value) -> Vec<Value> {
    let parts = candidate.get("content").and_then(|content| content.get("parts"));
    parts.and_then(Value::as_array).cloned().unwrap_or_default()
}

/// A part of an answer; counts `calls`, whose identifiers Gemini may leave to us.
pub(super) fn answer_part(part: &Value, response: &str, calls: &mut u32) -> Option<AnswerPart> {
    if let Some(call) = part.get("functionCall") {
        let given = text_of(call, "id");
        let id = if given.is_empty() { format!("call_{response}_{calls}") } else { given };
        *calls = calls.saturating_add(1);
        let arguments = call.get("args").map_or_else(|| "{}".to_owned(), Value::to_string);
        return Some(AnswerPart::ToolCall { id, name: text_of(call, "name"), arguments });
    }
    let text = part.get("text")?.as_str()?.to_owned();
    if part.get("thought").and_then(Value::as_bool) == Some(true) {
        Some(AnswerPart::Thinking(text))
    } else {
        Some(AnswerPart::Text(text))
    }
}

/// Reasons of Gemini's filters.
const FILTERS: [&str; 9] = [
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "MODEL_ARMOR",
];

/// What a `finishReason` means.
pub(super) fn finish(reason: &str, has_calls: bool) -> Finish {
    if FILTERS.contains(&reason) {
        Finish::Filtered
    } else if reason == "MAX_TOKENS" {
        Finish::Length
    } else if has_calls {
        Finish::ToolCalls
    } else {
        Finish::Stop
    }
}

/// `usageMetadata`. Thoughts are output; what tools made the model read is input.
pub(super) fn usage(usage: &Value) -> Option<Usage> {
    let prompt = usage.get("promptTokenCount")?.as_u64()?;
    let reasoning = count_of(usage, "thoughtsTokenCount");
    Some(Usage {
        input: prompt.saturating_add(count_of(usage, "toolUsePromptTokenCount")),
        cached_input: count_of(usage, "cachedContentTokenCount"),
        output: count_of(usage, "candidatesTokenCount").saturating_add(reasoning),
        reasoning,
        ..Usage::default()
    })
}
