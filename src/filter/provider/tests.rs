//! The provider role against the in-memory host: what each provider sees, and what comes back.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::chat::{Caller, Operation};
use crate::envoy::{ENDPOINT_MODEL, MAX_ANSWER};
use crate::filter::call::Call;
use crate::host::memory::{MemoryCall, MemoryHost, MemoryStream};
use crate::host::{Direction, Stream};
use crate::policy::Policy;

fn policy() -> Policy {
    Policy::from_value(policy_document()).unwrap()
}

fn policy_document() -> Value {
    let prices = json!({"input": 1, "output": 10});
    json!({
        "providers": {
            "one": {"host": "one.test", "credential": "ONE_KEY"},
            "two": {"host": "127.0.0.1", "port": 8080, "tls": false, "path": "/openai/chat"},
            "three": {"host": "three.test", "dialect": "anthropic", "credential": "THREE_KEY"},
            "four": {"host": "four.test", "dialect": "gemini", "credential": "FOUR_KEY"},
            "five": {"host": "five.test", "dialect": "azure", "credential": "FIVE_KEY"},
            "six": {"host": "six.test", "credential": {"sds": "/secrets/six.yaml"}}
        },
        "models": {
            "mini": {"provider": "one", "context_window": 1000, "prices": prices},
            "spare": {"provider": "two", "upstream_name": "spare-2026", "context_window": 500, "prices": prices},
            "haiku": {"provider": "three", "context_window": 2000, "prices": prices},
            "flash": {"provider": "four", "prices": prices},
            "deployed": {"provider": "five", "upstream_name": "my-gpt", "prices": prices},
            "injected": {"provider": "six", "prices": prices}
        },
        "tiers": [{"name": "only", "handles": "high", "models": ["mini", "spare", "haiku", "flash", "deployed"]}],
        "baseline": "mini"
    })
}

fn role(envoy_minor: u64) -> Rc<ProviderRole> {
    let key = |name: &str| name.strip_suffix("_KEY").map(|name| format!("sk-{}", name.to_lowercase()));
    Rc::new(ProviderRole::new(policy(), key, Some(envoy_minor)).unwrap())
}

fn told(caller: Caller, stream: bool, models: &[&str]) -> Call {
    let models = models.iter().map(|name| (*name).to_owned()).collect();
    Call {
        caller,
        operation: Operation::Chat,
        request_id: "r-1".into(),
        stream,
        length: QUESTION.len(),
        models,
        headers: Vec::new(),
        completion: None,
        escalation: None,
        attempts: Vec::new(),
    }
}

/// One call, attempt after attempt, as Envoy would run it.
struct Attempts<'vm> {
    call: MemoryCall<'vm>,
    role: Rc<ProviderRole>,
    sent: String,
}

