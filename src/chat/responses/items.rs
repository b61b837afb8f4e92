//! The items of a response.

use serde_json::{Map, Value, json};

use crate::chat::answer::Finish;
use crate::chat::redress::OwnTool;
use crate::chat::usage::Usage;

/// Longest part of a provider's id that goes into ours: OpenAI takes none of more than 64 characters back.
const LONGEST_ID: usize = 48;

/// What tells a response from others.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) model: String,
    /// In seconds since the Unix epoch.
    pub(super) created: u64,
}

impl Head {
    /// The id of its item at a place, of a kind (`msg`, `fc`, `ctc`).
    pub(super) fn item_id(&self, kind: &str, place: usize) -> String {
        let plain = |c: &char| c.is_ascii_alphanumeric();
        let id: String = self.id.chars().filter(plain).take(LONGEST_ID).collect();
        format!("{kind}_{id}_{place}")
    }

    /// A response with these items. What its request said is not known here: settings have the values of a request that names none.
    pub(super) fn response(
        &self,
        status: &str,
        output: Vec<Value>,
        usage: Option<Usage>,
    ) -> Map<String, Value> {
        let response = json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "background": false,
            "error": null,
            "incomplete_details": null,
            "instructions": null,
            "max_output_tokens": null,
            "model": self.model,
            "output": output,
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "reasoning": {"effort": null, "summary": null},
            "store": false,
            "temperature": null,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": null,
            "truncation": "disabled",
            "usage": usage.map(Usage::to_responses),
            "user": null,
            "metadata": {}
        });
        let mut response = match response {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        if let Some(tier) = usage.and_then(|usage| usage.service_tier) {
            response.insert("service_tier".into(), tier.as_openai().into());
        }
        response
    }

    /// The response at its end.
    pub(super) fn ended(
        &self,
        output: Vec<Value>,
        finish: &Finish,
        usage: Option<Usage>,
    ) -> Map<String, Value> {
        let reason = match finish {
            Finish::Length => Some("max_output_tokens"),
            Finish::Filtered if !output.iter().any(has_refusal) => Some("content_filter"),
            Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls | Finish::Filtered => None,
        };
        let status = if reason.is_some() { "incomplete" } else { "completed" };
        let mut response = self.response(status, output, usage);
        if let Some(reason) = reason {
            response.insert("incomplete_details".into(), json!({"reason": reason}));
        }
        response
    }
}

fn has_refusal(item: &Value) -> bool {
    let parts = item.get("content").and_then(Value::as_array).into_iter().flatten();
    parts.into_iter().any(|part| part.get("type").and_then(Value::as_str) == Some("refusal"))
}

/// A piece of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    Text,
    Refusal,
}

impl PartKind {
    pub(super) fn part(self, text: &str) -> Value {
        match self {
            Self::Text => {
                json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
            }
            Self::Refusal => json!({"type": "refusal", "refusal": text}),
        }
    }
}

/// What the model says in words.
pub(super) fn message(id: &str, status: &str, content: Vec<Value>) -> Value {
    json!({"type": "message", "id": id, "status": status, "role": "assistant", "content": content})
}

/// A call of a function, or of the tool that it stands for.
#[derive(Debug, Clone)]
pub(super) struct Call {
    item_id: String,
    call_id: String,
    name: String,
    /// The group that the caller knows the tool in.
    namespace: Option<String>,
    /// Whether the caller knows it as a tool that takes a text.
    takes_text: bool,
    /// JSON as text.
    pub(super) arguments: String,
}

impl Call {
    /// A call that begins, as the item at a place; `own_tools` says what its caller knows the function as.
    pub(super) fn new(
        head: &Head,
        place: usize,
        call_id: String,
        function: String,
        own_tools: &[OwnTool],
    ) -> Self {
        let own = own_tools.iter().find(|own| own.function == function);
        let takes_text = own.is_some_and(|own| own.takes_text);
        Self {
            item_id: head.item_id(if takes_text { "ctc" } else { "fc" }, place),
            call_id,
            name: own.map_or(function, |own| own.name.clone()),
            namespace: own.and_then(|own| own.namespace.clone()),
            takes_text,
            arguments: String::new(),
        }
    }

    /// Whether a piece of its arguments is one to the caller: where a text is expected, a piece of JSON is none.
    pub(super) fn has_pieces(&self) -> bool {
        !self.takes_text
    }

    /// What its events have in common.
    pub(super) fn place(&self, index: usize) -> Value {
        json!({"item_id": self.item_id, "output_index": index})
    }

    /// The text that a tool of that kind takes; `None`: it takes arguments.
    pub(super) fn input(&self) -> Option<String> {
        let arguments: Option<Value> = serde_json::from_str(&self.arguments).ok();
        let input = arguments.as_ref().and_then(|arguments| arguments.get("input")).and_then(Value::as_str);
        self.takes_text.then(|| input.map_or_else(|| self.arguments.clone(), str::to_owned))
    }

    /// The arguments of a function; one that was called without any has an empty object.
    pub(super) fn json(&self) -> &str {
        if self.arguments.trim().is_empty() { "{}" } else { &self.arguments }
    }

    /// Its item when it begins.
    pub(super) fn begun(&self) -> Value {
        self.item("in_progress", "", self.takes_text.then(String::new))
    }

    /// Its item when all is said.
    pub(super) fn ended(&self) -> Value {
        self.item("completed", self.json(), self.input())
    }

    fn item(&self, status: &str, arguments: &str, input: Option<String>) -> Value {
        let mut item =
            json!({"id": self.item_id, "call_id": self.call_id, "name": self.name, "status": status});
        if let Value::Object(members) = &mut item {
            match input {
                Some(input) => {
                    members.insert("type".into(), "custom_tool_call".into());
                    members.insert("input".into(), input.into());
                }
                None => {
                    members.insert("type".into(), "function_call".into());
                    members.insert("arguments".into(), arguments.into());
                }
            }
            if let Some(namespace) = &self.namespace {
                members.insert("namespace".into(), namespace.as_str().into());
            }
        }
        item
    }
}
