//! From OpenAI's words to a conversation.

use serde_json::{Map, Value};

use crate::chat::answer::text_of;
use crate::chat::conversation::{
    Content, Conversation, Effort, OutputFormat, Part, Reasoning, Speaker, SystemText, Tool, ToolCall,
    ToolChoice, ToolResult, Unsupported, each,
};
use crate::chat::image::Image;
use crate::chat::number::count;
use crate::chat::unsaid::{Known, note, note_each};

/// What is known of messages, their parts and calls, and of tools.
const MESSAGE: Known = Known {
    place: "messages[]",
    members: &["role", "content", "name", "refusal", "tool_calls", "tool_call_id", "function_call"],
};
const PART: Known = Known {
    place: "messages[].content[]",
    members: &["type", "text", "refusal", "image_url", "cache_control"],
};
const CALL: Known = Known { place: "messages[].tool_calls[]", members: &["id", "type", "function", "index"] };
const TOOL: Known = Known { place: "tools[]", members: &["type", "function", "cache_control"] };
const FUNCTION: Known = Known {
    place: "tools[].function",
    members: &["name", "description", "parameters", "strict", "cache_control"],
};

/// Reads a request body.
///
/// # Errors
/// [`Unsupported`] names what no other dialect has a word for, or what is not there as OpenAI has it.
pub(in crate::chat) fn read(body: &[u8]) -> Result<Conversation, Unsupported> {
    let request: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| Unsupported::new("a body that is no JSON object"))?;
    let mut conversation = Conversation::default();
    for (name, value) in request.iter().filter(|(_, value)| !value.is_null()) {
        member(&mut conversation, name, value)?;
    }
    // The newer name wins whichever comes first.
    let longest = |name: &str| request.get(name).and_then(count);
    conversation.max_tokens = longest("max_completion_tokens").or_else(|| longest("max_tokens"));
    Ok(conversation)
}

/// Reads a member of the body that is given.
///
/// # Errors
/// [`Unsupported`] names what no other dialect has a word for.
pub(super) fn member(conversation: &mut Conversation, name: &str, value: &Value) -> Result<(), Unsupported> {
    match name {
        "messages" => {
            for (at, message) in value.as_array().into_iter().flatten().enumerate() {
                read_message(conversation, message, at)?;
            }
        }
        "tools" => {
            note_each(&mut conversation.unsaid, value, TOOL);
            for function in value.as_array().into_iter().flatten().filter_map(|tool| tool.get("function")) {
                note(&mut conversation.unsaid, function, FUNCTION);
            }
            conversation.tools = each(value, tool)?;
        }
        "tool_choice" => conversation.tool_choice = Some(tool_choice(value)?),
        "parallel_tool_calls" => conversation.parallel_calls = value.as_bool(),
        "response_format" => conversation.output = output_format(value)?,
        "stop" => conversation.stop = strings(value),
        "temperature" => conversation.temperature = value.as_f64(),
        "top_p" => conversation.top_p = value.as_f64(),
        "seed" => conversation.seed = value.as_i64(),
        "presence_penalty" => conversation.presence_penalty = value.as_f64(),
        "frequency_penalty" => conversation.frequency_penalty = value.as_f64(),
        "reasoning_effort" => conversation.reasoning = reasoning(value),
        "user" | "safety_identifier" => conversation.user = value.as_str().map(str::to_owned),
        "stream" => conversation.stream = value.as_bool() == Some(true),
        // Read from the whole request, or of no meaning elsewhere.
        "model" | "max_tokens" | "max_completion_tokens" | "stream_options" => {}
        "n" if count(value) == Some(1) => {}
        "logprobs" if value.as_bool() == Some(false) => {}
        "modalities" if strings(value) == ["text"] => {}
        "metadata" => conversation.leave_out("metadata"),
        "store" => conversation.leave_out("store"),
        "service_tier" => conversation.leave_out("service_tier"),
        "prompt_cache_key" => conversation.leave_out("prompt_cache_key"),
        "prompt_cache_retention" => conversation.leave_out("prompt_cache_retention"),
        "prediction" => conversation.leave_out("prediction"),
        "verbosity" => conversation.leave_out("verbosity"),
        other => return Err(Unsupported::new(other)),
    }
    Ok(())
}

fn read_message(conversation: &mut Conversation, message: &Value, at: usize) -> Result<(), Unsupported> {
    let content = message.get("content").unwrap_or(&Value::Null);
    note(&mut conversation.unsaid, message, MESSAGE);
    note_each(&mut conversation.unsaid, content, PART);
    note_each(&mut conversation.unsaid, message.get("tool_calls").unwrap_or(&Value::Null), CALL);
    if message.get("name").is_some_and(|name| !name.is_null()) {
        conversation.leave_out("name");
    }
    let parts_of_content = content.as_array().into_iter().flatten();
    if parts_of_content.filter_map(|part| part.get("image_url")).any(|image| image.get("detail").is_some()) {
        conversation.leave_out("detail");
    }
    match message.get("role").and_then(Value::as_str).unwrap_or_default() {
        "system" | "developer" => {
            let (text, cache) = joined_text(content, at)?;
            conversation.system.push(SystemText { text, cache });
        }
        "user" => {
            let parts = parts(content, at)?;
            conversation.say(Speaker::User, parts);
        }
        "assistant" => {
            let mut parts = parts(content, at)?;
            if let Some(refusal) = message.get("refusal").and_then(Value::as_str) {
                parts.push(Part::text(refusal));
            }
            parts.extend(each(message.get("tool_calls").unwrap_or(&Value::Null), tool_call)?);
            if message.get("function_call").is_some_and(|call| !call.is_null()) {
                return Err(Unsupported::new("function_call"));
            }
            conversation.say(Speaker::Assistant, parts);
        }
        "tool" => {
            let id = text_of(message, "tool_call_id");
            let name = conversation.tool_called(&id);
            let (text, cache) = joined_text(content, at)?;
            let result = ToolResult { id, name, text, images: Vec::new(), failed: false };
            conversation.say(Speaker::User, vec![Part { content: Content::ToolResult(result), cache }]);
        }
        other => return Err(Unsupported::new(format!("a message of role {other}"))),
    }
    Ok(())
}

