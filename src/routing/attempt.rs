//! Attempts at providers, and why they fail.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::chat::Usage;
use crate::chat::shortcoming::Shortcoming;

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attempt {
    /// Name of the model that was asked.
    pub model: String,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// What was left out of the request.
    pub dropped: Vec<String>,
    /// How many bytes of an answer had come when it failed: the provider is paid for them.
    pub received: u64,
    /// What it cost, where the provider had said so.
    pub usage: Option<Usage>,
}

impl Attempt {
    /// Whether the provider gave an answer, be it an error.
    #[must_use]
    pub fn was_answered(&self) -> bool {
        self.failure.is_none_or(Failure::is_an_answer)
    }

    /// Whether it failed when its provider had begun to answer, and so is paid for.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        self.failure.is_some() && self.received > 0
    }

    /// Whether its answer was not good enough.
    #[must_use]
    pub fn lacks_something(&self) -> bool {
        matches!(self.failure, Some(Failure::Lacking(_)))
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// An answer with this HTTP status.
    Status(u16),
    /// No connection.
    Connect,
    /// The connection broke.
    Reset,
    /// Silence for too long.
    Timeout,
    /// Envoy had no credential to inject; nothing was sent.
    Credential,
    /// An answer that cannot be read.
    Malformed,
    /// The prompt is longer than the model's context window.
    ContextLength,
    /// The answer was not good enough, so that a stronger model was asked.
    Lacking(Shortcoming),
}

/// The failures that have a word of their own.
const WORDS: [(Failure, &str); 9] = [
    (Failure::Connect, "connect_failure"),
    (Failure::Reset, "reset"),
    (Failure::Timeout, "timeout"),
    (Failure::Credential, "no_credential"),
    (Failure::Malformed, "malformed"),
    (Failure::ContextLength, "context_length"),
    (Failure::Lacking(Shortcoming::Refusal), "refusal"),
    (Failure::Lacking(Shortcoming::Cut), "cut"),
    (Failure::Lacking(Shortcoming::Schema), "schema"),
];

impl Failure {
    fn is_an_answer(self) -> bool {
        matches!(self, Self::Status(_) | Self::Malformed | Self::ContextLength | Self::Lacking(_))
    }
}

/// Its name in headers, logs and metrics: a status, or a word.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, WORDS.iter().find(|(failure, _)| failure == self)) {
            (Self::Status(status), _) => write!(f, "{status}"),
            (_, Some((_, word))) => f.write_str(word),
            (_, None) => Ok(()),
        }
    }
}

impl FromStr for Failure {
    type Err = UnknownFailure;

    fn from_str(text: &str) -> Result<Self, UnknownFailure> {
        if let Some((failure, _)) = WORDS.iter().find(|(_, word)| *word == text) {
            return Ok(*failure);
        }
        text.parse().map(Self::Status).map_err(|_| UnknownFailure)
    }
}

/// A text that names no failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is neither an HTTP status nor the name of a failure")]
pub struct UnknownFailure;

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_known_by_its_name() {
        for failure in WORDS.iter().map(|(failure, _)| *failure).chain([Failure::Status(503)]) {
            assert_eq!(failure.to_string().parse(), Ok(failure));
        }
        assert_eq!("odd".parse::<Failure>(), Err(UnknownFailure));
    }

    #[test]
    fn an_error_is_an_answer_and_a_broken_connection_is_none() {
        let failed = |failure| Attempt { failure, ..Attempt::default() };
        for failure in [None, Some(Failure::Status(503)), Some(Failure::Malformed)] {
            assert!(failed(failure).was_answered(), "{failure:?}");
        }
        for failure in [Failure::Connect, Failure::Reset, Failure::Timeout, Failure::Credential] {
            assert!(!failed(Some(failure)).was_answered(), "{failure}");
        }
    }
}
