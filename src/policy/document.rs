//! The document as it is written, composed of its sections.

use serde::Deserialize;
use serde_json::Value;

use super::PolicyError;
use super::admit::AdmitDocument;
use super::budgets::BudgetDocument;
use super::cache::CacheDocument;
use super::classify::ClassifyDocument;
use super::console::ConsoleDocument;
use super::conversations::ConversationsDocument;
use super::failover::FailoverDocument;
use super::fields::{enabled, suggest};
use super::identity::IdentityDocument;
use super::mode::ModeDocument;
use super::models::ModelDocument;
use super::named::Named;
use super::providers::ProviderDocument;
use super::rules::document::RuleDocument;
use super::telemetry::TelemetryDocument;
use super::tiers::TierDocument;

/// Everything that a team decides about its LLM traffic.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    /// Whether the policy is enforced, or only says what it would do. Default: `enforce`.
    #[serde(default)]
    pub(super) mode: ModeDocument,
    /// Models, by the names that callers, tiers and rules use.
    pub(super) models: Named<ModelDocument>,
    /// Who runs models, by name.
    pub(super) providers: Named<ProviderDocument>,
    /// Tiers, from cheap to strong. The last must handle `high`.
    pub(super) tiers: Vec<TierDocument>,
    /// The model that savings are counted against: what every call would go to without a policy.
    pub(super) baseline: String,
    /// What a model named by the caller means; `auto` always means: decide. Default: `cap`.
    #[serde(default)]
    pub(super) requested_model: RequestedModelDocument,
    /// How the complexity of a chat is scored.
    #[serde(default)]
    pub(super) classify: ClassifyDocument,
    /// Which requests are read.
    #[serde(default)]
    pub(super) admit: AdmitDocument,
    /// Where it is known from who asks. Default: the tenant stands in the header `x-tenant`.
    pub(super) identity: Option<IdentityDocument>,
    /// Which answers are kept, and for how long.
    #[serde(default)]
    pub(super) cache: CacheDocument,
    /// Whether answers carry `x-arbiter-decision`. Default: true.
    #[serde(default = "enabled")]
    pub(super) decision_header: bool,
    /// What is reported, and under which names.
    #[serde(default)]
    pub(super) telemetry: TelemetryDocument,
    /// When an attempt counts as failed.
    #[serde(default)]
    pub(super) failover: FailoverDocument,
    /// A listener for operators. Default: there is none.
    pub(super) console: Option<ConsoleDocument>,
    /// Whether conversations stay with the model that has answered them. Default: `stay`, for 5 minutes.
    pub(super) conversations: Option<ConversationsDocument>,
    /// Who may do what. Of those whose condition holds, the first counts.
    #[serde(default)]
    pub(super) rules: Vec<RuleDocument>,
    /// What may be spent, by whom.
    #[serde(default)]
    pub(super) budgets: Vec<BudgetDocument>,
    /// What an hour and a day are: a time zone of the IANA's database. Default: UTC.
    pub(super) time_zone: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum RequestedModelDocument {
    Honor,
    #[default]
    Cap,
    Ignore,
}

/// Reads the fields of a document; a fault carries its path.
pub(super) fn read(value: Value) -> Result<Document, PolicyError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = match error.path().to_string() {
            path if path == "." => "policy".to_owned(),
            path => path,
        };
        PolicyError { path, message: advice(&error.into_inner().to_string()) }
    })
}

/// Turns serde's wording of an unknown field or variant into advice: the nearest of the names that exist.
fn advice(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    match (message.starts_with("unknown "), quoted.next()) {
        (true, Some(unknown)) => {
            let known: Vec<&str> = quoted.collect();
            let what = if message.starts_with("unknown field") { "unknown field" } else { "unknown value" };
            format!("{what} `{unknown}`; {}", suggest(unknown, &known))
        }
        _ => types_in_words(message),
    }
}

/// Says what is expected without the names that Rust has for it.
fn types_in_words(message: &str) -> String {
    const WORDS: [(&str, &str); 5] = [
        ("expected f64", "expected a number"),
        ("expected u64", "expected a whole number"),
        ("expected u32", "expected a whole number"),
        ("expected u16", "expected a whole number"),
        ("expected usize", "expected a whole number"),
    ];
    WORDS.iter().fold(message.to_owned(), |message, (name, words)| message.replace(name, words))
}
