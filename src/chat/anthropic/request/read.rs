//! From Anthropic's words to a conversation.

use serde_json::{Map, Value};

use crate::chat::answer::text_of;
use crate::chat::anthropic::billing;
use crate::chat::conversation::{
    Content, Conversation, Effort, OutputFormat, Part, Reasoning, Speaker, SystemText, Tool, ToolCall,
    ToolChoice, ToolResult, Unsupported, each,
};
use crate::chat::image::Image;
use crate::chat::number::count;
use crate::chat::unsaid::{Known, note, note_each};

/// Members that are about Anthropic's service and not about the answer. As of November 2026.
const LEFT_OUT: [&str; 10] = [
    "service_tier",
    "context_management",
    "inference_geo",
    // Where the provider shall cache the prompt up to.
    "cache_control",
    // What it shall say about its prompt cache.
    "diagnostics",
    // Faster answers by the same model, for another price.
    "speed",
    // Models that it may ask instead, and the bill for that: here the policy says who is asked.
    "fallbacks",
    "fallback_credit_token",
    "user_profile_id",
    // Features that a body asks for where no header can.
    "anthropic_beta",
];
pub(super) const SYSTEM_NOT_TEXT: &str = "system content that is not text";
/// By which Anthropic's callers know that they must send all of a conversation again.
const THREADS_UNSUPPORTED: &str = "thread_unsupported_request";

/// What is known of messages, their blocks, and tools.
const MESSAGE: Known = Known { place: "messages[]", members: &["role", "content"] };
const BLOCK: Known = Known {
    place: "messages[].content[]",
    members: &[
        "type",
        "text",
        "cache_control",
        "source",
        "id",
        "name",
        "input",
        "tool_use_id",
        "content",
        "is_error",
        // Of thoughts, which are listed as such.
        "thinking",
        "signature",
        "data",
    ],
};
const TOOL: Known = Known {
    place: "tools[]",
    members: &["type", "name", "description", "input_schema", "strict", "cache_control"],
};

/// Reads a request body.
///
/// # Errors
/// [`Unsupported`] names what no other dialect has a word for, or what is not there as Anthropic has it.
pub(in crate::chat) fn read(body: &[u8]) -> Result<Conversation, Unsupported> {
    let request: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| Unsupported::new("a body that is no JSON object"))?;
    let mut conversation = Conversation::default();
    for (name, value) in request.iter().filter(|(_, value)| !value.is_null()) {
        member(&mut conversation, name, value)?;
    }
    Ok(conversation)
}

/// Reads a member of the body that is given.
///
/// # Errors
/// [`Unsupported`] names what no other dialect has a word for.
pub(super) fn member(conversation: &mut Conversation, name: &str, value: &Value) -> Result<(), Unsupported> {
    match name {
        "system" => conversation.system = system(value)?,
        "messages" => {
            for message in value.as_array().into_iter().flatten() {
                read_message(conversation, message)?;
            }
        }
        "tools" => {
            note_each(&mut conversation.unsaid, value, TOOL);
            conversation.tools = each(value, tool)?;
        }
        "tool_choice" => {
            conversation.tool_choice = Some(tool_choice(value)?);
            let alone = value.get("disable_parallel_tool_use").and_then(Value::as_bool);
            conversation.parallel_calls = alone.map(|alone| !alone);
        }
        "max_tokens" => conversation.max_tokens = count(value),
        "temperature" => conversation.temperature = value.as_f64(),
        "top_p" => conversation.top_p = value.as_f64(),
        "top_k" => conversation.top_k = count(value),
        "stop_sequences" => conversation.stop = each(value, string)?,
        "thinking" => conversation.reasoning = reasoning(value).or(conversation.reasoning),
        "output_config" => output_config(conversation, value)?,
        "metadata" => {
            conversation.user = value.get("user_id").and_then(Value::as_str).map(str::to_owned);
        }
        "stream" => conversation.stream = value.as_bool() == Some(true),
        "model" => {}
        "output_format" => output_format(conversation, name, value)?,
        "thread" => thread(conversation, value)?,
        "mcp_servers" if value.as_array().is_some_and(Vec::is_empty) => {}
        other => match LEFT_OUT.iter().find(|name| **name == other) {
            Some(name) => conversation.leave_out(name),
            None => return Err(Unsupported::new(other)),
        },
    }
    Ok(())
}

