//! What a request in Anthropic's words says that not every dialect has a word for.

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess};
use serde_json::Value;

use super::read::{SYSTEM_NOT_TEXT, member};
use crate::chat::conversation::{Conversation, Unsupported};
use crate::chat::image::Image;
use crate::chat::survey::{Calls, Seen, Survey, Word, Words, look_over, see};

/// Looks a body over.
///
/// # Errors
/// [`Unsupported`] when a member is not what Anthropic has there.
pub(in crate::chat) fn survey(body: &[u8]) -> Result<Survey, Unsupported> {
    look_over::<Anthropic>(body)
}

/// Anthropic's words.
struct Anthropic;

impl Words for Anthropic {
    const NAME: &'static str = "Anthropic";
    type Message = Message;
    type Tool = Tool;

    fn messages(messages: &[Message], survey: &mut Survey) {
        look_at_messages(messages, survey);
    }

    fn tools(tools: &[Tool], survey: &mut Survey) {
        let mut kinds = tools.iter().filter_map(|tool| tool.r#type.as_ref());
        if let Some(Word(kind)) = kinds.find(|kind| kind.0 != "custom") {
            survey.refuse(Unsupported::new(format!("the tool {kind}")));
        }
    }

    fn member(conversation: &mut Conversation, name: &str, value: &Value) -> Result<(), Unsupported> {
        member(conversation, name, value)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message {
    role: Word,
    content: Blocks,
}

/// The blocks of a message, or of a tool's result; text alone has none.
#[derive(Default)]
struct Blocks(Vec<Block>);

#[derive(Deserialize, Default)]
#[serde(default)]
struct Block {
    r#type: Word,
    source: Source,
    id: Word,
    name: Word,
    tool_use_id: Word,
    content: Blocks,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Source {
    r#type: Word,
    url: Word,
}

#[derive(Deserialize)]
struct Tool {
    r#type: Option<Word>,
}

impl<'de> Seen<'de> for Blocks {
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut blocks = Vec::new();
        while let Some(block) = list.next_element()? {
            blocks.push(block);
        }
        Ok(Self(blocks))
    }
}

impl<'de> Deserialize<'de> for Blocks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        see(deserializer)
    }
}

fn look_at_messages(messages: &[Message], survey: &mut Survey) {
    let mut calls = Calls::default();
    let mut speaker = "";
    for message in messages {
        let role = message.role.0.as_str();
        if role == "system" {
            speaker = role;
            calls.begin_turn();
            if message.content.0.iter().any(|block| block.r#type.0 != "text") {
                survey.refuse(Unsupported::new(SYSTEM_NOT_TEXT));
            }
            continue;
        }
        if !matches!(role, "user" | "assistant") {
            survey.refuse(Unsupported::new(format!("a message of role {role}")));
            continue;
        }
        if std::mem::replace(&mut speaker, role) != role {
            calls.begin_turn();
        }
        for block in &message.content.0 {
            look_at_block(block, role == "assistant", &calls, survey);
        }
        // A result refers to a message before its own.
        for Block { id, name, .. } in message.content.0.iter().filter(|block| block.r#type.0 == "tool_use") {
            calls.call(&id.0, !name.0.is_empty());
        }
    }
}

fn look_at_block(block: &Block, is_assistants: bool, calls: &Calls<'_>, survey: &mut Survey) {
    let misplaced = match block.r#type.0.as_str() {
        "text" | "thinking" | "redacted_thinking" => None,
        "image" => {
            look_at_image(block, survey);
            is_assistants.then_some("an image by the assistant")
        }
        "tool_use" => (!is_assistants).then_some("a tool call by the user"),
        "tool_result" => {
            survey.result_without_call |= !calls.knows(&block.tool_use_id.0);
            look_at_result(block, survey);
            is_assistants.then_some("a tool result by the assistant")
        }
        other => {
            survey.refuse(Unsupported::new(format!("content of type {other}")));
            None
        }
    };
    survey.misplaced = survey.misplaced.or(misplaced);
}

fn look_at_result(block: &Block, survey: &mut Survey) {
    for part in &block.content.0 {
        match part.r#type.0.as_str() {
            "text" => {}
            "image" => look_at_image(part, survey),
            other => survey.refuse(Unsupported::new(format!("a tool result of type {other}"))),
        }
    }
}

fn look_at_image(block: &Block, survey: &mut Survey) {
    match block.source.r#type.0.as_str() {
        "base64" => {}
        "url" => survey.see(&Image::Url(block.source.url.0.clone())),
        other => survey.refuse(Unsupported::new(format!("an image from a source of type {other}"))),
    }
}
