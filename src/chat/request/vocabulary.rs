//! The members of a body that decide how it is read, by what kind of call it is.

use super::spelling::is_spelled_like;
use crate::chat::dialect::Caller;

/// A top-level member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Model,
    Messages,
    /// What was said, in a call of the Responses API: a text, or items.
    Input,
    /// Instructions that stand beside the messages.
    System,
    Stream,
    StreamOptions,
    Temperature,
    Choices,
    Logprobs,
    Modalities,
    MaxTokens,
    MaxCompletionTokens,
    MaxOutputTokens,
    ResponseFormat,
    /// Anthropic's form of the answer, and how much is thought.
    OutputConfig,
    /// How much is thought.
    Reasoning,
    /// How urgent the call is.
    ServiceTier,
    Tools,
    Functions,
    /// Names what the provider holds of the conversation: its beginning, or the files of its tools.
    State,
    /// Whether the provider shall hold what comes of it.
    Hold,
    /// Says who asks or how the call is kept, and changes no answer.
    Bookkeeping,
    Other,
    /// Not a member that we know, but one that a server could take for it.
    Like(&'static str),
}

/// Members by their names.
type Known = &'static [(&'static str, Member)];

/// The members that decide how a chat request is read, in OpenAI's dialect and in Anthropic's.
const MEMBERS: [(&str, Member); 13] = [
    ("model", Member::Model),
    ("messages", Member::Messages),
    ("stream", Member::Stream),
    ("stream_options", Member::StreamOptions),
    ("temperature", Member::Temperature),
    ("n", Member::Choices),
    ("logprobs", Member::Logprobs),
    ("modalities", Member::Modalities),
    ("max_tokens", Member::MaxTokens),
    ("max_completion_tokens", Member::MaxCompletionTokens),
    ("response_format", Member::ResponseFormat),
    ("tools", Member::Tools),
    ("functions", Member::Functions),
];

/// Those that OpenAI's callers have besides.
const OF_OPENAI: [(&str, Member); 2] =
    [("service_tier", Member::ServiceTier), ("reasoning_effort", Member::Reasoning)];

/// Those that Anthropic's callers have besides.
const OF_ANTHROPIC: [(&str, Member); 4] = [
    ("system", Member::System),
    ("output_config", Member::OutputConfig),
    ("thread", Member::State),
    ("container", Member::State),
];

/// Those of the Responses API.
const OF_RESPONSES: [(&str, Member); 16] = [
    ("model", Member::Model),
    ("input", Member::Input),
    ("instructions", Member::System),
    ("stream", Member::Stream),
    ("stream_options", Member::StreamOptions),
    ("temperature", Member::Temperature),
    ("max_output_tokens", Member::MaxOutputTokens),
    ("text", Member::ResponseFormat),
    ("service_tier", Member::ServiceTier),
    ("reasoning", Member::Reasoning),
    ("tools", Member::Tools),
    ("previous_response_id", Member::State),
    ("conversation", Member::State),
    ("prompt", Member::State),
    ("store", Member::Hold),
    ("background", Member::Hold),
];

/// Those that every call has.
const OF_ALL: [(&str, Member); 3] =
    [("model", Member::Model), ("stream", Member::Stream), ("stream_options", Member::StreamOptions)];

/// Members that say who asks or how the call is kept, and change no answer.
const BOOKKEEPING: [&str; 5] = ["user", "metadata", "store", "safety_identifier", "prompt_cache_key"];

/// The same of the Responses API. A response repeats its request's `metadata`.
const BOOKKEEPING_OF_RESPONSES: [&str; 5] =
    ["user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "client_metadata"];

/// What a body is read as.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Chat(Caller),
    /// Nothing but the model that it names, and whether its answer shall be streamed, is known of it.
    Direct,
}

impl Member {
    /// The member of a name, in a body of a kind.
    pub(super) fn of(key: &str, kind: Kind) -> Self {
        let (members, more, bookkeeping): (Known, Known, _) = match kind {
            Kind::Direct => (&OF_ALL, &[], BOOKKEEPING),
            Kind::Chat(Caller::OpenAi) => (&MEMBERS, &OF_OPENAI, BOOKKEEPING),
            Kind::Chat(Caller::Anthropic) => (&MEMBERS, &OF_ANTHROPIC, BOOKKEEPING),
            Kind::Chat(Caller::Responses) => (&OF_RESPONSES, &[], BOOKKEEPING_OF_RESPONSES),
        };
        let members = members.iter().chain(more);
        if let Some((_, member)) = members.clone().find(|(name, _)| *name == key) {
            return *member;
        }
        if bookkeeping.contains(&key) {
            return Self::Bookkeeping;
        }
        let like = members.clone().find(|(name, _)| is_spelled_like(key, name));
        like.map_or(Self::Other, |(name, _)| Self::Like(name))
    }
}
