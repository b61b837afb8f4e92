//! The members of a chat request that we understand.

use std::cell::RefCell;
use std::ops::Range;

use jiter::Peek;

use super::canonical::{Keep, Read, Reader};
use super::doubt::{Doubt, Key};
use super::messages::Messages;
use super::plain::in_openais_words;
use super::text::{Text, decode};
use super::view::{Canonical, ChatRequest, Limits, RequestError, Sampling, Shape, StreamOptions};
use super::vocabulary::{Kind, Member};
use crate::chat::dialect::Caller;
use crate::chat::number::whole_number;

/// The names of an object's members so far: each may stand there only once.
#[derive(Debug, Default)]
struct Names {
    seen: Vec<String>,
    count: usize,
    repeated: Option<String>,
}

/// Most members of a body: chat requests have a few dozen at most, and each is compared with all before it.
const MAX_MEMBERS: usize = 256;

impl Names {
    fn note(&mut self, key: &str) {
        self.count = self.count.saturating_add(1);
        if self.count > MAX_MEMBERS {
            return;
        }
        if self.seen.iter().any(|seen| seen == key) {
            self.repeated.get_or_insert_with(|| key.to_owned());
        } else {
            self.seen.push(key.to_owned());
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
    answer_bounds: Vec<(Range<usize>, Option<u64>)>,
    service_tier: Option<Range<usize>>,
    reasoning: Option<Range<usize>>,
    doubt: Doubt,
    fault: Option<RequestError>,
}

impl Found {
    fn unknown(&mut self, member: &'static str) {
        self.fault.get_or_insert(RequestError::UnknownShape { member });
    }
}

impl ChatRequest {
    /// Reads `body` as `caller` writes it.
    ///
    /// # Errors
    /// [`RequestError`] when the body is no chat request that can be read without doubt. Invalid JSON wins over what can be
    /// read in two ways, that over an unknown shape; nesting beyond the limit ends the reading at once.
    pub fn parse(
        body: Vec<u8>,
        caller: Caller,
        limits: Limits,
        canonical: Canonical,
    ) -> Result<Self, RequestError> {
        Self::read(body, Kind::Chat(caller), limits, canonical)
    }

    /// Reads `body` as a call in OpenAI's dialect that is no chat call, but names a model.
    ///
    /// # Errors
    /// [`RequestError`] when it cannot be read without doubt, or names none.
    pub fn parse_direct(body: Vec<u8>, limits: Limits) -> Result<Self, RequestError> {
        Self::read(body, Kind::Direct, limits, Canonical::Skip)
    }

    fn read(body: Vec<u8>, kind: Kind, limits: Limits, canonical: Canonical) -> Result<Self, RequestError> {
        let body = String::from_utf8(body)
            .map_err(|error| RequestError::InvalidJson { at: error.utf8_error().valid_up_to() })?;
        let mut reader = Reader::new(body.as_bytes(), limits.max_depth, canonical);
        let mut found = Found::default();
        let names = RefCell::new(Names::default());
        let peek = reader.peek()?;
        if peek == Peek::Object {
            reader.object(
                1,
                |key| {
                    names.borrow_mut().note(key);
                    Member::of(key, kind)
                },
                |reader, member, peek, depth| found.member(reader, &body, member, peek, depth),
            )?;
        } else {
            reader.value(peek, 1)?;
            found.unknown("model");
        }
        reader.finish()?;
        let canonical = reader.into_canonical();
        let names = names.into_inner();
        if names.count > MAX_MEMBERS {
            return Err(RequestError::TooManyMembers { limit: MAX_MEMBERS });
        }
        if let Some(member) = names.repeated {
            return Err(RequestError::Duplicate { member });
        }
        found.into_request(body, kind, canonical)
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
            Member::ServiceTier => {
                let start = reader.at();
                reader.value(peek, depth)?;
                self.service_tier = Some(start..reader.at());
            }
            Member::Reasoning => {
                let start = reader.at();
                reader.value(peek, depth)?;
                self.reasoning = Some(start..reader.at());
            }
            Member::OutputConfig => {
                let start = reader.at();
                self.structured_output = self.is_structured(reader, body, peek, depth)?;
                self.reasoning = Some(start..reader.at());
            }
            Member::Input => self.messages.read_input(reader, body, peek, depth)?,
            Member::System => self.messages.read_system(reader, body, peek, depth)?,
            Member::Stream => self.stream = self.flag(reader, "stream", peek, depth)?,
            Member::StreamOptions => {
                if !matches!(peek, Peek::Object | Peek::Null) {
                    self.unknown("stream_options");
                }
                self.stream_options = self.stream_options(reader, peek, depth)?;
            }
            Member::Temperature => {
                self.sampling.temperature = self.number(reader, body, "temperature", peek, depth)?;
            }
            Member::Choices => self.sampling.choices = self.count(reader, body, "n", peek, depth)?,
            Member::Logprobs => self.sampling.logprobs = self.flag(reader, "logprobs", peek, depth)?,
            Member::MaxTokens => self.max_tokens = self.bound(reader, body, "max_tokens", peek, depth)?,
            Member::MaxCompletionTokens => {
                self.max_completion_tokens =
                    self.bound(reader, body, "max_completion_tokens", peek, depth)?;
            }
            Member::MaxOutputTokens => {
                self.max_tokens = self.bound(reader, body, "max_output_tokens", peek, depth)?;
            }
            Member::Like(name) => {
                self.doubt.misspelled(name);
                reader.value(peek, depth)?;
            }
            Member::Modalities => {
                each_element(reader, peek, depth, |reader, peek, depth| {
                    let audio = word(reader, body, peek, depth, "audio")?;
                    self.sampling.audio |= audio;
                    Ok(())
                })?;
            }
            Member::ResponseFormat => {
                self.structured_output = self.is_structured(reader, body, peek, depth)?;
            }
            Member::Tools | Member::Functions => {
                each_element(reader, peek, depth, |reader, peek, depth| {
                    self.tools = self.tools.saturating_add(1);
                    reader.value(peek, depth)
                })?;
            }
            Member::State => {
                self.sampling.stateful |= peek != Peek::Null;
                reader.value(peek, depth)?;
            }
            Member::Hold => self.sampling.stateful |= flag(reader, peek, depth)?,
            Member::Model | Member::Bookkeeping | Member::Other => reader.value(peek, depth)?,
        }
        Ok(match member {
            Member::Model | Member::Stream | Member::StreamOptions | Member::Hold | Member::Bookkeeping => {
                Keep::No
            }
            _ => Keep::Yes,
        })
    }

    fn into_request(
        mut self,
        body: String,
        kind: Kind,
        canonical: Option<Vec<u8>>,
    ) -> Result<ChatRequest, RequestError> {
        self.doubt.add(self.messages.take_doubt());
        if let Some(ambiguous) = std::mem::take(&mut self.doubt).into_error() {
            return Err(ambiguous);
        }
        self.sampling.stateful |= self.messages.refers();
        let caller = match kind {
            Kind::Chat(caller) => {
                if let Some(member) = self.messages.fault(caller) {
                    self.unknown(member);
                }
                caller
            }
            Kind::Direct => Caller::OpenAi,
        };
        let Some(model) = self.model.filter(|_| self.fault.is_none()) else {
            return Err(self.fault.unwrap_or(RequestError::UnknownShape { member: "model" }));
        };
        let canonical = canonical.map(|bytes| match caller {
            Caller::OpenAi | Caller::Responses => (caller, bytes),
            Caller::Anthropic => {
                in_openais_words(&bytes).map_or((caller, bytes), |bytes| (Caller::OpenAi, bytes))
            }
        });
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
            answer_bounds: self.answer_bounds,
            service_tier: self.service_tier,
            reasoning: self.reasoning,
            shape,
            sampling: self.sampling,
            turns: self.messages.turns(),
            last_user: self.messages.into_last_user(),
            canonical,
            body,
        })
    }
}

