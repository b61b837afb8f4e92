//! `arbiter prices import`: the `models` section of a policy from the community's price list.
//!
//! The list is LiteLLM's `model_prices_and_context_window.json`: an object of models, each with prices in USD per token, limits in tokens and what
//! it supports. It stands in LiteLLM's package as `model_prices_and_context_window_backup.json`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use llm_arbiter::chat::Format;
use llm_arbiter::policy::{Model, Policy, Provider};
use serde_json::{Map, Value};
use thiserror::Error;

/// Why nothing is imported.
#[derive(Debug, Error)]
pub enum PricesError {
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: is no price list: {source}", path.display())]
    NoList { path: PathBuf, source: serde_json::Error },
    #[error("no chat model in the list is called `{pattern}`; a `*` at the end stands for anything")]
    Unknown { pattern: String },
    #[error(
        "name the models that you want (--model 'gpt-5*'), or the policy that has them (--policy policy.yaml)"
    )]
    Unsaid,
}

/// A model of the list.
struct Listed<'l> {
    /// Without its provider in front.
    name: &'l str,
    provider: &'l str,
    entry: &'l Map<String, Value>,
}

/// Who makes the models that they sell, as the list calls them.
const MAKERS: [&str; 4] = ["openai", "anthropic", "gemini", "mistral"];

/// A price list.
pub struct PriceList(Map<String, Value>);

impl PriceList {
    /// # Errors
    /// [`PricesError`] when the file cannot be read, or is no such list.
    pub fn read(path: &Path) -> Result<Self, PricesError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PricesError::Unreadable { path: path.to_owned(), source })?;
        serde_json::from_str(&text)
            .map(Self)
            .map_err(|source| PricesError::NoList { path: path.to_owned(), source })
    }

    /// The models that can be asked for an answer and have a price.
    fn models(&self) -> impl Iterator<Item = Listed<'_>> {
        self.0.iter().filter_map(|(name, entry)| {
            let entry = entry.as_object()?;
            let provider = entry.get("litellm_provider")?.as_str()?;
            let is_chat = matches!(entry.get("mode")?.as_str()?, "chat" | "responses");
            let is_priced = price(entry, "input_cost_per_token").is_some();
            let name = name.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
            (is_chat && is_priced).then_some(Listed { name, provider, entry })
        })
    }

    /// A `models` section of those that some of `patterns` stands for.
    ///
    /// # Errors
    /// [`PricesError::Unknown`] for a pattern that stands for none.
    pub fn named(&self, patterns: &[String]) -> Result<String, PricesError> {
        if patterns.is_empty() {
            return Err(PricesError::Unsaid);
        }
        let mut text = String::from("models:   # USD per million tokens\n");
        let mut written: Vec<&str> = Vec::new();
        for pattern in patterns {
            let before = written.len();
            // Clouds sell what others make by the same name.
            let (makers, others): (Vec<_>, Vec<_>) = self
                .models()
                .filter(|listed| listed.is_meant(pattern))
                .partition(|listed| MAKERS.contains(&listed.provider));
            for listed in makers.into_iter().chain(others) {
                if !written.contains(&listed.name) {
                    text.push_str(&line(listed.name, listed.provider, None, listed.entry));
                    written.push(listed.name);
                }
            }
            let is_known = || self.models().any(|listed| listed.is_meant(pattern));
            if written.len() == before && !is_known() {
                return Err(PricesError::Unknown { pattern: pattern.clone() });
            }
        }
        Ok(text)
    }

    /// The `models` section of a policy with what the list says of each; those that it does not know stand in remarks.
    pub fn of_policy(&self, policy: &Policy) -> String {
        let mut text = String::from("models:   # USD per million tokens\n");
        for (_, model) in policy.models() {
            let provider = policy.provider(model.provider);
            match self.find(model, provider) {
                Some(entry) => {
                    let own = (model.name != model.upstream_name).then_some(model.upstream_name.as_str());
                    text.push_str(&line(&model.name, &provider.name, own, entry));
                }
                None => drop(writeln!(text, "  # {}: not in the list", model.name)),
            }
        }
        text
    }

    /// What the list says of a model: where several providers have one of this name, the one whose dialect it is.
    fn find(&self, model: &Model, provider: &Provider) -> Option<&Map<String, Value>> {
        let usual = match provider.dialect.name {
            "openai" => "openai",
            "azure" => "azure",
            "mistral" => "mistral",
            _ if provider.dialect.format == Format::Anthropic => "anthropic",
            _ => "gemini",
        };
        let named = || self.models().filter(|listed| listed.name == model.upstream_name);
        let found = named().find(|listed| listed.provider == usual).or_else(|| named().next());
        found.map(|listed| listed.entry)
    }
}

