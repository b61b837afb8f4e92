//! A request that has gone to a provider, until the answer's headers come.

use super::Router;
use super::observer::{Observer, ResponseHead};
use super::settle::Answering;
use crate::cache::CacheKey;
use crate::cache::directives::CacheStatus;
use crate::cache::exact::Bypass;
use crate::chat::answer::{ApiError, ErrorKind};
use crate::chat::{Caller, ChatRequest, translate};
use crate::complexity::Complexity;
use crate::filter::call::{Attempt, Call, Failure};
use crate::filter::{DECISION_HEADER, DROPPED_HEADER, OWN_PREFIX};
use crate::host::{Direction, Host};
use crate::policy::{Decision, ModelId, Policy};
use crate::telemetry::{Attempted, DecisionHeader};

/// What the caller asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) caller: Caller,
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) wants_usage: bool,
}

impl Asked {
    pub(super) fn new(caller: Caller, request: &ChatRequest<'_>) -> Self {
        Self {
            caller,
            model: request.model.clone().into_owned(),
            stream: request.stream,
            wants_usage: request.stream_options.include_usage,
        }
    }
}

/// What was decided about it.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) complexity: Complexity,
    pub(super) decision: Decision,
}

impl Verdict {
    /// The value of the decision header, for an answer by `model` after `attempts`.
    fn describe(&self, policy: &Policy, model: ModelId, attempts: &[Attempt]) -> String {
        let failed: Vec<Attempted<'_>> = failed(attempts).collect();
        let header = DecisionHeader {
            tier: self.decision.tier(policy).map(|tier| tier.name.as_str()),
            model: &policy.model(model).name,
            provider: &policy.provider_of(model).name,
            complexity: &self.complexity,
            reason: self.decision.reason.as_str(),
            attempts: attempts.len(),
            failed: &failed,
        };
        header.value()
    }
}

/// How the cache takes part in a call that goes to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caching {
    /// The policy has no cache.
    Off,
    /// Not for this request.
    Bypass(Bypass),
    /// Nothing stored: the answer may be stored under this key.
    Store(CacheKey),
    /// What is stored is older than the caller accepts.
    Replace(CacheKey),
    /// The caller wants a fresh answer.
    Refresh(CacheKey),
}

impl Caching {
    /// The key under which the answer may be stored.
    pub(super) fn key(&self) -> Option<&CacheKey> {
        match self {
            Self::Off | Self::Bypass(_) => None,
            Self::Store(key) | Self::Replace(key) | Self::Refresh(key) => Some(key),
        }
    }

    /// The same, but the answer is not stored.
    pub(super) fn without_storing(self) -> Self {
        match self {
            Self::Store(_) | Self::Replace(_) | Self::Refresh(_) => Self::Off,
            other => other,
        }
    }

    fn status(&self) -> Option<CacheStatus> {
        match self {
            Self::Off => None,
            Self::Bypass(bypass) => Some(CacheStatus::Bypass(*bypass)),
            Self::Store(_) => Some(CacheStatus::Miss),
            Self::Replace(_) => Some(CacheStatus::Stale),
            Self::Refresh(_) => Some(CacheStatus::Request),
        }
    }
}

/// A request on its way.
#[derive(Debug)]
pub(super) struct Forwarded {
    pub(super) asked: Asked,
    pub(super) verdict: Verdict,
    pub(super) caching: Caching,
}

impl Forwarded {
    /// The answer's headers are here: reports the decision in them and chooses how to read the body.
    pub(super) fn answer<H: Host>(self, router: &Router, host: &H) -> Answering {
        let headers = host.headers(Direction::Response);
        let mut head = ResponseHead::of(&headers);
        let attempts = Call::read(host).unwrap_or_default().attempts;
        let last = attempts.last().filter(|attempt| attempt.was_answered());
        let model = last.and_then(|attempt| router.policy.model_by_name(&attempt.model));
        self.announce(router, host, &headers, model.unwrap_or(self.verdict.decision.model), &attempts);
        let storable = match (self.caching.key(), &router.cache) {
            (Some(_), Some(cache)) => cache.geometry().largest_answer(),
            _ => 0,
        };
        let caller = self.asked.caller;
        let strip_usage = caller == Caller::OpenAi && self.asked.stream && !self.asked.wants_usage;
        let observer = if head.status >= 400 && is_envoys_own(host) {
            // The credential that Envoy lacks is ours: the caller's is not at fault.
            let is_ours = attempts.last().is_some_and(|attempt| attempt.failed_by(Failure::Credential));
            let code = is_ours.then_some(Failure::Credential.as_str());
            head.status = if is_ours { 503 } else { translate::status(head.status, caller) };
            Observer::Replacement(replacement(host, head.status, caller, code, &attempts))
        } else {
            Observer::of(head, caller, strip_usage, storable)
        };
        if strip_usage && matches!(observer, Observer::Events(_)) {
            host.set_header(Direction::Response, "content-length", None);
        }
        Answering {
            asked: self.asked,
            verdict: self.verdict,
            caching: self.caching,
            status: head.status,
            model,
            attempts,
            observer,
        }
    }

    /// Says what was decided; what a provider says in our name is removed.
    fn announce<H: Host>(
        &self,
        router: &Router,
        host: &H,
        headers: &[(String, String)],
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
        if router.policy.decision_header {
            set(DECISION_HEADER, Some(&self.verdict.describe(&router.policy, model, attempts)));
        }
    }
}

/// The attempts that failed.
pub(super) fn failed(attempts: &[Attempt]) -> impl Iterator<Item = Attempted<'_>> {
    attempts.iter().filter_map(|attempt| {
        attempt.failure.as_deref().map(|reason| Attempted { model: &attempt.model, reason })
    })
}

/// Whether Envoy, not a provider, gave this answer.
fn is_envoys_own<H: Host>(host: &H) -> bool {
    host.property(&["response", "code_details"]).is_some_and(|details| details != b"via_upstream")
}

/// Puts an error in the caller's dialect in the place of Envoy's plain text; returns its body.
fn replacement<H: Host>(
    host: &H,
    status: u16,
    caller: Caller,
    code: Option<&str>,
    attempts: &[Attempt],
) -> Vec<u8> {
    let set = |name, value: Option<&str>| host.set_header(Direction::Response, name, value);
    set(":status", Some(&status.to_string()));
    set("content-type", Some("application/json"));
    set("content-length", None);
    let reasons: Vec<String> =
        failed(attempts).map(|attempt| format!("{}: {}", attempt.model, attempt.reason)).collect();
    let message = if reasons.is_empty() {
        "no provider could be asked".to_owned()
    } else {
        format!("no provider gave an answer ({})", reasons.join(", "))
    };
    let kind = if code.is_some() { ErrorKind::Server } else { ErrorKind::of_status(status) };
    let error = ApiError { code: code.map(str::to_owned), ..ApiError::new(kind, message) };
    translate::write_error(&error, caller)
}
