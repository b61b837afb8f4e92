//! The plugin configuration: which role this filter plays, and the policy it enforces.

use std::rc::Rc;

use serde_json::Value;
use thiserror::Error;

use super::console::Console;
use super::provider::{ProviderError, ProviderRole};
use super::router::Router;
use crate::policy::{Policy, PolicyError};

/// A configured plugin.
#[derive(Debug, Clone)]
pub enum Plugin {
    /// Downstream filter: reads, decides, answers from the cache, keeps the books.
    Router(Rc<Router>),
    /// Upstream filter: fits each attempt to its provider.
    Provider(Rc<ProviderRole>),
    /// Downstream filter on the operators' listener.
    Console(Rc<Console>),
}

/// Why a plugin configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PluginError {
    /// Not a JSON object.
    #[error("the plugin configuration is not a JSON object: {0}")]
    NotAnObject(String),
    /// A member that is not `role` or `policy`.
    #[error("{0}: unknown field; a plugin configuration has `role` and `policy`")]
    UnknownField(String),
    /// No role, or one that does not exist.
    #[error("role: must be \"router\" (downstream), \"provider\" (upstream) or \"console\" (operators)")]
    Role,
    /// No policy.
    #[error("policy: is missing")]
    NoPolicy,
    /// A policy that cannot be enforced.
    #[error("policy: {0}")]
    Policy(#[from] PolicyError),
    /// A provider that cannot be served.
    #[error("{0}")]
    Provider(#[from] ProviderError),
}

impl Plugin {
    /// Reads a plugin configuration. `environment` looks up environment variables; `envoy_minor` is the minor version of the
    /// Envoy that runs this, if it is known.
    ///
    /// # Errors
    /// [`PluginError`] says what to change.
    pub fn configure(
        text: &str,
        environment: impl Fn(&str) -> Option<String>,
        envoy_minor: Option<u64>,
    ) -> Result<Self, PluginError> {
        let value: Value = serde_json::from_str(text).map_err(|e| PluginError::NotAnObject(e.to_string()))?;
        let Value::Object(mut fields) = value else {
            return Err(PluginError::NotAnObject("it is another JSON value".into()));
        };
        let role = fields.remove("role");
        let policy = fields.remove("policy").ok_or(PluginError::NoPolicy)?;
        if let Some(unknown) = fields.keys().next() {
            return Err(PluginError::UnknownField(unknown.clone()));
        }
        let document = policy.clone();
        let policy = Policy::from_value(policy)?;
        match role.as_ref().and_then(Value::as_str) {
            Some("router") => Ok(Self::Router(Rc::new(Router::new(policy, environment)))),
            Some("provider") => {
                Ok(Self::Provider(Rc::new(ProviderRole::new(policy, environment, envoy_minor)?)))
            }
            Some("console") => Ok(Self::Console(Rc::new(Console::new(policy, &document, environment)))),
            _ => Err(PluginError::Role),
        }
    }
}
