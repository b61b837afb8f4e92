//! From a conversation to Anthropic's words.

use serde_json::{Map, Value, json};

use crate::chat::conversation::{
    Addressee, Content, Conversation, Image, OutputFormat, Part, Reasoning, Speaker, Tool, ToolChoice,
    ToolResult, Unsupported, Written,
};

/// The least budget for thinking that Anthropic takes, in tokens.
const MIN_BUDGET: u64 = 1024;
/// The greatest temperature that Anthropic takes.
const MAX_TEMPERATURE: f64 = 1.0;

/// Writes a request body.
///
/// # Errors
/// [`Unsupported`] names what Anthropic has no word for and what cannot be left out.
pub(in crate::chat) fn write(
    conversation: &Conversation,
    target: Addressee<'_>,
) -> Result<Written, Unsupported> {
    let mut dropped = conversation.left_out.clone();
    let max_tokens = conversation.max_tokens.unwrap_or(target.max_output).max(1);
    let thinking = thinking(conversation, target, max_tokens, &mut dropped);
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    put("model", Some(target.model.into()));
    put("max_tokens", Some(max_tokens.into()));
    put("system", system(conversation));
    put("messages", Some(messages(conversation).into()));
    put("tools", (!conversation.tools.is_empty()).then(|| conversation.tools.iter().map(tool).collect()));
    put("tool_choice", tool_choice(conversation));
    put("output_config", output_config(conversation)?);
    put("stop_sequences", (!conversation.stop.is_empty()).then(|| conversation.stop.clone().into()));
    if thinking.is_some() {
        // Thinking allows neither.
        dropped.extend(conversation.temperature.map(|_| "temperature"));
        dropped.extend(conversation.top_k.map(|_| "top_k"));
    } else {
        put("temperature", conversation.temperature.map(|degrees| degrees.min(MAX_TEMPERATURE).into()));
        put("top_k", conversation.top_k.map(Value::from));
        if conversation.temperature.is_some_and(|degrees| degrees > MAX_TEMPERATURE) {
            dropped.push("temperature");
        }
    }
    put("top_p", conversation.top_p.map(Value::from));
    put("thinking", thinking);
    put("metadata", conversation.user.as_ref().map(|user| json!({"user_id": user})));
    put("stream", conversation.stream.then_some(Value::Bool(true)));
    for (name, is_there) in [
        ("seed", conversation.seed.is_some()),
        ("presence_penalty", conversation.presence_penalty.is_some()),
        ("frequency_penalty", conversation.frequency_penalty.is_some()),
        ("thinking", conversation.has_thoughts()),
    ] {
        if is_there {
            dropped.push(name);
        }
    }
    Ok(Written { body: Value::Object(body).to_string().into_bytes(), dropped })
}

/// The setting of thinking, as far as the model knows one and the conversation allows it: after calls of tools that another
/// provider's model made without thinking, Anthropic allows none.
fn thinking(
    conversation: &Conversation,
    target: Addressee<'_>,
    max_tokens: u64,
    dropped: &mut Vec<&'static str>,
) -> Option<Value> {
    let budget = match conversation.reasoning? {
        Reasoning::Off => return target.reasoning.then(|| json!({"type": "disabled"})),
        Reasoning::Adaptive => max_tokens / 2,
        Reasoning::Effort(effort) => effort.budget().max(MIN_BUDGET),
        Reasoning::Budget(tokens) => tokens.max(MIN_BUDGET),
    };
    let budget = budget.min(max_tokens / 2);
    let amid_calls = conversation
        .turns
        .last()
        .is_some_and(|turn| turn.parts.iter().any(|part| matches!(part.content, Content::ToolResult(_))));
    let forced = matches!(conversation.tool_choice, Some(ToolChoice::Required | ToolChoice::Tool(_)));
    if !target.reasoning || budget < MIN_BUDGET || amid_calls || forced {
        dropped.push("reasoning");
        return None;
    }
    Some(json!({"type": "enabled", "budget_tokens": budget}))
}

fn system(conversation: &Conversation) -> Option<Value> {
    let texts: Vec<Value> = conversation
        .system
        .iter()
        .filter(|text| !text.text.is_empty())
        .map(|text| marked(json!({"type": "text", "text": text.text}), text.cache))
        .collect();
    (!texts.is_empty()).then(|| texts.into())
}