impl<'vm> Attempts<'vm> {
    fn new(vm: &'vm MemoryHost, role: &Rc<ProviderRole>, told: &Call, body: &str) -> Self {
        let call = MemoryCall::new(vm, MemoryStream::default());
        told.publish(&call);
        *call.stream.request_headers.borrow_mut() = [
            (":path", "/v1/chat/completions"),
            ("authorization", "Bearer caller"),
            ("cookie", "session=1"),
            ("anthropic-version", "1999-01-01"),
            ("anthropic-beta", "tools-2026"),
            ("x-stainless-lang", "python"),
            ("x-arbiter-cluster", "arbiter-tier-only"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        Self { call, role: Rc::clone(role), sent: body.to_owned() }
    }

    /// Sends the request to `model`; returns the attempt and the body that its provider receives.
    fn at(&self, model: &str) -> (ProviderStream, String) {
        let stream = &self.call.stream;
        stream.properties.borrow_mut().insert(ENDPOINT_MODEL.join("."), model.into());
        *stream.request_body.borrow_mut() = self.sent.clone().into_bytes();
        let mut attempt = ProviderStream::new(Rc::clone(&self.role));
        if attempt.on_request_headers(&self.call, false) == Flow::Pause {
            assert_eq!(attempt.on_request_body(&self.call, 1, false), Flow::Pause);
            assert_eq!(attempt.on_request_body(&self.call, self.sent.len(), true), Flow::Continue);
        }
        (attempt, String::from_utf8(stream.request_body.borrow().clone()).unwrap())
    }

    fn header(&self, direction: Direction, name: &str) -> Option<String> {
        self.call.stream.header(direction, name)
    }

    fn sent_header(&self, name: &str) -> Option<String> {
        self.header(Direction::Request, name)
    }

    /// Lets the provider answer; returns whether the headers were held, status and body.
    fn answered(
        &self,
        attempt: &mut ProviderStream,
        status: u16,
        content_type: &str,
        body: &str,
    ) -> (bool, String, String) {
        let stream = &self.call.stream;
        *stream.response_headers.borrow_mut() =
            vec![(":status".into(), status.to_string()), ("content-type".into(), content_type.into())];
        let held = attempt.on_response_headers(&self.call, false) == Flow::Pause;
        *stream.response_body.borrow_mut() = body.as_bytes().to_vec();
        attempt.on_response_body(&self.call, body.len(), true);
        let body = String::from_utf8(stream.response_body.borrow().clone()).unwrap();
        (held, self.header(Direction::Response, ":status").unwrap(), body)
    }

    fn failures(&self) -> Vec<Option<String>> {
        Call::read(&self.call)
            .unwrap()
            .attempts
            .into_iter()
            .map(|attempt| attempt.failure.map(|failure| failure.to_string()))
            .collect()
    }
}

const QUESTION: &str = r#"{"model":"mini", "messages":[{"role":"user","content":"\u0078"}], "seed":7}"#;

#[test]
fn the_first_attempt_leaves_the_body_alone_and_brings_its_own_key() {
    let vm = MemoryHost::default();
    let attempts = Attempts::new(&vm, &role(40), &told(Caller::OpenAi, false, &["mini", "spare"]), QUESTION);
    let (_, body) = attempts.at("mini");
    assert_eq!(body, QUESTION);
    assert_eq!(attempts.sent_header("authorization").as_deref(), Some("Bearer sk-one"));
    assert_eq!(attempts.sent_header(":authority").as_deref(), Some("one.test"));
    assert_eq!(attempts.sent_header(":path").as_deref(), Some("/v1/chat/completions"));
    for gone in ["cookie", "x-arbiter-cluster", "anthropic-version", "x-stainless-lang"] {
        assert_eq!(attempts.sent_header(gone), None, "{gone}");
    }
}

#[test]
fn every_attempt_speaks_to_its_provider_alone() {
    let vm = MemoryHost::default();
    let models = ["mini", "spare", "haiku", "flash", "deployed"];
    let attempts = Attempts::new(&vm, &role(40), &told(Caller::OpenAi, true, &models), QUESTION);
    let keys =
        ["authorization", "x-api-key", "x-goog-api-key", "api-key", "anthropic-version", "anthropic-beta"];
    let cases = [
        ("mini", "/v1/chat/completions", [Some("Bearer sk-one"), None, None, None, None, None]),
        ("spare", "/openai/chat", [None; 6]),
        (
            "haiku",
            "/v1/messages",
            [None, Some("sk-three"), None, None, Some("2023-06-01"), Some("tools-2026")],
        ),
        (
            "flash",
            "/v1beta/models/flash:streamGenerateContent?alt=sse",
            [None, None, Some("sk-four"), None, None, None],
        ),
        (
            "deployed",
            "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21",
            [None, None, None, Some("sk-five"), None, None],
        ),
    ];
    for (model, path, credentials) in cases {
        attempts.at(model);
        assert_eq!(attempts.sent_header(":path").as_deref(), Some(path), "{model}");
        let seen = keys.map(|name| attempts.sent_header(name));
        assert_eq!(seen.each_ref().map(Option::as_deref), credentials, "{model}");
    }
}

#[test]
fn what_an_earlier_attempt_has_set_is_not_taken_for_the_callers() {
    let vm = MemoryHost::default();
    let mut document = policy_document();
    document["providers"]["seven"] = json!({
        "host": "seven.test", "dialect": "anthropic", "api_version": "2026-01-01", "forward_headers": ["user-agent"]
    });
    document["models"]["opus"] = json!({"provider": "seven", "prices": {"input": 1, "output": 10}});
    let role = Rc::new(ProviderRole::new(Policy::from_value(document).unwrap(), |_| None, Some(40)).unwrap());
    let told = told(Caller::Anthropic, false, &["opus", "haiku", "opus"]);
    let body = r#"{"model":"opus","max_tokens":5,"messages":[{"role":"user","content":"x"}]}"#;
    let attempts = Attempts::new(&vm, &role, &told, body);
    attempts.call.stream.request_headers.borrow_mut().retain(|(name, _)| name != "anthropic-version");
    attempts.call.stream.set_header(Direction::Request, "user-agent", Some("theirs/1"));
    let seen = |name| attempts.sent_header(name);
    attempts.at("haiku");
    assert_eq!(
        (seen("anthropic-version").as_deref(), seen("user-agent")),
        (Some("2023-06-01"), Some(OURS.into()))
    );
    attempts.at("opus");
    assert_eq!(seen("anthropic-version").as_deref(), Some("2026-01-01"));
    assert_eq!(seen("user-agent").as_deref(), Some("theirs/1"));
    attempts.at("haiku");
    assert_eq!(
        (seen("anthropic-version").as_deref(), seen("user-agent")),
        (Some("2023-06-01"), Some(OURS.into()))
    );
}

const OURS: &str = concat!("llm-arbiter/", env!("CARGO_PKG_VERSION"));

#[test]
fn a_stream_that_begins_with_an_error_is_shown_as_the_status_that_says_it() {
    let busy = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n";
    for (caller, shown) in [(Caller::OpenAi, "503"), (Caller::Anthropic, "529")] {
        let vm = MemoryHost::default();
        let body = r#"{"model":"haiku","max_tokens":5,"messages":[{"role":"user","content":"x"}]}"#;
        let attempts = Attempts::new(&vm, &role(40), &told(caller, true, &["haiku", "mini"]), body);
        let (mut attempt, _) = attempts.at("haiku");
        let (held, status, _) = attempts.answered(&mut attempt, 200, "text/event-stream", busy);
        assert_eq!((held, status.as_str()), (true, shown));
        assert_eq!(attempts.failures(), [Some("529".into())]);
    }
}

#[test]
fn a_stream_that_ends_before_its_first_event_stays_malformed_when_the_attempt_is_over() {
    let vm = MemoryHost::default();
    let attempts = Attempts::new(&vm, &role(40), &told(Caller::OpenAi, true, &["mini", "spare"]), QUESTION);
    let (mut attempt, _) = attempts.at("mini");
    attempts.answered(&mut attempt, 200, "text/event-stream", ": hello\n\n");
    attempt.on_done(&attempts.call);
    assert_eq!(attempts.failures(), [Some("malformed".into())]);
}

#[test]
fn trailers_of_either_side_stay_behind() {
    let vm = MemoryHost::default();
    let attempts = Attempts::new(&vm, &role(40), &told(Caller::OpenAi, false, &["mini"]), QUESTION);
    let trailers = || vec![("cookie".to_owned(), "session=1".to_owned())];
    attempts
        .call
        .stream
        .trailers
        .borrow_mut()
        .extend([(Direction::Request, trailers()), (Direction::Response, trailers())]);
    let (mut attempt, _) = attempts.at("mini");
    attempt.on_request_trailers(&attempts.call);
    attempt.on_response_trailers(&attempts.call);
    assert!(attempts.call.stream.trailers.borrow().is_empty());
}

#[test]
fn a_later_attempt_gets_its_own_model_with_every_other_byte_kept() {
    let vm = MemoryHost::default();
    let attempts = Attempts::new(&vm, &role(40), &told(Caller::OpenAi, false, &["mini", "spare"]), QUESTION);
    attempts.at("mini");
    let (_, body) = attempts.at("spare");
    assert_eq!(body, QUESTION.replace("mini", "spare-2026"));
    assert_eq!(attempts.sent_header("content-length"), Some(body.len().to_string()));
}

#[test]
fn the_length_is_that_of_this_attempts_body_whatever_the_one_before_was() {
    let vm = MemoryHost::default();
    let attempts = Attempts::new(&vm, &role(40), &told(Caller::OpenAi, false, &["mini", "spare"]), QUESTION);
    attempts.at("spare");
    let (_, body) = attempts.at("mini");
    assert_eq!(body, QUESTION);
    assert_eq!(attempts.sent_header("content-length"), Some(QUESTION.len().to_string()));
}

#[test]
fn a_later_attempt_may_speak_another_dialect_both_ways() {
    let vm = MemoryHost::default();
    let attempts = Attempts::new(&vm, &role(40), &told(Caller::OpenAi, false, &["mini", "haiku"]), QUESTION);
    attempts.at("mini");
    let (mut attempt, body) = attempts.at("haiku");
    let sent: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(sent["model"], "haiku");
    assert_eq!(sent["messages"][0]["content"][0]["text"], "x");
    assert_eq!(Call::read(&attempts.call).unwrap().attempts[1].dropped, ["seed"]);
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "haiku-1", "stop_reason": "end_turn",
                         "content": [{"type": "text", "text": "hello"}], "usage": {"input_tokens": 3, "output_tokens": 2}});
    let (held, status, body) = attempts.answered(&mut attempt, 200, "application/json", &message.to_string());
    assert!(held);
    assert_eq!(status, "200");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "hello");
    assert_eq!(answer["usage"]["prompt_tokens"], 3);
    assert_eq!(attempts.header(Direction::Response, "content-length"), Some(body.len().to_string()));
}

