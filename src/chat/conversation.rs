//! A chat request in no dialect: where the dialects meet when a caller's differs from a provider's.
//!
//! | field | OpenAI | Anthropic | Gemini | Responses |
//! |---|---|---|---|---|
//! | `system` | messages `system`, `developer` | `system` | `systemInstruction` | `instructions`, items `system`, `developer` |
//! | `turns` | `messages` | `messages` | `contents` | `input` |
//! | a turn by `System` | a message `system` | a message `system` | text by the user | a later item `developer` |
//! | `tools` | `tools[].function` | `tools` | `tools[].functionDeclarations` | `tools` |
//! | `tool_choice` | `tool_choice` | `tool_choice` | `toolConfig.functionCallingConfig` | `tool_choice` |
//! | `parallel_calls` | `parallel_tool_calls` | `tool_choice.disable_parallel_tool_use` | - | `parallel_tool_calls` |
//! | `output` | `response_format` | `output_config.format` | `responseMimeType`, `responseJsonSchema` | `text.format` |
//! | `stop` | `stop` | `stop_sequences` | `stopSequences` | - |
//! | `max_tokens` | `max_completion_tokens`, `max_tokens` | `max_tokens` | `maxOutputTokens` | `max_output_tokens` |
//! | `temperature` (0..=2) | `temperature` | `temperature` (0..=1) | `temperature` | `temperature` |
//! | `top_p` | `top_p` | `top_p` | `topP` | `top_p` |
//! | `top_k` | - | `top_k` | `topK` | - |
//! | `seed` | `seed` | - | `seed` | - |
//! | `presence_penalty`, `frequency_penalty` | the same | - | `presencePenalty`, `frequencyPenalty` | - |
//! | `reasoning` | `reasoning_effort` | `thinking` | `thinkingConfig` | `reasoning.effort` |
//! | `user` | `user` | `metadata.user_id` | - | `user` |
//! | `stream` | `stream` | `stream` | the method in the path | `stream` |

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use super::claude::Claude;
use super::excerpt::excerpt;
use super::image::Image;
use super::redress::{OwnTool, Redress};

/// A request that every dialect's reader makes and every dialect's writer takes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conversation {
    /// Instructions that stand above the conversation, in order.
    pub system: Vec<SystemText>,
    /// What was said; neighbours are of different roles.
    pub turns: Vec<Turn>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether it must call something.
    pub tool_choice: Option<ToolChoice>,
    /// Whether it may call several tools at once.
    pub parallel_calls: Option<bool>,
    /// The form of the answer; `None`: free text.
    pub output: Option<OutputFormat>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// Longest answer, in tokens.
    pub max_tokens: Option<u64>,
    /// Sampling temperature, 0..=2.
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0..=1.
    pub top_p: Option<f64>,
    /// Sampling from the most likely tokens only.
    pub top_k: Option<u64>,
    /// For answers that can be repeated, as far as the provider can.
    pub seed: Option<i64>,
    /// -2..=2.
    pub presence_penalty: Option<f64>,
    /// -2..=2.
    pub frequency_penalty: Option<f64>,
    /// How much the model shall think before it answers.
    pub reasoning: Option<Reasoning>,
    /// The caller's user, for the provider's abuse detection.
    pub user: Option<String>,
    /// Whether the answer shall be streamed.
    pub stream: bool,
    /// Those of the tools of which their caller has another notion.
    pub own_tools: Vec<OwnTool>,
    /// Members that have no place here and that change no answer's meaning.
    pub left_out: Vec<&'static str>,
    /// Members within messages and tools that are not known, by their places; a few of them.
    pub unsaid: Vec<String>,
    called: Called,
}

/// The names of tools that were called, by the ids of the calls. In a turn the first call of an id counts, of several turns the
/// last.
#[derive(Debug, Clone, PartialEq, Default)]
struct Called {
    earlier: BTreeMap<String, String>,
    turn: BTreeMap<String, String>,
}

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SystemText {
    /// What it says.
    pub text: String,
    /// Whether the provider shall cache the prompt up to here (Anthropic `cache_control`).
    pub cache: bool,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The caller: questions and results of tools.
    User,
    /// The model: answers and calls of tools.
    Assistant,
    /// Whoever runs the conversation: instructions that hold from there on. Only texts.
    System,
}

/// What one side says before the other side speaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Who.
    pub role: Speaker,
    /// What, in order.
    pub parts: Vec<Part>,
}

/// A piece of a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it is.
    pub content: Content,
    /// Whether the provider shall cache the prompt up to here.
    pub cache: bool,
}

/// What a piece of a turn can be.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Text.
    Text(String),
    /// An image.
    Image(Image),
    /// The model calls a tool.
    ToolCall(ToolCall),
    /// What a tool answered.
    ToolResult(ToolResult),
    /// What the model thought, with the signature by which its own provider knows it again.
    Thinking,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// By which its result refers to it.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// A JSON object.
    pub arguments: Value,
}

/// The result of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult {
    /// The call's `id`.
    pub id: String,
    /// Name of the tool; empty when no call with that id stands before it.
    pub name: String,
    /// Text of the result.
    pub text: String,
    /// Images of the result.
    pub images: Vec<Image>,
    /// Whether the tool failed.
    pub failed: bool,
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// JSON schema of its arguments; `None`: it takes none.
    pub parameters: Option<Value>,
    /// Whether arguments must follow the schema to the letter.
    pub strict: Option<bool>,
    /// Whether the provider shall cache the prompt up to here.
    pub cache: bool,
}

/// Whether the model must call a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// No tool.
    None,
    /// At least one.
    Required,
    /// This one.
    Tool(String),
}

