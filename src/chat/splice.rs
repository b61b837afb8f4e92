//! Changing a body without touching what need not change.

use std::ops::Range;

use serde_json::{Map, Value, json};

use super::conversation::Effort;
use super::dialect::Caller;
use super::edits::replace;
use super::request::ChatRequest;
use super::usage::ServiceTier;

/// What to change in a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit<'m> {
    /// The model to name instead.
    pub model: &'m str,
    /// Whether `stream_options.include_usage` must be `true` afterwards.
    pub include_usage: bool,
    /// Most tokens that the answer may have; `None`: what the request says.
    pub max_tokens: Option<u64>,
    /// How urgent the call is; `None`: what the request says. Anthropic's callers have no word for it.
    pub service_tier: Option<ServiceTier>,
    /// How much may be thought; `None`: what the request says.
    pub effort: Option<MostEffort>,
}

/// How much may be thought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MostEffort {
    /// At most.
    pub effort: Effort,
    /// Whether it is written where the request does not say how much: every model that is asked must have a word for it.
    pub always: bool,
}

impl<'m> Edit<'m> {
    /// Names a model, and leaves all else as it is.
    #[must_use]
    pub fn naming(model: &'m str) -> Self {
        Self { model, include_usage: false, max_tokens: None, service_tier: None, effort: None }
    }
}

/// Returns the body of `request` with `edit` applied, or `None` when nothing has to change.
///
/// Only the value of `model` and, if it must change, the value of `stream_options` are written anew.
#[must_use]
pub fn splice(request: &ChatRequest, edit: Edit<'_>) -> Option<Vec<u8>> {
    let body = request.body();
    let model = (request.model != edit.model)
        .then(|| (request.model_span.clone(), Value::from(edit.model).to_string()));
    let usage = (edit.include_usage && !request.stream_options.include_usage).then(|| include_usage(request));
    let bounds = edit.max_tokens.map(|most| bounds(request, most)).unwrap_or_default();
    let tier = edit.service_tier.and_then(|tier| service_tier(request, tier));
    let effort = edit.effort.and_then(|most| effort(request, most));
    let edits: Vec<_> = model.into_iter().chain(usage).chain(bounds).chain(tier).chain(effort).collect();
    if edits.is_empty() { None } else { replace(body, edits) }
}

/// Where and how the answer has to be bounded to so many tokens.
fn bounds(request: &ChatRequest, most: u64) -> Vec<(Range<usize>, String)> {
    let given = request.answer_bounds.iter();
    if given.clone().any(|(_, tokens)| tokens.is_some()) {
        let longer = given.filter(|(_, tokens)| tokens.is_some_and(|tokens| tokens > most));
        return longer.map(|(span, _)| (span.clone(), most.to_string())).collect();
    }
    let name = match request.caller {
        Caller::OpenAi => "max_completion_tokens",
        Caller::Anthropic => "max_tokens",
        Caller::Responses => "max_output_tokens",
    };
    match request.answer_bounds.first() {
        Some((null, _)) => vec![(null.clone(), most.to_string())],
        None => {
            let after_model = request.model_span.end;
            vec![(after_model..after_model, format!(",\"{name}\":{most}"))]
        }
    }
}

/// Where and how the service tier has to be written.
fn service_tier(request: &ChatRequest, tier: ServiceTier) -> Option<(Range<usize>, String)> {
    if request.caller == Caller::Anthropic {
        return None;
    }
    let word = Value::from(tier.as_openai()).to_string();
    let after_model = request.model_span.end;
    Some(match &request.service_tier {
        Some(span) if request.body().get(span.clone()) == Some(word.as_bytes()) => return None,
        Some(span) => (span.clone(), word),
        None => (after_model..after_model, format!(",\"service_tier\":{word}")),
    })
}

/// Where and how it has to be written how much may be thought. Words that we do not know count as more than any.
fn effort(
    request: &ChatRequest,
    MostEffort { effort, always }: MostEffort,
) -> Option<(Range<usize>, String)> {
    let word = Value::from(effort.as_str());
    let said = request.reasoning.as_ref().and_then(|span| {
        Some((span.clone(), serde_json::from_slice::<Value>(request.body().get(span.clone())?).ok()?))
    });
    let is_within = |said: &str| said == "none" || Effort::named(said).is_some_and(|said| said <= effort);
    let (name, is_nested) = match request.caller {
        Caller::OpenAi => ("reasoning_effort", false),
        Caller::Anthropic => ("output_config", true),
        Caller::Responses => ("reasoning", true),
    };
    match said {
        Some((_, Value::String(said))) if !is_nested && is_within(&said) => None,
        Some((span, Value::String(_))) if !is_nested => Some((span, word.to_string())),
        Some((span, Value::Object(mut members))) if is_nested => {
            let is_silent = match members.get("effort") {
                Some(Value::String(said)) if is_within(said) => return None,
                Some(Value::String(_)) => false,
                _ => true,
            };
            members.insert("effort".into(), word);
            (always || !is_silent).then(|| (span, Value::Object(members).to_string()))
        }
        _ if !always => None,
        said => {
            let value = if is_nested { json!({"effort": word}) } else { word };
            Some(match said {
                Some((span, _)) => (span, value.to_string()),
                None => (request.model_span.end..request.model_span.end, format!(",\"{name}\":{value}")),
            })
        }
    }
}

