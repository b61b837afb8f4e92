//! The `provider` role: an upstream filter that runs once per attempt and stands between the call and the provider that this
//! attempt goes to: path, host, credential, model and dialect on the way there, the caller's dialect on the way back.
//!
//! Envoy hands every attempt a fresh body, but the headers as the attempt before left them: everything is set anew.

mod endpoint;
mod reply;
#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::time::Duration;

use thiserror::Error;

use self::endpoint::{Endpoint, remove_private};
use self::reply::Reply;
use super::call::{Attempt, Call, Failure};
use super::{ENDPOINT_MODEL, Flow};
use crate::chat::answer::{ApiError, ErrorKind};
use crate::chat::request::Limits;
use crate::chat::splice::{Edit, splice};
use crate::chat::{ChatRequest, translate};
use crate::host::{Direction, Host};
use crate::policy::Policy;

/// Why a provider cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProviderError {
    /// The variable that should hold its API key holds what no header can carry.
    #[error(
        "providers.{provider}.credential: environment variable {variable} holds a line break or other characters that no \
         header can carry; set it to the key alone"
    )]
    CredentialUnusable {
        /// Name of the provider.
        provider: String,
        /// Name of the variable.
        variable: String,
    },
}

/// A configured provider role.
#[derive(Debug)]
pub struct Provider {
    policy: Policy,
    endpoints: Vec<Rc<Endpoint>>,
    /// Whether Envoy bears a retry that is decided after the answer's body has been read: 1.36 does not.
    late_retries: bool,
}

impl Provider {
    /// Prepares every model of `policy`; credentials are read once, here. A model whose credential is missing is never asked:
    /// the router leaves it out. `envoy_minor` is the minor version of the Envoy that runs this, if it is known.
    ///
    /// # Errors
    /// [`ProviderError`] names the variable that cannot be used.
    pub fn new(
        policy: Policy,
        environment: impl Fn(&str) -> Option<String>,
        envoy_minor: Option<u64>,
    ) -> Result<Self, ProviderError> {
        let endpoints = policy
            .models()
            .map(|(_, model)| {
                Endpoint::new(model, policy.provider(model.provider), &environment).map(Rc::new)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { policy, endpoints, late_retries: envoy_minor.is_some_and(|minor| minor >= 37) })
    }

    fn endpoint(&self, model: &str) -> Option<&Rc<Endpoint>> {
        self.endpoints.iter().find(|endpoint| endpoint.model == model)
    }

    /// Why an attempt has ended without a whole answer.
    fn why_unanswered<H: Host>(&self, host: &H, trip: &Trip) -> Failure {
        if let (Some(provider), true) = (&trip.endpoint.injected_for, lacks_credential(host)) {
            log::error!(
                "providers.{provider}.credential.sds: Envoy has not found the secret `{provider}` there"
            );
            return Failure::Credential;
        }
        // Envoy's timer runs since a little before this filter saw the request.
        let silence = self.policy.failover.per_try_idle_timeout.mul_f64(0.9);
        let transport = host.property(&["upstream", "transport_failure_reason"]);
        if transport.is_some_and(|reason| !reason.is_empty()) {
            Failure::Connect
        } else if host.now().saturating_sub(trip.began) >= silence {
            Failure::Timeout
        } else {
            Failure::Reset
        }
    }

    fn limits(&self) -> Limits {
        Limits { max_depth: self.policy.admit.max_depth }
    }
}

/// Whether Envoy has ended the call because it had no credential to inject.
fn lacks_credential<H: Host>(host: &H) -> bool {
    host.property(&["response", "code_details"])
        .is_some_and(|details| details == b"failed_to_inject_credential")
}

/// One attempt.
#[derive(Debug)]
pub struct ProviderStream {
    role: Rc<Provider>,
    trip: Option<Trip>,
    /// How much of the request body has been collected, in bytes.
    size: usize,
}

/// An attempt that goes to a model of the policy.
#[derive(Debug)]
struct Trip {
    call: Call,
    endpoint: Rc<Endpoint>,
    /// What is to be done with the request body.
    body: Body,
    began: Duration,
    reply: Reply,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// It goes as it is.
    AsItIs,
    /// It names another model.
    Rename,
    /// It is in another dialect.
    Translate,
}

impl ProviderStream {
    /// An attempt whose headers have not come yet.
    #[must_use]
    pub fn new(role: Rc<Provider>) -> Self {
        Self { role, trip: None, size: 0 }
    }

