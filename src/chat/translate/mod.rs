//! Between a caller's dialect and a provider's.

mod redress;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::answer::{ApiError, ErrorKind, Malformed, StreamEvent};
use super::conversation::{Addressee, Conversation, Unsupported, Written};
use super::dialect::{Caller, Dialect, Format};
use super::redress::Redress;
use super::sse::EventReader;
use super::survey::Survey;
use super::{anthropic, gemini, openai, responses};

/// Looks a caller's request over for what not every dialect has a word for.
#[must_use]
pub fn survey(body: &[u8], caller: Caller) -> Survey {
    let survey = match caller {
        Caller::OpenAi => openai::request::survey(body),
        Caller::Anthropic => anthropic::request::survey(body),
        Caller::Responses => responses::request::read(body).map(|conversation| Survey::of(&conversation)),
    };
    survey.unwrap_or_else(Survey::unread)
}

/// Reads a caller's request so that it can be written in any dialect.
///
/// # Errors
/// [`Unsupported`] names what no other dialect has a word for.
pub fn read_request(body: &[u8], caller: Caller) -> Result<Conversation, Unsupported> {
    match caller {
        Caller::OpenAi => openai::request::read(body),
        Caller::Anthropic => anthropic::request::read(body),
        Caller::Responses => responses::request::read(body),
    }
}

/// Writes a request that was read in another dialect.
///
/// # Errors
/// [`Unsupported`] names what the dialect has no word for and what cannot be left out.
pub fn write_request(
    conversation: &Conversation,
    dialect: &Dialect,
    target: Addressee<'_>,
) -> Result<Written, Unsupported> {
    let quirks = dialect.quirks;
    let written = match dialect.format {
        Format::Anthropic => anthropic::request::write(conversation, target),
        Format::Gemini => gemini::request::write(conversation, target),
        Format::OpenAi => openai::request::write(conversation, target, quirks),
        // Nobody is spoken to in it but on behalf of its own callers, whose bodies go as they are.
        Format::Responses => Err(Unsupported::new("a call of another dialect")),
    }?;
    if quirks.is_none() {
        return Ok(written);
    }
    let fitted = quirks.apply(&written.body, target.model)?;
    let dropped = written.dropped.iter().copied().chain(fitted.dropped).collect();
    Ok(Written { body: fitted.body, dropped, ..written })
}

/// Translates a caller's request for a provider that does not speak the caller's dialect to the letter.
///
/// # Errors
/// [`Unsupported`] names what cannot be said to the provider.
pub fn request(
    body: &[u8],
    caller: Caller,
    dialect: &Dialect,
    target: Addressee<'_>,
) -> Result<Written, Unsupported> {
    if dialect.format == caller.format() {
        return dialect.quirks.apply(body, target.model);
    }
    let conversation = read_request(body, caller)?;
    let written = write_request(&conversation, dialect, target)?;
    let redress = Redress { own_tools: conversation.own_tools, ..written.redress };
    Ok(Written { redress, unsaid: conversation.unsaid, ..written })
}

/// What an answer is given that does not say it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given<'g> {
    /// The model that was asked, in its provider's words.
    pub model: &'g str,
    /// The time since the Unix epoch.
    pub at: Duration,
    /// What must be put right in it.
    pub redress: &'g Redress,
}

impl Given<'_> {
    /// An id that no other answer has. It begins as none of a provider's: what it names is held by nobody.
    fn id(&self) -> String {
        format!("arbiter-{:x}", self.at.as_nanos())
    }

    fn fill(&self, id: &mut String, model: &mut String) {
        if id.is_empty() {
            *id = self.id();
        }
        if model.is_empty() {
            self.model.clone_into(model);
        }
    }
}

/// Translates a whole answer.
///
/// # Errors
/// [`Malformed`] when it is no answer in `from`.
pub fn answer(body: &[u8], from: Format, to: Caller, given: Given<'_>) -> Result<Vec<u8>, Malformed> {
    let mut answer = match from {
        Format::OpenAi => openai::answer::read(body)?,
        Format::Anthropic => anthropic::answer::read(body)?,
        Format::Gemini => gemini::answer::read(body, &given.id())?,
        Format::Responses => responses::answer::read(body)?,
    };
    given.fill(&mut answer.id, &mut answer.model);
    redress::apply(&mut answer, given.redress);
    Ok(match to {
        Caller::OpenAi => openai::answer::write(&answer, given.at.as_secs()),
        Caller::Anthropic => anthropic::answer::write(&answer),
        Caller::Responses => responses::answer::write(&answer, given.at.as_secs(), &given.redress.own_tools),
    })
}