fn system(value: &Value) -> Result<Vec<SystemText>, Unsupported> {
    let mut texts = match value.as_str() {
        Some(text) => vec![SystemText { text: text.to_owned(), cache: false }],
        None => each(value, system_text)?,
    };
    if let Some(first) = texts.first_mut()
        && let Some(rest) = billing::after_line(&first.text)
    {
        first.text = rest.to_owned();
    }
    texts.retain(|text| !text.text.is_empty());
    Ok(texts)
}

fn system_text(block: &Value) -> Result<SystemText, Unsupported> {
    match block.get("type").and_then(Value::as_str) {
        Some("text") => Ok(SystemText { text: text_of(block, "text"), cache: is_marked(block) }),
        _ => Err(Unsupported::new(SYSTEM_NOT_TEXT)),
    }
}

/// A conversation of which Anthropic holds what was said before: others can be told its beginning, which is all of it, but not
/// what is added to it.
fn thread(conversation: &mut Conversation, thread: &Value) -> Result<(), Unsupported> {
    if thread.get("type").and_then(Value::as_str) == Some("create") {
        conversation.leave_out("thread");
        return Ok(());
    }
    Err(Unsupported { code: Some(THREADS_UNSUPPORTED), ..Unsupported::new("thread") })
}

fn read_message(conversation: &mut Conversation, message: &Value) -> Result<(), Unsupported> {
    note(&mut conversation.unsaid, message, MESSAGE);
    note_each(&mut conversation.unsaid, message.get("content").unwrap_or(&Value::Null), BLOCK);
    let role = match message.get("role").and_then(Value::as_str).unwrap_or_default() {
        "user" => Speaker::User,
        "assistant" => Speaker::Assistant,
        "system" => Speaker::System,
        other => return Err(Unsupported::new(format!("a message of role {other}"))),
    };
    let parts = match message.get("content").unwrap_or(&Value::Null) {
        Value::String(text) => vec![Part::text(text.as_str())],
        blocks if role == Speaker::System => each(blocks, |block| {
            let SystemText { text, cache } = system_text(block)?;
            Ok(Part { cache, ..Part::text(text) })
        })?,
        blocks => each(blocks, |block| part(conversation, block))?,
    };
    conversation.say(role, parts);
    Ok(())
}

fn part(conversation: &Conversation, block: &Value) -> Result<Part, Unsupported> {
    let content = match block.get("type").and_then(Value::as_str).unwrap_or_default() {
        "text" => Content::Text(text_of(block, "text")),
        "image" => Content::Image(image(block)?),
        "tool_use" => Content::ToolCall(ToolCall {
            id: text_of(block, "id"),
            name: text_of(block, "name"),
            arguments: block.get("input").cloned().unwrap_or_else(|| Value::Object(Map::new())),
        }),
        "tool_result" => Content::ToolResult(tool_result(conversation, block)?),
        "thinking" | "redacted_thinking" => Content::Thinking,
        other => return Err(Unsupported::new(format!("content of type {other}"))),
    };
    Ok(Part { content, cache: is_marked(block) })
}

fn image(block: &Value) -> Result<Image, Unsupported> {
    let source = block.get("source").unwrap_or(&Value::Null);
    match source.get("type").and_then(Value::as_str).unwrap_or_default() {
        "base64" => {
            Ok(Image::Inline { media_type: text_of(source, "media_type"), base64: text_of(source, "data") })
        }
        "url" => Ok(Image::Url(text_of(source, "url"))),
        other => Err(Unsupported::new(format!("an image from a source of type {other}"))),
    }
}

