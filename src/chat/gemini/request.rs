//! From a conversation to Gemini's words. No caller speaks them, so there is no reader.

use serde_json::{Map, Value, json};

use crate::chat::conversation::{
    Addressee, Content, Conversation, OutputFormat, Part, Reasoning, Speaker, Tool, ToolChoice, ToolResult,
    Turn, Unsupported, Written,
};
use crate::chat::image::{Image, Reach};
use crate::chat::redress::Redress;
use crate::chat::survey::{GEMINI_STOPS, NOT_FETCHED, UNTYPED_ADDRESS};

/// Documented by Google for calls of tools that another model made: Gemini 3 refuses calls without a signature.
const FOREIGN_SIGNATURE: &str = "skip_thought_signature_validator";

/// Writes a request body. The model stands in the path.
///
/// # Errors
/// [`Unsupported`] names what Gemini has no word for and what cannot be left out.
pub(in crate::chat) fn write(
    conversation: &Conversation,
    target: Addressee<'_>,
) -> Result<Written, Unsupported> {
    if conversation.stop.len() > GEMINI_STOPS {
        return Err(Unsupported::new("more than 5 stop sequences"));
    }
    let mut dropped = conversation.left_out.clone();
    let mut body = Map::new();
    let system: Vec<Value> = conversation.system.iter().map(|text| json!({"text": text.text})).collect();
    if !system.is_empty() {
        body.insert("systemInstruction".into(), json!({"parts": system}));
    }
    body.insert("contents".into(), contents(conversation, target)?.into());
    if !conversation.tools.is_empty() {
        let declarations: Vec<Value> = conversation.tools.iter().map(declaration).collect();
        body.insert("tools".into(), json!([{"functionDeclarations": declarations}]));
        if let Some(choice) = &conversation.tool_choice {
            body.insert("toolConfig".into(), json!({"functionCallingConfig": calling(choice)}));
        }
    }
    let generation = generation_config(conversation, target, &mut dropped);
    if !generation.is_empty() {
        body.insert("generationConfig".into(), generation.into());
    }
    for (name, is_there) in [
        ("user", conversation.user.is_some()),
        ("strict", conversation.tools.iter().any(|tool| tool.strict == Some(true))),
        ("cache_control", conversation.marks_cache()),
        ("thinking", conversation.has_thoughts()),
    ] {
        if is_there {
            dropped.push(name);
        }
    }
    // It cannot be told to make only one call at a time.
    let one_call = conversation.parallel_calls == Some(false);
    let redress = Redress { one_call, ..Redress::default() };
    Ok(Written { body: Value::Object(body).to_string().into_bytes(), dropped, redress, ..Written::default() })
}

fn generation_config(
    conversation: &Conversation,
    target: Addressee<'_>,
    dropped: &mut Vec<&'static str>,
) -> Map<String, Value> {
    let longest = target.bound(conversation.max_tokens, dropped);
    let mut config = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            config.insert(name.to_owned(), value);
        }
    };
    put("temperature", conversation.temperature.map(Value::from));
    put("topP", conversation.top_p.map(Value::from));
    put("topK", conversation.top_k.map(Value::from));
    put("maxOutputTokens", longest.map(Value::from));
    put("stopSequences", (!conversation.stop.is_empty()).then(|| conversation.stop.clone().into()));
    put("seed", conversation.seed.map(Value::from));
    put("presencePenalty", conversation.presence_penalty.map(Value::from));
    put("frequencyPenalty", conversation.frequency_penalty.map(Value::from));
    match &conversation.output {
        None => {}
        Some(OutputFormat::JsonObject) => put("responseMimeType", Some("application/json".into())),
        Some(OutputFormat::JsonSchema { schema, .. }) => {
            put("responseMimeType", Some("application/json".into()));
            put("responseJsonSchema", Some(schema.clone()));
        }
    }
    let budget = match conversation.reasoning {
        None => None,
        Some(Reasoning::Off) => Some(json!(0)),
        // Gemini's word for as much as it finds right.
        Some(Reasoning::Adaptive) => Some(json!(-1)),
        Some(Reasoning::Effort(effort)) => Some(effort.budget().into()),
        Some(Reasoning::Budget(tokens)) => Some(tokens.into()),
    };
    if let Some(budget) = budget {
        if target.reasoning {
            put("thinkingConfig", Some(json!({"thinkingBudget": budget})));
        } else if conversation.reasoning != Some(Reasoning::Off) {
            dropped.push("reasoning");
        }
    }
    config
}

