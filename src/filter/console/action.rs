//! What an operator may have done to the cache, and how it is asked for.

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::cache::KeyName;
use crate::cache::invalidation::Scope;
use crate::cache::tag::{ModelTag, TenantTag};
use crate::policy::{Policy, read_duration};

/// An action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// One answer is removed.
    Remove(KeyName),
    /// Answers of these scopes are void that are older than this. A tenant has one for each source that may name it.
    Invalidate(Vec<Scope>, Duration),
}

/// A wrong answer to a message that it was not given to, by the key that it stands under.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    key: String,
}

impl Report {
    /// Reads which answer was wrong.
    ///
    /// # Errors
    /// [`ActionError`] says what to write instead.
    pub(super) fn read(body: &[u8]) -> Result<KeyName, ActionError> {
        let Self { key } =
            serde_json::from_slice(body).map_err(|error| ActionError::Body(error.to_string()))?;
        Ok(key.parse()?)
    }
}

/// Why an action is not done.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum ActionError {
    #[error("the body is not what is asked for: {0}")]
    Body(String),
    #[error("name exactly one of `key`, `tenant`, `tenant_id`, `model` and `everything: true`")]
    Scope,
    #[error("key: {0}")]
    Key(#[from] crate::cache::key::NoKeyName),
    #[error("tenant_id: eight hexadecimal digits, as the access log has them")]
    TenantId,
    #[error(
        "tenant: this policy tells tenants apart by their API keys; name one by `tenant_id`, as the access log has it"
    )]
    TenantIsKey,
    #[error("model: the policy has no model `{0}`")]
    Model(String),
    #[error("older_than: `{0}` is no duration; write for example 30s, 10m or 1h")]
    Age(String),
    #[error("older_than: a key names one answer, however old")]
    KeyAge,
}

/// The body of `POST /api/cache/invalidate`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Body {
    key: Option<String>,
    tenant: Option<String>,
    tenant_id: Option<String>,
    model: Option<String>,
    everything: bool,
    older_than: Option<String>,
}

impl Action {
    /// Its name in metrics.
    pub(super) fn name(&self) -> &'static str {
        let Self::Invalidate(scopes, _) = self else { return "key" };
        match scopes.first() {
            Some(Scope::Everything) => "everything",
            Some(Scope::Model(_)) => "model",
            Some(Scope::Key(_)) => "key",
            Some(Scope::Tenant(_)) | None => "tenant",
        }
    }

    /// Reads what is to be invalidated.
    ///
    /// # Errors
    /// [`ActionError`] says what to write instead.
    pub(super) fn read(body: &[u8], policy: &Policy) -> Result<Self, ActionError> {
        let body: Body =
            serde_json::from_slice(body).map_err(|error| ActionError::Body(error.to_string()))?;
        let Body { key, tenant, tenant_id, model, everything, older_than } = body;
        let age = match &older_than {
            None => Duration::ZERO,
            Some(text) => read_duration(text).ok_or_else(|| ActionError::Age(text.clone()))?,
        };
        let scopes = match (key, tenant, tenant_id, model, everything) {
            (Some(_), None, None, None, false) if older_than.is_some() => return Err(ActionError::KeyAge),
            (Some(key), None, None, None, false) => return Ok(Self::Remove(key.parse()?)),
            (None, Some(tenant), None, None, false) => tenant_named(&tenant, policy)?,
            (None, None, Some(id), None, false) => {
                vec![Scope::Tenant(TenantTag::named(&id).ok_or(ActionError::TenantId)?)]
            }
            (None, None, None, Some(model), false) => match policy.model_by_name(&model) {
                Some(_) => vec![Scope::Model(ModelTag::of(&model))],
                None => return Err(ActionError::Model(model)),
            },
            (None, None, None, None, true) => vec![Scope::Everything],
            _ => return Err(ActionError::Scope),
        };
        Ok(Self::Invalidate(scopes, age))
    }
}

fn tenant_named(name: &str, policy: &Policy) -> Result<Vec<Scope>, ActionError> {
    let partitions = policy.identity.partitions_of(name);
    if partitions.is_empty() {
        return Err(ActionError::TenantIsKey);
    }
    Ok(partitions.iter().map(|partition| Scope::Tenant(TenantTag::of(partition))).collect())
}