/// Where and how `stream_options` has to be written so that usage is included.
fn include_usage(request: &ChatRequest) -> (Range<usize>, String) {
    match &request.stream_options.span {
        None => {
            let after_model = request.model_span.end;
            (after_model..after_model, r#","stream_options":{"include_usage":true}"#.into())
        }
        Some(span) => {
            let value = request
                .body()
                .get(span.clone())
                .and_then(|value| serde_json::from_slice::<Map<_, _>>(value).ok());
            let mut options = value.unwrap_or_default();
            options.insert("include_usage".into(), Value::Bool(true));
            (span.clone(), Value::Object(options).to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chat::request::{Canonical, Limits};

    fn edited(body: &str, model: &str, include_usage: bool) -> Option<String> {
        let limits = Limits { max_depth: 64 };
        let request = ChatRequest::parse(body.into(), Caller::OpenAi, limits, Canonical::Skip).unwrap();
        let edited = splice(&request, Edit { include_usage, ..Edit::naming(model) });
        edited.map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn thinking_is_bounded_where_it_is_said_and_where_it_may_be() {
        let cases = [
            (Caller::OpenAi, r#""reasoning_effort":"high""#, false, Some(r#""reasoning_effort":"low""#)),
            (Caller::OpenAi, r#""reasoning_effort":"utmost""#, false, Some(r#""reasoning_effort":"low""#)),
            (Caller::OpenAi, r#""reasoning_effort":"minimal""#, true, None),
            (Caller::OpenAi, r#""reasoning_effort":"none""#, true, None),
            (Caller::OpenAi, r#""reasoning_effort":null"#, false, None),
            (Caller::OpenAi, r#""reasoning_effort":null"#, true, Some(r#""reasoning_effort":"low""#)),
            (Caller::OpenAi, r#""n":1"#, false, None),
            (Caller::OpenAi, r#""n":1"#, true, Some(r#""reasoning_effort":"low","n":1"#)),
            (
                Caller::Responses,
                r#""reasoning":{"effort":"high","summary":"auto"}"#,
                false,
                Some(r#""reasoning":{"effort":"low","summary":"auto"}"#),
            ),
            (Caller::Responses, r#""reasoning":{"summary":"auto"}"#, false, None),
            (
                Caller::Responses,
                r#""reasoning":{"effort":null}"#,
                true,
                Some(r#""reasoning":{"effort":"low"}"#),
            ),
            (
                Caller::Responses,
                r#""store":false"#,
                true,
                Some(r#""reasoning":{"effort":"low"},"store":false"#),
            ),
            (
                Caller::Anthropic,
                r#""output_config":{"effort":"max"}"#,
                false,
                Some(r#""output_config":{"effort":"low"}"#),
            ),
            (Caller::Anthropic, r#""output_config":{}"#, false, None),
        ];
        for (caller, said, always, expected) in cases {
            let said_what = if caller == Caller::Responses {
                r#""input":"hi""#
            } else {
                r#""messages":[{"role":"user","content":"hi"}]"#
            };
            let body = |members: &str| format!(r#"{{"model":"a",{members},{said_what}}}"#);
            let request =
                ChatRequest::parse(body(said).into(), caller, Limits { max_depth: 9 }, Canonical::Skip)
                    .unwrap();
            let effort = Some(MostEffort { effort: Effort::Low, always });
            let edited = splice(&request, Edit { effort, ..Edit::naming("a") });
            let edited = edited.map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(edited, expected.map(body), "{caller:?} {said}");
        }
    }

    #[test]
    fn a_service_tier_is_written_where_the_caller_has_a_word_for_it() {
        let flex = Edit { service_tier: Some(ServiceTier::Flex), ..Edit::naming("a") };
        for (caller, said, expected) in [
            (Caller::OpenAi, "", Some(r#"{"model":"a","service_tier":"flex","messages":[]}"#)),
            (
                Caller::OpenAi,
                r#","service_tier" : "auto""#,
                Some(r#"{"model":"a","service_tier" : "flex","messages":[]}"#),
            ),
            (Caller::OpenAi, r#","service_tier":"flex""#, None),
            (Caller::Responses, "", Some(r#"{"model":"a","service_tier":"flex","input":"hi"}"#)),
            (Caller::Anthropic, "", None),
        ] {
            let said_what = if caller == Caller::Responses { r#""input":"hi""# } else { r#""messages":[]"# };
            let body = format!(r#"{{"model":"a"{said},{said_what}}}"#)
                .replace("[]", r#"[{"role":"user","content":"hi"}]"#);
            let expected = expected.map(|body| body.replace("[]", r#"[{"role":"user","content":"hi"}]"#));
            let request =
                ChatRequest::parse(body.into(), caller, Limits { max_depth: 9 }, Canonical::Skip).unwrap();
            let edited = splice(&request, flex).map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(edited, expected, "{caller:?} {said}");
        }
    }

    #[test]
    fn only_what_must_change_changes() {
        let messages = r#""messages":[{"role":"user","content":"\u00e9"}]"#;
        let cases = [
            (
                "the model",
                format!(r#"{{ "model" : "a",{messages}}}"#),
                false,
                format!(r#"{{ "model" : "b",{messages}}}"#),
            ),
            (
                "usage is asked for",
                format!(r#"{{"model":"a" ,{messages}}}"#),
                true,
                format!(r#"{{"model":"b","stream_options":{{"include_usage":true}} ,{messages}}}"#),
            ),
            (
                "usage that was declined",
                format!(r#"{{"stream_options":{{"x":1,"include_usage":false}},{messages},"model":"a"}}"#),
                true,
                format!(r#"{{"stream_options":{{"x":1,"include_usage":true}},{messages},"model":"b"}}"#),
            ),
            (
                "options that are null",
                format!(r#"{{"model":"a",{messages},"stream_options":null}}"#),
                true,
                format!(r#"{{"model":"b",{messages},"stream_options":{{"include_usage":true}}}}"#),
            ),
        ];
        for (name, body, include_usage, expected) in cases {
            assert_eq!(edited(&body, "b", include_usage).as_deref(), Some(expected.as_str()), "{name}");
        }
    }

    #[test]
    fn an_answer_is_bounded_where_it_is_longer_or_not_bounded_at_all() {
        let bounded = |caller, members: &str| {
            let body = format!(r#"{{"model":"a"{members},"messages":[{{"role":"user","content":"x"}}]}}"#);
            let limits = Limits { max_depth: 64 };
            let request = ChatRequest::parse(body.into(), caller, limits, Canonical::Skip).unwrap();
            let edit = Edit { max_tokens: Some(100), ..Edit::naming("a") };
            splice(&request, edit).map(|body| {
                let text = String::from_utf8(body).unwrap();
                text.split(r#","messages""#).next().unwrap_or_default().to_owned()
            })
        };
        for (caller, members, expected) in [
            (Caller::OpenAi, r#","max_tokens": 200"#, Some(r#"{"model":"a","max_tokens": 100"#)),
            (Caller::OpenAi, r#","max_tokens":100"#, None),
            (
                Caller::OpenAi,
                r#","max_completion_tokens":1e3"#,
                Some(r#"{"model":"a","max_completion_tokens":100"#),
            ),
            (
                Caller::OpenAi,
                r#","max_tokens":5,"max_completion_tokens":500"#,
                Some(r#"{"model":"a","max_tokens":5,"max_completion_tokens":100"#),
            ),
            (Caller::OpenAi, r#","max_tokens":null"#, Some(r#"{"model":"a","max_tokens":100"#)),
            (Caller::OpenAi, "", Some(r#"{"model":"a","max_completion_tokens":100"#)),
            (Caller::Anthropic, r#","max_tokens":101"#, Some(r#"{"model":"a","max_tokens":100"#)),
        ] {
            assert_eq!(bounded(caller, members).as_deref(), expected, "{members}");
        }
    }

    #[test]
    fn nothing_is_written_when_nothing_changes() {
        let body = r#"{"model":"a","stream_options":{"include_usage":true},"messages":[{"role":"user","content":""}]}"#;
        assert_eq!(edited(body, "a", true), None);
    }

    /// A JSON value with all the ways to write one.
    fn value() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("1.0e+2".to_owned()),
            Just("-0".to_owned()),
            Just("12345678901234567890123".to_owned()),
            Just(r#""\u0041\n\/""#.to_owned()),
            "[a-z ]{0,8}".prop_map(|s| format!("\"{s}\"")),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3)
                    .prop_map(|items| format!("[ {}]", items.join(" ,"))),
                prop::collection::vec(("[a-z]{1,4}", inner), 0..3).prop_map(|members| {
                    let members: Vec<_> = members.iter().map(|(k, v)| format!("\"{k}\" :{v}")).collect();
                    format!("{{{}}}", members.join(", "))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_other_byte_survives(
            before in prop::collection::vec(value(), 0..3),
            after in prop::collection::vec(value(), 0..3),
            model in "[a-zA-Z0-9.\"\\\\é-]{0,12}",
            escaped: bool,
        ) {
            let member = |(i, v): (usize, &String)| format!("\"x{i}\": {v},\n");
            let before: String = before.iter().enumerate().map(member).collect();
            let after: String = after.iter().enumerate().map(|(i, v)| format!(",\"y{i}\":{v} ")).collect();
            let key = if escaped { "mod\\u0065l" } else { "model" };
            let head = format!("{{{before}\"messages\":[{{\"role\":\"user\"}}],\"{key}\": ");
            let tail = format!("{after}}}");
            let body = format!("{head}\"old\"{tail}");
            let new = edited(&body, &model, false).unwrap();
            prop_assert!(new.starts_with(&head) && new.ends_with(&tail));
            let written: String = serde_json::from_str(&new[head.len()..new.len() - tail.len()]).unwrap();
            prop_assert_eq!(written, model);
        }
    }
}
