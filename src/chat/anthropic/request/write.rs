//! From a conversation to Anthropic's words.

use serde_json::{Map, Value, json};

use crate::chat::claude::Thinking;
use crate::chat::conversation::{
    Addressee, Content, Conversation, Effort, OutputFormat, Part, Reasoning, Speaker, Tool, ToolChoice,
    ToolResult, Unsupported, Written,
};
use crate::chat::image::Image;
use crate::chat::redress::{ANSWER_TOOL, Redress};

/// The longest answer that is asked for when neither the caller nor the policy names one, in tokens.
const DEFAULT_MAX_TOKENS: u64 = 4096;
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
    let asked = target.bound(conversation.max_tokens, &mut dropped);
    let max_tokens = asked.or(target.max_output).unwrap_or(DEFAULT_MAX_TOKENS).max(1);
    let (thinking, effort) = thinking(conversation, target, max_tokens, &mut dropped);
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
    let answers_by_tool = answers_by_tool(conversation);
    let tools: Vec<Value> =
        conversation.tools.iter().map(tool).chain(answers_by_tool.then(answer_tool)).collect();
    put("tools", (!tools.is_empty()).then(|| tools.into()));
    put("tool_choice", tool_choice(conversation, answers_by_tool));
    put("output_config", output_config(conversation, effort));
    put("stop_sequences", (!conversation.stop.is_empty()).then(|| conversation.stop.clone().into()));
    let is_thinking =
        thinking.as_ref().is_some_and(|thinking| thinking.get("type") != Some(&"disabled".into()));
    let too_warm = conversation.temperature.filter(|degrees| *degrees > MAX_TEMPERATURE);
    for (name, value, is_taken) in [
        // Thinking allows neither of these two.
        (
            "temperature",
            conversation.temperature.map(|degrees| degrees.min(MAX_TEMPERATURE).into()),
            !is_thinking,
        ),
        ("top_k", conversation.top_k.map(Value::from), !is_thinking),
        ("top_p", conversation.top_p.map(Value::from), true),
    ] {
        if is_taken && target.claude.sampling {
            put(name, value);
        } else {
            dropped.extend(value.map(|_| name));
        }
    }
    if too_warm.is_some() && !dropped.contains(&"temperature") {
        dropped.push("temperature");
    }
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
    let redress = Redress { answers_by_tool, ..Redress::default() };
    Ok(Written { body: Value::Object(body).to_string().into_bytes(), dropped, redress, ..Written::default() })
}

/// The setting of thinking, and how much of it, as far as the model knows one and the conversation allows it.
fn thinking(
    conversation: &Conversation,
    target: Addressee<'_>,
    max_tokens: u64,
    dropped: &mut Vec<&'static str>,
) -> (Option<Value>, Option<Effort>) {
    let Some(reasoning) = conversation.reasoning else { return (None, None) };
    let forced = matches!(conversation.tool_choice, Some(ToolChoice::Required | ToolChoice::Tool(_)))
        || answers_by_tool(conversation);
    let is_off = reasoning == Reasoning::Off;
    if !is_off && (!target.reasoning || forced) {
        dropped.push("reasoning");
        return (None, None);
    }
    let adaptive = Some(json!({"type": "adaptive"}));
    match (target.claude.thinking, reasoning) {
        _ if is_off && !target.reasoning => (None, None),
        (Thinking::Budget, _) => (budget(conversation, reasoning, max_tokens, dropped), None),
        (Thinking::Adaptive, Reasoning::Off) => (None, None),
        (Thinking::AdaptiveByDefault, Reasoning::Off) => (Some(json!({"type": "disabled"})), None),
        (Thinking::AdaptiveAlways, Reasoning::Off) => (None, Some(Effort::Low)),
        (_, Reasoning::Adaptive) => (adaptive, None),
        // The first that think so have no word between `high` and `max`.
        (Thinking::Adaptive, Reasoning::Effort(Effort::XHigh)) => (adaptive, Some(Effort::High)),
        (_, Reasoning::Effort(effort)) => (adaptive, Some(effort)),
        (_, Reasoning::Budget(tokens)) => (adaptive, Some(Effort::of_budget(tokens))),
    }
}

/// Thinking with a budget: after calls of tools that another provider's model made without thinking, Anthropic allows none.
fn budget(
    conversation: &Conversation,
    reasoning: Reasoning,
    max_tokens: u64,
    dropped: &mut Vec<&'static str>,
) -> Option<Value> {
    let budget = match reasoning {
        Reasoning::Off => return Some(json!({"type": "disabled"})),
        Reasoning::Adaptive => max_tokens / 2,
        Reasoning::Effort(effort) => effort.budget().max(MIN_BUDGET),
        Reasoning::Budget(tokens) => tokens.max(MIN_BUDGET),
    };
    let budget = budget.min(max_tokens / 2);
    let is_result = |part: &Part| matches!(part.content, Content::ToolResult(_));
    let amid_calls = conversation.turns.last().is_some_and(|turn| turn.parts.iter().any(is_result));
    if budget < MIN_BUDGET || amid_calls {
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

/// Whether any JSON object shall come: Anthropic's only word for that is a tool. Where a call of another one is asked for, that is the
/// answer.
fn answers_by_tool(conversation: &Conversation) -> bool {
    let calls = matches!(conversation.tool_choice, Some(ToolChoice::Required | ToolChoice::Tool(_)));
    conversation.output == Some(OutputFormat::JsonObject) && (!calls || conversation.tools.is_empty())
}

fn answer_tool() -> Value {
    json!({
        "name": ANSWER_TOOL,
        "description": "Gives the answer: its arguments are the JSON object that was asked for.",
        "input_schema": {"type": "object"}
    })
}

fn tool_choice(conversation: &Conversation, answers_by_tool: bool) -> Option<Value> {
    if answers_by_tool {
        let is_alone = conversation.tools.is_empty() || conversation.tool_choice == Some(ToolChoice::None);
        return Some(if is_alone {
            json!({"type": "tool", "name": ANSWER_TOOL, "disable_parallel_tool_use": true})
        } else if conversation.parallel_calls == Some(false) {
            json!({"type": "any", "disable_parallel_tool_use": true})
        } else {
            json!({"type": "any"})
        });
    }
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

fn output_config(conversation: &Conversation, effort: Option<Effort>) -> Option<Value> {
    let mut config = Map::new();
    if let Some(OutputFormat::JsonSchema { schema, .. }) = &conversation.output {
        config.insert("format".into(), json!({"type": "json_schema", "schema": schema}));
    }
    // It has no word for less than little.
    config.extend(effort.map(|effort| ("effort".to_owned(), effort.max(Effort::Low).as_str().into())));
    (!config.is_empty()).then(|| config.into())
}

fn marked(mut block: Value, cache: bool) -> Value {
    if let (true, Value::Object(members)) = (cache, &mut block) {
        members.insert("cache_control".into(), json!({"type": "ephemeral"}));
    }
    block
}

#[cfg(test)]
mod tests;
