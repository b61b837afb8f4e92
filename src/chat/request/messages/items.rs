//! The items of a call of the Responses API: messages, calls of tools, what they have given back, and others.

use jiter::Peek;

use super::{Item, Message, MessageMember, MessageRole, Messages, like};
use crate::chat::request::canonical::{Keep, Read, Reader};
use crate::chat::request::text::decode;

impl Messages {
    /// Reads `input` of the Responses API: a text by the user, or items.
    pub(in crate::chat::request) fn read_input(
        &mut self,
        reader: &mut Reader<'_>,
        body: &str,
        peek: Peek,
        depth: u16,
    ) -> Read<()> {
        match peek {
            Peek::String => {
                let texts = vec![reader.text()?];
                self.take(body, Message { role: Some(MessageRole::User), texts, ..Message::default() });
                Ok(())
            }
            Peek::Array => reader.array(depth, |reader, peek, depth| {
                if peek != Peek::Object {
                    self.fault = Some("input");
                    return reader.value(peek, depth);
                }
                let mut item = Message::default();
                item.read_item(reader, body, depth)?;
                self.take(body, item);
                Ok(())
            }),
            _ => {
                self.fault = Some("input");
                reader.value(peek, depth)
            }
        }
    }
}

impl Message {
    /// Reads an item of the Responses API: a message, a call of a tool, what it has given back, or another.
    fn read_item(&mut self, reader: &mut Reader<'_>, body: &str, depth: u16) -> Read<()> {
        const NAMES: [&str; 4] = ["type", "role", "content", "output"];
        let member = |key: &str| match key {
            "type" => MessageMember::Type,
            "role" => MessageMember::Role,
            "content" => MessageMember::Content,
            "output" => MessageMember::Output,
            "id" | "status" => MessageMember::Label,
            _ => like(key, &NAMES).map_or(MessageMember::Other, MessageMember::Like),
        };
        let mut counts = [0_u8; 4];
        reader.object(depth, member, |reader, member, peek, depth| {
            let [types, roles, contents, outputs] = &mut counts;
            match member {
                MessageMember::Type => {
                    self.doubt.once("type", types);
                    self.item_type(reader, body, peek, depth)?;
                }
                MessageMember::Role => {
                    self.doubt.once("role", roles);
                    self.role(reader, body, peek, depth)?;
                }
                MessageMember::Content => {
                    self.doubt.once("content", contents);
                    self.content(reader, body, peek, depth)?;
                }
                MessageMember::Output => {
                    self.doubt.once("output", outputs);
                    match peek {
                        Peek::Array => self.result(reader, body, depth)?,
                        Peek::String => self.texts.push(reader.text()?),
                        _ => reader.value(peek, depth)?,
                    }
                }
                MessageMember::Like(name) => {
                    self.doubt.misspelled(name);
                    reader.value(peek, depth)?;
                }
                MessageMember::Label | MessageMember::Other => reader.value(peek, depth)?,
            }
            Ok(if member == MessageMember::Label { Keep::No } else { Keep::Yes })
        })?;
        // Only messages must be what messages are.
        self.malformed &= self.item.is_none();
        if matches!(self.item, Some(Item::Reference | Item::Other)) {
            self.texts.clear();
        }
        Ok(())
    }

    fn item_type(&mut self, reader: &mut Reader<'_>, body: &str, peek: Peek, depth: u16) -> Read<()> {
        if peek != Peek::String {
            self.malformed = true;
            return reader.value(peek, depth);
        }
        let text = reader.text()?;
        self.item = match &*decode(body, &text) {
            "message" => None,
            "item_reference" => Some(Item::Reference),
            kind if kind.ends_with("_output") => Some(Item::Result),
            _ => Some(Item::Other),
        };
        Ok(())
    }
}