#[test]
fn a_failure_that_envoy_retries_is_not_held_and_the_last_one_is() {
    let vm = MemoryHost::default();
    let attempts = Attempts::new(&vm, &role(40), &told(Caller::OpenAi, false, &["mini", "haiku"]), QUESTION);
    let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#;
    let (mut first, _) = attempts.at("mini");
    let (held, status, body) = attempts.answered(&mut first, 500, "text/html", "<html>");
    assert_eq!((held, status.as_str()), (false, "500"));
    assert!(body.contains("the provider answered with status 500"), "{body}");
    let (mut last, _) = attempts.at("haiku");
    let (held, status, body) = attempts.answered(&mut last, 529, "application/json", overloaded);
    assert_eq!((held, status.as_str()), (true, "503"));
    let error: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&error["error"]["message"], &error["error"]["type"]),
        (&json!("busy"), &json!("server_error"))
    );
    assert_eq!(attempts.failures(), [Some("500".into()), Some("529".into())]);
}

#[test]
fn an_error_in_the_callers_own_dialect_keeps_its_bytes() {
    let vm = MemoryHost::default();
    let attempts = Attempts::new(&vm, &role(40), &told(Caller::OpenAi, false, &["mini"]), QUESTION);
    let (mut attempt, _) = attempts.at("mini");
    let error = r#"{ "error":{"message":"no","type":"x","extra":[1.0]}}"#;
    let (held, status, body) = attempts.answered(&mut attempt, 404, "application/json", error);
    assert_eq!((held, status.as_str(), body.as_str()), (true, "404", error));
}

