//! What an attempt at one model looks like on the wire.

use std::borrow::Cow;
use std::time::Duration;

use thiserror::Error;

use crate::chat::conversation::Addressee;
use crate::chat::headers::{describes_message, is_tracing};
use crate::chat::redress::Redress;
use crate::chat::translate::Given;
use crate::chat::{Caller, Dialect};
use crate::envoy::PROVIDER_HEADER;
use crate::filter::call::Call;
use crate::host::{Direction, Headers, Host};
use crate::policy::{Abilities, Model, Provider};

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

/// A model and how its provider is spoken to.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// Name in the policy.
    pub(super) model: String,
    dialect: &'static Dialect,
    /// What it is spoken to in by callers of the Responses API, and where.
    responses: Option<(&'static Dialect, String)>,
    pub(super) abilities: Abilities,
    upstream_name: String,
    authority: String,
    path: String,
    stream_path: String,
    api_version: String,
    /// Value of the header that carries the credential.
    credential: Option<String>,
    /// Name of its provider, if Envoy injects the credential.
    pub(super) injected_for: Option<String>,
    /// Headers that it gets besides those of its dialect.
    forward_headers: Vec<String>,
    tracing: bool,
}

/// What providers are told of who asks; what the caller says of itself is its own business.
const USER_AGENT: &str = concat!("llm-arbiter/", env!("CARGO_PKG_VERSION"));

impl Endpoint {
    /// # Errors
    /// [`ProviderError::CredentialUnusable`] when the variable holds what no header can carry.
    pub(super) fn new(
        model: &Model,
        provider: &Provider,
        environment: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ProviderError> {
        let dialect = provider.dialect;
        let key = provider.credential_variable().and_then(environment).filter(|key| !key.is_empty());
        if key.as_deref().is_some_and(|key| key.contains(|c: char| c.is_control() || !c.is_ascii())) {
            return Err(ProviderError::CredentialUnusable {
                provider: provider.name.clone(),
                variable: provider.credential_variable().unwrap_or_default().to_owned(),
            });
        }
        let path = |path: &str| path.replace("{model}", &model.upstream_name);
        Ok(Self {
            model: model.name.clone(),
            dialect,
            responses: provider
                .responses_path
                .as_deref()
                .map(|own| (provider.dialect_for(Caller::Responses), path(own))),
            abilities: model.abilities,
            upstream_name: model.upstream_name.clone(),
            authority: provider.authority(),
            path: path(&provider.path),
            stream_path: path(&provider.stream_path),
            api_version: provider.api_version.clone(),
            credential: key.map(|key| format!("{}{key}", dialect.credential_prefix)),
            injected_for: provider.is_credentialed_by_envoy().then(|| provider.name.clone()),
            forward_headers: provider.forward_headers.clone(),
            tracing: provider.tracing,
        })
    }

    /// What it is spoken to in on behalf of a `caller`.
    pub(super) fn dialect_for(&self, caller: Caller) -> &'static Dialect {
        match &self.responses {
            Some((dialect, _)) if caller == Caller::Responses => dialect,
            _ => self.dialect,
        }
    }

    fn path_for(&self, call: &Call) -> Cow<'_, str> {
        let chat = match &self.responses {
            Some((_, path)) if call.caller == Caller::Responses => path,
            _ if call.stream => &self.stream_path,
            _ => &self.path,
        };
        call.operation.path(chat).unwrap_or(Cow::Borrowed(chat))
    }

    /// What a request to it is written for.
    pub(super) fn addressee(&self) -> Addressee<'_> {
        Addressee {
            model: &self.upstream_name,
            max_output: self.abilities.max_output,
            reasoning: self.abilities.reasoning,
            claude: self.abilities.claude,
            fetches_images: self.abilities.fetches_images,
        }
    }

    /// What an answer is given that does not say it by itself.
    pub(super) fn given<'g>(&'g self, at: Duration, redress: &'g Redress) -> Given<'g> {
        Given { model: &self.upstream_name, at, redress }
    }

    /// Whether a header of a `caller` asks its provider for something, or follows the call.
    pub(super) fn asks(&self, name: &str, caller: Caller) -> bool {
        self.dialect.takes_header(name, caller)
            || self.forward_headers.iter().any(|forwarded| forwarded == name)
            || (self.tracing && is_tracing(name))
    }

    /// Sets all that the provider of this attempt shall see; what else there is, goes.
    pub(super) fn address<H: Host>(&self, host: &H, headers: &Headers, call: &Call) {
        let path = self.path_for(call);
        let length = call.length.to_string();
        let mut sent: Vec<(&str, &[u8])> =
            vec![(":authority", self.authority.as_bytes()), (":path", path.as_bytes())];
        // An earlier attempt has left its own headers behind: what else the caller sent stands in the call.
        let is_first = call.attempts.is_empty();
        let goes_on = |name: &str| describes_message(name) || (is_first && self.asks(name, call.caller));
        for (name, value) in headers.iter().filter(|(name, _)| goes_on(name)) {
            // Unless this attempt changes it, the body is the router's again, whatever the attempt before has made of it.
            sent.push((name, if name == "content-length" { length.as_bytes() } else { value }));
        }
        let kept = call.headers.iter().filter(|(name, _)| !is_first && self.asks(name, call.caller));
        sent.extend(kept.map(|(name, value)| (name.as_str(), value.as_bytes())));
        let own = [
            self.dialect.version_header.map(|name| (name, self.api_version.as_bytes())),
            self.credential.as_ref().map(|value| (self.dialect.credential_header, value.as_bytes())),
            self.injected_for.as_ref().map(|provider| (PROVIDER_HEADER, provider.as_bytes())),
            Some(("user-agent", USER_AGENT.as_bytes())),
        ];
        for (name, value) in own.into_iter().flatten() {
            // Callers of the dialect may ask for a version of their own.
            if !sent.iter().any(|(given, _)| *given == name) {
                sent.push((name, value));
            }
        }
        host.set_headers(Direction::Request, &sent);
    }
}

/// Leaves only what describes the message.
pub(super) fn strip<H: Host>(host: &H, headers: &Headers) {
    let is_kept = |name: &str| describes_message(name) || matches!(name, ":path" | ":authority");
    let kept: Vec<_> = headers.iter().filter(|(name, _)| is_kept(name)).collect();
    host.set_headers(Direction::Request, &kept);
}