/// Whether a body is a whole answer in `format`.
#[must_use]
pub fn is_answer(body: &[u8], format: Format) -> bool {
    #[derive(serde::Deserialize)]
    struct Answer {
        choices: Option<Vec<serde::de::IgnoredAny>>,
        content: Option<Vec<serde::de::IgnoredAny>>,
        candidates: Option<Vec<serde::de::IgnoredAny>>,
        output: Option<Vec<serde::de::IgnoredAny>>,
    }
    serde_json::from_slice::<Answer>(body).is_ok_and(|answer| match format {
        Format::OpenAi => answer.choices.is_some(),
        Format::Anthropic => answer.content.is_some(),
        Format::Gemini => answer.candidates.is_some(),
        Format::Responses => answer.output.is_some(),
    })
}

/// Reads a provider's error; what is not one in its dialect becomes one with its text, or with the status alone.
#[must_use]
pub fn read_error(status: u16, body: &[u8], from: Format) -> ApiError {
    let error = match from {
        Format::OpenAi | Format::Responses => openai::error::read(status, body),
        Format::Anthropic => anthropic::error::read(status, body),
        Format::Gemini => gemini::error::read(status, body),
    };
    error.unwrap_or_else(|| {
        let said = plain_text(body).map(str::to_owned);
        let message = said.unwrap_or_else(|| format!("the provider answered with status {status}"));
        ApiError::new(ErrorKind::of_status(status), message)
    })
}

/// As much of a text as an error repeats, in bytes.
const LONGEST_TEXT: usize = 2048;

/// What a provider says in words; a page for browsers says nothing to a program.
fn plain_text(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let is_plain = !text.is_empty() && !text.starts_with('<') && !text.contains('\0');
    is_plain.then(|| text.get(..text.floor_char_boundary(LONGEST_TEXT)).unwrap_or(text))
}

/// Whether a body is an error that the caller's SDK can read.
#[must_use]
pub fn is_error(status: u16, body: &[u8], caller: Caller) -> bool {
    match caller {
        Caller::OpenAi | Caller::Responses => openai::error::read(status, body).is_some(),
        Caller::Anthropic => anthropic::error::read(status, body).is_some(),
    }
}

/// An error in the caller's dialect.
#[must_use]
pub fn write_error(error: &ApiError, caller: Caller) -> Vec<u8> {
    match caller {
        Caller::OpenAi | Caller::Responses => openai::error::write(error),
        Caller::Anthropic => anthropic::error::write(error),
    }
}

/// The status that a caller of this dialect expects for a provider's status.
#[must_use]
pub fn status(status: u16, caller: Caller) -> u16 {
    let kind = ErrorKind::of_status(status);
    match caller {
        Caller::OpenAi | Caller::Responses => openai::error::status(kind, status),
        Caller::Anthropic => anthropic::error::status(kind, status),
    }
}

const UNREADABLE: &str = "the provider sent an event that cannot be read, or is too long";
const TOO_EARLY: &str = "the provider's stream ended before the answer was complete";

/// Translates a stream, event by event, wherever its bytes are split. Memory is bounded by the longest event that is read, and for callers
/// whose last event repeats the answer by the answer.
#[derive(Debug)]
pub struct StreamTranslator {
    events: EventReader,
    reader: Reader,
    writer: Writer,
    redress: redress::Stream,
    given: Begun,
    /// Whether the stream has ended as it should, or has been told to have failed.
    over: bool,
}

/// What a [`Given`] says, for as long as a stream lasts.
#[derive(Debug)]
struct Begun {
    model: String,
    at: Duration,
}

#[derive(Debug)]
enum Reader {
    OpenAi(openai::stream::Reader),
    Anthropic(anthropic::stream::Reader),
    Gemini(gemini::stream::Reader),
    Responses(responses::stream::Reader),
}

#[derive(Debug)]
enum Writer {
    OpenAi(openai::stream::Writer),
    Anthropic(anthropic::stream::Writer),
    Responses(Box<responses::stream::Writer>),
}

impl Reader {
    fn read(&mut self, data: &[u8], events: &mut Vec<StreamEvent>) -> Result<(), Malformed> {
        match self {
            Self::OpenAi(reader) => reader.read(data, events),
            Self::Anthropic(reader) => reader.read(data, events),
            Self::Gemini(reader) => reader.read(data, events),
            Self::Responses(reader) => reader.read(data, events),
        }
    }
}

impl Reader {
    fn new(format: Format, id: &str) -> Self {
        match format {
            Format::OpenAi => Self::OpenAi(openai::stream::Reader::default()),
            Format::Anthropic => Self::Anthropic(anthropic::stream::Reader::default()),
            Format::Gemini => Self::Gemini(gemini::stream::Reader::new(id)),
            Format::Responses => Self::Responses(responses::stream::Reader::default()),
        }
    }

