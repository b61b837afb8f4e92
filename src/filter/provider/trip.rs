//! An attempt that goes to a model of the policy.

use std::rc::Rc;
use std::time::Duration;

use super::endpoint::{Endpoint, strip};
use super::role::ProviderRole;
use crate::chat::conversation::Written;
use crate::chat::redress::Redress;
use crate::chat::request::Canonical;
use crate::chat::splice::{Edit, splice};
use crate::chat::{ChatRequest, Dialect, Operation, translate};
use crate::envoy::ENDPOINT_MODEL;
use crate::filter::call::Call;
use crate::filter::fault::Fault;
use crate::host::{Direction, Host};
use crate::routing::{Attempt, Failure};

/// One attempt at one model.
#[derive(Debug)]
pub(super) struct Trip {
    pub(super) call: Call,
    pub(super) endpoint: Rc<Endpoint>,
    /// What its provider is spoken to in.
    pub(super) dialect: &'static Dialect,
    /// When it began, since the Unix epoch.
    pub(super) began: Duration,
    /// What must be put right in the answer, if the request was translated.
    pub(super) redress: Redress,
}

/// What is to be done with the request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It goes as it is.
    AsItIs,
    /// It names another model.
    Rename,
    /// It is in another dialect.
    Translate,
}

impl Trip {
    /// Fits the headers to the provider that the attempt goes to. `None` when the endpoint is no model of the policy, or the
    /// router has not seen the call: then nothing but what is private is taken out.
    pub(super) fn begin<H: Host>(role: &ProviderRole, host: &H) -> Option<Self> {
        let headers = host.headers(Direction::Request);
        let model = host.property(&ENDPOINT_MODEL).and_then(|name| String::from_utf8(name).ok());
        let endpoint = model.as_deref().and_then(|model| role.endpoint(model));
        let (Some(endpoint), Some(mut call)) = (endpoint, Call::read(host)) else {
            log::error!(
                "this attempt is asked without a credential: its endpoint names no model of the policy (metadata \
                 llm_arbiter.model = {model:?}), or the router role has not seen the call"
            );
            strip(host, &headers);
            return None;
        };
        if call.attempts.is_empty() && call.models.len() > 1 {
            call.headers = role.kept_for_later(&headers, call.caller);
        }
        endpoint.address(host, &headers, &call);
        call.completion = None;
        call.attempts.push(Attempt { model: endpoint.model.clone(), ..Attempt::default() });
        call.publish(host);
        let dialect = endpoint.dialect_for(call.caller);
        let (endpoint, began) = (Rc::clone(endpoint), host.now());
        Some(Self { call, endpoint, dialect, began, redress: Redress::default() })
    }

    /// What this attempt needs of the body.
    pub(super) fn change(&self) -> Change {
        let is_chat = self.call.operation == Operation::Chat;
        if is_chat && !self.dialect.is_spoken_by(self.call.caller) {
            Change::Translate
        } else if self.call.models.first() == Some(&self.endpoint.model) {
            Change::AsItIs
        } else {
            Change::Rename
        }
    }

    /// Changes the body, which is complete. `false`: it cannot be changed, and the caller has been told.
    pub(super) fn send<H: Host>(
        &mut self,
        role: &ProviderRole,
        host: &H,
        change: Change,
        size: usize,
    ) -> bool {
        let body = || host.body(Direction::Request, size);
        let changed = match change {
            Change::AsItIs => return true,
            Change::Rename => self.rename(role, host, body()),
            Change::Translate => self.translate(host, &body()),
        };
        match changed {
            Some(Some(changed)) => {
                host.set_header(Direction::Request, "content-length", Some(&changed.len().to_string()));
                host.set_body(Direction::Request, size, &changed);
                true
            }
            Some(None) => true,
            None => false,
        }
    }

    /// The body with this attempt's model in it; `Some(None)` when nothing has to change.
    fn rename<H: Host>(&self, role: &ProviderRole, host: &H, body: Vec<u8>) -> Option<Option<Vec<u8>>> {
        match ChatRequest::parse(body, self.call.caller, role.limits(), Canonical::Skip) {
            Ok(request) => Some(splice(&request, Edit::naming(self.endpoint.addressee().model))),
            Err(error) => {
                Fault::Unreadable(&error).send(host, self.call.caller);
                None
            }
        }
    }

    /// The body in this provider's dialect. What it cannot be told is noted.
    fn translate<H: Host>(&mut self, host: &H, body: &[u8]) -> Option<Option<Vec<u8>>> {
        let model = &self.endpoint.model;
        match translate::request(body, self.call.caller, self.dialect, self.endpoint.addressee()) {
            Ok(Written { body, dropped, unsaid, redress }) => {
                self.redress = redress;
                let dropped: Vec<String> = dropped.into_iter().map(str::to_owned).chain(unsaid).collect();
                if let (false, Some(attempt)) = (dropped.is_empty(), self.call.attempts.last_mut()) {
                    attempt.dropped = dropped;
                    self.call.publish(host);
                }
                Some(Some(body))
            }
            Err(why) => {
                Fault::Unsayable { model, why: &why }.send(host, self.call.caller);
                None
            }
        }
    }

    /// The attempt is over without a whole answer, and nobody else will say so.
    pub(super) fn unanswered<H: Host>(mut self, role: &ProviderRole, host: &H, received: usize) {
        let failure = self.why_unanswered(role, host);
        self.call.fail(host, failure, received);
    }

    fn why_unanswered<H: Host>(&self, role: &ProviderRole, host: &H) -> Failure {
        if let (Some(provider), true) = (&self.endpoint.injected_for, lacks_credential(host)) {
            log::error!(
                "providers.{provider}.credential.sds: Envoy has not found the secret `{provider}` there"
            );
            return Failure::Credential;
        }
        // Envoy's timer runs since a little before this filter saw the request.
        let silence = role.policy.failover.silence(self.call.stream).mul_f64(0.9);
        let transport = host.property(&["upstream", "transport_failure_reason"]);
        if transport.is_some_and(|reason| !reason.is_empty()) {
            Failure::Connect
        } else if host.now().saturating_sub(self.began) >= silence {
            Failure::Timeout
        } else {
            Failure::Reset
        }
    }
}

/// Whether Envoy has ended the call because it had no credential to inject.
fn lacks_credential<H: Host>(host: &H) -> bool {
    host.property(&["response", "code_details"])
        .is_some_and(|details| details == b"failed_to_inject_credential")
}
