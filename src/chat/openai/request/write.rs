//! From a conversation to OpenAI's words.

use serde_json::{Map, Value, json};

use crate::chat::conversation::{
    Addressee, Content, Conversation, Effort, OutputFormat, Part, Reasoning, Speaker, Tool, ToolChoice,
    ToolResult, Turn, Unsupported, Written,
};
use crate::chat::image::Image;
use crate::chat::openai_like::Quirks;
use crate::chat::survey::OPENAI_STOPS;

/// Writes a request body for a provider whose OpenAI differs by `quirks`, as far as that is a matter of writing.
///
/// # Errors
/// [`Unsupported`] names what OpenAI has no word for and what cannot be left out.
pub(in crate::chat) fn write(
    conversation: &Conversation,
    target: Addressee<'_>,
    quirks: &Quirks,
) -> Result<Written, Unsupported> {
    if conversation.stop.len() > OPENAI_STOPS {
        return Err(Unsupported::new("more than 4 stop sequences"));
    }
    let mut dropped = conversation.left_out.clone();
    let longest = target.bound(conversation.max_tokens, &mut dropped);
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    put("model", Some(target.model.into()));
    put("messages", Some(messages(conversation, quirks)?.into()));
    put("tools", some_list(conversation.tools.iter().map(tool)));
    put("tool_choice", conversation.tool_choice.as_ref().map(tool_choice));
    put(
        "parallel_tool_calls",
        conversation.parallel_calls.filter(|_| !conversation.tools.is_empty()).map(Value::from),
    );
    put("response_format", conversation.output.as_ref().map(response_format));
    put("stop", some_list(conversation.stop.iter().map(|stop| Value::from(stop.as_str()))));
    put(quirks.longest_answer, longest.map(Value::from));
    put("temperature", conversation.temperature.map(Value::from));
    put("top_p", conversation.top_p.map(Value::from));
    put("seed", conversation.seed.map(Value::from));
    put("presence_penalty", conversation.presence_penalty.map(Value::from));
    put("frequency_penalty", conversation.frequency_penalty.map(Value::from));
    match conversation.reasoning {
        Some(reasoning) if target.reasoning => put("reasoning_effort", effort(reasoning)),
        Some(Reasoning::Off) | None => {}
        Some(_) => dropped.push("reasoning"),
    }
    put("user", conversation.user.as_deref().map(Value::from));
    if conversation.stream {
        put("stream", Some(true.into()));
        put("stream_options", Some(json!({"include_usage": true})));
    }
    for (name, is_there) in [
        ("top_k", conversation.top_k.is_some()),
        ("cache_control", conversation.marks_cache()),
        ("thinking", conversation.has_thoughts()),
    ] {
        if is_there {
            dropped.push(name);
        }
    }
    Ok(Written { body: Value::Object(body).to_string().into_bytes(), dropped, ..Written::default() })
}

fn messages(conversation: &Conversation, quirks: &Quirks) -> Result<Vec<Value>, Unsupported> {
    let mut messages = Vec::new();
    let system: Vec<&str> = conversation.system.iter().map(|text| text.text.as_str()).collect();
    if !system.is_empty() {
        messages.push(json!({"role": "system", "content": system.join("\n\n")}));
    }
    for turn in &conversation.turns {
        match turn.role {
            Speaker::User => user_messages(turn, quirks, &mut messages)?,
            Speaker::Assistant => messages.extend(assistant_message(turn, quirks)?),
            Speaker::System if quirks.instructions_first => {
                messages.push(json!({"role": "user", "content": turn.text()}));
            }
            Speaker::System => messages.push(json!({"role": "system", "content": turn.text()})),
        }
    }
    Ok(messages)
}

/// Results of tools are messages of their own and come first; a result's images follow as the user's.
fn user_messages(turn: &Turn, quirks: &Quirks, messages: &mut Vec<Value>) -> Result<(), Unsupported> {
    let mut said = Vec::new();
    for part in &turn.parts {
        match &part.content {
            Content::ToolResult(result) => {
                messages.push(tool_message(result, quirks));
                said.extend(result.images.iter().map(image));
            }
            Content::Text(text) => said.push(json!({"type": "text", "text": text})),
            Content::Image(picture) => said.push(image(picture)),
            Content::ToolCall(_) => return Err(Unsupported::new("a tool call by the user")),
            Content::Thinking => {}
        }
    }
    match said.as_slice() {
        [] => {}
        [only] if only.get("type") == Some(&"text".into()) => {
            messages.push(json!({"role": "user", "content": only.get("text")}));
        }
        _ => messages.push(json!({"role": "user", "content": said})),
    }
    Ok(())
}

fn tool_message(result: &ToolResult, quirks: &Quirks) -> Value {
    // OpenAI has no word for a failure; what failed stands in the text.
    let content = if result.failed { format!("Error: {}", result.text) } else { result.text.clone() };
    json!({"role": "tool", "tool_call_id": quirks.call_id(&result.id), "content": content})
}

fn assistant_message(turn: &Turn, quirks: &Quirks) -> Result<Option<Value>, Unsupported> {
    let mut texts = Vec::new();
    let mut calls = Vec::new();
    for Part { content, .. } in &turn.parts {
        match content {
            Content::Text(text) => texts.push(text.as_str()),
            Content::ToolCall(call) => calls.push(json!({
                "id": quirks.call_id(&call.id),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments.to_string()}
            })),
            Content::Thinking => {}
            Content::Image(_) => return Err(Unsupported::new("an image by the assistant")),
            Content::ToolResult(_) => return Err(Unsupported::new("a tool result by the assistant")),
        }
    }
    if texts.is_empty() && calls.is_empty() {
        return Ok(None);
    }
    let content = if texts.is_empty() { Value::Null } else { texts.join("\n").into() };
    let mut message = json!({"role": "assistant", "content": content});
    if let (false, Value::Object(members)) = (calls.is_empty(), &mut message) {
        members.insert("tool_calls".into(), calls.into());
    }
    Ok(Some(message))
}

fn image(image: &Image) -> Value {
    json!({"type": "image_url", "image_url": {"url": image.to_url()}})
}

fn tool(tool: &Tool) -> Value {
    let mut function = json!({"name": tool.name});
    if let Value::Object(members) = &mut function {
        let optional = [
            ("description", tool.description.as_deref().map(Value::from)),
            ("parameters", tool.parameters.clone()),
            ("strict", tool.strict.map(Value::from)),
        ];
        for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            members.insert(name.into(), value);
        }
    }
    json!({"type": "function", "function": function})
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Tool(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

fn response_format(format: &OutputFormat) -> Value {
    match format {
        OutputFormat::JsonObject => json!({"type": "json_object"}),
        OutputFormat::JsonSchema { name, schema, strict } => {
            let name = name.as_deref().unwrap_or("answer");
            json!({"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": strict.unwrap_or(true)}})
        }
    }
}

fn effort(reasoning: Reasoning) -> Option<Value> {
    match reasoning {
        Reasoning::Off => Some("none".into()),
        Reasoning::Adaptive => None,
        // Few of its models know a word for more than that.
        Reasoning::Effort(effort) => Some(effort.min(Effort::High).as_str().into()),
        Reasoning::Budget(tokens) => Some(Effort::of_budget(tokens).as_str().into()),
    }
}

fn some_list(values: impl Iterator<Item = Value>) -> Option<Value> {
    let values: Vec<Value> = values.collect();
    (!values.is_empty()).then(|| values.into())
}
