//! What the roles tell each other about a call: the router what was asked and whom it may go to, each attempt what became of
//! it. It stands in filter state, which lives as long as the call and which no header carries.

use std::fmt::Write;

use crate::chat::completion::Completion;
use crate::chat::shortcoming::{Form, Shortcoming, Wanted};
use crate::chat::{Caller, Operation, Usage};
use crate::envoy::CALL_STATE;
use crate::host::Host;
use crate::routing::{Attempt, Escalation, Failure};

/// Ends a header's name and its value: neither holds control characters (RFC 9110, section 5.5).
const SEPARATOR: char = '\u{1f}';

/// A call on its way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Call {
    /// What the caller speaks.
    pub(crate) caller: Caller,
    /// What is asked.
    pub(crate) operation: Operation,
    /// Whether the answer shall be streamed.
    pub(crate) stream: bool,
    /// `x-request-id`, for an answer that has none.
    pub(crate) request_id: String,
    /// Length of the body as the router leaves it, in bytes.
    pub(crate) length: usize,
    /// Names of the models that may be asked, in failover order. The body names the first.
    pub(crate) models: Vec<String>,
    /// What came in the headers that some attempt may pass on: each attempt leaves only its own behind.
    pub(crate) headers: Vec<(String, String)>,
    /// What the attempt under way has read of its whole answer, so that nobody reads it again; `None`: it has read none.
    pub(crate) completion: Option<Completion>,
    /// When the next model is asked though there is an answer, if ever.
    pub(crate) escalation: Option<Escalation>,
    /// The attempts so far, in order.
    pub(crate) attempts: Vec<Attempt>,
}

impl Call {
    /// Reads what the other role has written; `None` when it has not.
    pub(crate) fn read<H: Host>(host: &H) -> Option<Self> {
        Self::parse(std::str::from_utf8(&host.property(&[CALL_STATE])?).ok()?)
    }

    /// Writes it for the other role.
    pub(crate) fn publish<H: Host>(&self, host: &H) {
        host.set_filter_state(CALL_STATE, self.to_text().as_bytes());
    }

    /// The failure of the attempt under way becomes known, and how many bytes of a 200 answer it has `received`.
    pub(crate) fn fail<H: Host>(&mut self, host: &H, failure: Failure, received: usize) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.failure = Some(failure);
            attempt.received = u64::try_from(received).unwrap_or(u64::MAX);
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

    /// Caller, operation, form of the answer and length, request id, models, headers, what was read of the answer, what it must not lack, then
    /// an attempt a line. Names hold no
    /// spaces, commas or line breaks.
    fn to_text(&self) -> String {
        let form = if self.stream { "stream" } else { "whole" };
        let (caller, operation) = (self.caller.as_str(), self.operation.as_str());
        let head = format!("{caller} {operation} {form} {}", self.length);
        let mut text = format!("{head}\n{}\n{}\n", self.request_id, self.models.join(","));
        for part in self.headers.iter().flat_map(|(name, value)| [name, value]) {
            text.push_str(part);
            text.push(SEPARATOR);
        }
        text.push('\n');
        if let Some(Completion { usage, reusable }) = self.completion {
            text.push(if reusable { '+' } else { '-' });
            for number in usage.iter().flat_map(Usage::to_numbers) {
                let _ = write!(text, "{number} ");
            }
        }
        text.push('\n');
        if let Some(escalation) = &self.escalation {
            push_escalation(&mut text, escalation);
        }
        for Attempt { model, failure, dropped, received, usage } in &self.attempts {
            let _ = write!(text, "\n{model} ");
            let _ = match failure {
                Some(failure) => write!(text, "{failure}"),
                None => write!(text, "-"),
            };
            let _ = write!(text, " {} {received}", dropped.join(","));
            for number in usage.iter().flat_map(Usage::to_numbers) {
                let _ = write!(text, " {number}");
            }
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let mut head = lines.next()?.split(' ');
        let (caller, operation) = (Caller::named(head.next()?)?, Operation::named(head.next()?));
        let (form, length) = (head.next()?, head.next()?.parse().ok()?);
        let request_id = lines.next()?.to_owned();
        let models = lines.next()?.split(',').map(str::to_owned).collect();
        let headers = headers(lines.next()?);
        let completion = completion(lines.next()?);
        let escalation = escalation(lines.next()?);
        let attempt = |line: &str| {
            let mut parts = line.split(' ');
            let model = parts.next()?.to_owned();
            let failure = parts.next().and_then(|failure| failure.parse().ok());
            let dropped = parts.next().unwrap_or_default().split(',');
            let dropped = dropped.filter(|name| !name.is_empty()).map(str::to_owned).collect();
            let received = parts.next().and_then(|count| count.parse().ok()).unwrap_or(0);
            let counts: Vec<&str> = parts.collect();
            let usage = (!counts.is_empty()).then(|| usage(counts.into_iter()));
            Some(Attempt { model, failure, dropped, received, usage })
        };
        let attempts = lines.filter_map(attempt).collect();
        Some(Self {
            caller,
            operation,
            stream: form == "stream",
            request_id,
            length,
            models,
            headers,
            completion,
            escalation,
            attempts,
        })
    }
}

/// Names and values, each with a separator behind it.
fn headers(text: &str) -> Vec<(String, String)> {
    let mut parts = text.split(SEPARATOR);
    let mut headers = Vec::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        headers.push((name.to_owned(), value.to_owned()));
    }
    headers
}

