//! The messages of a chat request: their shape, and the text of the last user message.

use jiter::Peek;

use super::canonical::{Keep, Read, Reader};
use super::text::{Text, decode};
use super::view::Shape;

/// The messages that have been read.
#[derive(Debug, Default)]
pub(super) struct Messages {
    shape: Shape,
    /// Text parts of the last user message.
    last_user: Vec<Text>,
    /// Text in messages that are not system messages, the last user message included.
    dialogue_bytes: u32,
    fault: Option<&'static str>,
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
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartMember {
    Type,
    Text,
    /// The bytes or the address of an image, or of other media.
    Media,
    Other,
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
            self.take(message);
            Ok(())
        })
    }

    /// Reads Anthropic's `system`: a string, or parts of text.
    pub(super) fn read_system(
        &mut self,
        reader: &mut Reader<'_>,
        body: &str,
        peek: Peek,
        depth: u16,
    ) -> Read<()> {
        let mut system = Message::default();
        system.content(reader, body, peek, depth)?;
        let bytes = system.texts.iter().map(|text| size(text.length)).fold(0, u32::saturating_add);
        self.shape.system_bytes = self.shape.system_bytes.saturating_add(bytes);
        Ok(())
    }

    fn take(&mut self, message: Message) {
        let Some(role) = message.role.filter(|_| !message.malformed) else {
            self.fault = Some("messages");
            return;
        };
        let only_results = message.results > 0 && message.texts.is_empty();
        let role = if role == MessageRole::User && only_results { MessageRole::Tool } else { role };
        self.shape.media_bytes = self.shape.media_bytes.saturating_add(message.media_bytes);
        let bytes = message.texts.iter().map(|text| size(text.length)).fold(0, u32::saturating_add);
        self.shape.messages = self.shape.messages.saturating_add(1);
        if role == MessageRole::System {
            self.shape.system_bytes = self.shape.system_bytes.saturating_add(bytes);
        } else {
            self.dialogue_bytes = self.dialogue_bytes.saturating_add(bytes);
        }
        match role {
            MessageRole::User => {
                self.shape.user_messages = self.shape.user_messages.saturating_add(1);
                self.shape.images = message.images;
                self.last_user = message.texts;
            }
            MessageRole::Tool => self.shape.tool_messages = self.shape.tool_messages.saturating_add(1),
            MessageRole::System | MessageRole::Other => {}
        }
    }

    /// The member that is not what a chat request has there.
    pub(super) fn fault(&self) -> Option<&'static str> {
        self.fault.or_else(|| (self.shape.messages == 0).then_some("messages"))
    }

    pub(super) fn shape(&self) -> Shape {
        let last = self.last_user.iter().map(|text| size(text.length)).fold(0, u32::saturating_add);
        Shape { history_bytes: self.dialogue_bytes.saturating_sub(last), ..self.shape }
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
            _ => MessageMember::Other,
        };
        reader.object(depth, member, |reader, member, peek, depth| {
            match member {
                MessageMember::Role => self.role(reader, body, peek, depth)?,
                MessageMember::Content => self.content(reader, body, peek, depth)?,
                MessageMember::Other => reader.value(peek, depth)?,
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
                self.texts = vec![reader.text()?];
                Ok(())
            }
            Peek::Null => reader.value(peek, depth),
            Peek::Array => reader.array(depth, |reader, peek, depth| {
                if peek == Peek::Object {
                    self.part(reader, body, depth)
                } else {
                    self.malformed = true;
                    reader.value(peek, depth)
                }
            }),
            _ => {
                self.malformed = true;
                reader.value(peek, depth)
            }
        }
    }

    /// Reads a content part: `{"type": "text", "text": ...}`, `{"type": "image_url", ...}`, Anthropic's
    /// `{"type": "image", "source": ...}`, `{"type": "tool_result", ...}` or another.
    fn part(&mut self, reader: &mut Reader<'_>, body: &str, depth: u16) -> Read<()> {
        let member = |key: &str| match key {
            "type" => PartMember::Type,
            "text" => PartMember::Text,
            "image_url" | "source" | "input_audio" | "file" => PartMember::Media,
            _ => PartMember::Other,
        };
        reader.object(depth, member, |reader, member, peek, depth| {
            match (member, peek) {
                (PartMember::Text, Peek::String) => self.texts.push(reader.text()?),
                (PartMember::Type, Peek::String) => {
                    let text = reader.text()?;
                    match &*decode(body, &text) {
                        "image_url" | "image" => self.images = self.images.saturating_add(1),
                        "tool_result" => self.results = self.results.saturating_add(1),
                        _ => {}
                    }
                }
                (PartMember::Media, _) => {
                    let start = reader.at();
                    reader.value(peek, depth)?;
                    let bytes = size(reader.at().saturating_sub(start));
                    self.media_bytes = self.media_bytes.saturating_add(bytes);
                }
                _ => reader.value(peek, depth)?,
            }
            Ok(Keep::Yes)
        })
    }
}