    /// Whether nothing is missing but the dialect's word for the end.
    fn has_said_all(&self) -> bool {
        matches!(self, Self::OpenAi(reader) if reader.has_said_all())
    }
}

impl Writer {
    /// A writer at the start of a stream.
    fn new(to: Caller, given: Given<'_>) -> Self {
        match to {
            Caller::OpenAi => Self::OpenAi(openai::stream::Writer::new(given.at.as_secs())),
            Caller::Anthropic => Self::Anthropic(anthropic::stream::Writer::default()),
            Caller::Responses => {
                let writer = responses::stream::Writer::new(given.at.as_secs(), &given.redress.own_tools);
                Self::Responses(Box::new(writer))
            }
        }
    }

    fn write(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        match self {
            Self::OpenAi(writer) => writer.write(event, out),
            Self::Anthropic(writer) => writer.write(event, out),
            Self::Responses(writer) => writer.write(event, out),
        }
    }
}

impl Begun {
    fn complete(&self, event: &mut StreamEvent) {
        if let StreamEvent::Start { id, model } = event {
            Given { model: &self.model, at: self.at, redress: &Redress::NONE }.fill(id, model);
        }
    }
}

impl StreamTranslator {
    /// A translator at the start of a stream.
    #[must_use]
    pub fn new(from: Format, to: Caller, given: Given<'_>) -> Self {
        let reader = Reader::new(from, &given.id());
        let (writer, redress) = (Writer::new(to, given), redress::Stream::new(given.redress));
        let given = Begun { model: given.model.to_owned(), at: given.at };
        Self { events: EventReader::default(), reader, writer, redress, given, over: false }
    }

    /// Translates the next bytes. At `end_of_stream`, a stream that has not said its last word becomes an error.
    pub fn feed(&mut self, chunk: &[u8], end_of_stream: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(chunk.len());
        let Self { events, reader, writer, redress, given, over } = self;
        let mut said = Vec::new();
        let mut write = |said: &mut Vec<StreamEvent>, over: &mut bool, out: &mut Vec<u8>| {
            for mut event in said.drain(..) {
                if !*over {
                    *over = matches!(event, StreamEvent::End | StreamEvent::Error(_));
                    given.complete(&mut event);
                    if let Some(event) = redress.apply(event) {
                        writer.write(event, out);
                    }
                }
            }
        };
        events.feed(chunk, |event| {
            if *over || (event.data.is_empty() && !event.is_oversized) {
                return;
            }
            if reader.read(event.data, &mut said).is_err() {
                said.push(StreamEvent::Error(broken(UNREADABLE)));
            }
            write(&mut said, over, &mut out);
        });
        if end_of_stream && !events.is_between_events() {
            // The last event may lack the line that closes it.
            events.feed(b"\n\n", |event| {
                if !event.data.is_empty() && reader.read(event.data, &mut said).is_ok() {
                    write(&mut said, over, &mut out);
                }
            });
        }
        if end_of_stream && reader.has_said_all() && !std::mem::replace(over, true) {
            writer.write(StreamEvent::End, &mut out);
        }
        if end_of_stream && !std::mem::replace(over, true) {
            let error = broken(TOO_EARLY);
            writer.write(StreamEvent::Error(error), &mut out);
        }
        out
    }
}

/// What the beginning of a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// No event has come to its end.
    Open,
    /// The first event belongs to an answer.
    Answer,
    /// The first event is an error, or cannot be read.
    Error(ApiError),
}

/// Reads the beginning of a stream, up to its first event.
#[must_use]
pub fn opening(bytes: &[u8], format: Format) -> Opening {
    let (mut reader, mut opening) = (Reader::new(format, ""), Opening::Open);
    EventReader::default().feed(bytes, |event| {
        if opening == Opening::Open && !event.data.is_empty() {
            let mut said = Vec::new();
            let read = reader.read(event.data, &mut said);
            opening = match (read, said.into_iter().next()) {
                (Err(_), _) => Opening::Error(broken(UNREADABLE)),
                (Ok(()), Some(StreamEvent::Error(error))) => Opening::Error(error),
                (Ok(()), _) => Opening::Answer,
            };
        }
    });
    opening
}

/// What a caller is told at the end of a stream that the provider has ended before all was said.
#[must_use]
pub fn interruption(caller: Caller) -> Vec<u8> {
    let mut writer = Writer::new(caller, Given { model: "", at: Duration::ZERO, redress: &Redress::NONE });
    let mut out = Vec::new();
    writer.write(StreamEvent::Error(broken(TOO_EARLY)), &mut out);
    out
}

fn broken(message: &str) -> ApiError {
    ApiError::new(ErrorKind::Server, message)
}
