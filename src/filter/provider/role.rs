//! The provider role: what all attempts share.

use std::rc::Rc;

use super::endpoint::{Endpoint, ProviderError};
use crate::chat::Caller;
use crate::chat::request::Limits;
use crate::host::Headers;
use crate::policy::Policy;

/// A configured provider role.
#[derive(Debug)]
pub struct ProviderRole {
    pub(super) policy: Policy,
    endpoints: Vec<Rc<Endpoint>>,
    /// Whether Envoy bears a retry that is decided after the answer's body has been read: 1.36 does not.
    pub(super) late_retries: bool,
}

impl ProviderRole {
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

    pub(super) fn endpoint(&self, model: &str) -> Option<&Rc<Endpoint>> {
        self.endpoints.iter().find(|endpoint| endpoint.model == model)
    }

    /// The headers that some attempt may pass on. What is no text, no provider gets after the first attempt.
    pub(super) fn kept_for_later(&self, headers: &Headers, caller: Caller) -> Vec<(String, String)> {
        let asks = |name: &str| self.endpoints.iter().any(|endpoint| endpoint.asks(name, caller));
        let text = |value: &[u8]| std::str::from_utf8(value).ok().map(str::to_owned);
        let kept = headers.iter().filter(|(name, _)| asks(name));
        kept.filter_map(|(name, value)| Some((name.to_owned(), text(value)?))).collect()
    }

    pub(super) fn limits(&self) -> Limits {
        Limits { max_depth: self.policy.admit.max_depth }
    }
}