fn contents(conversation: &Conversation, target: Addressee<'_>) -> Result<Vec<Value>, Unsupported> {
    let mut contents: Vec<(&str, Vec<Value>)> = Vec::with_capacity(conversation.turns.len());
    for turn in &conversation.turns {
        let parts = parts(turn, target)?;
        let role = match turn.role {
            // Instructions of its own Gemini takes only above all that is said.
            Speaker::User | Speaker::System => "user",
            Speaker::Assistant => "model",
        };
        match contents.last_mut() {
            Some((last, said)) if *last == role => said.extend(parts),
            _ if parts.is_empty() => {}
            _ => contents.push((role, parts)),
        }
    }
    Ok(contents.into_iter().map(|(role, parts)| json!({"role": role, "parts": parts})).collect())
}

fn parts(turn: &Turn, target: Addressee<'_>) -> Result<Vec<Value>, Unsupported> {
    let mut parts = Vec::with_capacity(turn.parts.len());
    let mut signed = false;
    for Part { content, .. } in &turn.parts {
        match content {
            Content::Thinking => {}
            Content::Text(text) if text.is_empty() => {}
            Content::Text(text) => parts.push(json!({"text": text})),
            Content::Image(image) => parts.push(data(image, target)?),
            Content::ToolCall(call) => {
                let call = json!({"name": call.name, "args": call.arguments});
                // The first call of a turn carries the signature for all of them.
                parts.push(if std::mem::replace(&mut signed, true) {
                    json!({"functionCall": call})
                } else {
                    json!({"functionCall": call, "thoughtSignature": FOREIGN_SIGNATURE})
                });
            }
            Content::ToolResult(result) => {
                parts.push(function_response(result)?);
                for image in &result.images {
                    parts.push(data(image, target)?);
                }
            }
        }
    }
    Ok(parts)
}

fn data(image: &Image, target: Addressee<'_>) -> Result<Value, Unsupported> {
    match (image, image.reach()) {
        (Image::Inline { media_type, base64 }, _) => {
            Ok(json!({"inlineData": {"mimeType": media_type, "data": base64}}))
        }
        (Image::Url(_), _) if !target.fetches_images => Err(Unsupported::new(NOT_FETCHED)),
        (Image::Url(url), Reach::TypedAddress(media_type)) => {
            Ok(json!({"fileData": {"mimeType": media_type, "fileUri": url}}))
        }
        (Image::Url(_), _) => Err(Unsupported::new(UNTYPED_ADDRESS)),
    }
}

fn function_response(result: &ToolResult) -> Result<Value, Unsupported> {
    if result.name.is_empty() {
        return Err(Unsupported::new("a tool result without its call"));
    }
    let member = if result.failed { "error" } else { "result" };
    let response = match serde_json::from_str(&result.text) {
        Ok(Value::Object(members)) if !result.failed => Value::Object(members),
        _ => json!({member: result.text}),
    };
    Ok(json!({"functionResponse": {"name": result.name, "response": response}}))
}

fn declaration(tool: &Tool) -> Value {
    let mut declaration = json!({"name": tool.name});
    if let Value::Object(members) = &mut declaration {
        if let Some(description) = &tool.description {
            members.insert("description".into(), description.as_str().into());
        }
        if let Some(schema) = &tool.parameters {
            members.insert("parametersJsonSchema".into(), schema.clone());
        }
    }
    declaration
}

fn calling(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!({"mode": "AUTO"}),
        ToolChoice::None => json!({"mode": "NONE"}),
        ToolChoice::Required => json!({"mode": "ANY"}),
        ToolChoice::Tool(name) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
    }
}
