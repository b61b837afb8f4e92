//! A chat request, read in one pass over its bytes.

mod canonical;
mod conversation;
mod members;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use thiserror::Error;

use super::Caller;

/// Bounds on what is read; a body outside them is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deepest nesting of arrays and objects; the body itself is depth 1.
    pub max_depth: u16,
}

/// The dialect-neutral view of a chat request. It borrows the body: spans are byte ranges in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest<'b> {
    /// The model that the caller named, unescaped.
    pub model: Cow<'b, str>,
    /// Where the value of `model` stands, quotes included.
    pub model_span: Range<usize>,
    /// Whether the caller asked for a stream (`stream: true`).
    pub stream: bool,
    /// Where and what `stream_options` is.
    pub stream_options: StreamOptions,
    /// The text of the last message of role `user`: its string content, or its text parts joined by a line break.
    pub last_user_text: Cow<'b, str>,
    /// The conversation in numbers.
    pub shape: Shape,
    /// What asks for variety or for more than one answer.
    pub sampling: Sampling,
    /// SHA-256 over the dialect and the canonical form of every member that can change the answer, `model` excluded.
    pub digest: [u8; 32],
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
    /// Messages of role `user`.
    pub user_messages: u32,
    /// Messages of role `tool` or `function`, or, from Anthropic's callers, messages that hold results of tools and no text.
    pub tool_messages: u32,
    /// Text in messages of role `system` or `developer`.
    pub system_bytes: u32,
    /// Text in all messages but the last user message and the system messages.
    pub history_bytes: u32,
    /// Image parts in the last user message.
    pub images: u32,
    /// Images and other media in all messages, in bytes of the body.
    pub media_bytes: u32,
    /// Tools or functions that the model may call.
    pub tools: u32,
    /// Whether `response_format` or `output_config` asks for JSON (`json_object` or `json_schema`).
    pub structured_output: bool,
    /// `max_completion_tokens`, else `max_tokens`.
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
    /// A member that decides the request stands there twice: the provider might read the other one.
    #[error("`{member}` appears more than once")]
    Duplicate {
        /// The member, for example `model`.
        member: &'static str,
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
            Self::TooDeep { .. } => "too_deep",
        }
    }
}

impl<'b> ChatRequest<'b> {
    /// Reads `body` as `caller` writes it.
    ///
    /// # Errors
    /// [`RequestError`] when the body is no chat request that can be read without doubt. Invalid JSON wins over a
    /// duplicate, a duplicate over an unknown shape; nesting beyond the limit ends the reading at once.
    pub fn parse(body: &'b [u8], caller: Caller, limits: Limits) -> Result<Self, RequestError> {
        members::read(body, caller, limits)
    }

    /// An estimate of the prompt's tokens: a token for every four bytes of a body of `body_bytes`, a thousand for an image.
    #[must_use]
    pub fn estimated_tokens(&self, body_bytes: usize) -> u64 {
        let bytes = u64::try_from(body_bytes).unwrap_or(u64::MAX);
        let text = bytes.saturating_sub(self.shape.media_bytes.into()).div_ceil(4);
        text.saturating_add(u64::from(self.shape.images).saturating_mul(1000))
    }
}
