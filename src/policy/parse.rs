//! From the document to types that cannot be wrong: references resolved, ranges checked.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::admit::admit;
use super::budgets::budgets;
use super::cache::{exact_cache, semantic_cache, shared_store};
use super::classify::classify;
use super::console::console;
use super::conversations::conversations;
use super::document::{self, Document, RequestedModelDocument};
use super::failover::failover;
use super::fields::{fault, reference};
use super::identity::identity;
use super::mode::mode;
use super::models::{models, names};
use super::providers::providers;
use super::rules::{Known, rules};
use super::telemetry::telemetry;
use super::tiers::tiers;
use super::{ModelId, Policy, PolicyError, RequestedModel};
use crate::calendar::Zone;

impl Policy {
    /// Parses a policy document.
    ///
    /// # Errors
    /// [`PolicyError`] names the path to the first thing that is wrong.
    pub fn from_value(document: Value) -> Result<Self, PolicyError> {
        policy(document::read(document)?)
    }
}

/// Checks a document and resolves what it refers to.
fn policy(document: Document) -> Result<Policy, PolicyError> {
    let providers = providers(document.providers)?;
    let models = models(document.models, &providers)?;
    let tiers = tiers(document.tiers, &models)?;
    let baseline = reference("baseline", &document.baseline, &names(&models), "model").map(ModelId)?;
    let requested_model = match document.requested_model {
        RequestedModelDocument::Honor => RequestedModel::Honor,
        RequestedModelDocument::Cap => RequestedModel::Cap,
        RequestedModelDocument::Ignore => RequestedModel::Ignore,
    };
    let classify = classify(document.classify, &tiers.iter().map(|(_, tier)| tier).collect::<Vec<_>>())?;
    let mut asks = identity(document.identity, &models)?;
    let budgets = budgets(document.budgets, &mut asks.names)?;
    let known = Known { models: &models, providers: &providers, tiers: &tiers, names: &asks.names };
    let rules = rules(document.rules, &known)?;
    let mut policy = Policy {
        mode: mode("mode", &document.mode)?,
        rules,
        budgets,
        time_zone: time_zone(document.time_zone.as_deref())?,
        models,
        providers,
        tiers,
        baseline,
        requested_model,
        classify,
        admit: admit(document.admit)?,
        identity: asks.sources,
        key_models: asks.key_models,
        shared_store: shared_store(&document.cache)?,
        semantic_cache: semantic_cache(&document.cache)?,
        exact_cache: exact_cache(document.cache)?,
        console: console(document.console)?,
        conversations: conversations(document.conversations)?,
        decision_header: document.decision_header,
        telemetry: telemetry(document.telemetry, &asks.names)?,
        failover: failover(&document.failover)?,
        forwarded_headers: BTreeSet::new(),
        revision: [0; 32],
    };
    policy.forwarded_headers =
        policy.providers().flat_map(|provider| provider.forward_headers.iter().cloned()).collect();
    policy.revision = revision(&policy);
    Ok(policy)
}

fn time_zone(name: Option<&str>) -> Result<Zone, PolicyError> {
    match name.map(Zone::named) {
        None => Ok(Zone::default()),
        Some(Some(zone)) => Ok(zone),
        Some(None) => {
            fault("time_zone", "must be a time zone of the IANA's database, for example Europe/Berlin")
        }
    }
}

/// Everything that can change an answer. Each part is written with its length, so that no two policies read alike.
fn revision(policy: &Policy) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(text);
    };
    for (_, model) in policy.models() {
        let provider = policy.provider(model.provider);
        for text in [&model.name, &model.upstream_name, &provider.host, &provider.path] {
            part(text);
        }
        part(provider.dialect.name);
        part(&format!("{:?}", model.abilities));
        part(&provider.port.to_string());
        part(&provider.forward_headers.join(","));
        part(&provider.api_version);
        part(provider.responses_path.as_deref().unwrap_or_default());
    }
    for (_, tier) in policy.tiers() {
        part(&tier.name);
        part(tier.handles.as_str());
        for model in tier.models() {
            part(&policy.model(model).name);
        }
    }
    part(&format!("{:?} {:?}", policy.requested_model, policy.classify));
    hash.finalize().into()
}
