//! What a request in OpenAI's words says that not every dialect has a word for.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess};
use serde_json::Value;

use super::read::{member, no_image};
use crate::chat::conversation::{Conversation, Unsupported};
use crate::chat::image::{Image, Reach};
use crate::chat::survey::{Calls, Elements, Given, Seen, Survey, Word, Words, look_over, see};

/// Looks a body over.
///
/// # Errors
/// [`Unsupported`] when a member is not what OpenAI has there.
pub(in crate::chat) fn survey(body: &[u8]) -> Result<Survey, Unsupported> {
    look_over::<OpenAi>(body)
}

/// OpenAI's words.
struct OpenAi;

impl Words for OpenAi {
    const NAME: &'static str = "OpenAI";
    type Message = Message;
    type Tool = Tool;

    fn messages(messages: &[Message], survey: &mut Survey) {
        look_at_messages(messages, survey);
    }

    fn tools(tools: &[Tool], survey: &mut Survey) {
        if tools.iter().any(|tool| tool.function.is_none()) {
            survey.refuse(Unsupported::new("tools that are not functions"));
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
    content: Content,
    tool_calls: Elements<Call>,
    function_call: Given,
    tool_call_id: Word,
}

/// What a message consists of.
#[derive(Default)]
struct Content {
    /// The first type of part that no other dialect knows.
    unknown: Option<String>,
    images: bool,
    image: Reach,
    /// Where something stands in an image's place that is none.
    no_image: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Part {
    r#type: Word,
    image_url: Picture,
}

#[derive(Default)]
struct Picture {
    url: Address,
}

/// How a model comes by an image; `None`: there is none.
#[derive(Default)]
struct Address(Option<Reach>);

#[derive(Deserialize, Default)]
#[serde(default)]
struct Call {
    id: Word,
    function: Option<Function>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Function {
    name: Word,
    arguments: Arguments,
}

/// Whether arguments are not JSON.
#[derive(Default)]
struct Arguments(bool);

#[derive(Deserialize)]
struct Tool {
    function: Option<IgnoredAny>,
}

impl Seen<'_> for Address {
    fn text(text: &str) -> Self {
        Self(Image::at(text).map(|image| image.reach()))
    }
}

impl<'de> Seen<'de> for Picture {
    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        let mut picture = Self::default();
        while let Some(name) = object.next_key::<Cow<'de, str>>()? {
            if name == "url" {
                picture.url = object.next_value()?;
            } else {
                object.next_value::<IgnoredAny>()?;
            }
        }
        Ok(picture)
    }
}

impl Seen<'_> for Arguments {
    fn text(text: &str) -> Self {
        let text = text.trim();
        Self(!text.is_empty() && serde_json::from_str::<IgnoredAny>(text).is_err())
    }
}

impl<'de> Seen<'de> for Content {
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut content = Self::default();
        for at in 0.. {
            let Some(Part { r#type: Word(kind), image_url }) = list.next_element()? else { break };
            match kind.as_str() {
                "text" | "refusal" => {}
                "image_url" => {
                    content.images = true;
                    match image_url.url.0 {
                        Some(reach) => content.image = content.image.max(reach),
                        None => drop(content.no_image.get_or_insert(at)),
                    }
                }
                _ => drop(content.unknown.get_or_insert(kind)),
            }
        }
        Ok(content)
    }
}

macro_rules! seen {
    ($($type:ty),*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                see(deserializer)
            }
        }
    )*};
}
seen!(Address, Arguments, Content, Picture);

fn look_at_messages(messages: &[Message], survey: &mut Survey) {
    let mut calls = Calls::default();
    let mut is_assistants_turn = false;
    for (at, message) in messages.iter().enumerate() {
        if let Some(part) = message.content.no_image {
            survey.refuse(no_image((at, part)));
        }
        if let Some(kind) = &message.content.unknown {
            survey.refuse(Unsupported::new(format!("content of type {kind}")));
        }
        survey.image = survey.image.max(message.content.image);
        match message.role.0.as_str() {
            "user" => is_assistants_turn = false,
            "system" | "developer" | "tool" if message.content.images => {
                survey.refuse(Unsupported::new("content that is not text in a system or tool message"));
            }
            "system" | "developer" => {}
            "tool" => {
                survey.result_without_call |= !calls.knows(&message.tool_call_id.0);
                is_assistants_turn = false;
            }
            "assistant" => {
                if !std::mem::replace(&mut is_assistants_turn, true) {
                    calls.begin_turn();
                }
                look_at_calls(message, survey, &mut calls);
            }
            other => survey.refuse(Unsupported::new(format!("a message of role {other}"))),
        }
    }
}

fn look_at_calls<'m>(message: &'m Message, survey: &mut Survey, calls: &mut Calls<'m>) {
    for call in &message.tool_calls.0 {
        match &call.function {
            None => survey.refuse(Unsupported::new("calls of custom tools")),
            Some(function) if function.arguments.0 => {
                survey.refuse(Unsupported::new("arguments of a tool call that are not JSON"));
            }
            Some(function) => calls.call(&call.id.0, !function.name.0.is_empty()),
        }
    }
    if message.function_call.0 {
        survey.refuse(Unsupported::new("function_call"));
    }
}
