//! The messages of a chat request: their shape, and the text of the last user message.

mod items;

use jiter::Peek;

use super::canonical::{Keep, Read, Reader};
use super::doubt::Doubt;
use super::spelling::is_spelled_like;
use super::text::{Text, decode};
use super::turns::{Listener, Turns};
use super::view::Shape;
use crate::chat::anthropic::billing::after_line;
use crate::chat::dialect::Caller;

/// The messages that have been read.
#[derive(Debug, Default)]
pub(super) struct Messages {
    shape: Shape,
    turns: Listener,
    /// Text parts of the last user message.
    last_user: Vec<Text>,
    /// Text in messages that are not system messages.
    dialogue_bytes: u32,
    fault: Option<&'static str>,
    doubt: Doubt,
    /// Whether an item stands for one that the provider holds.
    refers: bool,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MessageRole {
    System,
    User,
    Tool,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MessageMember {
    Role,
    Content,
    /// What kind of item it is, in a call of the Responses API.
    Type,
    /// What a tool has given back, in an item.
    Output,
    /// By what an item is known, and how far it has come: another one in each request, and nothing that was said.
    Label,
    Other,
    /// Not a member that we know, but one that a server could take for it.
    Like(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartMember {
    Type,
    Text,
    /// The bytes or the address of an image, or of other media.
    Media,
    /// What an image or a document consists of, which may be text.
    Source,
    /// What the result of a tool consists of.
    Content,
    Other,
    Like(&'static str),
}

/// The first of `names` that a server could take `key` for.
fn like(key: &str, names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| is_spelled_like(key, name))
}

/// One message as it is being read; its members come in any order.
#[derive(Debug, Default)]
struct Message {
    role: Option<MessageRole>,
    texts: Vec<Text>,
    images: u32,
    media_bytes: u32,
    /// Results of tools among its parts.
    results: u32,
    malformed: bool,
    doubt: Doubt,
    /// What kind of item it is; `None`: a message.
    item: Option<Item>,
}

/// An item that is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    /// What a tool has given back.
    Result,
    /// It stands for one that the provider holds.
    Reference,
    Other,
}

impl Messages {
    /// Reads the value of `messages`.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>, body: &str, peek: Peek, depth: u16) -> Read<()> {
        if peek != Peek::Array {
            self.fault = Some("messages");
            return reader.value(peek, depth);
        }
        reader.array(depth, |reader, peek, depth| {
            if peek != Peek::Object {
                self.fault = Some("messages");
                return reader.value(peek, depth);
            }
            let mut message = Message::default();
            message.read(reader, body, depth)?;
            self.take(body, message);
            Ok(())
        })
    }

    /// Reads Anthropic's `system`, or `instructions`: a string, or parts of text.
    pub(super) fn read_system(
        &mut self,
        reader: &mut Reader<'_>,
        body: &str,
        peek: Peek,
        depth: u16,
    ) -> Read<()> {
        let mut system = Message::default();
        if peek == Peek::Array {
            let mut is_first = true;
            reader.array(depth, |reader, peek, depth| {
                let start = reader.written();
                system.element(reader, body, peek, depth)?;
                // A line that is another one in each request belongs neither to its form nor to its length.
                if std::mem::take(&mut is_first) && system.after_billing_line(body).as_deref() == Some("") {
                    reader.rewrite(start, None);
                    system.texts.clear();
                }
                Ok(())
            })?;
        } else {
            let start = reader.written();
            system.content(reader, body, peek, depth)?;
            if let Some(rest) = system.after_billing_line(body) {
                reader.rewrite(start, Some(&rest));
            }
        }
        if system.malformed {
            self.fault = Some("system");
        }
        self.doubt.add(system.doubt);
        let bytes = system.texts.iter().map(|text| size(text.length)).fold(0, u32::saturating_add);
        self.shape.system_bytes = self.shape.system_bytes.saturating_add(bytes);
        Ok(())
    }

    fn take(&mut self, body: &str, mut message: Message) {
        self.doubt.add(std::mem::take(&mut message.doubt));
        let role = match message.item {
            None => message.role,
            Some(Item::Result) => Some(MessageRole::Tool),
            Some(Item::Reference | Item::Other) => Some(MessageRole::Other),
        };
        self.refers |= message.item == Some(Item::Reference);
        let Some(role) = role.filter(|_| !message.malformed) else {
            self.fault = Some("messages");
            return;
        };
        let only_results = message.results > 0 && message.texts.is_empty();
        let role = if role == MessageRole::User && only_results { MessageRole::Tool } else { role };
        self.shape.all_images = self.shape.all_images.saturating_add(message.images);
        self.shape.media_bytes = self.shape.media_bytes.saturating_add(message.media_bytes);
        let bytes = message.texts.iter().map(|text| size(text.length)).fold(0, u32::saturating_add);
        self.shape.messages = self.shape.messages.saturating_add(1);
        self.turns.hear(
            role == MessageRole::Other,
            message.texts.iter().filter_map(|text| body.get(text.span.clone())),
        );
        match role {
            MessageRole::System => {
                self.shape.system_bytes = self.shape.system_bytes.saturating_add(bytes);
                return;
            }
            MessageRole::User => {
                self.shape.user_messages = self.shape.user_messages.saturating_add(1);
                self.shape.images = message.images;
                self.shape.history_bytes = self.dialogue_bytes;
                self.last_user = message.texts;
            }
            MessageRole::Tool | MessageRole::Other => {}
        }
        self.dialogue_bytes = self.dialogue_bytes.saturating_add(bytes);
    }

    /// The member that is not what a chat request of a `caller` has there.
    pub(super) fn fault(&self, caller: Caller) -> Option<&'static str> {
        let member = if caller == Caller::Responses { "input" } else { "messages" };
        let fault = self.fault.or_else(|| (self.shape.messages == 0).then_some(member));
        fault.map(|fault| if fault == "messages" { member } else { fault })
    }

    /// Whether the provider holds something of what was said.
    pub(super) fn refers(&self) -> bool {
        self.refers
    }

    /// What two readers could understand differently.
    pub(super) fn take_doubt(&mut self) -> Doubt {
        std::mem::take(&mut self.doubt)
    }

    /// By what the conversation is known again.
    pub(super) fn turns(&self) -> Turns {
        self.turns.turns()
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// The text parts of the last user message.
    pub(super) fn into_last_user(self) -> Vec<Text> {
        self.last_user
    }
}

fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Message {
    fn read(&mut self, reader: &mut Reader<'_>, body: &str, depth: u16) -> Read<()> {
        let member = |key: &str| match key {
            "role" => MessageMember::Role,
            "content" => MessageMember::Content,
            _ => like(key, &["role", "content"]).map_or(MessageMember::Other, MessageMember::Like),
        };
        let (mut roles, mut contents) = (0_u8, 0_u8);
        reader.object(depth, member, |reader, member, peek, depth| {
            match member {
                MessageMember::Role => {
                    self.doubt.once("role", &mut roles);
                    self.role(reader, body, peek, depth)?;
                }
                MessageMember::Content => {
                    self.doubt.once("content", &mut contents);
                    self.content(reader, body, peek, depth)?;
                }
                MessageMember::Like(name) => {
                    self.doubt.misspelled(name);
                    reader.value(peek, depth)?;
                }
                MessageMember::Type | MessageMember::Output | MessageMember::Label | MessageMember::Other => {
                    reader.value(peek, depth)?;
                }
            }
            Ok(Keep::Yes)
        })
    }

    fn role(&mut self, reader: &mut Reader<'_>, body: &str, peek: Peek, depth: u16) -> Read<()> {
        if peek != Peek::String {
            self.malformed = true;
            return reader.value(peek, depth);
        }
        let text = reader.text()?;
        self.role = Some(match &*decode(body, &text) {
            "system" | "developer" => MessageRole::System,
            "user" => MessageRole::User,
            "tool" | "function" => MessageRole::Tool,
            _ => MessageRole::Other,
        });
        Ok(())
    }

    fn content(&mut self, reader: &mut Reader<'_>, body: &str, peek: Peek, depth: u16) -> Read<()> {
        match peek {
            Peek::String => {
                self.texts.push(reader.text()?);
                Ok(())
            }
            Peek::Null => reader.value(peek, depth),
            Peek::Array => reader.array(depth, |reader, peek, depth| self.element(reader, body, peek, depth)),
            _ => {
                self.malformed = true;
                reader.value(peek, depth)
            }
        }
    }

    /// What the only text says after a billing line, if it begins with one.
    fn after_billing_line(&self, body: &str) -> Option<String> {
        match self.texts.as_slice() {
            [text] => after_line(&decode(body, text)).map(str::to_owned),
            _ => None,
        }
    }

    fn element(&mut self, reader: &mut Reader<'_>, body: &str, peek: Peek, depth: u16) -> Read<()> {
        if peek == Peek::Object {
            return self.part(reader, body, depth);
        }
        self.malformed = true;
        reader.value(peek, depth)
    }

    /// Reads a content part: `{"type": "text", "text": ...}`, `{"type": "image_url", ...}`, Anthropic's
    /// `{"type": "image", "source": ...}`, `{"type": "tool_result", "content": ...}`, those of the Responses API or another.
    fn part(&mut self, reader: &mut Reader<'_>, body: &str, depth: u16) -> Read<()> {
        let member = |key: &str| match key {
            "type" => PartMember::Type,
            "text" => PartMember::Text,
            "content" => PartMember::Content,
            "source" => PartMember::Source,
            "image_url" | "input_audio" | "file" | "file_data" | "file_url" => PartMember::Media,
            _ => like(key, &["type", "text"]).map_or(PartMember::Other, PartMember::Like),
        };
        let (mut types, mut texts) = (0_u8, 0_u8);
        reader.object(depth, member, |reader, member, peek, depth| {
            match (member, peek) {
                (PartMember::Text, _) => {
                    self.doubt.once("text", &mut texts);
                    match peek {
                        Peek::String => self.texts.push(reader.text()?),
                        _ => {
                            self.malformed |= peek != Peek::Null;
                            reader.value(peek, depth)?;
                        }
                    }
                }
                (PartMember::Type, _) if peek != Peek::String => {
                    self.doubt.once("type", &mut types);
                    reader.value(peek, depth)?;
                }
                (PartMember::Type, _) => {
                    self.doubt.once("type", &mut types);
                    let text = reader.text()?;
                    match &*decode(body, &text) {
                        "image_url" | "image" | "input_image" => self.images = self.images.saturating_add(1),
                        "tool_result" => self.results = self.results.saturating_add(1),
                        _ => {}
                    }
                }
                (PartMember::Media, _) => self.media(reader, peek, depth)?,
                (PartMember::Source, _) => self.source(reader, body, peek, depth)?,
                (PartMember::Content, Peek::Array) => self.result(reader, body, depth)?,
                (PartMember::Like(name), _) => {
                    self.doubt.misspelled(name);
                    reader.value(peek, depth)?;
                }
                _ => reader.value(peek, depth)?,
            }
            Ok(Keep::Yes)
        })
    }

    fn media(&mut self, reader: &mut Reader<'_>, peek: Peek, depth: u16) -> Read<()> {
        let start = reader.at();
        reader.value(peek, depth)?;
        if peek != Peek::Null {
            let bytes = size(reader.at().saturating_sub(start));
            self.media_bytes = self.media_bytes.saturating_add(bytes);
        }
        Ok(())
    }

    /// Reads a source: bytes, an address, or text, which is none of either.
    fn source(&mut self, reader: &mut Reader<'_>, body: &str, peek: Peek, depth: u16) -> Read<()> {
        if peek != Peek::Object {
            return reader.value(peek, depth);
        }
        let (start, mut is_text) = (reader.at(), false);
        reader.object(
            depth,
            |key| key == "type",
            |reader, is_type, peek, depth| {
                if is_type && peek == Peek::String {
                    let text = reader.text()?;
                    is_text = matches!(&*decode(body, &text), "text" | "content");
                } else {
                    reader.value(peek, depth)?;
                }
                Ok(Keep::Yes)
            },
        )?;
        if !is_text {
            let bytes = size(reader.at().saturating_sub(start));
            self.media_bytes = self.media_bytes.saturating_add(bytes);
        }
        Ok(())
    }

    /// Reads what a tool has given back: of its parts only the images count, its text is nobody's question.
    fn result(&mut self, reader: &mut Reader<'_>, body: &str, depth: u16) -> Read<()> {
        let mut content = Self::default();
        reader.array(depth, |reader, peek, depth| {
            if peek == Peek::Object { content.part(reader, body, depth) } else { reader.value(peek, depth) }
        })?;
        self.images = self.images.saturating_add(content.images);
        self.media_bytes = self.media_bytes.saturating_add(content.media_bytes);
        self.doubt.add(content.doubt);
        Ok(())
    }
}