impl Listed<'_> {
    /// Whether a pattern stands for it, by its name or its provider's and its own: a `*` at the end stands for anything.
    fn is_meant(&self, pattern: &str) -> bool {
        let is_it =
            |name: &str| pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start));
        is_it(self.name) || is_it(&format!("{}/{}", self.provider, self.name))
    }
}

/// A model as a line of the `models` section.
fn line(name: &str, provider: &str, upstream_name: Option<&str>, entry: &Map<String, Value>) -> String {
    let mut members = vec![format!("provider: {provider}")];
    members.extend(upstream_name.map(|own| format!("upstream_name: {}", quoted(own))));
    members.push(format!("prices: {{ {} }}", prices(entry).join(", ")));
    for (field, listed) in [("context_window", "max_input_tokens"), ("max_output", "max_output_tokens")] {
        members.extend(entry.get(listed).and_then(Value::as_u64).map(|tokens| format!("{field}: {tokens}")));
    }
    let supports = |what: &str| entry.get(what).and_then(Value::as_bool).unwrap_or(false);
    for (field, listed) in [
        ("tools", "supports_function_calling"),
        ("images", "supports_vision"),
        ("structured_output", "supports_response_schema"),
    ] {
        if !supports(listed) {
            members.push(format!("{field}: false"));
        }
    }
    if supports("supports_reasoning") {
        members.push("reasoning: true".to_owned());
    }
    let retires = entry.get("deprecation_date").and_then(Value::as_str);
    let remark = retires.map(|date| format!("   # retires {date}")).unwrap_or_default();
    format!("  {}: {{ {} }}{remark}\n", quoted(name), members.join(", "))
}

/// A name as YAML reads it back.
fn quoted(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
        && name.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_plain { name.to_owned() } else { Value::from(name).to_string() }
}

/// The members of `prices`.
fn prices(entry: &Map<String, Value>) -> Vec<String> {
    let mut members = rates(entry, "");
    if let Some(above) = long_context(entry) {
        let long = rates(entry, &format!("_above_{above}k_tokens"));
        members.push(format!("long_context: {{ above: {above}000, {} }}", long.join(", ")));
    }
    let base = price(entry, "input_cost_per_token").filter(|price| *price > 0.0);
    for (field, usual) in [("flex", 0.5), ("priority", 1.0)] {
        let factor =
            price(entry, &format!("input_cost_per_token_{field}")).zip(base).map(|(own, base)| own / base);
        members.extend(
            factor
                .filter(|factor| (factor - usual).abs() > 1e-9)
                .map(|factor| format!("{field}: {}", digits(factor))),
        );
    }
    members
}

/// The rates whose names in the list end so.
fn rates(entry: &Map<String, Value>, ending: &str) -> Vec<String> {
    let listed = [
        ("input", "input_cost_per_token"),
        ("cached_input", "cache_read_input_token_cost"),
        ("cache_write", "cache_creation_input_token_cost"),
        ("output", "output_cost_per_token"),
    ];
    let mut members: Vec<String> = listed
        .into_iter()
        .filter_map(|(field, listed)| {
            Some(format!("{field}: {}", price(entry, &format!("{listed}{ending}"))?))
        })
        .collect();
    if ending.is_empty() {
        let hour = price(entry, "cache_creation_input_token_cost_above_1hr");
        members.extend(hour.map(|price| format!("cache_write_1h: {price}")));
    }
    members
}

