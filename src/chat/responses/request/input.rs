//! What was said: a text, or items.

use serde_json::{Map, Value, json};

use super::tools::function_named_in;
use crate::chat::answer::text_of;
use crate::chat::conversation::{
    Content, Conversation, Part, Speaker, SystemText, ToolCall, ToolResult, Unsupported, each,
};
use crate::chat::image::Image;
use crate::chat::unsaid::{Known, note, note_each};

/// What is known of items and the parts of messages.
const ITEM: Known = Known {
    place: "input[]",
    members: &[
        "type",
        "id",
        "status",
        "role",
        "content",
        "call_id",
        "name",
        "namespace",
        "arguments",
        "input",
        "output",
        // Of thoughts, which are listed as such.
        "summary",
        "encrypted_content",
    ],
};
const PART: Known = Known {
    place: "input[].content[]",
    members: &["type", "text", "refusal", "image_url", "detail", "annotations", "logprobs"],
};

/// Reads `input`.
///
/// # Errors
/// [`Unsupported`] names an item that no other dialect has a word for.
pub(super) fn read(conversation: &mut Conversation, input: &Value) -> Result<(), Unsupported> {
    if let Some(text) = input.as_str() {
        conversation.say(Speaker::User, vec![Part::text(text)]);
        return Ok(());
    }
    input.as_array().into_iter().flatten().try_for_each(|item| read_item(conversation, item))
}

fn read_item(conversation: &mut Conversation, item: &Value) -> Result<(), Unsupported> {
    note(&mut conversation.unsaid, item, ITEM);
    note_each(&mut conversation.unsaid, item.get("content").unwrap_or(&Value::Null), PART);
    let speaks = |conversation: &mut Conversation, role, content| {
        conversation.say(role, vec![Part::new(content)]);
    };
    match item.get("type").and_then(Value::as_str).unwrap_or("message") {
        "message" => message(conversation, item)?,
        "function_call" => speaks(conversation, Speaker::Assistant, Content::ToolCall(function_call(item)?)),
        "custom_tool_call" => {
            let arguments = json!({"input": text_of(item, "input")});
            let call = ToolCall { id: text_of(item, "call_id"), name: function_named_in(item), arguments };
            speaks(conversation, Speaker::Assistant, Content::ToolCall(call));
        }
        "function_call_output" | "custom_tool_call_output" => {
            let result = Content::ToolResult(result(conversation, item)?);
            speaks(conversation, Speaker::User, result);
        }
        "reasoning" => speaks(conversation, Speaker::Assistant, Content::Thinking),
        // What the provider has found by itself stands in what was said after it.
        "web_search_call" => conversation.leave_out("web_search_call"),
        other => return Err(Unsupported::new(format!("an item of type {other}"))),
    }
    Ok(())
}

fn message(conversation: &mut Conversation, item: &Value) -> Result<(), Unsupported> {
    let content = item.get("content").unwrap_or(&Value::Null);
    let parts = match content {
        Value::String(text) => vec![Part::text(text)],
        _ => {
            if content.as_array().into_iter().flatten().any(|part| part.get("detail").is_some()) {
                conversation.leave_out("detail");
            }
            each(content, part)?
        }
    };
    match item.get("role").and_then(Value::as_str).unwrap_or_default() {
        "user" => conversation.say(Speaker::User, parts),
        "assistant" => conversation.say(Speaker::Assistant, parts),
        "system" | "developer" => {
            if parts.iter().any(|part| !matches!(part.content, Content::Text(_))) {
                return Err(Unsupported::new("content that is not text in a system message"));
            }
            if conversation.turns.is_empty() {
                let texts = parts.into_iter().filter_map(|part| match part.content {
                    Content::Text(text) => Some(SystemText { text, cache: false }),
                    _ => None,
                });
                conversation.system.extend(texts);
            } else {
                conversation.say(Speaker::System, parts);
            }
        }
        other => return Err(Unsupported::new(format!("a message of role {other}"))),
    }
    Ok(())
}

fn part(part: &Value) -> Result<Part, Unsupported> {
    match part.get("type").and_then(Value::as_str).unwrap_or_default() {
        "input_text" | "output_text" | "text" => Ok(Part::text(text_of(part, "text"))),
        "refusal" => Ok(Part::text(text_of(part, "refusal"))),
        "input_image" => Ok(Part::new(Content::Image(image(part)?))),
        other => Err(Unsupported::new(format!("content of type {other}"))),
    }
}

/// An image by its address; what lies with the provider, nobody else can see.
fn image(part: &Value) -> Result<Image, Unsupported> {
    let url = part.get("image_url").and_then(Value::as_str);
    url.and_then(Image::at).ok_or_else(|| Unsupported::new("input_image without an image's address"))
}

fn function_call(item: &Value) -> Result<ToolCall, Unsupported> {
    let arguments = text_of(item, "arguments");
    let arguments = match arguments.trim() {
        "" => Value::Object(Map::new()),
        text => serde_json::from_str(text)
            .map_err(|_| Unsupported::new("arguments of a tool call that are not JSON"))?,
    };
    Ok(ToolCall { id: text_of(item, "call_id"), name: function_named_in(item), arguments })
}

/// What a tool has given back: a text, or parts of text and images.
fn result(conversation: &Conversation, item: &Value) -> Result<ToolResult, Unsupported> {
    let id = text_of(item, "call_id");
    let name = conversation.tool_called(&id);
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    match item.get("output").unwrap_or(&Value::Null) {
        Value::String(text) => texts.push(text.clone()),
        parts => {
            for Part { content, .. } in each(parts, part)? {
                match content {
                    Content::Text(text) => texts.push(text),
                    Content::Image(image) => images.push(image),
                    _ => {}
                }
            }
        }
    }
    Ok(ToolResult { id, name, text: texts.join("\n"), images, failed: false })
}