impl Found {
    /// Reads a boolean; `null` is `false`. What is neither could be taken for either.
    fn flag(&mut self, reader: &mut Reader<'_>, member: &'static str, peek: Peek, depth: u16) -> Read<bool> {
        match peek {
            Peek::True | Peek::False => return reader.boolean(peek),
            Peek::Null => {}
            _ => self.unknown(member),
        }
        reader.value(peek, depth).map(|()| false)
    }

    /// Reads a number; `null` is none. What is neither could be taken for one.
    fn number(
        &mut self,
        reader: &mut Reader<'_>,
        body: &str,
        member: &'static str,
        peek: Peek,
        depth: u16,
    ) -> Read<Option<f64>> {
        if peek.is_num() {
            let span = reader.number(peek)?;
            return Ok(body.get(span).and_then(|digits| digits.parse().ok()));
        }
        if peek != Peek::Null {
            self.unknown(member);
        }
        reader.value(peek, depth).map(|()| None)
    }

    /// Reads how long the answer may be.
    fn bound(
        &mut self,
        reader: &mut Reader<'_>,
        body: &str,
        member: &'static str,
        peek: Peek,
        depth: u16,
    ) -> Read<Option<u64>> {
        let start = reader.at();
        let tokens = self.count(reader, body, member, peek, depth)?;
        self.answer_bounds.push((start..reader.at(), tokens));
        Ok(tokens)
    }

