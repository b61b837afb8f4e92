//! The answer's headers and body as they come past.

use super::exchange::{Answering, Body, Forwarded, Side, Verdict};
use super::role::RouterRole;
use crate::chat::AnswerHead;
use crate::chat::completion::Onward;
use crate::chat::observe::{Observer, Wanted};
use crate::envoy::{BUDGET_HEADER, DECISION_HEADER, DROPPED_HEADER, OWN_PREFIX, RETRY_HEADER};
use crate::filter::Flow;
use crate::filter::call::Call;
use crate::filter::fault::Fault;
use crate::host::{Direction, Host};
use crate::policy::{ModelId, Policy, RuleId};
use crate::routing::{Attempt, Failure};
use crate::telemetry::DecisionHeader;

impl Forwarded {
    /// The answer's headers are here: reports the decision in them and chooses what is done with the body.
    pub(super) fn answer<H: Host>(self, role: &RouterRole, host: &H, end_of_stream: bool) -> Answering {
        let Call { mut attempts, completion, .. } = Call::read(host).unwrap_or_default();
        if let Some(delivered) = attempts.last_mut().filter(|last| last.lacks_something()) {
            // No other model was asked after all.
            (delivered.failure, delivered.usage) = (None, None);
            host.set_header(Direction::Response, RETRY_HEADER, None);
        }
        let last = attempts.last().filter(|attempt| attempt.was_answered());
        let model = last.and_then(|attempt| role.policy.model_by_name(&attempt.model));
        let (status, body) = match completion {
            // The provider role has seen to the headers as well.
            Some(completion) => {
                let is_kept = completion.reusable && self.caching.key().is_some();
                (200, Body::Known { completion, copy: is_kept.then(Vec::new) })
            }
            None => self.look(role, host, &attempts, end_of_stream),
        };
        self.announce(role, host, model.unwrap_or(self.verdict.decision.model), &attempts);
        let Self { asked, verdict, caching, sought, flight, asked_at, reserved } = self;
        Answering {
            asked,
            verdict,
            caching,
            sought,
            flight,
            asked_at,
            reserved,
            status,
            first_at: None,
            model,
            attempts,
            body,
            cut_off: None,
        }
    }

    /// Looks at the headers: what a provider says in our name is removed, and they decide what is done with the body.
    fn look<H: Host>(
        &self,
        role: &RouterRole,
        host: &H,
        attempts: &[Attempt],
        end_of_stream: bool,
    ) -> (u16, Body) {
        let headers = host.headers(Direction::Response);
        for (name, _) in headers.iter().filter(|(name, _)| name.starts_with(OWN_PREFIX)) {
            host.set_header(Direction::Response, name, None);
        }
        let head = AnswerHead::of(headers.iter());
        if head.status >= 400 && is_envoys_own(host) {
            return self.replace(host, head.status, attempts);
        }
        let last = attempts.last().and_then(|attempt| Some((attempt.failure?, attempt)));
        // What the provider role has shown to Envoy instead.
        let status = match last {
            Some((Failure::Malformed, _)) if head.status >= 400 => 502,
            Some((Failure::Status(504), _)) if head.status == 500 => 504,
            _ => head.status,
        };
        if status != head.status {
            host.set_header(Direction::Response, ":status", Some(&status.to_string()));
        }
        if end_of_stream && status >= 400 {
            let fault = match last {
                Some((Failure::Malformed, attempt)) => Fault::Malformed { model: &attempt.model },
                _ => Fault::NoAnswer { status, attempts },
            };
            return (status, Body::Replaced(fault.body(self.asked.caller)));
        }
        (status, Body::Observed(self.observe(role, host, &head)))
    }

    /// Puts an error in the caller's dialect in the place of Envoy's plain text.
    fn replace<H: Host>(&self, host: &H, status: u16, attempts: &[Attempt]) -> (u16, Body) {
        let fault = Fault::NoAnswer { status, attempts };
        let status = fault.status(self.asked.caller);
        let set = |name, value: Option<&str>| host.set_header(Direction::Response, name, value);
        set(":status", Some(&status.to_string()));
        set("content-type", Some("application/json"));
        set("x-request-id", Some(self.asked.request_id.as_str()).filter(|id| !id.is_empty()));
        set("content-length", None);
        set("content-encoding", None);
        (status, Body::Replaced(fault.body(self.asked.caller)))
    }

