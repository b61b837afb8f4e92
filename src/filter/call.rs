//! What the roles tell each other about a call: the router what was asked and whom it may go to, each attempt what became of
//! it. It stands in filter state, which lives as long as the call and which no header carries.

use crate::chat::Caller;
use crate::host::Host;

/// Filter state that holds it.
const FILTER_STATE: &str = "arbiter.call";

/// A call on its way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Call {
    /// What the caller speaks.
    pub(crate) caller: Caller,
    /// Whether the answer shall be streamed.
    pub(crate) stream: bool,
    /// Length of the body as the router leaves it, in bytes.
    pub(crate) length: usize,
    /// Names of the models that may be asked, in failover order. The body names the first.
    pub(crate) models: Vec<String>,
    /// The caller's `anthropic-beta`, for providers that know it.
    pub(crate) beta: String,
    /// The attempts so far, in order.
    pub(crate) attempts: Vec<Attempt>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Attempt {
    /// Name of the model that was asked.
    pub(crate) model: String,
    /// Why it failed, if it did: a status, or one of the words of [`Failure`].
    pub(crate) failure: Option<String>,
    /// What was left out of the request.
    pub(crate) dropped: Vec<String>,
}

/// Why an attempt failed without a status of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
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
}

impl Failure {
    /// Its name in headers, logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect_failure",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Credential => "no_credential",
            Self::Malformed => "malformed",
            Self::ContextLength => "context_length",
        }
    }
}

impl Attempt {
    /// Whether the provider gave an answer, be it an error.
    pub(crate) fn was_answered(&self) -> bool {
        ![Failure::Connect, Failure::Reset, Failure::Timeout, Failure::Credential]
            .iter()
            .any(|failure| self.failed_by(*failure))
    }

    /// Whether this is why it failed.
    pub(crate) fn failed_by(&self, failure: Failure) -> bool {
        self.failure.as_deref() == Some(failure.as_str())
    }
}

impl Call {
    /// Reads what the other role has written; `None` when it has not.
    pub(crate) fn read<H: Host>(host: &H) -> Option<Self> {
        Self::parse(std::str::from_utf8(&host.property(&[FILTER_STATE])?).ok()?)
    }

    /// Writes it for the other role.
    pub(crate) fn publish<H: Host>(&self, host: &H) {
        host.set_filter_state(FILTER_STATE, self.to_text().as_bytes());
    }

    /// The failure of the attempt under way becomes known.
    pub(crate) fn fail<H: Host>(&mut self, host: &H, failure: &str) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.failure = Some(failure.to_owned());
            self.publish(host);
        }
    }

    /// The model that would be asked next: Envoy makes as many attempts as there are models, and skips those it has asked.
    pub(crate) fn next_model(&self) -> Option<&str> {
        let was_asked = |model: &&String| self.attempts.iter().any(|attempt| attempt.model == **model);
        let has_attempts_left = self.attempts.len() < self.models.len();
        let mut unasked = self.models.iter().filter(|model| !was_asked(model));
        unasked.next().filter(|_| has_attempts_left).map(String::as_str)
    }

    /// Caller, form of the answer and length, models, beta, then an attempt a line. Names hold no spaces, commas or line breaks.
    fn to_text(&self) -> String {
        let form = if self.stream { "stream" } else { "whole" };
        let head = format!("{} {form} {}", self.caller.as_str(), self.length);
        let mut text = format!("{head}\n{}\n{}", self.models.join(","), self.beta);
        for Attempt { model, failure, dropped } in &self.attempts {
            for part in ["\n", model, " ", failure.as_deref().unwrap_or("-"), " ", &dropped.join(",")] {
                text.push_str(part);
            }
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let mut head = lines.next()?.split(' ');
        let (caller, form, length) = (Caller::named(head.next()?)?, head.next()?, head.next()?.parse().ok()?);
        let models = lines.next()?.split(',').map(str::to_owned).collect();
        let beta = lines.next()?.to_owned();
        let attempt = |line: &str| {
            let mut parts = line.split(' ');
            let model = parts.next()?.to_owned();
            let failure = parts.next().filter(|failure| *failure != "-").map(str::to_owned);
            let dropped = parts.next().unwrap_or_default().split(',');
            let dropped = dropped.filter(|name| !name.is_empty()).map(str::to_owned).collect();
            Some(Attempt { model, failure, dropped })
        };
        let attempts = lines.filter_map(attempt).collect();
        Some(Self { caller, stream: form == "stream", length, models, beta, attempts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_role_writes_the_other_reads() {
        let attempt = |model: &str, failure: Option<&str>, dropped: &[&str]| Attempt {
            model: model.into(),
            failure: failure.map(Into::into),
            dropped: dropped.iter().map(|name| (*name).into()).collect(),
        };
        let call = Call {
            caller: Caller::Anthropic,
            stream: true,
            length: 1234,
            models: vec!["org/a:1".into(), "b".into()],
            beta: "x-2025, y-2026".into(),
            attempts: vec![attempt("org/a:1", Some("429"), &[]), attempt("b", None, &["seed", "user"])],
        };
        assert_eq!(Call::parse(&call.to_text()), Some(call.clone()));
        assert_eq!(call.next_model(), None);
        let first = Call { attempts: Vec::new(), ..call };
        assert_eq!(Call::parse(&first.to_text()), Some(first.clone()));
        assert_eq!(first.next_model(), Some("org/a:1"));
    }

    #[test]
    fn what_is_no_call_is_not_read() {
        for text in ["", "openai", "openai whole 1", "openai whole\na\n", "klingon whole 1\na\n"] {
            assert_eq!(Call::parse(text), None, "{text}");
        }
    }
}
