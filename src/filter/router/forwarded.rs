//! A request that has gone to a provider, until the answer's headers come.

use super::Router;
use super::observer::{Observer, ResponseHead};
use super::settle::Answering;
use crate::cache::CacheKey;
use crate::cache::directives::CacheStatus;
use crate::cache::exact::Bypass;
use crate::chat::ChatRequest;
use crate::complexity::Complexity;
use crate::filter::{DECISION_HEADER, ENDPOINT_MODEL, OWN_PREFIX};
use crate::host::{Direction, Host};
use crate::policy::{Decision, ModelId, Policy};
use crate::telemetry::decision_header;

/// What the caller asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) wants_usage: bool,
}

impl Asked {
    pub(super) fn new(request: &ChatRequest<'_>) -> Self {
        Self {
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
    /// The value of the decision header, for an answer by `model`.
    fn describe(&self, policy: &Policy, model: ModelId) -> String {
        let tier = self.decision.tier(policy).map(|tier| tier.name.as_str());
        let model = &policy.model(model).name;
        decision_header(tier, model, &self.complexity, self.decision.reason.as_str())
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
        let head = ResponseHead::of(&headers);
        let model = answered_by(router, host);
        self.announce(router, host, &headers, model.unwrap_or(self.verdict.decision.model));
        let storable = match (self.caching.key(), &router.cache) {
            (Some(_), Some(cache)) => cache.geometry().largest_answer(),
            _ => 0,
        };
        let strip_usage = self.asked.stream && !self.asked.wants_usage;
        let observer = Observer::of(head, strip_usage, storable);
        if strip_usage && matches!(observer, Observer::Events(_)) {
            host.set_header(Direction::Response, "content-length", None);
        }
        Answering {
            asked: self.asked,
            verdict: self.verdict,
            caching: self.caching,
            status: head.status,
            model,
            observer,
        }
    }

    /// Says what was decided; what a provider says in our name is removed.
    fn announce<H: Host>(&self, router: &Router, host: &H, headers: &[(String, String)], model: ModelId) {
        let set = |name: &str, value: Option<&str>| host.set_header(Direction::Response, name, value);
        for (name, _) in headers.iter().filter(|(name, _)| name.starts_with(OWN_PREFIX)) {
            set(name, None);
        }
        if let Some(status) = self.caching.status() {
            set("cache-status", Some(&status.to_string()));
        }
        if router.policy.decision_header {
            set(DECISION_HEADER, Some(&self.verdict.describe(&router.policy, model)));
        }
    }
}

/// The model whose endpoint answered; `None` when Envoy answered by itself.
fn answered_by<H: Host>(router: &Router, host: &H) -> Option<ModelId> {
    let name = host.property(&ENDPOINT_MODEL)?;
    router.policy.model_by_name(std::str::from_utf8(&name).ok()?)
}
