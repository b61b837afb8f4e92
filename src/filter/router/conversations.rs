//! Conversations that are remembered, so that they can stay where their prompt is.

use super::exchange::Asked;
use super::reading::Reading;
use super::role::RouterRole;
use crate::cache::conversations::{ConversationKey, LastAnswer};
use crate::cache::tag::ModelTag;
use crate::chat::{ChatRequest, Format, Operation, Usage};
use crate::host::{Clock, SharedData};
use crate::policy::ModelId;

/// Shortest prompt that providers keep, in tokens.
const SHORTEST_CACHED: u64 = 1024;

/// What is known of the last answer in the conversation that a request goes on with.
pub(super) fn last_answer<H: SharedData + Clock>(
    role: &RouterRole,
    host: &H,
    (reading, request): (&Reading, &ChatRequest),
) -> Option<LastAnswer> {
    let conversations = role.policy.conversations.as_ref()?;
    let before = request.turns.before.filter(|_| request.estimated_tokens() >= SHORTEST_CACHED)?;
    conversations.last_answer(host, ConversationKey::new(&reading.identity.partition, before))
}

/// A model has answered: remembers it, if its provider keeps the prompt and asks less for it the next time.
pub(super) fn answered<H: SharedData + Clock>(
    role: &RouterRole,
    host: &H,
    asked: &Asked,
    (model, usage): (ModelId, &Usage),
) {
    let Some(conversations) = &role.policy.conversations else { return };
    let cached = kept(role, model, usage);
    if asked.operation != Operation::Chat || cached < SHORTEST_CACHED {
        return;
    }
    let tag = ModelTag::of(&role.policy.model(model).name);
    let last = LastAnswer { model: tag, cached, output: usage.output };
    conversations.answered(host, asked.conversation, &last);
}

/// Tokens that the provider keeps: what it says, and by itself all where it does so unasked. Anthropic keeps what is marked.
fn kept(role: &RouterRole, model: ModelId, usage: &Usage) -> u64 {
    let is_cheaper = role.policy.model(model).prices.are_lower_for_cached_input();
    let said = usage.cached_input.saturating_add(usage.cache_write);
    match role.policy.provider_of(model).dialect.format {
        _ if !is_cheaper => 0,
        Format::Anthropic => said,
        Format::OpenAi | Format::Gemini | Format::Responses => usage.input,
    }
}
