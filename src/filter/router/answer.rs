//! The answer's headers and body as they come past.

use super::exchange::{Answering, Body, Forwarded, Verdict};
use super::role::RouterRole;
use crate::chat::AnswerHead;
use crate::chat::completion::Onward;
use crate::chat::observe::{Observer, Wanted};
use crate::envoy::{DECISION_HEADER, DROPPED_HEADER, OWN_PREFIX};
use crate::filter::call::Call;
use crate::filter::fault::Fault;
use crate::host::{Direction, Headers, Host};
use crate::policy::{ModelId, Policy};
use crate::routing::Attempt;
use crate::telemetry::DecisionHeader;

impl Forwarded {
    /// The answer's headers are here: reports the decision in them and chooses what is done with the body.
    pub(super) fn answer<H: Host>(self, role: &RouterRole, host: &H) -> Answering {
        let headers = host.headers(Direction::Response);
        let head = AnswerHead::of(headers.iter());
        let attempts = Call::read(host).unwrap_or_default().attempts;
        let last = attempts.last().filter(|attempt| attempt.was_answered());
        let model = last.and_then(|attempt| role.policy.model_by_name(&attempt.model));
        self.announce(role, host, &headers, model.unwrap_or(self.verdict.decision.model), &attempts);
        let (status, body) = if head.status >= 400 && is_envoys_own(host) {
            self.replace(host, head.status, &attempts)
        } else {
            (head.status, Body::Observed(self.observe(role, host, &head)))
        };
        let Self { asked, verdict, caching } = self;
        Answering { asked, verdict, caching, status, model, attempts, body }
    }

    /// Puts an error in the caller's dialect in the place of Envoy's plain text.
    fn replace<H: Host>(&self, host: &H, status: u16, attempts: &[Attempt]) -> (u16, Body) {
        let fault = Fault::NoAnswer { status, attempts };
        let status = fault.status(self.asked.caller);
        let set = |name, value: Option<&str>| host.set_header(Direction::Response, name, value);
        set(":status", Some(&status.to_string()));
        set("content-type", Some("application/json"));
        set("content-length", None);
        (status, Body::Replaced(fault.body(self.asked.caller)))
    }

    fn observe<H: Host>(&self, role: &RouterRole, host: &H, head: &AnswerHead<'_>) -> Observer {
        let keep_bytes = match (self.caching.key(), &role.cache) {
            (Some(_), Some(cache)) => cache.geometry().largest_answer(),
            _ => 0,
        };
        let wanted = Wanted { strip_usage: self.asked.hides_usage, keep_bytes };
        let observer = Observer::new(head, self.asked.caller, wanted);
        if observer.shortens() {
            host.set_header(Direction::Response, "content-length", None);
        }
        observer
    }

    /// Says what was decided; what a provider says in our name is removed.
    fn announce<H: Host>(
        &self,
        role: &RouterRole,
        host: &H,
        headers: &Headers,
        model: ModelId,
        attempts: &[Attempt],
    ) {
        let set = |name: &str, value: Option<&str>| host.set_header(Direction::Response, name, value);
        for (name, _) in headers.iter().filter(|(name, _)| name.starts_with(OWN_PREFIX)) {
            set(name, None);
        }
        if let Some(status) = self.caching.status() {
            set("cache-status", Some(&status.to_string()));
        }
        if let Some(attempt) = attempts.last().filter(|attempt| !attempt.dropped.is_empty()) {
            set(DROPPED_HEADER, Some(&attempt.dropped.join(", ")));
        }
        if role.policy.decision_header {
            set(DECISION_HEADER, Some(&self.verdict.describe(&role.policy, model, attempts)));
        }
    }
}

impl Verdict {
    /// The value of the decision header, for an answer by `model` after `attempts`.
    fn describe(&self, policy: &Policy, model: ModelId, attempts: &[Attempt]) -> String {
        let header = DecisionHeader {
            tier: self.decision.tier(policy).map(|tier| tier.name.as_str()),
            model: &policy.model(model).name,
            provider: &policy.provider_of(model).name,
            complexity: &self.complexity,
            reason: self.decision.reason.as_str(),
            attempts,
        };
        header.value()
    }
}

impl Answering {
    /// A piece of the body is here.
    pub(super) fn flow<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) {
        match &mut self.body {
            Body::Observed(observer) if observer.reads() => {
                let chunk = host.body(Direction::Response, size);
                if let Onward::Replace(bytes) = observer.feed(chunk, end_of_stream) {
                    host.set_body(Direction::Response, size, &bytes);
                }
            }
            Body::Observed(_) => {}
            Body::Replaced(bytes) => host.set_body(Direction::Response, size, &std::mem::take(bytes)),
        }
    }

    /// The answer was cut off: what it cost is known if it had said so, but it stands for no later one.
    pub(super) fn cut_off(self) -> Self {
        Self { caching: self.caching.without_storing(), ..self }
    }
}

/// Whether Envoy, not a provider, gave this answer.
fn is_envoys_own<H: Host>(host: &H) -> bool {
    host.property(&["response", "code_details"]).is_some_and(|details| details != b"via_upstream")
}
