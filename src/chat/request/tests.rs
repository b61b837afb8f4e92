//! What is read of a body, and what makes two requests the same.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Canonical, ChatRequest, Limits, RequestError, Sampling, Shape};
use crate::chat::Caller;

const LIMITS: Limits = Limits { max_depth: 16 };

fn parse(body: &str) -> Result<ChatRequest, RequestError> {
    ChatRequest::parse(body.into(), Caller::OpenAi, LIMITS, Canonical::Keep)
}

fn canonical(body: &str) -> Vec<u8> {
    parse(body).unwrap().canonical().unwrap().1.to_vec()
}

#[test]
fn a_request_is_read_whatever_the_order_of_its_members() {
    let body = r#" {"messages":[
        {"content":"be brief","role":"system"},
        {"role":"user","content":"first"},
        {"role":"assistant","content":null,"tool_calls":[{"id":"1"}]},
        {"role":"tool","content":"42"},
        {"content":[{"type":"text","text":"h\u00e9"},{"type":"image_url","image_url":{"url":"x"}},
                    {"text":"llo","type":"text"}],"role":"user"}],
        "max_tokens":5,"max_completion_tokens":7,"tools":[{},{}],"response_format":{"type":"json_schema"},
        "temperature":0.5,"n":2,"logprobs":true,"modalities":["text","audio"],"stream":true,
        "stream_options":{"include_usage":true}, "model" : "g\u0070t" } "#;
    let request = parse(body).unwrap();
    assert_eq!(request.model, "gpt");
    assert_eq!(&body[request.model_span.clone()], r#""g\u0070t""#);
    assert!(request.stream && request.stream_options.include_usage);
    assert_eq!(&body[request.stream_options.span.clone().unwrap()], r#"{"include_usage":true}"#);
    assert_eq!(request.last_user_text(), "hé\nllo");
    let shape = request.shape;
    assert_eq!((shape.messages, shape.user_messages), (5, 2));
    assert_eq!((shape.system_bytes, shape.history_bytes, shape.images, shape.tools), (8, 7, 1, 2));
    assert_eq!((shape.max_output_tokens, shape.structured_output), (Some(7), true));
    let sampling =
        Sampling { temperature: Some(0.5), choices: Some(2), logprobs: true, stateful: false, audio: true };
    assert_eq!(request.sampling, sampling);
}

#[test]
fn what_tools_give_back_changes_nothing_of_what_was_asked() {
    let asked = json!([{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"},
                       {"role": "user", "content": "fix it"}]);
    let mut called = asked.clone();
    called.as_array_mut().unwrap().extend([
        json!({"role": "assistant", "content": "I look.", "tool_calls": [{"id": "1"}]}),
        json!({"role": "tool", "tool_call_id": "1", "content": "a long listing"}),
    ]);
    let read = |messages: Value| parse(&json!({"model": "m", "messages": messages}).to_string()).unwrap();
    let (before, after) = (read(asked), read(called));
    assert_eq!(before.last_user_text(), after.last_user_text());
    assert_eq!(Shape { messages: 3, ..after.shape }, before.shape);
    assert_eq!(before.shape.history_bytes, 7);
}

#[test]
fn a_line_that_differs_in_each_request_belongs_to_no_form() {
    let form = |system: Value| {
        let body = json!({"model": "m", "max_tokens": 9, "system": system, "messages": [{"role": "user", "content": "x"}]});
        let body = body.to_string().into();
        let request = ChatRequest::parse(body, Caller::Anthropic, LIMITS, Canonical::Keep).unwrap();
        let (words, bytes) = request.canonical().unwrap();
        (words, bytes.to_vec(), request.shape.system_bytes)
    };
    let text = |text: &str| json!({"type": "text", "text": text});
    let line = |mark: &str| format!("x-anthropic-billing-header: cc_version=2.1; cch={mark};");
    let blocks = |mark: &str| json!([text(&line(mark)), text("be brief")]);
    assert_eq!(form(blocks("0aaa9")), form(blocks("36ee5")));
    assert_eq!(form(blocks("0aaa9")), form(json!([text("be brief")])));
    let said = |mark: &str| json!(format!("{}\nbe brief", line(mark)));
    let (words, bytes, _) = form(said("0aaa9"));
    let (plain_words, plain_bytes, _) = form(json!("be brief"));
    assert_eq!((words, bytes), (plain_words, plain_bytes));
    assert_ne!(
        form(json!([text("be brief"), text(&line("0aaa9"))])),
        form(json!([text("be brief"), text(&line("36ee5"))]))
    );
}

#[test]
fn a_conversation_that_the_provider_holds_is_known() {
    let holds = |name: &str, value: Value| {
        let mut body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
        body[name] = value;
        let body = body.to_string().into();
        ChatRequest::parse(body, Caller::Anthropic, LIMITS, Canonical::Skip).unwrap().sampling.stateful
    };
    assert!(holds("thread", json!({"type": "continue", "previous_message_id": "msg_1"})));
    assert!(holds("thread", json!({"type": "create"})) && holds("container", json!("c")));
    assert!(!holds("container", json!(null)) && !holds("speed", json!("fast")));
}

#[test]
fn an_unescaped_text_is_not_copied() {
    let request = parse(r#"{"model":"m","messages":[{"role":"user","content":"é"}]}"#).unwrap();
    assert!(matches!(request.last_user_text(), std::borrow::Cow::Borrowed("é")));
}

#[test]
fn a_request_reads_the_same_whether_its_canonical_form_is_kept_or_not() {
    let body =
        r#"{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"b":1,"a":[true,null,1.50]}]}"#;
    let skipped = ChatRequest::parse(body.into(), Caller::OpenAi, LIMITS, Canonical::Skip).unwrap();
    assert_eq!(skipped.canonical(), None);
    assert_eq!(skipped, ChatRequest { canonical: None, ..parse(body).unwrap() });
}

#[test]
fn a_body_that_is_no_chat_request_says_what_is_wrong() {
    let messages = r#""messages":[{"role":"user","content":"x"}]"#;
    let shape = |member| RequestError::UnknownShape { member };
    let duplicate = |member: &str| RequestError::Duplicate { member: member.into() };
    let misspelled = |member| RequestError::Misspelled { member };
    let with = |member: &str| format!(r#"{{"model":"m",{messages},{member}}}"#);
    let said = |message: &str| format!(r#"{{"model":"m","messages":[{message}]}}"#);
    let deep = format!(r#"{{"model":"m",{messages},"x":{}{}}}"#, "[".repeat(16), "]".repeat(16));
    let cases = [
        ("[]".to_owned(), shape("model")),
        ("{}".to_owned(), shape("messages")),
        (format!("{{{messages}}}"), shape("model")),
        (format!(r#"{{"model":1,{messages}}}"#), shape("model")),
        (r#"{"model":"m"}"#.to_owned(), shape("messages")),
        (r#"{"model":"m","messages":[]}"#.to_owned(), shape("messages")),
        (r#"{"model":"m","messages":{}}"#.to_owned(), shape("messages")),
        (r#"{"model":"m","messages":["x"]}"#.to_owned(), shape("messages")),
        (r#"{"model":"m","messages":[{"content":"x"}]}"#.to_owned(), shape("messages")),
        (r#"{"model":"m","messages":[{"role":1}]}"#.to_owned(), shape("messages")),
        (r#"{"model":"m","messages":[{"role":"user","content":5}]}"#.to_owned(), shape("messages")),
        (r#"{"model":"m","messages":[{"role":"user","content":["x"]}]}"#.to_owned(), shape("messages")),
        (format!(r#"{{"model":"a","model":"b",{messages}}}"#), duplicate("model")),
        (format!(r#"{{"mod\u0065l":"a","model":"b",{messages}}}"#), duplicate("model")),
        (format!(r#"{{"model":"a",{messages},{messages}}}"#), duplicate("messages")),
        (format!(r#"{{"model":"a","stream":true,"stream":false,{messages}}}"#), duplicate("stream")),
        (with(r#""max_tokens":1,"max_tokens":2"#), duplicate("max_tokens")),
        (with(r#""seed":1,"se\u0065d":1"#), duplicate("seed")),
        (said(r#"{"role":"user","content":"a","content":"b"}"#), duplicate("content")),
        (said(r#"{"role":"user","role":"system","content":"b"}"#), duplicate("role")),
        (said(r#"{"role":"user","content":[{"type":"text","text":"a","text":"b"}]}"#), duplicate("text")),
        (with(r#""Model":"x""#), misspelled("model")),
        (with(r#""me\u017f\u017fages":[]"#), misspelled("messages")),
        (with(r#""maxTokens":1"#), misspelled("max_tokens")),
        (said(r#"{"role":"user","Content":"a"}"#), misspelled("content")),
        (said(r#"{"role":"user","content":[{"type":"text","text":"a","Text":"b"}]}"#), misspelled("text")),
        (said(r#"{"role":"user","content":[{"type":"text","text":"a","text":null}]}"#), duplicate("text")),
        (said(r#"{"role":"user","content":[{"type":"text","type":null,"text":"a"}]}"#), duplicate("type")),
        (said(r#"{"role":"user","content":[{"type":"text","text":5}]}"#), shape("messages")),
        (
            with(r#""stream_options":{"include_usage":true,"include_usage":false}"#),
            duplicate("include_usage"),
        ),
        (with(r#""stream_options":{"Include_Usage":false}"#), misspelled("include_usage")),
        (with(r#""response_format":{"type":"json_schema","type":"text"}"#), duplicate("type")),
        (with(r#""temperature":"0""#), shape("temperature")),
        (with(r#""n":"2""#), shape("n")),
        (with(r#""n":1.5"#), shape("n")),
        (with(r#""max_tokens":"100""#), shape("max_tokens")),
        (with(r#""max_completion_tokens":-1"#), shape("max_completion_tokens")),
        (with(r#""stream":"true""#), shape("stream")),
        (with(r#""stream":1"#), shape("stream")),
        (with(r#""stream_options":true"#), shape("stream_options")),
        (with(r#""logprobs":5"#), shape("logprobs")),
        (
            with(&(0..300).map(|i| format!(r#""m{i}":1"#)).collect::<Vec<_>>().join(",")),
            RequestError::TooManyMembers { limit: 256 },
        ),
        (deep, RequestError::TooDeep { limit: 16 }),
        ("[".repeat(100_000), RequestError::TooDeep { limit: 16 }),
    ];
    for (body, error) in cases {
        assert_eq!(parse(&body).unwrap_err(), error, "{}", &body[..body.len().min(80)]);
    }
}

#[test]
fn what_is_no_json_is_said_to_be_so_whatever_else_is_wrong() {
    let messages = r#""messages":[{"role":"user","content":"x"}]"#;
    let bodies = [
        String::new(),
        "{".to_owned(),
        format!(r#"{{"model":"a","model":"b",{messages}"#),
        format!(r#"{{"model":"m",{messages}}} x"#),
        format!(r#"{{"model":"m",{messages},"x":01}}"#),
        format!(r#"{{"model":"m",{messages},"x":NaN}}"#),
        format!(r#"{{"model":"m",{messages},}}"#),
        format!("{{\"model\":\"m\",{messages},\"x\":\"\n\"}}"),
        format!(r#"{{"model":"m",{messages},"x":"\ud800"}}"#),
    ];
    for body in bodies {
        assert!(matches!(parse(&body), Err(RequestError::InvalidJson { .. })), "{body}");
    }
    let no_utf8 = b"{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"x\":\"\xff\"}";
    assert!(matches!(
        ChatRequest::parse(no_utf8.to_vec(), Caller::OpenAi, LIMITS, Canonical::Keep),
        Err(RequestError::InvalidJson { .. })
    ));
}

#[test]
fn what_changes_no_answer_changes_no_canonical_form() {
    let base = canonical(r#"{"model":"m","messages":[{"role":"user","content":"a/b"}],"temperature":0.5}"#);
    let same = [
        r#"{"temperature":0.5,"model":"other","messages":[{"content":"a\/b","role":"user"}]}"#,
        r#"{ "m\u006fdel":"m","messages" : [ {"role":"user","content":"a\u002fb"} ],"temperature":0.50 }"#,
        r#"{"model":"m","messages":[{"role":"user","content":"a/b"}],"temperature":0.5,"stream":true,
            "stream_options":{"include_usage":true},"user":"u","metadata":{"a":1},"store":true}"#,
    ];
    for body in same {
        assert_eq!(canonical(body), base, "{body}");
    }
}

#[test]
fn whatever_can_change_an_answer_changes_the_canonical_form() {
    let body = |members: &str, messages: &str| format!(r#"{{"model":"m","messages":[{messages}]{members}}}"#);
    let user = r#"{"role":"user","content":"x"}"#;
    let requests = [
        body("", user),
        body("", r#"{"role":"user","content":"y"}"#),
        body("", r#"{"role":"system","content":"x"}"#),
        body("", r#"{"role":"user","content":"x","name":"n"}"#),
        body("", r#"{"role":"user","content":["x"]}"#.replace("[\"x\"]", r#"[{"type":"text","text":"x"}]"#).as_str()),
        body("", &format!("{user},{user}")),
        body(r#","temperature":0.5"#, user),
        body(r#","temperature":0.6"#, user),
        body(r#","seed":1"#, user),
        body(r#","seed":"1""#, user),
        body(r#","seed":12345678901234567890"#, user),
        body(r#","seed":12345678901234567891"#, user),
        body(r#","stop":["a","b"]"#, user),
        body(r#","stop":["b","a"]"#, user),
        body(r#","stop":["ab"]"#, user),
        body(r#","tools":[{"a":{"b":1}}]"#, user),
        body(r#","tools":[{"a":{},"b":1}]"#, user),
        body(r#","x":{"y":1,"y":2}"#, user),
        body(r#","x":{"y":2,"y":1}"#, user),
        body(r#","x":null"#, user),
        body(r#","x":false"#, user),
        body(r#","x":[]"#, user),
        body(r#","x":{}"#, user),
    ];
    let forms: Vec<_> = requests.iter().map(|request| canonical(request)).collect();
    for (i, one) in forms.iter().enumerate() {
        let same = forms.iter().position(|other| other == one).unwrap();
        assert_eq!(same, i, "{} and {}", requests[i], requests[same]);
    }
}

/// Any JSON value.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_filter("a fraction", |f| f.fract() != 0.0 && f.is_finite()).prop_map(|f| json!(f)),
        "\\PC{0,6}".prop_map(Value::from),
        "[\"\\\\\n\u{1}é]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z]{0,3}", inner, 0..4).prop_map(|m| json!(m)),
        ]
    })
}

/// Writes `value` with other whitespace, member order and spelling of strings.
fn respelled(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<_> =
                members.iter().rev().map(|(k, v)| format!("{} :\t{}", escaped(k), respelled(v))).collect();
            format!("{{ {} }}", members.join(" ,\n"))
        }
        Value::Array(items) => format!("[ {} ]", items.iter().map(respelled).collect::<Vec<_>>().join(" , ")),
        Value::String(text) => escaped(text),
        other => other.to_string(),
    }
}

fn escaped(text: &str) -> String {
    let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{units}\"")
}

fn chat(extra: &Value) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "x", "extra": extra}], "extra": extra})
}

proptest! {
    #[test]
    fn spelling_does_not_change_the_canonical_form(extra in value()) {
        let request = chat(&extra);
        prop_assert_eq!(canonical(&request.to_string()), canonical(&respelled(&request)));
    }

    #[test]
    fn different_values_have_different_canonical_forms(one in value(), other in value()) {
        prop_assume!(one != other);
        prop_assert_ne!(canonical(&chat(&one).to_string()), canonical(&chat(&other).to_string()));
    }

    #[test]
    fn exactly_what_is_json_is_read_as_json(extra in value(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut body = chat(&extra).to_string().into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        let reference = serde_json::from_slice::<Value>(&body);
        let is_json = reference.is_ok();
        // A number that no double can hold may be JSON or not: the reference reads no further.
        prop_assume!(!reference.is_err_and(|error| error.to_string().starts_with("number out of range")));
        let read = ChatRequest::parse(body, Caller::OpenAi, LIMITS, Canonical::Keep);
        prop_assert_eq!(!matches!(read, Err(RequestError::InvalidJson { .. })), is_json, "{:?}", read);
    }

    #[test]
    fn arbitrary_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = ChatRequest::parse(body, Caller::OpenAi, LIMITS, Canonical::Keep);
    }
}

fn from_anthropic(body: &Value) -> (String, Shape) {
    let body = body.to_string();
    let request = ChatRequest::parse(body.into(), Caller::Anthropic, LIMITS, Canonical::Skip).unwrap();
    (request.last_user_text().into_owned(), request.shape)
}

#[test]
fn an_image_that_a_tool_has_given_back_is_seen() {
    let image =
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}});
    let result = json!({"type": "tool_result", "tool_use_id": "t", "content": [image]});
    let (_, shape) = from_anthropic(&json!({
        "model": "auto", "max_tokens": 100, "messages": [{"role": "user", "content": [result]}]
    }));
    assert_eq!((shape.user_messages, shape.all_images), (0, 1));
    assert!(shape.media_bytes > 0);
}

#[test]
fn what_is_text_or_nothing_is_no_image() {
    let parts = [
        json!({"type": "text", "text": "hi", "image_url": null, "file": null}),
        json!({"type": "search_result", "source": "https://a.test", "title": "a", "content": [{"type": "text", "text": "b"}]}),
        json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}),
        json!({"type": "document", "source": {"type": "content", "content": "a"}}),
    ];
    let (_, shape) =
        from_anthropic(&json!({"model": "auto", "messages": [{"role": "user", "content": parts}]}));
    assert_eq!((shape.media_bytes, shape.all_images), (0, 0));
    let pdf = json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"}});
    let (_, shape) =
        from_anthropic(&json!({"model": "auto", "messages": [{"role": "user", "content": [pdf]}]}));
    assert!(shape.media_bytes > 0);
}

#[test]
fn an_anthropic_request_is_seen_as_it_is() {
    let (text, shape) = from_anthropic(&json!({
        "model": "auto", "max_tokens": 100, "system": [{"type": "text", "text": "be brief"}],
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "tools": [{"name": "f", "input_schema": {}}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "what is this?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
            ]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "a cat"}]}
        ]
    }));
    assert_eq!(text, "what is this?");
    assert_eq!((shape.user_messages, shape.system_bytes), (1, 8));
    assert_eq!((shape.images, shape.tools, shape.structured_output), (1, 1, true));
    assert!(shape.media_bytes > 0);
    assert_eq!(shape.max_output_tokens, Some(100));
}

#[test]
fn the_estimate_of_tokens_leaves_out_the_bytes_of_images() {
    let image = "A".repeat(100_000);
    let body = json!({"model": "a", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "x".repeat(4000)},
        {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{image}")}}
    ]}]})
    .to_string();
    let tokens = parse(&body).unwrap().estimated_tokens();
    assert!((2000..2100).contains(&tokens), "{tokens}");
    let picture = json!({"type": "image_url", "image_url": {"url": "https://a.test/b"}});
    let said = |content: Value| json!({"role": "user", "content": content});
    let body = json!({"model": "a", "messages": [said(json!([picture, picture])), said(json!("and now?"))]});
    let tokens = parse(&body.to_string()).unwrap().estimated_tokens();
    assert!((2000..2100).contains(&tokens), "earlier images count as well: {tokens}");
}