/// Content that must be text, a string or parts of type `text`, and whether one of them is marked for the provider's prompt cache.
fn joined_text(content: &Value, at: usize) -> Result<(String, bool), Unsupported> {
    let parts = parts(content, at)?;
    let cache = parts.iter().any(|part| part.cache);
    let texts = parts.into_iter().map(|part| match part.content {
        Content::Text(text) => Ok(text),
        _ => Err(Unsupported::new("content that is not text in a system or tool message")),
    });
    Ok((texts.collect::<Result<Vec<_>, _>>()?.join("\n"), cache))
}

fn parts(content: &Value, message: usize) -> Result<Vec<Part>, Unsupported> {
    match content {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => Ok(vec![Part::text(text)]),
        _ => {
            let parts = content.as_array().into_iter().flatten().enumerate();
            parts.map(|(at, value)| part(value, (message, at))).collect()
        }
    }
}

/// What stands at this place where an image should be, and is none.
pub(super) fn no_image((message, part): (usize, usize)) -> Unsupported {
    Unsupported::new(format!("messages[{message}].content[{part}].image_url, which is no image,"))
}

fn part(part: &Value, at: (usize, usize)) -> Result<Part, Unsupported> {
    let content = match part.get("type").and_then(Value::as_str).unwrap_or_default() {
        "text" => Content::Text(text_of(part, "text")),
        "refusal" => Content::Text(text_of(part, "refusal")),
        "image_url" => {
            let url = part.get("image_url").and_then(|image| image.get("url")).and_then(Value::as_str);
            Content::Image(url.and_then(Image::at).ok_or_else(|| no_image(at))?)
        }
        other => return Err(Unsupported::new(format!("content of type {other}"))),
    };
    Ok(Part { content, cache: is_marked(part) })
}

/// Whether the provider shall cache the prompt up to here: Anthropic's word for it, which many that speak OpenAI's dialect know.
fn is_marked(value: &Value) -> bool {
    value.get("cache_control").is_some_and(|mark| !mark.is_null())
}

fn tool_call(call: &Value) -> Result<Part, Unsupported> {
    let Some(function) = call.get("function") else {
        return Err(Unsupported::new("calls of custom tools"));
    };
    let arguments = text_of(function, "arguments");
    let arguments = match arguments.trim() {
        "" => Value::Object(Map::new()),
        text => serde_json::from_str(text)
            .map_err(|_| Unsupported::new("arguments of a tool call that are not JSON"))?,
    };
    let call = ToolCall { id: text_of(call, "id"), name: text_of(function, "name"), arguments };
    Ok(Part::new(Content::ToolCall(call)))
}

fn tool(tool: &Value) -> Result<Tool, Unsupported> {
    let Some(function) = tool.get("function") else {
        return Err(Unsupported::new("tools that are not functions"));
    };
    Ok(Tool {
        name: text_of(function, "name"),
        description: function.get("description").and_then(Value::as_str).map(str::to_owned),
        parameters: function.get("parameters").filter(|schema| !schema.is_null()).cloned(),
        strict: function.get("strict").and_then(Value::as_bool),
        cache: is_marked(tool) || is_marked(function),
    })
}

fn tool_choice(choice: &Value) -> Result<ToolChoice, Unsupported> {
    match (choice.as_str(), choice.get("function")) {
        (Some("auto"), _) => Ok(ToolChoice::Auto),
        (Some("none"), _) => Ok(ToolChoice::None),
        (Some("required"), _) => Ok(ToolChoice::Required),
        (None, Some(function)) => Ok(ToolChoice::Tool(text_of(function, "name"))),
        _ => Err(Unsupported::new("tool_choice")),
    }
}

fn output_format(format: &Value) -> Result<Option<OutputFormat>, Unsupported> {
    match format.get("type").and_then(Value::as_str).unwrap_or_default() {
        "text" => Ok(None),
        "json_object" => Ok(Some(OutputFormat::JsonObject)),
        "json_schema" => {
            let Some(wanted) = format.get("json_schema") else {
                return Err(Unsupported::new("response_format"));
            };
            Ok(Some(OutputFormat::JsonSchema {
                name: wanted.get("name").and_then(Value::as_str).map(str::to_owned),
                schema: wanted.get("schema").cloned().unwrap_or_default(),
                strict: wanted.get("strict").and_then(Value::as_bool),
            }))
        }
        _ => Err(Unsupported::new("response_format")),
    }
}

fn reasoning(effort: &Value) -> Option<Reasoning> {
    match effort.as_str()? {
        "none" => Some(Reasoning::Off),
        word => Some(Reasoning::Effort(Effort::named(word).unwrap_or(Effort::High))),
    }
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        _ => value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}
