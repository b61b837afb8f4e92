//! What is passed from step to step of an exchange between a caller and a provider.

use std::time::Duration;

use super::budgets::{Notice, Reserved};
use super::reading::Reading;
use super::semantic::Sought;
use crate::cache::conversations::ConversationKey;
use crate::cache::recall::Caching;
use crate::chat::completion::Completion;
use crate::chat::observe::Observer;
use crate::chat::{Caller, ChatRequest, Operation};
use crate::complexity::Complexity;
use crate::identity::keys::{hash, to_hex};
use crate::policy::{ModelId, RuleId};
use crate::routing::{Attempt, Decision};

/// What the caller asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) caller: Caller,
    pub(super) operation: Operation,
    /// `x-request-id`.
    pub(super) request_id: String,
    pub(super) model: String,
    pub(super) stream: bool,
    /// A hash of the last user message, where the policy asks for it.
    pub(super) prompt_hash: Option<String>,
    /// An estimate of the prompt's tokens.
    pub(super) prompt_tokens: u64,
    /// Whether usage must be taken out of the answer.
    pub(super) hides_usage: bool,
    /// By what its conversation is known again when the caller comes back.
    pub(super) conversation: ConversationKey,
    /// Whom it is counted under.
    pub(super) team: String,
    /// When the request had come to its end.
    pub(super) read_at: Duration,
    /// The rule that holds.
    pub(super) rule: Option<RuleId>,
    /// The rules that would have held.
    pub(super) shadowed: Vec<RuleId>,
}

impl Asked {
    pub(super) fn of(request: ChatRequest, reading: &Reading) -> Self {
        let prompt_hash = reading.hashes_prompt.then(|| prompt_hash(&request)).flatten();
        let (operation, request_id) = (reading.operation.clone(), reading.request_id.clone());
        let (caller, stream, hides_usage) = (request.caller, request.stream, request.hides_usage());
        Self {
            caller,
            operation,
            request_id,
            stream,
            prompt_hash,
            prompt_tokens: request.estimated_tokens(),
            hides_usage,
            conversation: ConversationKey::new(&reading.identity.partition, request.turns.now),
            team: reading.team.clone(),
            read_at: reading.read_at,
            rule: reading.ruling.rule,
            shadowed: reading.ruling.shadowed.clone(),
            model: request.model,
        }
    }
}

/// SHA-256 of the text of the last user message; `None` where there is no text.
fn prompt_hash(request: &ChatRequest) -> Option<String> {
    let text = request.last_user_text();
    (!text.is_empty()).then(|| to_hex(&hash(text.as_bytes())))
}

/// What was decided about it.
#[derive(Debug)]
pub(super) struct Verdict {
    /// How hard the request is, if that was asked.
    pub(super) complexity: Option<Complexity>,
    pub(super) decision: Decision,
    /// The budget that is used most, if it is to be said.
    pub(super) notice: Option<Notice>,
}

/// A request that has gone to a provider, until the answer's headers come.
#[derive(Debug)]
pub(super) struct Forwarded {
    pub(super) asked: Asked,
    pub(super) verdict: Verdict,
    pub(super) caching: Caching,
    /// What the semantic cache said of it.
    pub(super) sought: Option<Sought>,
    /// The number of the flight of those who wait for its answer; `None`: nobody may.
    pub(super) flight: Option<u64>,
    /// When it was sent.
    pub(super) asked_at: Duration,
    /// What of budgets is set aside for it.
    pub(super) reserved: Reserved,
}

/// An answer that flows past.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) asked: Asked,
    pub(super) verdict: Verdict,
    pub(super) caching: Caching,
    pub(super) sought: Option<Sought>,
    pub(super) flight: Option<u64>,
    pub(super) asked_at: Duration,
    pub(super) reserved: Reserved,
    /// HTTP status of the answer; 0 when it has none.
    pub(super) status: u16,
    /// When the first piece of it came, if it is a stream.
    pub(super) first_at: Option<Duration>,
    /// The model whose provider answered; `None` when none did.
    pub(super) model: Option<ModelId>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) body: Body,
    /// Who has ended it before its end.
    pub(super) cut_off: Option<Side>,
}

/// How an answer came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// When the request was sent.
    pub(super) asked_at: Duration,
    /// When the first piece of a stream came.
    pub(super) first_at: Option<Duration>,
    /// HTTP status of the answer; 0 when it has none.
    pub(super) status: u16,
}

/// An end of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Caller,
    Provider,
}

/// What is done with an answer's body.
#[derive(Debug)]
pub(super) enum Body {
    /// It is observed.
    Observed(Observer),
    /// The provider role has read it, whole; it is copied if it may stand for a later one.
    Known {
        completion: Completion,
        /// The copy; `None`: it is not kept.
        copy: Option<Vec<u8>>,
    },
    /// These bytes take the place of Envoy's own.
    Replaced(Vec<u8>),
}