fn tool_result(conversation: &Conversation, block: &Value) -> Result<ToolResult, Unsupported> {
    let id = text_of(block, "tool_use_id");
    let mut result = ToolResult {
        name: conversation.tool_called(&id),
        id,
        text: String::new(),
        images: Vec::new(),
        failed: block.get("is_error").and_then(Value::as_bool) == Some(true),
    };
    let mut texts = Vec::new();
    match block.get("content").unwrap_or(&Value::Null) {
        Value::String(text) => texts.push(text.clone()),
        blocks => {
            for block in blocks.as_array().into_iter().flatten() {
                match block.get("type").and_then(Value::as_str).unwrap_or_default() {
                    "text" => texts.push(text_of(block, "text")),
                    "image" => result.images.push(image(block)?),
                    other => return Err(Unsupported::new(format!("a tool result of type {other}"))),
                }
            }
        }
    }
    result.text = texts.join("\n");
    Ok(result)
}

fn tool(tool: &Value) -> Result<Tool, Unsupported> {
    let kind = tool.get("type").and_then(Value::as_str);
    if kind.is_some_and(|kind| kind != "custom") {
        return Err(Unsupported::new(format!("the tool {}", text_of(tool, "type"))));
    }
    Ok(Tool {
        name: text_of(tool, "name"),
        description: tool.get("description").and_then(Value::as_str).map(str::to_owned),
        parameters: tool.get("input_schema").filter(|schema| !schema.is_null()).cloned(),
        strict: tool.get("strict").and_then(Value::as_bool),
        cache: is_marked(tool),
    })
}

fn tool_choice(choice: &Value) -> Result<ToolChoice, Unsupported> {
    match choice.get("type").and_then(Value::as_str).unwrap_or_default() {
        "auto" => Ok(ToolChoice::Auto),
        "any" => Ok(ToolChoice::Required),
        "none" => Ok(ToolChoice::None),
        "tool" => Ok(ToolChoice::Tool(text_of(choice, "name"))),
        _ => Err(Unsupported::new("tool_choice")),
    }
}

fn reasoning(thinking: &Value) -> Option<Reasoning> {
    match thinking.get("type")?.as_str()? {
        "disabled" => Some(Reasoning::Off),
        "enabled" => thinking.get("budget_tokens").and_then(Value::as_u64).map(Reasoning::Budget),
        _ => Some(Reasoning::Adaptive),
    }
}

/// `{"effort": ..., "format": {"type": "json_schema", "schema": ...}}`.
fn output_config(conversation: &mut Conversation, config: &Value) -> Result<(), Unsupported> {
    for (name, value) in config.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        match name.as_str() {
            "effort" => {
                let effort = value.as_str().and_then(Effort::named).unwrap_or(Effort::High);
                // A budget says it more exactly.
                if !matches!(conversation.reasoning, Some(Reasoning::Budget(_) | Reasoning::Off)) {
                    conversation.reasoning = Some(Reasoning::Effort(effort));
                }
            }
            "format" => output_format(conversation, "output_config.format", value)?,
            // How many tokens a whole task may take, over several calls.
            "task_budget" => conversation.leave_out("output_config.task_budget"),
            other => return Err(Unsupported::new(format!("output_config.{other}"))),
        }
    }
    Ok(())
}

/// `{"type": "json_schema", "schema": ...}`, in `output_config` or, as it was first, beside it.
fn output_format(conversation: &mut Conversation, name: &str, format: &Value) -> Result<(), Unsupported> {
    if format.get("type").and_then(Value::as_str) != Some("json_schema") {
        return Err(Unsupported::new(name));
    }
    let schema = format.get("schema").cloned().unwrap_or_default();
    conversation.output = Some(OutputFormat::JsonSchema { name: None, schema, strict: Some(true) });
    Ok(())
}

fn is_marked(block: &Value) -> bool {
    block.get("cache_control").is_some_and(|mark| !mark.is_null())
}

fn string(value: &Value) -> Result<String, Unsupported> {
    value.as_str().map(str::to_owned).ok_or_else(|| Unsupported::new("stop_sequences"))
}