    /// Fits the headers to the provider that the attempt goes to. The body is read only if it must change.
    pub fn on_request_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow {
        let headers = host.headers(Direction::Request);
        let model = host.property(&ENDPOINT_MODEL).and_then(|name| String::from_utf8(name).ok());
        let endpoint = model.as_deref().and_then(|model| self.role.endpoint(model));
        let (Some(endpoint), Some(mut call)) = (endpoint, Call::read(host)) else {
            log::error!(
                "this attempt is asked without a credential: its endpoint names no model of the policy (metadata \
                 llm_arbiter.model = {model:?}), or the router role has not seen the call"
            );
            remove_private(host, &headers);
            return Flow::Continue;
        };
        endpoint.address(host, &headers, &call);
        let body = if !endpoint.dialect.is_spoken_by(call.caller) {
            Body::Translate
        } else if call.models.first() == Some(&endpoint.model) {
            Body::AsItIs
        } else {
            Body::Rename
        };
        call.attempts.push(Attempt { model: endpoint.model.clone(), ..Attempt::default() });
        call.publish(host);
        let body = if end_of_stream { Body::AsItIs } else { body };
        let endpoint = Rc::clone(endpoint);
        self.trip = Some(Trip { call, endpoint, body, began: host.now(), reply: Reply::Awaited });
        if body == Body::AsItIs { Flow::Continue } else { Flow::Pause }
    }

    /// Collects the body if it must be changed; `size` is the size of all that has been collected.
    pub fn on_request_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow {
        self.size = size;
        let changes = self.trip.as_ref().is_some_and(|trip| trip.body != Body::AsItIs);
        if changes && !end_of_stream {
            return Flow::Pause;
        }
        self.on_request_end(host)
    }

    /// Changes the body for this attempt: it has ended, or its trailers are here.
    pub fn on_request_end<H: Host>(&mut self, host: &H) -> Flow {
        let Some(trip) = &mut self.trip else { return Flow::Continue };
        let body = std::mem::replace(&mut trip.body, Body::AsItIs);
        if body == Body::AsItIs {
            return Flow::Continue;
        }
        let sent = host.body(Direction::Request, self.size);
        let changed = match body {
            Body::Rename => trip.rename(&sent, self.role.limits()),
            _ => trip.translate(host, &sent),
        };
        match changed {
            Ok(Some(changed)) => {
                host.set_header(Direction::Request, "content-length", Some(&changed.len().to_string()));
                host.set_body(Direction::Request, self.size, &changed);
                Flow::Continue
            }
            Ok(None) => Flow::Continue,
            Err(error) => {
                let body = translate::write_error(&error, trip.call.caller);
                host.reply(500, &[("content-type", "application/json")], &body);
                Flow::Pause
            }
        }
    }

    /// Chooses what is done with the answer, by its head.
    pub fn on_response_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow {
        match &mut self.trip {
            Some(trip) => trip.on_response_headers(&self.role, host, end_of_stream),
            None => Flow::Continue,
        }
    }

    /// Translates or checks the answer; `size` is the size of what the callback sees, all that is held included.
    pub fn on_response_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow {
        match &mut self.trip {
            Some(trip) => trip.on_response_body(&self.role, host, size, end_of_stream),
            None => Flow::Continue,
        }
    }

    /// The answer is whole: its trailers are here.
    pub fn on_response_trailers<H: Host>(&mut self, host: &H) -> Flow {
        match &mut self.trip {
            Some(trip) => trip.on_response_end(&self.role, host),
            None => Flow::Continue,
        }
    }

    /// The attempt is over. If the answer had not ended, it has failed, and nobody else will say so.
    pub fn on_done<H: Host>(&mut self, host: &H) {
        let Some(mut trip) = self.trip.take() else { return };
        if trip.reply.is_unfinished() {
            let failure = self.role.why_unanswered(host, &trip);
            trip.call.fail(host, failure.as_str());
        }
    }
}

impl Trip {
    /// The body with this attempt's model in it; `None` when nothing has to change.
    fn rename(&self, body: &[u8], limits: Limits) -> Result<Option<Vec<u8>>, ApiError> {
        let request = ChatRequest::parse(body, self.call.caller, limits)
            .map_err(|error| ApiError::new(ErrorKind::Server, error.to_string()))?;
        let edit = Edit { model: self.endpoint.target().model, include_usage: false };
        Ok(splice(body, &request, edit))
    }

    /// The body in this provider's dialect. What it cannot be told is noted.
    fn translate<H: Host>(&mut self, host: &H, body: &[u8]) -> Result<Option<Vec<u8>>, ApiError> {
        let Endpoint { dialect, .. } = &*self.endpoint;
        let written = translate::request(body, self.call.caller, dialect, self.endpoint.target())
            .map_err(|error| ApiError::new(ErrorKind::Server, format!("{}: {error}", self.endpoint.model)))?;
        if let (false, Some(attempt)) = (written.dropped.is_empty(), self.call.attempts.last_mut()) {
            attempt.dropped = written.dropped.iter().map(|name| (*name).to_owned()).collect();
            self.call.publish(host);
        }
        Ok(Some(written.body))
    }
}
