//! The `tiers` section.

use serde::Deserialize;

use super::fields::{check_name, fault, reference, repeated};
use super::list::NonEmpty;
use super::models::names;
use super::{MAX_TIER_MODELS, Model, ModelId, PolicyError, Tier};
use crate::complexity::Level;
use crate::envoy::TIER_CLUSTER;

/// Models of a kind, in the order in which they are asked.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct TierDocument {
    /// Its name.
    pub(super) name: String,
    /// The most complex chats that it is good enough for.
    pub(super) handles: LevelDocument,
    /// The first answers; the others take over when it fails.
    pub(super) models: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum LevelDocument {
    Low,
    Medium,
    High,
}

impl From<LevelDocument> for Level {
    fn from(level: LevelDocument) -> Self {
        match level {
            LevelDocument::Low => Self::Low,
            LevelDocument::Medium => Self::Medium,
            LevelDocument::High => Self::High,
        }
    }
}

/// Checks the section.
///
/// # Errors
/// [`PolicyError`] names the field that is wrong.
pub(super) fn tiers(
    documents: Vec<TierDocument>,
    models: &NonEmpty<Model>,
) -> Result<NonEmpty<Tier>, PolicyError> {
    if let Some((at, name)) = repeated(documents.iter().map(|tier| tier.name.as_str())) {
        return fault(format!("tiers[{at}].name"), format!("`{name}` is the name of an earlier tier"));
    }
    let known = names(models);
    let mut tiers: Vec<Tier> = Vec::with_capacity(documents.len());
    for (at, document) in documents.into_iter().enumerate() {
        let tier = tier(at, document, &known)?;
        if let Some(cheaper) = tiers.last().filter(|cheaper| cheaper.handles > tier.handles) {
            let message =
                format!("tiers go from cheap to strong, but `{}` handles {}", cheaper.name, cheaper.handles);
            return fault(format!("tiers[{at}].handles"), message);
        }
        tiers.push(tier);
    }
    match tiers.last() {
        Some(last) if last.handles == Level::High => {}
        Some(last) => {
            let message =
                format!("the last tier must handle high, but `{}` handles {}", last.name, last.handles);
            return fault(format!("tiers[{}].handles", tiers.len().saturating_sub(1)), message);
        }
        None => {}
    }
    match NonEmpty::new(tiers) {
        Some(tiers) => Ok(tiers),
        None => fault("tiers", "there is none; name at least one"),
    }
}

fn tier(at: usize, document: TierDocument, models: &[&str]) -> Result<Tier, PolicyError> {
    check_name(&format!("tiers[{at}].name"), &document.name)?;
    if let Some((twice, name)) = repeated(document.models.iter().map(String::as_str)) {
        return fault(
            format!("tiers[{at}].models[{twice}]"),
            format!("`{name}` stands in this tier already"),
        );
    }
    if document.models.len() > MAX_TIER_MODELS {
        return fault(format!("tiers[{at}].models"), format!("a tier has at most {MAX_TIER_MODELS} models"));
    }
    let ids = document.models.iter().enumerate().map(|(index, name)| {
        reference(format!("tiers[{at}].models[{index}]"), name, models, "model").map(ModelId)
    });
    let Some(ids) = NonEmpty::new(ids.collect::<Result<_, _>>()?) else {
        return fault(format!("tiers[{at}].models"), "there is none; name at least one");
    };
    let cluster = format!("{TIER_CLUSTER}{}", document.name);
    Ok(Tier { name: document.name, handles: document.handles.into(), cluster, models: ids })
}
