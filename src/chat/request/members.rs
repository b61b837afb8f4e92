//! The members of a chat request that we understand.

use jiter::Peek;

use super::canonical::{Keep, Read, Reader};
use super::messages::Messages;
use super::text::{Text, decode};
use super::view::{Canonical, ChatRequest, Limits, RequestError, Sampling, Shape, StreamOptions};
use crate::chat::dialect::Caller;

/// A top-level member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Model,
    Messages,
    /// Anthropic's instructions, which stand beside the messages.
    System,
    Stream,
    StreamOptions,
    Temperature,
    Choices,
    Logprobs,
    Modalities,
    MaxTokens,
    MaxCompletionTokens,
    ResponseFormat,
    Tools,
    Functions,
    /// Says who asks or how the call is kept, and changes no answer.
    Bookkeeping,
    Other,
}

impl Member {
    fn of(key: &str, caller: Caller) -> Self {
        match key {
            "system" if caller == Caller::Anthropic => Self::System,
            "output_config" if caller == Caller::Anthropic => Self::ResponseFormat,
            "model" => Self::Model,
            "messages" => Self::Messages,
            "stream" => Self::Stream,
            "stream_options" => Self::StreamOptions,
            "temperature" => Self::Temperature,
            "n" => Self::Choices,
            "logprobs" => Self::Logprobs,
            "modalities" => Self::Modalities,
            "max_tokens" => Self::MaxTokens,
            "max_completion_tokens" => Self::MaxCompletionTokens,
            "response_format" => Self::ResponseFormat,
            "tools" => Self::Tools,
            "functions" => Self::Functions,
            "user" | "metadata" | "store" | "safety_identifier" | "prompt_cache_key" => Self::Bookkeeping,
            _ => Self::Other,
        }
    }

    /// The name of a member that decides how the request is read, and therefore may stand there only once.
    fn decisive(self) -> Option<&'static str> {
        match self {
            Self::Model => Some("model"),
            Self::Messages => Some("messages"),
            Self::System => Some("system"),
            Self::Stream => Some("stream"),
            Self::StreamOptions => Some("stream_options"),
            Self::Temperature => Some("temperature"),
            Self::Choices => Some("n"),
            _ => None,
        }
    }
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Found {
    model: Option<Text>,
    stream: bool,
    stream_options: StreamOptions,
    messages: Messages,
    sampling: Sampling,
    tools: u32,
    structured_output: bool,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    seen: Vec<&'static str>,
    duplicate: Option<RequestError>,
    fault: Option<RequestError>,
}

impl Found {
    fn note(&mut self, member: Member) {
        let Some(name) = member.decisive() else { return };
        if self.seen.contains(&name) {
            self.duplicate.get_or_insert(RequestError::Duplicate { member: name });
        } else {
            self.seen.push(name);
        }
    }

    fn unknown(&mut self, member: &'static str) {
        self.fault.get_or_insert(RequestError::UnknownShape { member });
    }
}

impl ChatRequest {
    /// Reads `body` as `caller` writes it.
    ///
    /// # Errors
    /// [`RequestError`] when the body is no chat request that can be read without doubt. Invalid JSON wins over a
    /// duplicate, a duplicate over an unknown shape; nesting beyond the limit ends the reading at once.
    pub fn parse(
        body: Vec<u8>,
        caller: Caller,
        limits: Limits,
        canonical: Canonical,
    ) -> Result<Self, RequestError> {
        let body = String::from_utf8(body)
            .map_err(|error| RequestError::InvalidJson { at: error.utf8_error().valid_up_to() })?;
        let mut reader = Reader::new(body.as_bytes(), limits.max_depth, canonical);
        let mut found = Found::default();
        let peek = reader.peek()?;
        if peek == Peek::Object {
            reader.object(
                1,
                |key| Member::of(key, caller),
                |reader, member, peek, depth| {
                    found.note(member);
                    found.member(reader, &body, member, peek, depth)
                },
            )?;
        } else {
            reader.value(peek, 1)?;
            found.unknown("model");
        }
        reader.finish()?;
        let canonical = reader.into_canonical();
        found.into_request(body, caller, canonical)
    }
}

impl Found {
    fn member(
        &mut self,
        reader: &mut Reader<'_>,
        body: &str,
        member: Member,
        peek: Peek,
        depth: u16,
    ) -> Read<Keep> {
        match member {
            Member::Model if peek == Peek::String => self.model = Some(reader.text()?),
            Member::Messages => self.messages.read(reader, body, peek, depth)?,
            Member::System => self.messages.read_system(reader, body, peek, depth)?,
            Member::Stream => self.stream = flag(reader, peek, depth)?,
            Member::StreamOptions => self.stream_options = stream_options(reader, peek, depth)?,
            Member::Temperature => self.sampling.temperature = number(reader, body, peek, depth)?,
            Member::Choices => self.sampling.choices = number(reader, body, peek, depth)?,
            Member::Logprobs => self.sampling.logprobs = flag(reader, peek, depth)?,
            Member::MaxTokens => self.max_tokens = number(reader, body, peek, depth)?,
            Member::MaxCompletionTokens => self.max_completion_tokens = number(reader, body, peek, depth)?,
            Member::Modalities => {
                each_element(reader, peek, depth, |reader, peek, depth| {
                    let audio = word(reader, body, peek, depth, "audio")?;
                    self.sampling.audio |= audio;
                    Ok(())
                })?;
            }
            Member::ResponseFormat => {
                self.structured_output = is_structured(reader, body, peek, depth)?;
            }
            Member::Tools | Member::Functions => {
                each_element(reader, peek, depth, |reader, peek, depth| {
                    self.tools = self.tools.saturating_add(1);
                    reader.value(peek, depth)
                })?;
            }
            Member::Model | Member::Bookkeeping | Member::Other => reader.value(peek, depth)?,
        }
        Ok(match member {
            Member::Model | Member::Stream | Member::StreamOptions | Member::Bookkeeping => Keep::No,
            _ => Keep::Yes,
        })
    }