#[test]
fn an_answer_that_cannot_be_read_is_a_failure_that_can_be_retried() {
    let vm = MemoryHost::default();
    for (envoy, models, status) in
        [(40, &["mini", "spare"][..], "500"), (40, &["mini"], "500"), (36, &["mini", "spare"], "424")]
    {
        let attempts = Attempts::new(&vm, &role(envoy), &told(Caller::OpenAi, false, models), QUESTION);
        let (mut attempt, _) = attempts.at("mini");
        let (held, answered, body) =
            attempts.answered(&mut attempt, 200, "application/json", "{\"choices\": [");
        assert_eq!((held, answered.as_str()), (true, status), "{envoy}");
        assert!(serde_json::from_str::<Value>(&body).unwrap()["error"]["message"].is_string());
        assert_eq!(attempts.failures(), [Some("malformed".into())]);
    }
}

#[test]
fn an_answer_longer_than_what_is_held_goes_on_unless_it_must_be_translated() {
    let vm = MemoryHost::default();
    let large = "x".repeat(MAX_ANSWER + 1);
    for (model, status) in [("mini", "200"), ("haiku", "500")] {
        let attempts = Attempts::new(&vm, &role(40), &told(Caller::OpenAi, false, &[model]), QUESTION);
        let (mut attempt, _) = attempts.at(model);
        let stream = &attempts.call.stream;
        *stream.response_headers.borrow_mut() =
            vec![(":status".into(), "200".into()), ("content-type".into(), "application/json".into())];
        assert_eq!(attempt.on_response_headers(&attempts.call, false), Flow::Pause);
        let mut feed = |piece: &str, end| {
            *stream.response_body.borrow_mut() = piece.as_bytes().to_vec();
            let flow = attempt.on_response_body(&attempts.call, piece.len(), end);
            (flow, stream.response_body.borrow().len())
        };
        assert_eq!(feed(&large[..1000], false).0, Flow::Pause);
        let (flow, length) = feed(&large, false);
        assert_eq!((flow, length == large.len()), (Flow::Continue, status == "200"), "{model}");
        assert_eq!(feed("rest", true), (Flow::Continue, if status == "200" { 4 } else { 0 }), "{model}");
        assert_eq!(attempts.header(Direction::Response, ":status").as_deref(), Some(status));
    }
}

