//! The document as it is written: its fields, their defaults, and what Rust's types cannot say about them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::PolicyError;
use super::budgets::BudgetDocument;
use super::conversations::ConversationsDocument;
use super::fields::suggest;
use super::identity::IdentityDocument;
use super::mode::ModeDocument;
use super::named::Named;
use super::prices::PricesDocument;
use super::rules::RuleDocument;
use super::share::ShareDocument;
use crate::complexity::Level;

/// A policy document whose fields have the right types; references and ranges are not checked yet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(default)]
    pub(super) mode: ModeDocument,
    pub(super) models: Named<ModelDocument>,
    pub(super) providers: Named<ProviderDocument>,
    pub(super) tiers: Vec<TierDocument>,
    pub(super) baseline: String,
    #[serde(default)]
    pub(super) requested_model: RequestedModelDocument,
    #[serde(default)]
    pub(super) classify: ClassifyDocument,
    #[serde(default)]
    pub(super) admit: AdmitDocument,
    pub(super) identity: Option<IdentityDocument>,
    #[serde(default)]
    pub(super) cache: CacheDocument,
    #[serde(default = "enabled")]
    pub(super) decision_header: bool,
    #[serde(default)]
    pub(super) failover: FailoverDocument,
    pub(super) console: Option<ConsoleDocument>,
    pub(super) conversations: Option<ConversationsDocument>,
    #[serde(default)]
    pub(super) rules: Vec<RuleDocument>,
    #[serde(default)]
    pub(super) budgets: Vec<BudgetDocument>,
    pub(super) time_zone: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsoleDocument {
    pub(super) token: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelDocument {
    pub(super) provider: String,
    pub(super) upstream_name: Option<String>,
    pub(super) prices: PricesDocument,
    pub(super) context_window: Option<u64>,
    pub(super) max_output: Option<u64>,
    #[serde(default = "enabled")]
    pub(super) tools: bool,
    #[serde(default = "enabled")]
    pub(super) images: bool,
    #[serde(default = "enabled")]
    pub(super) structured_output: bool,
    #[serde(default)]
    pub(super) reasoning: bool,
    pub(super) thinking: Option<String>,
    pub(super) sampling: Option<bool>,
    pub(super) fetches_images: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderDocument {
    pub(super) host: String,
    pub(super) port: Option<u16>,
    #[serde(default = "enabled")]
    pub(super) tls: bool,
    #[serde(default = "openai")]
    pub(super) dialect: String,
    pub(super) path: Option<String>,
    pub(super) responses: Option<String>,
    pub(super) api_version: Option<String>,
    pub(super) project: Option<String>,
    pub(super) location: Option<String>,
    pub(super) credential: Option<CredentialDocument>,
    #[serde(default)]
    pub(super) forward_headers: Vec<String>,
    #[serde(default)]
    pub(super) tracing: bool,
}

/// The name of an environment variable, `{ sds: PATH }`, or `{ aws: { region, service } }`.
#[derive(Debug)]
pub(super) enum CredentialDocument {
    Environment(String),
    Sds(String),
    Aws(AwsDocument),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AwsDocument {
    pub(super) region: String,
    #[serde(default = "bedrock")]
    pub(super) service: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TierDocument {
    pub(super) name: String,
    pub(super) handles: LevelDocument,
    pub(super) models: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
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

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RequestedModelDocument {
    Honor,
    #[default]
    Cap,
    Ignore,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ClassifyDocument {
    pub(super) scorer: ScorerDocument,
    pub(super) encoder: Option<EncoderDocument>,
    pub(super) weights: Option<Value>,
    pub(super) boundaries: Option<BoundariesDocument>,
    pub(super) max_strong_share: Option<ShareDocument>,
    pub(super) max_quality_loss: Option<ShareDocument>,
}

/// An encoder of one's own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EncoderDocument {
    pub(super) vocabulary: FileDocument,
    pub(super) graph: FileDocument,
}

/// A file: its name as it is written, its bytes as the filter gets it.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "must be the name of a file, or {base64: ...}")]
pub(super) enum FileDocument {
    Name(String),
    Bytes { base64: String },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ScorerDocument {
    #[default]
    Heuristic,
    Wordcount,
    Learned,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BoundariesDocument {
    pub(super) medium: Option<f64>,
    pub(super) high: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AdmitDocument {
    pub(super) paths: PathsDocument,
    pub(super) pass_through: Vec<String>,
    pub(super) max_body_bytes: usize,
    pub(super) max_depth: u16,
    pub(super) unreadable: UnreadableDocument,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum UnreadableDocument {
    #[default]
    Refuse,
    Pass,
}

impl Default for AdmitDocument {
    fn default() -> Self {
        Self {
            paths: PathsDocument::default(),
            pass_through: Vec::new(),
            max_body_bytes: 8 << 20,
            max_depth: 64,
            unreadable: UnreadableDocument::default(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PathsDocument {
    pub(super) openai: Vec<String>,
    pub(super) anthropic: Vec<String>,
    pub(super) responses: Vec<String>,
    pub(super) direct: Vec<String>,
}

impl Default for PathsDocument {
    fn default() -> Self {
        Self {
            openai: vec!["/chat/completions".into()],
            anthropic: vec!["/v1/messages".into()],
            responses: vec!["/responses".into()],
            direct: vec!["/embeddings".into(), "/v1/completions".into()],
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CacheDocument {
    pub(super) exact: ExactCacheDocument,
    pub(super) semantic: Option<SemanticDocument>,
    pub(super) shared: Option<SharedDocument>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SharedDocument {
    pub(super) host: String,
    pub(super) port: u16,
    #[serde(default)]
    pub(super) tls: bool,
    pub(super) timeout: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SemanticDocument {
    pub(super) max_false_hits: ShareDocument,
    pub(super) ttl: Option<String>,
    pub(super) entries: u32,
    pub(super) bytes: u64,
    pub(super) max_time_share: ShareDocument,
    pub(super) shadow: bool,
    pub(super) audit_share: ShareDocument,
    pub(super) max_disagreement: ShareDocument,
}

impl Default for SemanticDocument {
    fn default() -> Self {
        Self {
            max_false_hits: ShareDocument::Number(0.005),
            ttl: None,
            entries: 8192,
            bytes: 64 << 20,
            max_time_share: ShareDocument::Number(0.1),
            shadow: false,
            audit_share: ShareDocument::Number(0.02),
            max_disagreement: ShareDocument::Number(0.1),
        }
    }
}

/// Bounds, or the word `off`. YAML 1.1 readers make `false` of a bare `off`.
#[derive(Debug)]
pub(super) enum ExactCacheDocument {
    Off,
    On(ExactCacheBounds),
}

impl Default for ExactCacheDocument {
    fn default() -> Self {
        Self::On(ExactCacheBounds::default())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExactCacheBounds {
    pub(super) ttl: String,
    pub(super) entries: u32,
    pub(super) bytes: u64,
    pub(super) max_temperature: f64,
    pub(super) max_choices: u64,
    pub(super) tenant_share: f64,
    pub(super) collapse: Option<String>,
}

impl Default for ExactCacheBounds {
    fn default() -> Self {
        Self {
            ttl: "1h".into(),
            entries: 8192,
            bytes: 64 << 20,
            max_temperature: 1.0,
            max_choices: 1,
            tenant_share: 0.5,
            collapse: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FailoverDocument {
    pub(super) per_try_idle_timeout: String,
    pub(super) whole_answer_timeout: Option<String>,
    pub(super) connect_timeout: String,
    pub(super) timeout: String,
    pub(super) refused_credentials: bool,
}

impl Default for FailoverDocument {
    fn default() -> Self {
        Self {
            per_try_idle_timeout: "30s".into(),
            whole_answer_timeout: None,
            connect_timeout: "2s".into(),
            timeout: "10m".into(),
            refused_credentials: false,
        }
    }
}

fn enabled() -> bool {
    true
}

fn bedrock() -> String {
    "bedrock-mantle".into()
}

fn openai() -> String {
    "openai".into()
}

impl<'de> Deserialize<'de> for ExactCacheDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OffOrBounds;
        impl<'de> Visitor<'de> for OffOrBounds {
            type Value = ExactCacheDocument;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`off` or the cache's bounds")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                if text == "off" {
                    Ok(ExactCacheDocument::Off)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
                }
            }

            fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<Self::Value, E> {
                if on {
                    Err(E::invalid_value(serde::de::Unexpected::Bool(on), &self))
                } else {
                    Ok(ExactCacheDocument::Off)
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let bounds =
                    ExactCacheBounds::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(ExactCacheDocument::On(bounds))
            }
        }
        deserializer.deserialize_any(OffOrBounds)
    }
}

impl<'de> Deserialize<'de> for CredentialDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum KeptByEnvoy {
            Sds(String),
            Aws(AwsDocument),
        }
        struct VariableOrKept;
        impl<'de> Visitor<'de> for VariableOrKept {
            type Value = CredentialDocument;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "the name of an environment variable, `{ sds: PATH }` or `{ aws: { region: REGION } }`",
                )
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(CredentialDocument::Environment(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let kept = KeptByEnvoy::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(match kept {
                    KeptByEnvoy::Sds(path) => CredentialDocument::Sds(path),
                    KeptByEnvoy::Aws(aws) => CredentialDocument::Aws(aws),
                })
            }
        }
        deserializer.deserialize_any(VariableOrKept)
    }
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

/// Names that stand twice, with the entry that repeats them.
pub(super) fn repeated<'n>(names: impl Iterator<Item = &'n str>) -> Option<(usize, &'n str)> {
    let mut seen = BTreeMap::new();
    names.enumerate().find(|(at, name)| seen.insert(*name, *at).is_some())
}
