//! What may be called: functions, tools that take a text, groups of either, and tools that the provider runs itself.

use serde_json::{Value, json};

use crate::chat::answer::text_of;
use crate::chat::conversation::{Conversation, Tool, ToolChoice, Unsupported, each};
use crate::chat::redress::OwnTool;
use crate::chat::unsaid::{Known, note};

/// Tools that a provider runs itself, by which it finds or makes something.
const RUN_BY_PROVIDER: [(&str, &str); 4] = [
    ("web_search", "tools.web_search"),
    ("web_search_preview", "tools.web_search"),
    ("web_search_preview_2025_03_11", "tools.web_search"),
    ("image_generation", "tools.image_generation"),
];

/// Reads `tools`. One that the provider runs itself is left out where the caller has others that it runs: an agent has more than
/// one way to its end.
///
/// # Errors
/// [`Unsupported`] names a tool that no other dialect has a word for.
pub(super) fn read(conversation: &mut Conversation, tools: &Value) -> Result<(), Unsupported> {
    let mut run_by_provider = None;
    for tool in tools.as_array().into_iter().flatten() {
        match tool.get("type").and_then(Value::as_str).unwrap_or_default() {
            "function" | "custom" => add(conversation, tool, None),
            "namespace" => {
                let namespace = text_of(tool, "name");
                for tool in tool.get("tools").and_then(Value::as_array).into_iter().flatten() {
                    add(conversation, tool, Some(&namespace));
                }
            }
            kind => match RUN_BY_PROVIDER.iter().find(|(known, _)| *known == kind) {
                Some((_, name)) => run_by_provider = Some(*name),
                None => return Err(Unsupported::new(format!("the tool {kind}"))),
            },
        }
    }
    match run_by_provider {
        Some(name) if conversation.tools.is_empty() => return Err(Unsupported::new(name)),
        Some(name) => conversation.leave_out(name),
        None => {}
    }
    Ok(())
}

/// Longest name of a function that all providers take, in bytes.
const LONGEST_NAME: usize = 64;

/// The name of the function that stands for a tool of a group; of a long one its end.
pub(super) fn function_name(namespace: Option<&str>, name: &str) -> String {
    let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) else {
        return name.to_owned();
    };
    let whole = format!("{namespace}__{name}");
    let start = whole.ceil_char_boundary(whole.len().saturating_sub(LONGEST_NAME));
    whole.get(start..).unwrap_or_default().to_owned()
}

/// The function that a value names, which may stand in a group.
pub(super) fn function_named_in(value: &Value) -> String {
    function_name(value.get("namespace").and_then(Value::as_str), &text_of(value, "name"))
}

/// What is known of a tool.
const TOOL: Known =
    Known { place: "tools[]", members: &["type", "name", "description", "parameters", "strict", "format"] };

fn add(conversation: &mut Conversation, tool: &Value, namespace: Option<&str>) {
    note(&mut conversation.unsaid, tool, TOOL);
    let takes_text = tool.get("type").and_then(Value::as_str) == Some("custom");
    let name = text_of(tool, "name");
    let function = function_name(namespace, &name);
    conversation.tools.push(if takes_text {
        custom(tool, function.clone())
    } else {
        self::function(tool, function.clone())
    });
    if takes_text || namespace.is_some() {
        let namespace = namespace.map(str::to_owned);
        conversation.own_tools.push(OwnTool { function, name, namespace, takes_text });
    }
}

fn function(tool: &Value, name: String) -> Tool {
    Tool {
        name,
        description: tool.get("description").and_then(Value::as_str).map(str::to_owned),
        parameters: tool.get("parameters").filter(|schema| !schema.is_null()).cloned(),
        strict: tool.get("strict").and_then(Value::as_bool),
        cache: false,
    }
}

/// A tool that takes a text is a function of one argument to all who know only functions; of a grammar they are told.
fn custom(tool: &Value, name: String) -> Tool {
    let mut description = text_of(tool, "description");
    if let Some(format) = tool.get("format").filter(|format| format.get("definition").is_some()) {
        let (syntax, definition) = (text_of(format, "syntax"), text_of(format, "definition"));
        if !description.is_empty() {
            description.push_str("\n\n");
        }
        description.push_str(&format!("`input` follows this grammar ({syntax}):\n{definition}"));
    }
    let parameters = json!({
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
        "additionalProperties": false
    });
    Tool {
        name,
        description: Some(description).filter(|text| !text.is_empty()),
        parameters: Some(parameters),
        strict: None,
        cache: false,
    }
}

/// Reads `tool_choice`, once all tools are known.
///
/// # Errors
/// [`Unsupported`] when it names what no other dialect has a word for.
pub(super) fn choose(conversation: &mut Conversation, choice: &Value) -> Result<(), Unsupported> {
    if choice.get("type").and_then(Value::as_str) == Some("allowed_tools") {
        let name = |tool: &Value| Ok(function_named_in(tool));
        let allowed = each(choice.get("tools").unwrap_or(&Value::Null), name)?;
        conversation.tools.retain(|tool| allowed.contains(&tool.name));
    }
    conversation.tool_choice = Some(tool_choice(choice)?);
    Ok(())
}

fn tool_choice(choice: &Value) -> Result<ToolChoice, Unsupported> {
    let word = |word: Option<&str>| match word {
        Some("auto") => Ok(ToolChoice::Auto),
        Some("none") => Ok(ToolChoice::None),
        Some("required") => Ok(ToolChoice::Required),
        _ => Err(Unsupported::new("tool_choice")),
    };
    match choice.get("type").and_then(Value::as_str) {
        Some("function" | "custom") => Ok(ToolChoice::Tool(function_named_in(choice))),
        Some("allowed_tools") => word(choice.get("mode").and_then(Value::as_str)),
        _ => word(choice.as_str()),
    }
}