#[test]
fn a_prompt_that_is_too_long_goes_on_to_a_larger_window_alone() {
    let vm = MemoryHost::default();
    let too_long =
        r#"{"error":{"message":"long","type":"invalid_request_error","code":"context_length_exceeded"}}"#;
    for (models, retried) in
        [(["mini", "haiku"], true), (["mini", "spare"], false), (["mini", "flash"], false)]
    {
        let attempts = Attempts::new(&vm, &role(40), &told(Caller::OpenAi, false, &models), QUESTION);
        let (mut attempt, _) = attempts.at("mini");
        let (_, status, body) = attempts.answered(&mut attempt, 400, "application/json", too_long);
        assert_eq!((status.as_str(), body.as_str()), ("400", too_long));
        let asks = attempts.header(Direction::Response, "x-arbiter-retry").is_some();
        assert_eq!(asks, retried, "{models:?}");
    }
}

#[test]
fn a_stream_is_translated_as_it_comes() {
    let vm = MemoryHost::default();
    let attempts = Attempts::new(&vm, &role(40), &told(Caller::Anthropic, true, &["flash"]), &json!({
        "model": "flash", "max_tokens": 10, "stream": true, "messages": [{"role": "user", "content": "hi"}]
    }).to_string());
    let (mut attempt, _) = attempts.at("flash");
    let piece = json!({"candidates": [{"content": {"parts": [{"text": "hello"}]}, "finishReason": "STOP"}],
                       "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}});
    let (held, status, body) =
        attempts.answered(&mut attempt, 200, "text/event-stream", &format!("data: {piece}\r\n\r\n"));
    assert_eq!((held, status.as_str()), (false, "200"));
    let names: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    assert_eq!(attempts.failures(), [None]);
}

#[test]
fn an_attempt_without_an_answer_says_why() {
    let cases = [
        ("connect_failure", true, 0, Some("delayed connect error")),
        ("reset", true, 1, None),
        ("timeout", true, 30, None),
        // The timer that ended it had been running before the attempt was seen.
        ("timeout", true, 29, None),
        // A whole answer is silent until all is said.
        ("reset", false, 30, None),
        ("timeout", false, 600, None),
    ];
    for (reason, stream, seconds, transport) in cases {
        let vm = MemoryHost::default();
        let attempts = Attempts::new(&vm, &role(40), &told(Caller::OpenAi, stream, &["mini"]), QUESTION);
        let (mut attempt, _) = attempts.at("mini");
        vm.set_time(Duration::from_secs(seconds));
        if let Some(transport) = transport {
            let mut properties = attempts.call.stream.properties.borrow_mut();
            properties.insert("upstream.transport_failure_reason".into(), transport.into());
        }
        attempt.on_done(&attempts.call);
        assert_eq!(attempts.failures(), [Some(reason.to_owned())]);
    }
}

#[test]
fn a_credential_that_envoy_injects_is_marked_for_this_attempt_only() {
    let vm = MemoryHost::default();
    let told = told(Caller::OpenAi, false, &["injected", "mini"]);
    let attempts = Attempts::new(&vm, &role(40), &told, QUESTION);
    let (mut attempt, _) = attempts.at("injected");
    assert_eq!(attempts.sent_header("x-arbiter-provider").as_deref(), Some("six"));
    assert_eq!(attempts.sent_header("authorization"), None);
    attempts.answered(&mut attempt, 503, "application/json", "{}");
    attempts.at("mini");
    assert_eq!(attempts.sent_header("x-arbiter-provider"), None);
    assert_eq!(attempts.sent_header("authorization").as_deref(), Some("Bearer sk-one"));
}

#[test]
fn a_secret_that_envoy_lacks_is_told_from_a_connection_that_breaks() {
    for (model, reason) in [("injected", "no_credential"), ("mini", "reset")] {
        let vm = MemoryHost::default();
        let attempts = Attempts::new(&vm, &role(40), &told(Caller::OpenAi, false, &[model]), QUESTION);
        let (mut attempt, _) = attempts.at(model);
        let details = b"failed_to_inject_credential".to_vec();
        attempts.call.stream.properties.borrow_mut().insert("response.code_details".into(), details);
        attempt.on_done(&attempts.call);
        assert_eq!(attempts.failures(), [Some(reason.to_owned())]);
    }
}

#[test]
fn an_endpoint_that_is_not_in_the_policy_is_asked_without_any_key() {
    let vm = MemoryHost::default();
    let attempts = Attempts::new(&vm, &role(40), &told(Caller::OpenAi, false, &["mini"]), QUESTION);
    attempts.at("stranger");
    assert_eq!(attempts.sent_header("authorization"), None);
}

#[test]
fn a_key_that_no_header_can_carry_is_refused_at_load_and_the_variable_named() {
    let error = ProviderRole::new(policy(), |_| Some("sk\n".to_owned()), None).unwrap_err();
    assert!(error.to_string().contains("ONE_KEY"), "{error}");
}

/// Headers that a caller may put a secret into.
const SECRETIVE: [&str; 12] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "x-tenant",
    "x-forwarded-access-token",
    "x-amz-security-token",
    "openai-organization",
    "x-arbiter-provider",
    "x-arbiter-cluster",
];

proptest! {
    #[test]
    fn no_provider_gets_a_byte_of_a_credential_that_is_not_its_own(
        is_anthropic: bool,
        stream: bool,
        models in Just(vec!["mini", "spare", "haiku", "flash", "deployed"]).prop_shuffle(),
        headers in prop::collection::vec(
            (prop_oneof![prop::sample::select(&SECRETIVE[..]).prop_map(str::to_owned), "x-[a-z]{1,9}"], "[ -~]{0,6}"),
            0..12,
        ),
    ) {
        let (vm, caller) = (MemoryHost::default(), if is_anthropic { Caller::Anthropic } else { Caller::OpenAi });
        let body = r#"{"model":"mini","max_tokens":5,"messages":[{"role":"user","content":"x"}]}"#;
        let attempts = Attempts::new(&vm, &role(40), &told(caller, stream, &models), body);
        let sent = headers.into_iter().map(|(name, value)| (name, format!("{value}sk-caller")));
        attempts.call.stream.request_headers.borrow_mut().extend(sent);
        let keys = [("mini", "sk-one"), ("haiku", "sk-three"), ("flash", "sk-four"), ("deployed", "sk-five")];
        for model in models.iter().take(3) {
            attempts.at(model);
            let seen = format!("{:?}", attempts.call.stream.request_headers.borrow());
            prop_assert!(!seen.contains("sk-caller"), "{} got {}", model, seen);
            for (other, key) in keys {
                prop_assert_eq!(seen.contains(key), *model == other, "{} got {}", model, seen);
            }
        }
    }
}
