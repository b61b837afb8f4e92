//! What is learned from an answer's body while it flows past.

use super::anthropic::observe::MessageObserver;
use super::completion::{Completion, Ending, Onward, StreamSummary};
use super::dialect::Caller;
use super::head::AnswerHead;
use super::metered::Metered;
use super::openai::observe::{ChunkObserver, Observe};
use super::operation::Operation;
use super::responses::observe::ResponseObserver;
use super::usage::Usage;
use super::{translate, whole};

/// JSON answers up to this size, in bytes, are copied whether they may be stored or not: their usage stands at the end.
const JSON_LIMIT: usize = 1 << 20;

/// What an observer shall do besides counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Take out the usage chunk that the caller did not ask for.
    pub strip_usage: bool,
    /// Longest answer to keep, in bytes; 0 keeps none.
    pub keep_bytes: usize,
}

/// How an answer's body is read. It is in the caller's dialect.
#[derive(Debug)]
pub enum Observer {
    /// Not at all; why its usage stays unknown.
    Blind(Blind),
    /// Not at all: what it says costs nothing.
    Free,
    /// A JSON body of which only the usage is wanted, which stands at its end.
    Metered(Metered),
    /// A whole JSON body that is longer than what is copied.
    Long {
        /// How much of it has come, in bytes.
        said: u64,
    },
    /// A whole JSON body, copied as it flows past.
    Json {
        /// What has come so far.
        copy: Vec<u8>,
        /// Most bytes that are copied.
        limit: usize,
        /// Whose dialect it is in.
        caller: Caller,
    },
    /// Server-sent events in OpenAI's dialect.
    Chunks(Box<ChunkObserver>),
    /// Server-sent events in Anthropic's dialect.
    Messages(Box<MessageObserver>),
    /// Server-sent events of the Responses API.
    Response(Box<ResponseObserver>),
}

/// Why the tokens of an answer are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blind {
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
    #[must_use]
    pub fn as_str(self) -> &'static str {
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// Token counts, when the provider reported them.
    pub usage: Option<Usage>,
    /// Why they are not known.
    pub blind: Option<Blind>,
    /// The answer as one JSON body, when it may stand for a later one.
    pub reusable: Option<Vec<u8>>,
    /// How it ended, as far as its bytes say so.
    pub ending: Ending,
    /// What the provider had counted when it began, if it says so then.
    pub begun: Option<Usage>,
    /// Bytes of all that was said, as far as it was read.
    pub said: u64,
}

impl Observed {
    /// Nothing is known.
    #[must_use]
    pub fn blind(blind: Blind) -> Self {
        Self { blind: Some(blind), ending: Ending::Complete, ..Self::default() }
    }
}

impl Observed {
    /// A whole answer that has been read already; `copy` is kept if it may stand for a later one.
    #[must_use]
    pub fn known(completion: Completion, copy: Option<Vec<u8>>) -> Self {
        Self {
            usage: completion.usage,
            blind: completion.usage.is_none().then_some(Blind::NotReported),
            reusable: copy.filter(|_| completion.reusable),
            ending: Ending::Complete,
            ..Self::default()
        }
    }

    /// The tokens of an answer that was not counted to its end: what the provider said when it began, and for what has come since a
    /// token for every four bytes. `prompt` is an estimate of the input, for providers that say nothing before the end.
    #[must_use]
    pub fn estimate(&self, prompt: u64) -> Usage {
        let said = Usage::estimated(prompt, self.said);
        match self.begun {
            Some(begun) => Usage { output: begun.output.max(said.output), ..begun },
            None => said,
        }
    }
}

impl Observer {
    /// Chooses by the answer's head.
    #[must_use]
    pub fn new(head: &AnswerHead<'_>, caller: Caller, operation: &Operation, wanted: Wanted) -> Self {
        let Wanted { strip_usage, keep_bytes } = wanted;
        if head.status != 200 {
            Self::Blind(Blind::Failed)
        } else if head.is_encoded {
            Self::Blind(Blind::Encoded)
        } else if head.is_stream() {
            match caller {
                Caller::OpenAi => {
                    Self::Chunks(Box::new(ChunkObserver::new(Observe { strip_usage, keep_bytes })))
                }
                Caller::Anthropic => Self::Messages(Box::new(MessageObserver::new(keep_bytes))),
                Caller::Responses => Self::Response(Box::new(ResponseObserver::new(keep_bytes))),
            }
        } else if *operation == Operation::Count {
            Self::Free
        } else if head.is_json() && *operation != Operation::Chat {
            Self::Metered(Metered::default())
        } else if head.is_json() {
            Self::Json { copy: Vec::new(), limit: keep_bytes.max(JSON_LIMIT), caller }
        } else {
            Self::Blind(Blind::ContentType)
        }
    }