    /// Reads a whole number that is not negative, however it is written.
    fn count(
        &mut self,
        reader: &mut Reader<'_>,
        body: &str,
        member: &'static str,
        peek: Peek,
        depth: u16,
    ) -> Read<Option<u64>> {
        let number = self.number(reader, body, member, peek, depth)?;
        let count = number.map(whole_number);
        if count == Some(None) {
            self.unknown(member);
        }
        Ok(count.flatten())
    }
}

/// Reads a value; whether it is `true`.
fn flag(reader: &mut Reader<'_>, peek: Peek, depth: u16) -> Read<bool> {
    match peek {
        Peek::True | Peek::False => reader.boolean(peek),
        _ => reader.value(peek, depth).map(|()| false),
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

impl Found {
    /// A member of a member: counts it, and notes what two readers could understand differently.
    fn note(&mut self, key: Key, count: &mut u8) {
        match key {
            Key::Known(name) => self.doubt.once(name, count),
            Key::Like(name) => self.doubt.misspelled(name),
            Key::Other => {}
        }
    }

    fn stream_options(&mut self, reader: &mut Reader<'_>, peek: Peek, depth: u16) -> Read<StreamOptions> {
        let start = reader.at();
        let (mut include_usage, mut count) = (false, 0);
        if peek == Peek::Object {
            let member = |key: &str| Key::of(key, &["include_usage"]);
            reader.object(depth, member, |reader, key, peek, depth| {
                self.note(key, &mut count);
                let value = flag(reader, peek, depth)?;
                if let Key::Known(_) = key {
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
    fn is_structured(&mut self, reader: &mut Reader<'_>, body: &str, peek: Peek, depth: u16) -> Read<bool> {
        if peek != Peek::Object {
            return reader.value(peek, depth).map(|()| false);
        }
        let (mut structured, mut types, mut formats) = (false, 0, 0);
        let member = |key: &str| Key::of(key, &["type", "format"]);
        reader.object(depth, member, |reader, key, peek, depth| {
            self.note(key, if key == Key::Known("type") { &mut types } else { &mut formats });
            match key {
                Key::Known("type") if peek == Peek::String => {
                    let text = reader.text()?;
                    structured |= matches!(&*decode(body, &text), "json_object" | "json_schema");
                }
                Key::Known("format") => structured |= self.is_structured(reader, body, peek, depth)?,
                _ => reader.value(peek, depth)?,
            }
            Ok(Keep::Yes)
        })?;
        Ok(structured)
    }
}
