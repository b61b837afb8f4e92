//! From the words of the Responses API to a conversation.

use serde_json::{Map, Value};

use super::{input, tools};
use crate::chat::conversation::{
    Conversation, Effort, OutputFormat, Reasoning, SystemText, Unsupported, each,
};
use crate::chat::number::count;

/// Members that are about OpenAI's service and not about the answer. As of November 2026.
const LEFT_OUT: [&str; 9] = [
    "metadata",
    "client_metadata",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    // What shall go when the conversation gets too long.
    "truncation",
    "context_management",
    // A bound on tools that the provider runs itself.
    "max_tool_calls",
    "moderation",
];

/// What a caller may ask to be told besides, and what nobody else can tell.
const INCLUDED: [&str; 2] = ["reasoning.encrypted_content", "web_search_call.action.sources"];

/// Reads a request body.
///
/// # Errors
/// [`Unsupported`] names what no other dialect has a word for, or what is not there as OpenAI has it.
pub(in crate::chat) fn read(body: &[u8]) -> Result<Conversation, Unsupported> {
    let request: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| Unsupported::new("a body that is no JSON object"))?;
    let mut conversation = Conversation::default();
    // What stands above the conversation is said first, wherever it stands in the body.
    if let Some(text) = request.get("instructions").filter(|text| !text.is_null()) {
        let text = text.as_str().ok_or_else(|| Unsupported::new("instructions"))?.to_owned();
        conversation.system.push(SystemText { text, cache: false });
    }
    for (name, value) in request.iter().filter(|(_, value)| !value.is_null()) {
        member(&mut conversation, name, value)?;
    }
    if let Some(choice) = request.get("tool_choice").filter(|choice| !choice.is_null()) {
        tools::choose(&mut conversation, choice)?;
    }
    Ok(conversation)
}

fn member(conversation: &mut Conversation, name: &str, value: &Value) -> Result<(), Unsupported> {
    match name {
        "input" => input::read(conversation, value)?,
        "tools" => tools::read(conversation, value)?,
        "parallel_tool_calls" => conversation.parallel_calls = value.as_bool(),
        "text" => text(conversation, value)?,
        "max_output_tokens" => conversation.max_tokens = count(value),
        "temperature" => conversation.temperature = value.as_f64(),
        "top_p" => conversation.top_p = value.as_f64(),
        "reasoning" => conversation.reasoning = reasoning(value),
        "user" | "safety_identifier" => conversation.user = value.as_str().map(str::to_owned),
        "stream" => conversation.stream = value.as_bool() == Some(true),
        // Read before or after, or of no meaning elsewhere.
        "model" | "instructions" | "tool_choice" | "stream_options" => {}
        "store" | "background" if value.as_bool() == Some(false) => {}
        "top_logprobs" if count(value) == Some(0) => {}
        "include" => include(conversation, value)?,
        other => match LEFT_OUT.iter().find(|name| **name == other) {
            Some(name) => conversation.leave_out(name),
            None => return Err(Unsupported::new(other)),
        },
    }
    Ok(())
}

fn include(conversation: &mut Conversation, wanted: &Value) -> Result<(), Unsupported> {
    for wanted in each(wanted, |wanted| Ok(wanted.as_str().unwrap_or_default().to_owned()))? {
        if !INCLUDED.contains(&wanted.as_str()) {
            return Err(Unsupported::new(format!("include {wanted}")));
        }
        conversation.leave_out("include");
    }
    Ok(())
}

/// `{"format": {"type": ...}, "verbosity": ...}`.
fn text(conversation: &mut Conversation, text: &Value) -> Result<(), Unsupported> {
    for (name, value) in text.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        match name.as_str() {
            "format" => conversation.output = output_format(value)?,
            "verbosity" => conversation.leave_out("text.verbosity"),
            other => return Err(Unsupported::new(format!("text.{other}"))),
        }
    }
    Ok(())
}

fn output_format(format: &Value) -> Result<Option<OutputFormat>, Unsupported> {
    match format.get("type").and_then(Value::as_str).unwrap_or_default() {
        "text" => Ok(None),
        "json_object" => Ok(Some(OutputFormat::JsonObject)),
        "json_schema" => Ok(Some(OutputFormat::JsonSchema {
            name: format.get("name").and_then(Value::as_str).map(str::to_owned),
            schema: format.get("schema").cloned().unwrap_or_default(),
            strict: format.get("strict").and_then(Value::as_bool),
        })),
        _ => Err(Unsupported::new("text.format")),
    }
}

/// `{"effort": ..., "summary": ...}`; how thoughts are told is nothing that others can be asked.
fn reasoning(reasoning: &Value) -> Option<Reasoning> {
    match reasoning.get("effort")?.as_str()? {
        "none" => Some(Reasoning::Off),
        word => Some(Reasoning::Effort(Effort::named(word).unwrap_or(Effort::High))),
    }
}