fn messages(conversation: &Conversation) -> Vec<Value> {
    let mut messages = Vec::with_capacity(conversation.turns.len());
    for turn in &conversation.turns {
        let role = match turn.role {
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
            Speaker::System => "system",
        };
        // Results of tools must come first.
        let (results, rest): (Vec<_>, Vec<_>) =
            turn.parts.iter().partition(|part| matches!(part.content, Content::ToolResult(_)));
        let blocks: Vec<Value> = results.into_iter().chain(rest).filter_map(block).collect();
        if !blocks.is_empty() {
            messages.push(json!({"role": role, "content": blocks}));
        }
    }
    messages
}

/// A content block; `None` for what Anthropic refuses (empty text) or would not know again (another model's thoughts).
fn block(part: &Part) -> Option<Value> {
    let block = match &part.content {
        Content::Text(text) if text.is_empty() => return None,
        Content::Thinking => return None,
        Content::Text(text) => json!({"type": "text", "text": text}),
        Content::Image(image) => image_block(image),
        Content::ToolCall(call) => {
            json!({"type": "tool_use", "id": identifier(&call.id), "name": call.name, "input": call.arguments})
        }
        Content::ToolResult(result) => tool_result(result),
    };
    Some(marked(block, part.cache))
}

fn image_block(image: &Image) -> Value {
    let source = match image {
        Image::Url(url) => json!({"type": "url", "url": url}),
        Image::Inline { media_type, base64 } => {
            json!({"type": "base64", "media_type": media_type, "data": base64})
        }
    };
    json!({"type": "image", "source": source})
}

fn tool_result(result: &ToolResult) -> Value {
    let text = (!result.text.is_empty()).then(|| json!({"type": "text", "text": result.text}));
    let content: Vec<Value> = text.into_iter().chain(result.images.iter().map(image_block)).collect();
    let mut block = json!({"type": "tool_result", "tool_use_id": identifier(&result.id), "content": content});
    if let (true, Value::Object(members)) = (result.failed, &mut block) {
        members.insert("is_error".into(), true.into());
    }
    block
}

/// Anthropic's identifiers of calls have letters, digits, `_` and `-`.
fn identifier(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

fn tool(tool: &Tool) -> Value {
    let schema = tool.parameters.clone().unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    let mut written = json!({"name": tool.name, "input_schema": schema});
    if let Value::Object(members) = &mut written {
        if let Some(description) = &tool.description {
            members.insert("description".into(), description.as_str().into());
        }
        if tool.strict == Some(true) {
            members.insert("strict".into(), true.into());
        }
    }
    marked(written, tool.cache)
}

fn tool_choice(conversation: &Conversation) -> Option<Value> {
    if conversation.tools.is_empty() {
        return None;
    }
    let alone = conversation.parallel_calls == Some(false);
    let mut choice = match (&conversation.tool_choice, alone) {
        (None, false) => return None,
        (Some(ToolChoice::None), _) => return Some(json!({"type": "none"})),
        (None | Some(ToolChoice::Auto), _) => json!({"type": "auto"}),
        (Some(ToolChoice::Required), _) => json!({"type": "any"}),
        (Some(ToolChoice::Tool(name)), _) => json!({"type": "tool", "name": name}),
    };
    if let (true, Value::Object(members)) = (alone, &mut choice) {
        members.insert("disable_parallel_tool_use".into(), true.into());
    }
    Some(choice)
}

fn output_config(conversation: &Conversation) -> Result<Option<Value>, Unsupported> {
    match &conversation.output {
        None => Ok(None),
        Some(OutputFormat::JsonObject) => Err(Unsupported::new("response_format json_object")),
        Some(OutputFormat::JsonSchema { schema, .. }) => {
            Ok(Some(json!({"format": {"type": "json_schema", "schema": schema}})))
        }
    }
}

fn marked(mut block: Value, cache: bool) -> Value {
    if let (true, Value::Object(members)) = (cache, &mut block) {
        members.insert("cache_control".into(), json!({"type": "ephemeral"}));
    }
    block
}
