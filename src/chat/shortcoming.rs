//! What an answer lacks, though a provider gave it.

use serde_json::Value;

use super::answer::{Answer, AnswerPart, Finish};
use super::dialect::Caller;
use super::json_schema::follows;

/// What an answer lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shortcoming {
    /// The model, or a filter of its provider, declines.
    Refusal,
    /// It ends at a limit that is not the caller's.
    Cut,
    /// It is not in the form that was asked for.
    Schema,
}

impl Shortcoming {
    /// All of them, by their names in policies and logs.
    pub const NAMES: [(&'static str, Self); 3] =
        [("refusal", Self::Refusal), ("cut", Self::Cut), ("schema", Self::Schema)];

    /// Its name in policies and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refusal => "refusal",
            Self::Cut => "cut",
            Self::Schema => "schema",
        }
    }

    /// What an answer lacks of what was asked for, if it lacks something.
    #[must_use]
    pub fn of(answer: &Answer, wanted: &Wanted) -> Option<Self> {
        let declines = |part: &AnswerPart| matches!(part, AnswerPart::Refusal(_));
        if answer.finish == Finish::Filtered || answer.parts.iter().any(declines) {
            return Some(Self::Refusal);
        }
        if answer.finish == Finish::Length {
            let output = answer.usage.map(|usage| usage.output);
            let is_callers = wanted.max_tokens.is_some_and(|most| output.is_none_or(|output| output >= most));
            return (!is_callers).then_some(Self::Cut);
        }
        let calls = |part: &AnswerPart| matches!(part, AnswerPart::ToolCall { .. });
        if answer.parts.iter().any(calls) {
            return None;
        }
        (!wanted.form.is_met(answer)).then_some(Self::Schema)
    }
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Most tokens that the answer may have.
    pub max_tokens: Option<u64>,
    /// The form that it must have.
    pub form: Form,
}

/// The form that an answer must have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Form {
    /// Any.
    #[default]
    Any,
    /// A JSON object.
    Object,
    /// JSON that follows a schema.
    Schema(Value),
}

impl Form {
    /// The form that a request asks for: OpenAI's `response_format`, Anthropic's `output_config.format` and, as it was first,
    /// `output_format`, `text.format` of the Responses API.
    #[must_use]
    pub fn of(body: &[u8], caller: Caller) -> Self {
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return Self::Any };
        let pointers: &[(&str, &str)] = match caller {
            Caller::OpenAi => &[("/response_format", "/json_schema/schema")],
            Caller::Anthropic => &[("/output_config/format", "/schema"), ("/output_format", "/schema")],
            Caller::Responses => &[("/text/format", "/schema")],
        };
        let format = pointers.iter().find_map(|(format, schema)| Some((body.pointer(format)?, schema)));
        let kind = format.and_then(|(format, _)| format.get("type")).and_then(Value::as_str);
        match (format, kind) {
            (Some((format, schema)), Some("json_schema")) => {
                Self::Schema(format.pointer(schema).cloned().unwrap_or(Value::Bool(true)))
            }
            (_, Some("json_object")) => Self::Object,
            _ => Self::Any,
        }
    }

    fn is_met(&self, answer: &Answer) -> bool {
        if *self == Self::Any {
            return true;
        }
        let texts = answer.parts.iter().filter_map(|part| match part {
            AnswerPart::Text(text) => Some(text.as_str()),
            _ => None,
        });
        let Ok(value) = serde_json::from_str::<Value>(&texts.collect::<String>()) else { return false };
        match self {
            Self::Any => true,
            Self::Object => value.is_object(),
            Self::Schema(schema) => follows(&value, schema),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::chat::usage::Usage;

    fn said(text: &str) -> Answer {
        Answer { parts: vec![AnswerPart::Text(text.into())], ..Answer::default() }
    }

    #[test]
    fn a_model_or_a_filter_declines() {
        let refusal = Answer { parts: vec![AnswerPart::Refusal("no".into())], ..Answer::default() };
        let filtered = Answer { finish: Finish::Filtered, ..said("") };
        for answer in [refusal, filtered] {
            assert_eq!(Shortcoming::of(&answer, &Wanted::default()), Some(Shortcoming::Refusal));
        }
        assert_eq!(Shortcoming::of(&said("I cannot say"), &Wanted::default()), None);
    }

    #[test]
    fn a_limit_that_the_caller_set_is_no_shortcoming() {
        let cut = |output: Option<u64>| Answer {
            finish: Finish::Length,
            usage: output.map(|output| {
                Usage::from_openai(&json!({"prompt_tokens": 1, "completion_tokens": output})).unwrap()
            }),
            ..said("On")
        };
        let of =
            |output, max_tokens| Shortcoming::of(&cut(output), &Wanted { max_tokens, ..Wanted::default() });
        assert_eq!(of(Some(10), None), Some(Shortcoming::Cut));
        assert_eq!(of(Some(10), Some(20)), Some(Shortcoming::Cut));
        assert_eq!(of(Some(20), Some(20)), None);
        assert_eq!(of(None, Some(20)), None);
    }

    #[test]
    fn an_answer_has_the_form_that_was_asked_for() {
        let schema = json!({"type": "object", "required": ["a"]});
        let openai = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}});
        let anthropic = json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
        let older = json!({"output_format": {"type": "json_schema", "schema": schema}});
        let responses = json!({"text": {"format": {"type": "json_schema", "schema": schema}}});
        for (body, caller) in [
            (openai, Caller::OpenAi),
            (anthropic, Caller::Anthropic),
            (older, Caller::Anthropic),
            (responses, Caller::Responses),
        ] {
            let form = Form::of(body.to_string().as_bytes(), caller);
            let lacks = |text: &str| {
                Shortcoming::of(&said(text), &Wanted { form: form.clone(), ..Wanted::default() })
            };
            assert_eq!(form, Form::Schema(schema.clone()));
            assert_eq!(lacks(r#"{"a": 1}"#), None);
            for text in [r#"{"b": 1}"#, "```json\n{\"a\": 1}\n```", "", "[1]"] {
                assert_eq!(lacks(text), Some(Shortcoming::Schema), "{text}");
            }
        }
        let object = Form::of(br#"{"response_format": {"type": "json_object"}}"#, Caller::OpenAi);
        assert_eq!(object, Form::Object);
        assert!(object.is_met(&said("{}")) && !object.is_met(&said("[]")));
        assert_eq!(Form::of(br#"{"response_format": {"type": "text"}}"#, Caller::OpenAi), Form::Any);
    }

    #[test]
    fn an_answer_that_calls_a_tool_has_no_form() {
        let call = AnswerPart::ToolCall { id: "1".into(), name: "f".into(), arguments: "{}".into() };
        let answer = Answer { parts: vec![call], finish: Finish::ToolCalls, ..Answer::default() };
        assert_eq!(Shortcoming::of(&answer, &Wanted { form: Form::Object, ..Wanted::default() }), None);
    }
}