/// From how many thousands of tokens on other prices hold, if both of them are known.
fn long_context(entry: &Map<String, Value>) -> Option<u64> {
    let above = |name: &str| {
        let number = name.strip_prefix("input_cost_per_token_above_")?.strip_suffix("k_tokens")?;
        number.parse::<u64>().ok()
    };
    let mut bounds = entry.keys().filter_map(|name| above(name));
    bounds.find(|above| price(entry, &format!("output_cost_per_token_above_{above}k_tokens")).is_some())
}

/// A price in USD per million tokens, or a factor, with the digits that it was meant to have.
fn price(entry: &Map<String, Value>, name: &str) -> Option<f64> {
    let per_token = entry.get(name)?.as_f64().filter(|price| price.is_finite() && *price >= 0.0)?;
    Some((per_token * 1e12).round() / 1e6)
}

fn digits(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list() -> PriceList {
        let entry = json!({
            "litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.25e-6, "output_cost_per_token": 1e-5,
            "cache_read_input_token_cost": 1.25e-7, "input_cost_per_token_priority": 2.5e-6, "input_cost_per_token_flex": 6.25e-7,
            "input_cost_per_token_above_272k_tokens": 2.5e-6, "output_cost_per_token_above_272k_tokens": 1.5e-5,
            "max_input_tokens": 272_000, "max_output_tokens": 128_000, "supports_function_calling": true, "supports_vision": true,
            "supports_response_schema": true, "supports_reasoning": true, "deprecation_date": "2027-04-01"
        });
        let small = json!({
            "litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 1e-7, "output_cost_per_token": 4e-7,
            "cache_creation_input_token_cost": 1e-7, "cache_creation_input_token_cost_above_1hr": 2e-7
        });
        let sold = json!({"litellm_provider": "azure", "mode": "chat", "input_cost_per_token": 9e-6, "output_cost_per_token": 9e-6});
        let other = json!({"litellm_provider": "gemini", "mode": "embedding", "input_cost_per_token": 1e-7});
        let listed = json!({"azure/gpt-x": sold, "gpt-x": entry, "gemini/flash-x": small, "gemini/embed-x": other, "sample_spec": {"mode": "one of"}});
        PriceList(listed.as_object().cloned().unwrap_or_default())
    }

    #[test]
    fn a_model_is_written_as_the_policy_wants_it() {
        let text = list().named(&["gpt-x".into(), "flash*".into()]).unwrap();
        let expected = "models:   # USD per million tokens\n\
            \x20 gpt-x: { provider: openai, prices: { input: 1.25, cached_input: 0.125, output: 10, long_context: { above: 272000, input: 2.5, output: 15 }, priority: 2 }, \
            context_window: 272000, max_output: 128000, reasoning: true }   # retires 2027-04-01\n\
            \x20 flash-x: { provider: gemini, prices: { input: 0.1, cache_write: 0.1, output: 0.4, cache_write_1h: 0.2 }, tools: false, images: false, structured_output: false }\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_a_cloud_sells_is_asked_for_by_its_name() {
        let text = list().named(&["azure/*".into()]).unwrap();
        assert!(text.contains("gpt-x: { provider: azure, prices: { input: 9, output: 9 }"), "{text}");
    }

    #[test]
    fn what_is_not_there_is_said() {
        for pattern in ["gpt-y", "embed*"] {
            let error = list().named(&[pattern.into()]).unwrap_err();
            assert!(error.to_string().contains(pattern), "{error}");
        }
        assert!(matches!(list().named(&[]), Err(PricesError::Unsaid)));
    }

    #[test]
    fn a_policys_models_keep_their_names() {
        let prices = json!({"input": 9, "output": 9});
        let policy = Policy::from_value(json!({
            "providers": {"o": {"host": "o.test"}},
            "models": {
                "mine": {"provider": "o", "upstream_name": "gpt-x", "prices": prices},
                "own": {"provider": "o", "prices": prices}
            },
            "tiers": [{"name": "all", "handles": "high", "models": ["mine", "own"]}],
            "baseline": "own"
        }))
        .unwrap();
        let text = list().of_policy(&policy);
        assert!(
            text.contains("  mine: { provider: o, upstream_name: gpt-x, prices: { input: 1.25,"),
            "{text}"
        );
        assert!(text.contains("  # own: not in the list\n"), "{text}");
    }
}
