//! What is known of a chat request once it has been read.

use std::borrow::Cow;
use std::ops::Range;

use thiserror::Error;

use super::human::without_elements;
use super::sized::sized;
use super::text::{Text, decode};
use super::turns::Turns;
use crate::chat::dialect::Caller;
use crate::chat::excerpt::excerpt;

/// Bounds on what is read; a body outside them is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deepest nesting of arrays and objects; the body itself is depth 1.
    pub max_depth: u16,
}

/// Whether the canonical form of a request is kept: it is what a cache compares, and costs as much as all the rest of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canonical {
    /// It is: [`ChatRequest::canonical`] can be asked for.
    Keep,
    /// It is not.
    Skip,
}

/// The dialect-neutral view of a chat request. It owns the body, so that it outlives the callback that has read it; spans are byte
/// ranges in the body.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    pub(super) body: String,
    /// What the body is written in.
    pub caller: Caller,
    /// The model that the caller named, unescaped.
    pub model: String,
    /// Where the value of `model` stands, quotes included.
    pub model_span: Range<usize>,
    /// Whether the caller asked for a stream (`stream: true`).
    pub stream: bool,
    /// Where and what `stream_options` is.
    pub stream_options: StreamOptions,
    /// Where the members stand that bound the answer, and what each says; `None`: it is `null`.
    pub answer_bounds: Vec<(Range<usize>, Option<u64>)>,
    /// Where the value of `service_tier` stands, if it is said.
    pub service_tier: Option<Range<usize>>,
    /// Where the value stands that says how much is thought, if it is said: of `reasoning_effort`, of `reasoning` in the Responses API, or of
    /// Anthropic's `output_config`.
    pub reasoning: Option<Range<usize>>,
    /// The conversation in numbers.
    pub shape: Shape,
    /// By what the conversation is known again.
    pub turns: Turns,
    /// What asks for variety or for more than one answer.
    pub sampling: Sampling,
    /// Text parts of the last message of role `user`.
    pub(super) last_user: Vec<Text>,
    /// The canonical form of every member that can change the answer, `model` excluded, and whose words it is in.
    pub(super) canonical: Option<(Caller, Vec<u8>)>,
}

/// `stream_options` as the caller sent it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamOptions {
    /// Where its value stands in the body; `None` when the member is absent.
    pub span: Option<Range<usize>>,
    /// Whether `include_usage` is `true`.
    pub include_usage: bool,
}

/// What a conversation looks like from outside. Lengths are in bytes of UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// Messages of any role.
    pub messages: u32,
    /// Messages of role `user`, but those of Anthropic's callers that hold results of tools and no text.
    pub user_messages: u32,
    /// Text in messages of role `system` or `developer`.
    pub system_bytes: u32,
    /// Text before the last user message, system messages excluded: it stays the same while tools are called for that message.
    pub history_bytes: u32,
    /// Image parts in the last user message.
    pub images: u32,
    /// Image parts in all messages, those that tools have given back included.
    pub all_images: u32,
    /// Images and other media in all messages, in bytes of the body.
    pub media_bytes: u32,
    /// Tools or functions that the model may call.
    pub tools: u32,
    /// Whether `response_format`, `output_config` or `text` asks for JSON (`json_object` or `json_schema`).
    pub structured_output: bool,
    /// `max_completion_tokens`, else `max_tokens`; `max_output_tokens` of the Responses API.
    pub max_output_tokens: Option<u64>,
}

/// Members of the request that decide whether one stored answer may stand for another.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sampling {
    /// `temperature` if present and a number.
    pub temperature: Option<f64>,
    /// `n` if present and a whole number: how many choices are asked for.
    pub choices: Option<u64>,
    /// Whether `logprobs` is `true`.
    pub logprobs: bool,
    /// Whether the provider holds a part of the conversation, so that the request does not say all that the answer depends on, or
    /// shall hold it from now on.
    pub stateful: bool,
    /// Whether the caller asked for audio output (`modalities` names `audio`).
    pub audio: bool,
}

/// Why a body is not read as a chat request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The body is not JSON (RFC 8259).
    #[error("the body is not valid JSON at byte {at}")]
    InvalidJson {
        /// Offset of the first byte that cannot be read.
        at: usize,
    },
    /// JSON, but not a chat request: the member named is missing or has another type.
    #[error("`{member}` is missing or not what a chat request has there")]
    UnknownShape {
        /// The member, for example `messages`.
        member: &'static str,
    },
    /// A member stands there twice: the provider might read the other one.
    #[error("`{}` appears more than once", excerpt(member))]
    Duplicate {
        /// The member, for example `model`.
        member: String,
    },
    /// A member that a lenient provider might take for one that decides the request.
    #[error(
        "a member is spelled almost like `{member}`, so that a server might take it for that; spell it `{member}`"
    )]
    Misspelled {
        /// The member that it looks like, for example `model`.
        member: &'static str,
    },
    /// More members than any chat request has.
    #[error("the body has more than {limit} members")]
    TooManyMembers {
        /// How many are read.
        limit: usize,
    },
    /// Nested deeper than the limit.
    #[error("the body is nested deeper than {limit} levels")]
    TooDeep {
        /// [`Limits::max_depth`].
        limit: u16,
    },
}