    fn into_request(
        mut self,
        body: String,
        caller: Caller,
        canonical: Option<Vec<u8>>,
    ) -> Result<ChatRequest, RequestError> {
        if let Some(duplicate) = self.duplicate {
            return Err(duplicate);
        }
        if let Some(member) = self.messages.fault() {
            self.unknown(member);
        }
        let Some(model) = self.model.filter(|_| self.fault.is_none()) else {
            return Err(self.fault.unwrap_or(RequestError::UnknownShape { member: "model" }));
        };
        let shape = Shape {
            tools: self.tools,
            structured_output: self.structured_output,
            max_output_tokens: self.max_completion_tokens.or(self.max_tokens),
            ..self.messages.shape()
        };
        Ok(ChatRequest {
            caller,
            model: decode(&body, &model).into_owned(),
            model_span: model.span,
            stream: self.stream,
            stream_options: self.stream_options,
            shape,
            sampling: self.sampling,
            last_user: self.messages.into_last_user(),
            canonical,
            body,
        })
    }
}

/// Reads a value; whether it is `true`.
fn flag(reader: &mut Reader<'_>, peek: Peek, depth: u16) -> Read<bool> {
    match peek {
        Peek::True | Peek::False => reader.boolean(peek),
        _ => reader.value(peek, depth).map(|()| false),
    }
}

/// Reads a value; the number that it is, if it is one of type `N`.
fn number<N: std::str::FromStr>(
    reader: &mut Reader<'_>,
    body: &str,
    peek: Peek,
    depth: u16,
) -> Read<Option<N>> {
    if peek.is_num() {
        let span = reader.number(peek)?;
        Ok(body.get(span).and_then(|digits| digits.parse().ok()))
    } else {
        reader.value(peek, depth).map(|()| None)
    }
}

/// Reads a value; whether it is the string `wanted`.
fn word(reader: &mut Reader<'_>, body: &str, peek: Peek, depth: u16, wanted: &str) -> Read<bool> {
    if peek == Peek::String {
        let text = reader.text()?;
        Ok(decode(body, &text) == wanted)
    } else {
        reader.value(peek, depth).map(|()| false)
    }
}

/// Reads a value; `each` reads the elements, if it is an array.
fn each_element(
    reader: &mut Reader<'_>,
    peek: Peek,
    depth: u16,
    each: impl FnMut(&mut Reader<'_>, Peek, u16) -> Read<()>,
) -> Read<()> {
    if peek == Peek::Array { array(reader, depth, each) } else { reader.value(peek, depth) }
}

fn array<'b>(
    reader: &mut Reader<'b>,
    depth: u16,
    mut each: impl FnMut(&mut Reader<'_>, Peek, u16) -> Read<()>,
) -> Read<()> {
    reader.array(depth, |reader: &mut Reader<'b>, peek, depth| each(reader, peek, depth))
}

fn stream_options(reader: &mut Reader<'_>, peek: Peek, depth: u16) -> Read<StreamOptions> {
    let start = reader.at();
    let mut include_usage = false;
    if peek == Peek::Object {
        let is_usage = |key: &str| key == "include_usage";
        reader.object(depth, is_usage, |reader, is_usage, peek, depth| {
            let value = flag(reader, peek, depth)?;
            if is_usage {
                include_usage = value;
            }
            Ok(Keep::No)
        })?;
    } else {
        reader.value(peek, depth)?;
    }
    Ok(StreamOptions { span: Some(start..reader.at()), include_usage })
}

/// Reads OpenAI's `response_format`, or Anthropic's `output_config`, which has the like of it in `format`.
fn is_structured(reader: &mut Reader<'_>, body: &str, peek: Peek, depth: u16) -> Read<bool> {
    if peek != Peek::Object {
        return reader.value(peek, depth).map(|()| false);
    }
    let mut structured = false;
    let member = |key: &str| match key {
        "type" => Some(true),
        "format" => Some(false),
        _ => None,
    };
    reader.object(depth, member, |reader, is_type, peek, depth| {
        match is_type {
            Some(true) if peek == Peek::String => {
                let text = reader.text()?;
                structured = matches!(&*decode(body, &text), "json_object" | "json_schema");
            }
            Some(false) => structured |= is_structured(reader, body, peek, depth)?,
            _ => reader.value(peek, depth)?,
        }
        Ok(Keep::Yes)
    })?;
    Ok(structured)
}
