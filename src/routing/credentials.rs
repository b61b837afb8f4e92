//! Which providers can be asked at all: those whose credential is there.

use crate::policy::{Policy, ProviderId};

/// The providers whose credential should come from an environment variable that is not set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    missing: Vec<(ProviderId, String)>,
}

impl Credentials {
    /// Every credential counts as there: what a policy means apart from the machine that it is read on.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Looks for the variables that the policy's models need; an empty one counts as not set.
    #[must_use]
    pub fn find(policy: &Policy, environment: impl Fn(&str) -> Option<String>) -> Self {
        let is_missing = |variable: &str| environment(variable).is_none_or(|key| key.is_empty());
        let mut missing: Vec<(ProviderId, String)> = Vec::new();
        for (_, model) in policy.models() {
            let variable = policy.provider(model.provider).credential_variable();
            if let Some(variable) = variable.filter(|variable| is_missing(variable))
                && missing.iter().all(|(provider, _)| *provider != model.provider)
            {
                missing.push((model.provider, variable.to_owned()));
            }
        }
        Self { missing }
    }

    /// The environment variable that a provider's credential should stand in, and does not.
    #[must_use]
    pub fn missing_for(&self, provider: ProviderId) -> Option<&str> {
        self.missing().find(|(id, _)| *id == provider).map(|(_, variable)| variable)
    }

    /// All that are missing: the provider and the variable.
    pub fn missing(&self) -> impl Iterator<Item = (ProviderId, &str)> {
        self.missing.iter().map(|(provider, variable)| (*provider, variable.as_str()))
    }
}
