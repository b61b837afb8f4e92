//! The `models` section.

use serde::Deserialize;

use super::fields::{check_name, enabled, fault, reference};
use super::list::NonEmpty;
use super::named::Named;
use super::prices::{PricesDocument, prices};
use super::{Abilities, Model, PolicyError, Provider, ProviderId};
use crate::chat::claude::{Claude, Thinking};
use crate::chat::model_name::gemini_fetches_images;
use crate::envoy::MODEL_CLUSTER;

/// A model.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ModelDocument {
    /// The provider that runs it.
    pub(super) provider: String,
    /// What its provider calls it. Default: its name here.
    pub(super) upstream_name: Option<String>,
    /// What it costs.
    pub(super) prices: PricesDocument,
    /// Tokens that prompt and answer may have together. Default: any number.
    pub(super) context_window: Option<u64>,
    /// Most tokens of an answer. Default: any number.
    pub(super) max_output: Option<u64>,
    /// Whether it calls tools. Default: true.
    #[serde(default = "enabled")]
    pub(super) tools: bool,
    /// Whether it sees images. Default: true.
    #[serde(default = "enabled")]
    pub(super) images: bool,
    /// Whether it answers by a JSON Schema. Default: true.
    #[serde(default = "enabled")]
    pub(super) structured_output: bool,
    /// Whether it reasons before it answers. Default: false.
    #[serde(default)]
    pub(super) reasoning: bool,
    /// How a Claude is told to think; found out from its name if not said.
    pub(super) thinking: Option<String>,
    /// Whether a Claude takes `temperature`; found out from its name if not said.
    pub(super) sampling: Option<bool>,
    /// Whether a Gemini fetches images by their addresses; found out from its name if not said.
    pub(super) fetches_images: Option<bool>,
}

/// Checks the section.
///
/// # Errors
/// [`PolicyError`] names the field that is wrong.
pub(super) fn models(
    documents: Named<ModelDocument>,
    providers: &NonEmpty<Provider>,
) -> Result<NonEmpty<Model>, PolicyError> {
    let names: Vec<&str> = providers.iter().map(|(_, provider)| provider.name.as_str()).collect();
    let entries = documents.0.into_iter().map(|(name, document)| model(name, document, &names));
    match NonEmpty::new(entries.collect::<Result<_, _>>()?) {
        Some(models) => Ok(models),
        None => fault("models", "there is none; name at least one"),
    }
}

fn model(name: String, document: ModelDocument, providers: &[&str]) -> Result<Model, PolicyError> {
    let path = format!("models.{name}");
    check_name(&path, &name)?;
    let provider = reference(format!("{path}.provider"), &document.provider, providers, "provider")?;
    let prices = prices(&format!("{path}.prices"), &document.prices)?;
    let upstream_name = document.upstream_name.clone().unwrap_or_else(|| name.clone());
    let abilities = abilities(&path, &document, &upstream_name)?;
    if upstream_name.is_empty() {
        return fault(format!("{path}.upstream_name"), "must not be empty");
    }
    let cluster = format!("{MODEL_CLUSTER}{name}");
    Ok(Model { name, upstream_name, provider: ProviderId(provider), prices, abilities, cluster })
}

fn abilities(path: &str, document: &ModelDocument, upstream_name: &str) -> Result<Abilities, PolicyError> {
    for (field, tokens) in [("context_window", document.context_window), ("max_output", document.max_output)]
    {
        if tokens == Some(0) {
            return fault(format!("{path}.{field}"), "must be at least 1 token");
        }
    }
    let usual = Claude::named(upstream_name);
    let names = Thinking::NAMES.map(|(name, _)| name);
    let thinking = match &document.thinking {
        None => usual.thinking,
        Some(word) => {
            let at = reference(format!("{path}.thinking"), word, &names, "thinking")?;
            Thinking::NAMES.get(usize::from(at)).map_or(usual.thinking, |(_, thinking)| *thinking)
        }
    };
    Ok(Abilities {
        claude: Claude { thinking, sampling: document.sampling.unwrap_or(usual.sampling) },
        fetches_images: document.fetches_images.unwrap_or_else(|| gemini_fetches_images(upstream_name)),
        context_window: document.context_window,
        max_output: document.max_output,
        tools: document.tools,
        images: document.images,
        structured_output: document.structured_output,
        reasoning: document.reasoning,
    })
}

/// Their names.
pub(super) fn names(models: &NonEmpty<Model>) -> Vec<&str> {
    models.iter().map(|(_, model)| model.name.as_str()).collect()
}
