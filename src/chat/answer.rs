//! An answer in no dialect, whole or event by event.

use serde_json::Value;
use thiserror::Error;

use super::usage::Usage;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// The provider's name for it.
    pub id: String,
    /// The model that gave it, in its provider's words.
    pub model: String,
    /// What it says, in order.
    pub parts: Vec<AnswerPart>,
    /// Why it ended.
    pub finish: Finish,
    /// Token counts, when the provider reported them.
    pub usage: Option<Usage>,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum AnswerPart {
    /// Text.
    Text(String),
    /// What the model thought.
    Thinking(String),
    /// The model declines.
    Refusal(String),
    /// The model calls a tool.
    ToolCall {
        /// By which the result will refer to it.
        id: String,
        /// Name of the tool.
        name: String,
        /// A JSON object, as text.
        arguments: String,
    },
}

/// Why an answer ended.
///
/// | | OpenAI `finish_reason` | Anthropic `stop_reason` | Gemini `finishReason` | Responses `incomplete_details.reason` |
/// |---|---|---|---|---|
/// | `Stop` | `stop` | `end_turn` | `STOP` | none |
/// | `StopSequence` | `stop` | `stop_sequence` | `STOP` | none |
/// | `Length` | `length` | `max_tokens`, `model_context_window_exceeded` | `MAX_TOKENS` | `max_output_tokens` |
/// | `ToolCalls` | `tool_calls` | `tool_use` | `STOP` after calls | none, after calls |
/// | `Filtered` | `content_filter` | `refusal` | `SAFETY`, `RECITATION` and others | `content_filter`, or none with a refusal |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Finish {
    /// The model had said all.
    #[default]
    Stop,
    /// It came to one of the caller's stop texts.
    StopSequence(String),
    /// It came to the limit.
    Length,
    /// It waits for results of tools.
    ToolCalls,
    /// It, or a filter, would not say more.
    Filtered,
}

/// One event of a streamed answer.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// The answer begins.
    Start {
        /// The provider's name for it.
        id: String,
        /// The model that gives it.
        model: String,
    },
    /// More text.
    Text(String),
    /// More of what the model thinks.
    Thinking(String),
    /// More of why it declines.
    Refusal(String),
    /// A call of a tool begins.
    ToolCall {
        /// Which one of this answer, from 0.
        index: u32,
        /// By which the result will refer to it.
        id: String,
        /// Name of the tool.
        name: String,
    },
    /// More of a call's arguments, JSON as text.
    Arguments {
        /// Which call.
        index: u32,
        /// The next piece.
        json: String,
    },
    /// Token counts so far; later ones replace earlier ones.
    Usage(Usage),
    /// Nothing more will be said.
    Finish(Finish),
    /// The stream is over.
    End,
    /// The provider gave up.
    Error(ApiError),
}

/// A provider's body or event that does not make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the provider's answer cannot be read")]
pub struct Malformed;

/// What kind of error it is, in the words of HTTP status codes that providers use.
///
/// | | status | OpenAI `type` | Anthropic `type` | Gemini `status` |
/// |---|---|---|---|---|
/// | `InvalidRequest` | 400, 422 | `invalid_request_error` | `invalid_request_error` | `INVALID_ARGUMENT` |
/// | `Authentication` | 401 | `authentication_error` | `authentication_error` | `UNAUTHENTICATED` |
/// | `Permission` | 403 | `permission_error` | `permission_error` | `PERMISSION_DENIED` |
/// | `NotFound` | 404 | `not_found_error` | `not_found_error` | `NOT_FOUND` |
/// | `TooLarge` | 413 | `invalid_request_error` | `request_too_large` | - |
/// | `RateLimit` | 429 | `rate_limit_error` | `rate_limit_error` | `RESOURCE_EXHAUSTED` |
/// | `Overloaded` | 503, 529 | `server_error` | `overloaded_error` | `UNAVAILABLE` |
/// | `Timeout` | 504 | `server_error` | `timeout_error` | `DEADLINE_EXCEEDED` |
/// | `Server` | 5xx | `server_error` | `api_error` | `INTERNAL` |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The caller's fault.
    InvalidRequest,
    /// No credential, or a wrong one.
    Authentication,
    /// A credential that may not do this.
    Permission,
    /// No such model or path.
    NotFound,
    /// More bytes than the provider takes.
    TooLarge,
    /// Too many calls or tokens.
    RateLimit,
    /// The provider has too much to do.
    Overloaded,
    /// The provider took too long.
    Timeout,
    /// Anything else on the provider's side.
    Server,
}

impl ErrorKind {
    /// The status that says it.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Authentication => 401,
            Self::Permission => 403,
            Self::NotFound => 404,
            Self::TooLarge => 413,
            Self::RateLimit => 429,
            Self::Overloaded => 529,
            Self::Timeout => 504,
            Self::Server => 500,
        }
    }

    /// What a status means.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            403 => Self::Permission,
            404 => Self::NotFound,
            413 => Self::TooLarge,
            429 => Self::RateLimit,
            503 | 529 => Self::Overloaded,
            408 | 504 => Self::Timeout,
            500..=599 => Self::Server,
            _ => Self::InvalidRequest,
        }
    }
}

/// An error of a provider or of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// What kind.
    pub kind: ErrorKind,
    /// For the person who reads it.
    pub message: String,
    /// OpenAI's `code`, for example `context_length_exceeded`.
    pub code: Option<String>,
    /// The member that is at fault, if one is.
    pub param: Option<String>,
}

impl ApiError {
    /// An error that names no code and no member.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), code: None, param: None }
    }

    /// Whether it says that the prompt is longer than the model's context window. Providers have no common code for it, so
    /// the message decides where there is none.
    #[must_use]
    pub fn is_context_length(&self) -> bool {
        const PHRASES: [&str; 6] = [
            "context length",
            "context window",
            "prompt is too long",
            "maximum context",
            "input token count",
            "too many tokens",
        ];
        let message = self.message.to_ascii_lowercase();
        self.code.as_deref() == Some("context_length_exceeded")
            || PHRASES.iter().any(|phrase| message.contains(phrase))
    }
}

/// A string member of an object; empty when it is absent or another type.
pub(super) fn text_of(value: &Value, member: &str) -> String {
    value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A whole number that is a member of an object; 0 when it is absent or another type.
pub(super) fn count_of(value: &Value, member: &str) -> u64 {
    value.get(member).and_then(Value::as_u64).unwrap_or(0)
}
