//! By what a conversation is known again when its caller comes back with the next message.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

/// Hashes of what was said, by role and text. What else messages have may differ from call to call: marks for prompt caches wander.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turns {
    /// Of what the last answer was given to; `None` when nobody has answered yet.
    pub before: Option<u64>,
    /// Of all that is said now.
    pub now: u64,
}

/// Hears messages one by one.
#[derive(Debug, Default)]
pub(super) struct Listener {
    said: u64,
    before: Option<u64>,
    was_answer: bool,
}

impl Listener {
    /// Hears the texts of a message, or of a part of an answer.
    pub(super) fn hear<'t>(&mut self, is_answer: bool, texts: impl Iterator<Item = &'t str>) {
        if is_answer && !self.was_answer {
            self.before = Some(self.said);
        }
        self.was_answer = is_answer;
        let mut said = FixedState::with_seed(self.said).build_hasher();
        said.write_u8(is_answer.into());
        for text in texts {
            said.write_usize(text.len());
            said.write(text.as_bytes());
        }
        self.said = said.finish();
    }

    /// What has been heard.
    pub(super) fn turns(&self) -> Turns {
        Turns { before: self.before, now: self.said }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::chat::request::{Canonical, Limits};
    use crate::chat::{Caller, ChatRequest};

    fn turns(caller: Caller, messages: &Value) -> Turns {
        let name = if caller == Caller::Responses { "input" } else { "messages" };
        let body = json!({"model": "auto", "max_tokens": 9, name: messages}).to_string();
        ChatRequest::parse(body.into(), caller, Limits { max_depth: 16 }, Canonical::Skip).unwrap().turns
    }

    #[test]
    fn the_next_call_of_a_conversation_is_known_by_the_one_before() {
        let user = |text: &str| json!({"role": "user", "content": text});
        let system = json!({"role": "system", "content": "be brief"});
        let answer = json!({"role": "assistant", "content": "a"});
        let called = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "1"}]});
        let result = json!({"role": "tool", "tool_call_id": "1", "content": "r"});
        let first = turns(Caller::OpenAi, &json!([system, user("é")]));
        assert_eq!(first.before, None);
        let second = turns(Caller::OpenAi, &json!([system, user("é"), answer, user("y")]));
        assert_eq!(second.before, Some(first.now));
        let looped = turns(Caller::OpenAi, &json!([system, user("é"), called, result]));
        assert_eq!(looped.before, Some(first.now));
        let third = turns(Caller::OpenAi, &json!([system, user("é"), answer, user("y"), answer, user("z")]));
        assert_eq!(third.before, Some(second.now));
        assert!(
            turns(Caller::OpenAi, &json!([system, user("other"), answer, user("y")])).before != second.before
        );
    }

    #[test]
    fn marks_that_wander_change_nothing_and_items_are_heard() {
        let part = |text: &str, mark: bool| match mark {
            true => {
                json!({"role": "user", "content": [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]})
            }
            false => json!({"role": "user", "content": [{"type": "text", "text": text}]}),
        };
        let answer = json!({"role": "assistant", "content": [{"type": "text", "text": "a"}]});
        let first = turns(Caller::Anthropic, &json!([part("x", true)]));
        let second = turns(Caller::Anthropic, &json!([part("x", false), answer, part("y", true)]));
        assert_eq!(second.before, Some(first.now));

        let asked = json!({"type": "message", "role": "user", "content": "x"});
        let first = turns(Caller::Responses, &json!([asked]));
        let thought = json!({"type": "reasoning", "id": "1", "summary": []});
        let call = json!({"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"});
        let output = json!({"type": "function_call_output", "call_id": "1", "output": "r"});
        let second = turns(Caller::Responses, &json!([asked, thought, call, output]));
        assert_eq!(second.before, Some(first.now));
    }
}
