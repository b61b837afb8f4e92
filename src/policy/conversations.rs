//! The `conversations` section.

use std::time::Duration;

use serde::Deserialize;

use super::PolicyError;
use super::fields::duration;
use crate::cache::conversations::Conversations;

/// How long providers keep prompts when the policy does not say: what the shortest of them promise.
const TTL: Duration = Duration::from_secs(300);

/// `stay`, `move`, or `{ stay: DURATION }`.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "must be `stay`, `move` or `{ stay: \"5m\" }`")]
pub(super) enum ConversationsDocument {
    Word(ConversationsWord),
    Bounds(StayDocument),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum ConversationsWord {
    Stay,
    Move,
}

/// How long conversations stay.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct StayDocument {
    /// How long providers keep prompts.
    stay: String,
}

/// Checks whether, and how long, conversations stay where they are.
pub(super) fn conversations(
    document: Option<ConversationsDocument>,
) -> Result<Option<Conversations>, PolicyError> {
    match document {
        None | Some(ConversationsDocument::Word(ConversationsWord::Stay)) => {
            Ok(Some(Conversations { ttl: TTL }))
        }
        Some(ConversationsDocument::Word(ConversationsWord::Move)) => Ok(None),
        Some(ConversationsDocument::Bounds(StayDocument { stay })) => {
            duration("conversations.stay", &stay).map(|ttl| Some(Conversations { ttl }))
        }
    }
}
