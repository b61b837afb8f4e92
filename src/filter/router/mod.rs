//! The `router` role: a downstream filter that reads chat calls, decides, answers from the cache and keeps the books.
//!
//! A stream goes through phases in one direction; each callback consumes the phase it finds and leaves the next.

mod candidates;
mod forwarded;
mod observer;
mod reading;
mod reply;
mod settle;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use self::forwarded::Forwarded;
use self::reading::{Next, Reading};
use self::settle::Answering;
use super::admit::{PassReason, RequestHead, admit};
use super::{Flow, OWN_PREFIX};
use crate::cache::exact::ExactCache;
use crate::host::{Direction, Host, Metrics};
use crate::policy::{Policy, ProviderId};
use crate::telemetry::Counters;

/// A configured router role: what all its streams share.
#[derive(Debug)]
pub struct Router {
    policy: Policy,
    cache: Option<ExactCache>,
    counters: Counters,
    /// Providers whose credential is not there, and the variable that should hold it.
    uncredentialed: Vec<(ProviderId, String)>,
}

impl Router {
    /// A router that enforces `policy`. `environment` looks up the environment variables that hold credentials: where there
    /// is none, the provider's models are left out.
    #[must_use]
    pub fn new(policy: Policy, environment: impl Fn(&str) -> Option<String>) -> Self {
        let cache = policy.exact_cache.as_ref().map(ExactCache::new);
        let is_missing = |variable: &str| environment(variable).is_none_or(|key| key.is_empty());
        let mut uncredentialed: Vec<(ProviderId, String)> = Vec::new();
        for (_, model) in policy.models() {
            let provider = policy.provider(model.provider);
            let known = uncredentialed.iter().any(|(id, _)| *id == model.provider);
            if let Some(variable) = provider.credential_variable().filter(|variable| is_missing(variable))
                && !known
            {
                log::warn!(
                    "providers.{}.credential: environment variable {variable} is not set, so its models are not asked; set it \
                     for Envoy and list it in vm_config.environment_variables.host_env_keys",
                    provider.name
                );
                uncredentialed.push((model.provider, variable.to_owned()));
            }
        }
        Self { policy, cache, counters: Counters::default(), uncredentialed }
    }

    /// The environment variable that a provider's credential should stand in, and does not.
    fn missing_credential(&self, provider: ProviderId) -> Option<&str> {
        let missing = self.uncredentialed.iter().find(|(id, _)| *id == provider);
        missing.map(|(_, variable)| variable.as_str())
    }

    /// Hands the counters to the host; to be called now and then.
    pub fn on_tick<H: Metrics>(&self, host: &H) {
        self.counters.flush(host);
    }
}

/// One request and its answer.
#[derive(Debug)]
pub struct RouterStream {
    router: Rc<Router>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Nothing has come yet, or nothing more is to be done.
    Idle,
    /// The request body is being collected.
    Reading(Reading),
    /// The request has gone to a provider.
    Forwarded(Box<Forwarded>),
    /// The answer flows past.
    Answering(Box<Answering>),
}

impl RouterStream {
    /// A stream at its start.
    #[must_use]
    pub fn new(router: Rc<Router>) -> Self {
        Self { router, phase: Phase::Idle }
    }

    /// Removes what only we may set, and decides whether the body is read.
    pub fn on_request_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow {
        let headers = host.headers(Direction::Request);
        for (name, _) in headers.iter().filter(|(name, _)| name.starts_with(OWN_PREFIX)) {
            host.set_header(Direction::Request, name, None);
        }
        let head = RequestHead::of(&headers);
        match admit(&self.router.policy.admit, &head, end_of_stream) {
            Err(reason) => {
                settle::passed(&self.router, host, reason);
                Flow::Continue
            }
            Ok(caller) => {
                self.phase = Phase::Reading(Reading::new(&self.router.policy, caller, &head, &headers));
                Flow::Pause
            }
        }
    }

    /// Collects the request body; at its end decides, and answers or sends the request on. `size` is the size of all
    /// that has been collected.
    pub fn on_request_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow {
        let Phase::Reading(reading) = &mut self.phase else { return Flow::Continue };
        if size > self.router.policy.admit.max_body_bytes {
            self.phase = Phase::Idle;
            settle::passed(&self.router, host, PassReason::TooLarge);
            return Flow::Continue;
        }
        reading.collected(size);
        if end_of_stream { self.decide(host) } else { Flow::Pause }
    }

    /// Trailers end a body that had no end of its own.
    pub fn on_request_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.decide(host)
    }

    fn decide<H: Host>(&mut self, host: &H) -> Flow {
        let Phase::Reading(reading) = std::mem::replace(&mut self.phase, Phase::Idle) else {
            return Flow::Continue;
        };
        match reading.decide(&self.router, host) {
            Next::Pass => Flow::Continue,
            Next::Replied => Flow::Pause,
            Next::Forward(forwarded) => {
                self.phase = Phase::Forwarded(forwarded);
                Flow::Continue
            }
        }
    }

    /// Says in the answer's headers what was decided, and gets ready to observe its body.
    pub fn on_response_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) {
        let Phase::Forwarded(forwarded) = std::mem::replace(&mut self.phase, Phase::Idle) else { return };
        let answering = forwarded.answer(&self.router, host);
        if end_of_stream {
            answering.settle(&self.router, host);
        } else {
            self.phase = Phase::Answering(Box::new(answering));
        }
    }

    /// Observes a piece of the answer as it flows past.
    pub fn on_response_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) {
        if let Phase::Answering(answering) = &mut self.phase {
            answering.observer.observe(host, size, end_of_stream);
            if end_of_stream {
                self.on_response_end(host);
            }
        }
    }

    /// The answer is whole: its body has ended, or its trailers are here.
    pub fn on_response_end<H: Host>(&mut self, host: &H) {
        if let Phase::Answering(answering) = std::mem::replace(&mut self.phase, Phase::Idle) {
            answering.settle(&self.router, host);
        }
    }

    /// The stream is over. What has not been settled was cut off by either side.
    pub fn on_done<H: Host>(&mut self, host: &H) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Answering(answering) => answering.cut_off().settle(&self.router, host),
            Phase::Forwarded(forwarded) => forwarded.abandon(&self.router, host),
            Phase::Reading(_) | Phase::Idle => {}
        }
    }
}