    fn observe<H: Host>(&self, role: &RouterRole, host: &H, head: &AnswerHead<'_>) -> Observer {
        let keep_bytes = match (self.caching.key(), &role.cache) {
            (Some(_), Some(cache)) => cache.geometry().largest_answer(),
            _ => 0,
        };
        let wanted = Wanted { strip_usage: self.asked.hides_usage, keep_bytes };
        let observer = Observer::new(head, self.asked.caller, &self.asked.operation, wanted);
        if observer.changes_length() && head.length > 0 {
            host.set_header(Direction::Response, "content-length", None);
        }
        observer
    }

    /// Says what was decided.
    fn announce<H: Host>(&self, role: &RouterRole, host: &H, model: ModelId, attempts: &[Attempt]) {
        let set = |name: &str, value: Option<&str>| host.set_header(Direction::Response, name, value);
        if let Some(status) = self.caching.status() {
            set("cache-status", Some(&status.to_string()));
        }
        if let Some(attempt) = attempts.last().filter(|attempt| !attempt.dropped.is_empty()) {
            set(DROPPED_HEADER, Some(&attempt.dropped.join(", ")));
        }
        if let Some(notice) = &self.verdict.notice {
            set(BUDGET_HEADER, Some(&notice.value()));
        }
        if role.policy.decision_header {
            set(
                DECISION_HEADER,
                Some(&self.verdict.describe(&role.policy, (model, self.asked.rule), attempts)),
            );
        }
    }
}

impl Verdict {
    /// The value of the decision header, for an answer by a model after `attempts`, under a rule if one holds.
    fn describe(
        &self,
        policy: &Policy,
        (model, rule): (ModelId, Option<RuleId>),
        attempts: &[Attempt],
    ) -> String {
        let header = DecisionHeader {
            tier: self.decision.tier(policy).map(|tier| tier.name.as_str()),
            model: &policy.model(model).name,
            provider: &policy.provider_of(model).name,
            complexity: self.complexity.as_ref(),
            reason: self.decision.reason.as_str(),
            rule: rule.and_then(|id| policy.rules.get(id)).map(|rule| rule.name.as_str()),
            attempts,
        };
        header.value()
    }
}

impl Answering {
    /// A piece of the body is here.
    pub(super) fn flow<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) {
        if self.asked.stream && self.first_at.is_none() {
            self.first_at = Some(host.now());
        }
        match &mut self.body {
            Body::Observed(observer) if observer.reads() => {
                let chunk = host.body(Direction::Response, size);
                if let Onward::Replace(bytes) = observer.feed(chunk, end_of_stream) {
                    host.set_body(Direction::Response, size, &bytes);
                }
            }
            Body::Known { copy: Some(copy), .. } if copy.is_empty() => {
                *copy = host.body(Direction::Response, size);
            }
            Body::Known { copy: Some(copy), .. } => {
                copy.extend_from_slice(&host.body(Direction::Response, size));
            }
            Body::Observed(_) | Body::Known { .. } => {}
            Body::Replaced(bytes) => host.set_body(Direction::Response, size, &std::mem::take(bytes)),
        }
    }

    /// The answer has no body. Where it ought to have one, it is given one; its other headers stay.
    pub(super) fn embody<H: Host>(&mut self, host: &H) -> Flow {
        let Body::Replaced(bytes) = &mut self.body else { return Flow::Continue };
        let headers = host.headers(Direction::Response);
        let text = |value| std::str::from_utf8(value).ok();
        let others = headers.iter().filter(|(name, _)| !OF_THE_BODY.contains(name));
        let mut kept: Vec<_> = others.filter_map(|(name, value)| Some((name, text(value)?))).collect();
        kept.push(("content-type", "application/json"));
        host.reply(self.status, &kept, &std::mem::take(bytes));
        Flow::Pause
    }

    /// The answer was cut off: what it cost is known if it had said so. A copy that is not whole stands for no later answer.
    pub(super) fn cut_off<H: Host>(mut self, host: &H) -> Self {
        let details = host.property(&["response", "code_details"]).unwrap_or_default();
        let by = if details.starts_with(b"upstream") { Side::Provider } else { Side::Caller };
        if let Body::Known { copy, .. } = &mut self.body {
            *copy = None;
        }
        Self { cut_off: Some(by), ..self }
    }
}

/// Headers that belong to a body, or that Envoy sets itself.
const OF_THE_BODY: [&str; 7] =
    [":status", "content-type", "content-length", "content-encoding", "transfer-encoding", "date", "server"];

/// Whether Envoy, not a provider, gave this answer.
fn is_envoys_own<H: Host>(host: &H) -> bool {
    host.property(&["response", "code_details"]).is_some_and(|details| details != b"via_upstream")
}