/// What was read of a whole answer: whether it may stand for a later one, and its tokens if they are known.
fn completion(text: &str) -> Option<Completion> {
    let (reusable, counts) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(counts), _) => (true, counts),
        (None, Some(counts)) => (false, counts),
        (None, None) => return None,
    };
    let usage = (!counts.is_empty()).then(|| usage(counts.split(' ')));
    Some(Completion { usage, reusable })
}

fn usage<'t>(counts: impl Iterator<Item = &'t str>) -> Usage {
    let mut numbers = [0; Usage::NUMBERS];
    for (number, text) in numbers.iter_mut().zip(counts) {
        *number = text.parse().unwrap_or(0);
    }
    Usage::from_numbers(numbers)
}

/// Causes, most tokens or `-`, and the form: nothing, `object`, or a schema, which is JSON without line breaks.
fn push_escalation(text: &mut String, Escalation { causes, wanted }: &Escalation) {
    let causes: Vec<&str> = causes.iter().map(|cause| cause.as_str()).collect();
    let most = wanted.max_tokens.map_or_else(|| "-".to_owned(), |most| most.to_string());
    let _ = write!(text, "{} {most} ", causes.join(","));
    match &wanted.form {
        Form::Any => {}
        Form::Object => text.push_str("object"),
        Form::Schema(schema) => {
            let _ = write!(text, "{schema}");
        }
    }
}

fn escalation(text: &str) -> Option<Escalation> {
    let mut parts = text.splitn(3, ' ');
    let names = parts.next().filter(|names| !names.is_empty())?;
    let known =
        |name: &str| Shortcoming::NAMES.iter().find(|(known, _)| *known == name).map(|(_, cause)| *cause);
    let max_tokens = parts.next()?.parse().ok();
    let form = match parts.next()? {
        "" => Form::Any,
        "object" => Form::Object,
        schema => Form::Schema(serde_json::from_str(schema).ok()?),
    };
    Some(Escalation {
        causes: names.split(',').filter_map(known).collect(),
        wanted: Wanted { max_tokens, form },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_one_role_writes_the_other_reads() {
        let attempt = |model: &str, failure: Option<Failure>, dropped: &[&str]| Attempt {
            model: model.into(),
            failure,
            dropped: dropped.iter().map(|name| (*name).into()).collect(),
            received: 7,
            usage: failure.map(|_| Usage::from_numbers([1, 2, 3, 4, 5, 6, 2])),
        };
        let call = Call {
            caller: Caller::Anthropic,
            operation: Operation::Count,
            stream: true,
            request_id: "0f3a".into(),
            length: 1234,
            models: vec!["org/a:1".into(), "b".into()],
            headers: vec![("a".into(), "x, y=\"é\"".into()), ("b".into(), String::new())],
            completion: None,
            escalation: None,
            attempts: vec![
                attempt("org/a:1", Some(Failure::Status(429)), &[]),
                attempt("b", None, &["seed", "user"]),
            ],
        };
        assert_eq!(Call::parse(&call.to_text()), Some(call.clone()));
        let usage = Usage::from_numbers([1, 2, 3, 4, 5, 6, 2]);
        for (usage, reusable) in [(None, true), (Some(usage), false), (Some(usage), true)] {
            let read = Call { completion: Some(Completion { usage, reusable }), ..call.clone() };
            assert_eq!(Call::parse(&read.to_text()), Some(read));
        }
        for form in [Form::Any, Form::Object, Form::Schema(json!({"title": "a\nb", "type": "object"}))] {
            for max_tokens in [None, Some(7)] {
                let wanted = Wanted { max_tokens, form: form.clone() };
                let causes = [Shortcoming::Refusal, Shortcoming::Schema].into();
                let escalating = Call { escalation: Some(Escalation { causes, wanted }), ..call.clone() };
                assert_eq!(Call::parse(&escalating.to_text()), Some(escalating));
            }
        }
        assert_eq!(call.next_model(), None);
        let first = Call { attempts: Vec::new(), ..call };
        assert_eq!(Call::parse(&first.to_text()), Some(first.clone()));
        assert_eq!(first.next_model(), Some("org/a:1"));
    }

    #[test]
    fn what_is_no_call_is_not_read() {
        for text in
            ["", "openai", "openai chat whole 1", "openai chat whole\n\na\n", "klingon chat whole 1\n\na\n"]
        {
            assert_eq!(Call::parse(text), None, "{text}");
        }
    }
}