/// The form that an answer must have.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputFormat {
    /// Any JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema {
        /// Name of the schema; OpenAI wants one.
        name: Option<String>,
        /// The schema.
        schema: Value,
        /// Whether it must be followed to the letter.
        strict: Option<bool>,
    },
}

/// How much the model shall think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reasoning {
    /// Not at all.
    Off,
    /// As much as it finds right.
    Adaptive,
    /// By a word.
    Effort(Effort),
    /// At most so many tokens.
    Budget(u64),
}

/// Words for how much to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Hardly.
    Minimal,
    /// Little.
    Low,
    /// The usual.
    Medium,
    /// Much.
    High,
    /// More than that.
    XHigh,
    /// As much as it can.
    Max,
}

impl Effort {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort that a word stands for, in OpenAI's words and Anthropic's.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        let all = [Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max];
        all.into_iter().find(|effort| effort.as_str() == word)
    }

    /// The word for a budget of so many tokens.
    #[must_use]
    pub fn of_budget(tokens: u64) -> Self {
        match tokens {
            0..1024 => Self::Minimal,
            1024..4096 => Self::Low,
            4096..16_384 => Self::Medium,
            _ => Self::High,
        }
    }

    /// A budget that the word stands for, in tokens.
    #[must_use]
    pub fn budget(self) -> u64 {
        match self {
            Self::Minimal => 512,
            Self::Low => 1024,
            Self::Medium => 4096,
            Self::High => 16_384,
            // The most that all of Gemini's models take.
            Self::XHigh | Self::Max => 24_576,
        }
    }
}

/// Something in a request that a dialect cannot say, and without which the answer would be another one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{feature}` cannot be said to its provider")]
pub struct Unsupported {
    /// The member or the kind of content, for example `logit_bias`.
    pub feature: String,
    /// By which the caller's program knows what to do about it, if it does.
    pub code: Option<&'static str>,
}

impl Unsupported {
    /// Something that cannot be said; what holds a name out of a request is cut.
    pub fn new(feature: impl AsRef<str>) -> Self {
        Self { feature: excerpt(feature.as_ref()).to_owned(), code: None }
    }
}

/// The model that a request is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addressee<'t> {
    /// What its provider calls it.
    pub model: &'t str,
    /// Longest answer that it can give, in tokens, if that is known.
    pub max_output: Option<u64>,
    /// Whether it understands settings of reasoning.
    pub reasoning: bool,
    /// What it takes if it speaks Anthropic's dialect.
    pub claude: Claude,
    /// Whether it fetches images from their addresses if it speaks Gemini's dialect.
    pub fetches_images: bool,
}

impl Addressee<'_> {
    /// The bound of an answer, not longer than the model can; whether the caller's own had to be cut is noted in `dropped`.
    pub(super) fn bound(&self, asked: Option<u64>, dropped: &mut Vec<&'static str>) -> Option<u64> {
        let (asked, most) = (asked?, self.max_output.unwrap_or(u64::MAX));
        if asked > most {
            dropped.push("max_tokens");
        }
        Some(asked.min(most))
    }
}

/// A request in the words of a dialect.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The body.
    pub body: Vec<u8>,
    /// What was left out because the dialect has no word for it; changes no answer's meaning.
    pub dropped: Vec<&'static str>,
    /// What was left out because nobody knows it, by its places.
    pub unsaid: Vec<String>,
    /// What must be put right in the answer.
    pub redress: Redress,
}

impl Conversation {
    /// Notes that something was left out; once is enough.
    pub fn leave_out(&mut self, member: &'static str) {
        if !self.left_out.contains(&member) {
            self.left_out.push(member);
        }
    }

    /// Adds to the last turn when `role` speaks on, else begins a turn.
    pub fn say(&mut self, role: Speaker, parts: Vec<Part>) {
        let goes_on = self.turns.last().is_some_and(|turn| turn.role == role);
        if !goes_on {
            self.called.earlier.extend(std::mem::take(&mut self.called.turn));
        }
        for part in &parts {
            if let Content::ToolCall(call) = &part.content {
                self.called.turn.entry(call.id.clone()).or_insert_with(|| call.name.clone());
            }
        }
        match self.turns.last_mut() {
            Some(turn) if goes_on => turn.parts.extend(parts),
            _ => self.turns.push(Turn { role, parts }),
        }
    }

    /// The name of the tool that was called under `id`; empty when none was.
    #[must_use]
    pub fn tool_called(&self, id: &str) -> String {
        let name = self.called.turn.get(id).or_else(|| self.called.earlier.get(id));
        name.cloned().unwrap_or_default()
    }

    /// Whether anything is marked for the provider's prompt cache.
    #[must_use]
    pub fn marks_cache(&self) -> bool {
        self.system.iter().any(|text| text.cache)
            || self.tools.iter().any(|tool| tool.cache)
            || self.turns.iter().flat_map(|turn| &turn.parts).any(|part| part.cache)
    }

    /// Whether it holds thoughts of the model that asked for a tool or answered.
    #[must_use]
    pub fn has_thoughts(&self) -> bool {
        self.turns.iter().flat_map(|turn| &turn.parts).any(|part| part.content == Content::Thinking)
    }
}

impl Turn {
    /// Its texts.
    #[must_use]
    pub fn text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match &part.content {
            Content::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect::<Vec<_>>().join("\n\n")
    }
}

impl Part {
    /// A part that is not marked for caching.
    #[must_use]
    pub fn new(content: Content) -> Self {
        Self { content, cache: false }
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text(text.into()))
    }
}

/// Reads the elements of a list; what is no list has none.
pub(super) fn each<T>(
    values: &Value,
    read: impl Fn(&Value) -> Result<T, Unsupported>,
) -> Result<Vec<T>, Unsupported> {
    values.as_array().into_iter().flatten().map(read).collect()
}
