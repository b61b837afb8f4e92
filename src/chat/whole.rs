//! A whole answer in its caller's dialect: what the books and the cache want to know of it, and how it looks as a stream.

use super::answer::{Answer, AnswerPart};
use super::completion::Completion;
use super::dialect::Caller;
use super::{anthropic, openai, responses};

/// Reads the body of a 200 answer to a `caller`; `None` when it is not an answer in the caller's dialect.
#[must_use]
pub fn read(body: &[u8], caller: Caller) -> Option<Completion> {
    match caller {
        Caller::OpenAi => openai::completion::read(body),
        Caller::Anthropic => anthropic::completion::read(body),
        Caller::Responses => responses::completion::read(body),
    }
}

/// All that a whole answer says; `None` when it is not an answer in the caller's dialect.
#[must_use]
pub fn answer(body: &[u8], caller: Caller) -> Option<Answer> {
    let answer = match caller {
        Caller::OpenAi => openai::answer::read(body),
        Caller::Anthropic => anthropic::answer::read(body),
        Caller::Responses => responses::answer::read(body),
    };
    answer.ok()
}

/// What a whole answer says in words; `None` when it is not an answer in the caller's dialect.
#[must_use]
pub fn text(body: &[u8], caller: Caller) -> Option<String> {
    let parts = answer(body, caller)?.parts.into_iter().filter_map(|part| match part {
        AnswerPart::Text(text) => Some(text),
        _ => None,
    });
    Some(parts.collect::<Vec<_>>().join("\n"))
}

/// The same answer as a stream of events; OpenAI's callers are told the usage if they asked for it. `None` when the body is not
/// one that can be streamed.
#[must_use]
pub fn as_stream(body: &[u8], caller: Caller, include_usage: bool) -> Option<Vec<u8>> {
    match caller {
        Caller::OpenAi => openai::replay::as_stream(body, include_usage),
        Caller::Anthropic => anthropic::replay::as_stream(body).ok(),
        Caller::Responses => responses::replay::as_stream(body),
    }
}
