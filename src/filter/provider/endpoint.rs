//! What an attempt at one model looks like on the wire.

use thiserror::Error;

use crate::chat::Dialect;
use crate::chat::conversation::Addressee;
use crate::chat::registry::is_private_header;
use crate::envoy::{OWN_PREFIX, PROVIDER_HEADER};
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
    pub(super) dialect: &'static Dialect,
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
}

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
        let default_port = if provider.tls { 443 } else { 80 };
        let authority = if provider.port == default_port {
            provider.host.clone()
        } else {
            format!("{}:{}", provider.host, provider.port)
        };
        let path = |path: &str| path.replace("{model}", &model.upstream_name);
        Ok(Self {
            model: model.name.clone(),
            dialect,
            abilities: model.abilities,
            upstream_name: model.upstream_name.clone(),
            authority,
            path: path(&provider.path),
            stream_path: path(&provider.stream_path),
            api_version: provider.api_version.clone(),
            credential: key.map(|key| format!("{}{key}", dialect.credential_prefix)),
            injected_for: provider.credential_secret().map(|_| provider.name.clone()),
        })
    }

    /// What a request to it is written for.
    pub(super) fn addressee(&self) -> Addressee<'_> {
        Addressee {
            model: &self.upstream_name,
            max_output: self.abilities.max_output,
            reasoning: self.abilities.reasoning,
        }
    }

    /// Sets what the provider of this attempt must see, and removes what it must not.
    pub(super) fn address<H: Host>(&self, host: &H, headers: &Headers, call: &Call) {
        remove_private(host, headers);
        let set = |name, value: &str| host.set_header(Direction::Request, name, Some(value));
        set(":authority", &self.authority);
        let path = if call.stream { &self.stream_path } else { &self.path };
        if headers.iter().any(|(name, value)| name == ":path" && value != path.as_bytes()) {
            set(":path", path);
        }
        // Unless this attempt changes it, the body is the router's again, whatever the attempt before has made of it.
        let length = call.length.to_string();
        if headers.iter().any(|(name, value)| name == "content-length" && value != length.as_bytes()) {
            set("content-length", &length);
        }
        if let Some(header) = self.dialect.version_header {
            set(header, &self.api_version);
        }
        if let (Some(header), false) = (self.dialect.feature_header, call.features.is_empty()) {
            set(header, &call.features);
        }
        if let Some(credential) = &self.credential {
            set(self.dialect.credential_header, credential);
        }
        if let Some(provider) = &self.injected_for {
            set(PROVIDER_HEADER, provider);
        }
    }
}

/// Removes our own headers, every credential and what is meant for one vendor, whoever set them.
pub(super) fn remove_private<H: Host>(host: &H, headers: &Headers) {
    for (name, _) in headers.iter() {
        if name.starts_with(OWN_PREFIX) || is_private_header(name) {
            host.set_header(Direction::Request, name, None);
        }
    }
}
