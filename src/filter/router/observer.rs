//! What is learned from an answer's body while it flows past.

use crate::chat::response;
use crate::chat::stream::{Forward, Observe, StreamObserver, StreamSummary};
use crate::chat::{Caller, MessageObserver, Usage};
use crate::host::{Direction, Host};

/// JSON answers up to this size, in bytes, are copied whether they may be stored or not: their usage stands at the end.
const JSON_LIMIT: usize = 1 << 20;

/// How an answer's body is read.
#[derive(Debug)]
pub(super) enum Observer {
    /// Not at all; why its usage stays unknown.
    Blind(Blind),
    /// A whole JSON body, copied as it flows past, up to `limit` bytes.
    Json { copy: Vec<u8>, limit: usize, caller: Caller },
    /// Server-sent events in OpenAI's dialect.
    Events(Box<StreamObserver>),
    /// Server-sent events in Anthropic's dialect.
    Messages(Box<MessageObserver>),
    /// These bytes take the place of Envoy's own answer.
    Replacement(Vec<u8>),
}

/// Why the tokens of an answer are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Blind {
    /// The call failed: there is no answer.
    Failed,
    /// The answer is compressed.
    Encoded,
    /// The answer is neither JSON nor a stream of events.
    ContentType,
    /// The answer is larger than what is copied.
    TooLarge,
    /// The answer ended too early.
    Incomplete,
    /// The provider did not report them.
    NotReported,
}

impl Blind {
    /// Its name in metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Encoded => "encoded",
            Self::ContentType => "content_type",
            Self::TooLarge => "too_large",
            Self::Incomplete => "incomplete",
            Self::NotReported => "not_reported",
        }
    }
}

/// What is known of an answer at its end.
#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) usage: Option<Usage>,
    pub(super) blind: Option<Blind>,
    /// The answer as one JSON body, when it may stand for a later one.
    pub(super) reusable: Option<Vec<u8>>,
}

/// The head of an answer, as far as it decides how the body is read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ResponseHead<'h> {
    pub(super) status: u16,
    pub(super) content_type: &'h str,
    pub(super) content_encoding: &'h str,
}

impl<'h> ResponseHead<'h> {
    /// Picks it out of `headers`.
    pub(super) fn of(headers: &'h [(String, String)]) -> Self {
        let mut head = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                ":status" => head.status = value.parse().unwrap_or(0),
                "content-type" => head.content_type = value,
                "content-encoding" => head.content_encoding = value,
                _ => {}
            }
        }
        head
    }
}

impl Observer {
    /// Chooses by the answer's head. `storable` is the size of the longest answer that may be stored, in bytes.
    pub(super) fn of(head: ResponseHead<'_>, caller: Caller, strip_usage: bool, storable: usize) -> Self {
        let media_type = head.content_type.split(';').next().unwrap_or_default().trim();
        if head.status != 200 {
            Self::Blind(Blind::Failed)
        } else if !matches!(head.content_encoding, "" | "identity") {
            Self::Blind(Blind::Encoded)
        } else if media_type.eq_ignore_ascii_case("text/event-stream") {
            match caller {
                Caller::OpenAi => {
                    let observe = Observe { strip_usage, keep_bytes: storable };
                    Self::Events(Box::new(StreamObserver::new(observe)))
                }
                Caller::Anthropic => Self::Messages(Box::new(MessageObserver::new(storable))),
            }
        } else if media_type.eq_ignore_ascii_case("application/json") {
            Self::Json { copy: Vec::new(), limit: storable.max(JSON_LIMIT), caller }
        } else {
            Self::Blind(Blind::ContentType)
        }
    }

    /// Reads the `size` bytes that the current callback sees; takes out of them what the caller must not see.
    pub(super) fn observe<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) {
        match self {
            Self::Blind(_) => {}
            Self::Json { copy, limit, .. } => {
                if copy.len().saturating_add(size) > *limit {
                    *self = Self::Blind(Blind::TooLarge);
                } else if copy.is_empty() {
                    *copy = host.body(Direction::Response, size);
                } else {
                    copy.extend_from_slice(&host.body(Direction::Response, size));
                }
            }
            Self::Events(events) => {
                let chunk = host.body(Direction::Response, size);
                if let Forward::Replace(bytes) = events.feed(&chunk, end_of_stream) {
                    host.set_body(Direction::Response, size, &bytes);
                }
            }
            Self::Messages(events) => events.feed(&host.body(Direction::Response, size)),
            Self::Replacement(bytes) => {
                host.set_body(Direction::Response, size, &std::mem::take(bytes));
            }
        }
    }

    /// What the body was.
    pub(super) fn finish(self) -> Observed {
        match self {
            Self::Blind(blind) => Observed { blind: Some(blind), ..Observed::default() },
            Self::Replacement(_) => Observed { blind: Some(Blind::Failed), ..Observed::default() },
            Self::Json { copy, caller, .. } => match response::read(&copy, caller) {
                None => Observed { blind: Some(Blind::Incomplete), ..Observed::default() },
                Some(completion) => Observed {
                    usage: completion.usage,
                    blind: completion.usage.is_none().then_some(Blind::NotReported),
                    reusable: completion.reusable.then_some(copy),
                },
            },
            Self::Events(events) => events.finish().into(),
            Self::Messages(events) => events.finish().into(),
        }
    }
}

impl From<StreamSummary> for Observed {
    fn from(summary: StreamSummary) -> Self {
        let blind = match (summary.usage, summary.complete) {
            (Some(_), _) => None,
            (None, true) => Some(Blind::NotReported),
            (None, false) => Some(Blind::Incomplete),
        };
        Self { usage: summary.usage, blind, reusable: summary.answer }
    }
}