    /// Whether it wants to be fed.
    #[must_use]
    pub fn reads(&self) -> bool {
        !matches!(self, Self::Blind(_) | Self::Free)
    }

    /// Whether what it forwards may have another length than what it is fed.
    #[must_use]
    pub fn changes_length(&self) -> bool {
        matches!(self, Self::Chunks(_) | Self::Messages(_) | Self::Response(_))
    }

    /// Feeds the next bytes and says what to forward. Boundaries may fall anywhere.
    pub fn feed(&mut self, chunk: Vec<u8>, end_of_stream: bool) -> Onward {
        match self {
            Self::Blind(_) | Self::Free => {}
            Self::Metered(metered) => metered.feed(&chunk),
            Self::Long { said } => *said = said.saturating_add(size(chunk.len())),
            Self::Json { copy, limit, .. } => {
                let length = copy.len().saturating_add(chunk.len());
                if length > *limit {
                    *self = Self::Long { said: size(length) };
                } else if copy.is_empty() {
                    *copy = chunk;
                } else {
                    copy.extend_from_slice(&chunk);
                }
            }
            Self::Chunks(chunks) => {
                let onward = chunks.feed(&chunk, end_of_stream);
                return if end_of_stream {
                    closed(onward, chunk, chunks.ending(), Caller::OpenAi)
                } else {
                    onward
                };
            }
            Self::Messages(messages) => {
                messages.feed(&chunk);
                if end_of_stream {
                    return closed(Onward::AsIs, chunk, messages.ending(), Caller::Anthropic);
                }
            }
            Self::Response(response) => {
                response.feed(&chunk);
                if end_of_stream {
                    return closed(Onward::AsIs, chunk, response.ending(), Caller::Responses);
                }
            }
        }
        Onward::AsIs
    }

    /// What the body was.
    #[must_use]
    pub fn finish(self) -> Observed {
        match self {
            Self::Blind(blind) => Observed::blind(blind),
            Self::Free => {
                Observed::known(Completion { usage: Some(Usage::default()), reusable: false }, None)
            }
            Self::Metered(metered) => Observed::known(metered.finish(), None),
            Self::Long { said } => Observed { said, ..Observed::blind(Blind::TooLarge) },
            Self::Json { copy, caller, .. } => match whole::read(&copy, caller) {
                None => {
                    let said = size(copy.len());
                    Observed { said, ..Observed::blind(Blind::Incomplete) }
                }
                Some(completion) => Observed::known(completion, Some(copy)),
            },
            Self::Chunks(chunks) => chunks.finish().into(),
            Self::Messages(messages) => messages.finish().into(),
            Self::Response(response) => response.finish().into(),
        }
    }
}

fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The last bytes of a stream: where the provider has ended it before all was said, the caller is told.
fn closed(onward: Onward, chunk: Vec<u8>, ending: (Ending, bool), caller: Caller) -> Onward {
    let (Ending::Cut, is_between_events) = ending else { return onward };
    let mut bytes = match onward {
        Onward::AsIs => chunk,
        Onward::Replace(bytes) => bytes,
    };
    if !is_between_events {
        bytes.extend_from_slice(b"\n\n");
    }
    bytes.extend_from_slice(&translate::interruption(caller));
    Onward::Replace(bytes)
}

impl From<StreamSummary> for Observed {
    fn from(summary: StreamSummary) -> Self {
        let blind = match (summary.usage, summary.ending) {
            (Some(_), _) => None,
            (None, Ending::Complete) => Some(Blind::NotReported),
            (None, Ending::Cut | Ending::Failed) => Some(Blind::Incomplete),
        };
        let StreamSummary { usage, begun, said, ending, answer } = summary;
        Self { usage, blind, reusable: answer, ending, begun, said }
    }
}
