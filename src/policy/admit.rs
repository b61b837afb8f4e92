//! The `admit` section.

use serde::Deserialize;

use super::PolicyError;
use super::fields::fault;
use crate::admission::{Admission, OnUnreadable, plain_path};
use crate::chat::Caller;

/// Which requests are read.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(super) struct AdmitDocument {
    /// The paths of chats, by API.
    pub(super) paths: PathsDocument,
    /// Paths whose requests go their way unread.
    pub(super) pass_through: Vec<String>,
    /// Longest body that is read. Default: 8388608.
    pub(super) max_body_bytes: usize,
    /// Deepest nesting that is read. Default: 64.
    pub(super) max_depth: u16,
    /// What becomes of chat calls that cannot be read. Default: `refuse`.
    pub(super) unreadable: UnreadableDocument,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
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

/// Ends of paths, by API.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(super) struct PathsDocument {
    /// Chat Completions. Default: `/chat/completions`.
    pub(super) openai: Vec<String>,
    /// Messages. Default: `/v1/messages`.
    pub(super) anthropic: Vec<String>,
    /// Responses. Default: `/responses`.
    pub(super) responses: Vec<String>,
    /// Calls that go to the provider of the model they name as they are. Default: `/embeddings`, `/v1/completions`.
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

/// Largest body that may be read: Envoy holds it in memory.
const MAX_BODY_BYTES: usize = 64 << 20;

/// Deepest nesting that may be allowed: reading goes one call deeper per level.
const MAX_DEPTH: u16 = 256;

/// Checks the section.
///
/// # Errors
/// [`PolicyError`] names the field that is wrong.
pub(super) fn admit(document: AdmitDocument) -> Result<Admission, PolicyError> {
    let AdmitDocument { paths, pass_through, max_body_bytes, max_depth, unreadable } = document;
    let unreadable = match unreadable {
        UnreadableDocument::Refuse => OnUnreadable::Refuse,
        UnreadableDocument::Pass => OnUnreadable::Pass,
    };
    let PathsDocument { openai, anthropic, responses, direct } = paths;
    let named = [
        ("paths.openai", &openai),
        ("paths.anthropic", &anthropic),
        ("paths.responses", &responses),
        ("paths.direct", &direct),
    ];
    for (field, paths) in named {
        check_paths(field, paths, |path| plain_path(path) == path)?;
    }
    check_paths("pass_through", &pass_through, |path| path == "/" || plain_path(path) == path)?;
    let openai = openai.into_iter().map(|path| (path, Caller::OpenAi));
    let anthropic = anthropic.into_iter().map(|path| (path, Caller::Anthropic));
    let responses = responses.into_iter().map(|path| (path, Caller::Responses));
    let paths: Vec<(String, Caller)> = openai.chain(anthropic).chain(responses).collect();
    if paths.is_empty() {
        return fault("admit.paths", "there is none; name at least one");
    }
    if !(1..=MAX_BODY_BYTES).contains(&max_body_bytes) {
        return fault("admit.max_body_bytes", format!("must be between 1 and {MAX_BODY_BYTES}"));
    }
    if !(1..=MAX_DEPTH).contains(&max_depth) {
        return fault("admit.max_depth", format!("must be between 1 and {MAX_DEPTH}"));
    }
    Ok(Admission { paths, direct, pass_through, max_body_bytes, max_depth, unreadable })
}

fn check_paths(field: &str, paths: &[String], is_good: impl Fn(&str) -> bool) -> Result<(), PolicyError> {
    match paths.iter().position(|path| !path.starts_with('/') || !is_good(path)) {
        None => Ok(()),
        Some(at) => fault(
            format!("admit.{field}[{at}]"),
            "must start with `/`, and have no query, no escapes, no doubled slash and none at the end",
        ),
    }
}