impl RequestError {
    /// Its name in metrics and logs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::InvalidJson { .. } => "invalid_json",
            Self::UnknownShape { .. } => "unknown_shape",
            Self::Duplicate { .. } => "duplicate_member",
            Self::Misspelled { .. } => "misspelled_member",
            Self::TooManyMembers { .. } => "too_many_members",
            Self::TooDeep { .. } => "too_deep",
        }
    }

    /// Whether no policy lets it pass: two readers could understand it differently, or it would take too much to read.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(
            self,
            Self::Duplicate { .. }
                | Self::Misspelled { .. }
                | Self::TooManyMembers { .. }
                | Self::TooDeep { .. }
        )
    }

    /// The member that is at fault, if it is one.
    #[must_use]
    pub fn member(&self) -> Option<&str> {
        match self {
            Self::Duplicate { member } => Some(excerpt(member)),
            Self::Misspelled { member } | Self::UnknownShape { member } => Some(member),
            Self::InvalidJson { .. } | Self::TooManyMembers { .. } | Self::TooDeep { .. } => None,
        }
    }
}

impl ChatRequest {
    /// The body as it came.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.body.as_bytes()
    }

    /// The body as it came, when nothing else is needed any more.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body.into_bytes()
    }

    /// Whether the usage of its answer must be asked for: OpenAI's streams say it only then.
    #[must_use]
    pub fn must_ask_for_usage(&self) -> bool {
        self.stream && self.caller == Caller::OpenAi
    }

    /// Whether the usage that was asked for must be taken out of the answer again, because the caller did not ask.
    #[must_use]
    pub fn hides_usage(&self) -> bool {
        self.must_ask_for_usage() && !self.stream_options.include_usage
    }

    /// The text of the last message of role `user`: its string content, or its text parts joined by a line break.
    #[must_use]
    pub fn last_user_text(&self) -> Cow<'_, str> {
        match self.last_user.as_slice() {
            [] => Cow::Borrowed(""),
            [text] => decode(&self.body, text),
            texts => texts.iter().map(|text| decode(&self.body, text)).collect::<Vec<_>>().join("\n").into(),
        }
    }

    /// The canonical form of every member that can change the answer, `model` excluded, and whose words it is in: OpenAI's for
    /// whatever they can say. `None` when it was not kept.
    #[must_use]
    pub fn canonical(&self) -> Option<(Caller, &[u8])> {
        self.canonical.as_ref().map(|(words, bytes)| (*words, bytes.as_slice()))
    }

    /// What the caller's user has said last: the text of the last message of role `user` without what an agent has put into it.
    #[must_use]
    pub fn said_last(&self) -> Cow<'_, str> {
        without_elements(self.last_user_text())
    }

    /// The last user message, if it consists of one text.
    #[must_use]
    pub fn only_user_text(&self) -> Option<Cow<'_, str>> {
        match self.last_user.as_slice() {
            [text] => Some(decode(&self.body, text)),
            _ => None,
        }
    }

    /// The canonical form before and after the one text of the last user message. A string that is equal to it may stand in its
    /// place, which makes no two requests equal: their forms are, but for one string, and that is the last user message of both.
    #[must_use]
    pub fn around_user_text(&self) -> Option<(&[u8], &[u8])> {
        let (_, canonical) = self.canonical()?;
        let text = sized(b's', self.only_user_text()?.as_bytes());
        let at = memchr::memmem::rfind(canonical, &text)?;
        let (before, rest) = canonical.split_at_checked(at)?;
        Some((before, rest.get(text.len()..)?))
    }

    /// An estimate of the prompt's tokens: a token for every four bytes of the body, a thousand for an image.
    #[must_use]
    pub fn estimated_tokens(&self) -> u64 {
        let bytes = u64::try_from(self.body.len()).unwrap_or(u64::MAX);
        let text = bytes.saturating_sub(self.shape.media_bytes.into()).div_ceil(4);
        text.saturating_add(u64::from(self.shape.all_images).saturating_mul(1000))
    }
}
