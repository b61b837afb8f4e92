//! The router against the in-memory host: what a caller, a provider and an operator get.

mod flights;
mod semantic;
mod waiting;

use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Router, RouterStream};
use crate::chat::Usage;
use crate::chat::completion::Completion;
use crate::filter::call::Call;
use crate::filter::{Flow, Role};
use crate::host::Direction;
use crate::host::memory::{MemoryCall, MemoryHost, MemoryStream, Reply};
use crate::policy::Policy;
use crate::routing::{Attempt, Failure};
use crate::telemetry::access_log_schema;

fn policy(changes: &Value) -> Policy {
    let mut document = json!({
        "providers": {"one": {"host": "one.test"}, "two": {"host": "two.test"}},
        "models": {
            "mini": {"provider": "one", "upstream_name": "mini-2026", "prices": {"input": 1, "output": 10}},
            "spare": {"provider": "two", "prices": {"input": 2, "output": 20}},
            "big": {"provider": "one", "prices": {"input": 10, "output": 100}}
        },
        "tiers": [
            {"name": "small", "handles": "medium", "models": ["mini", "spare"]},
            {"name": "large", "handles": "high", "models": ["big"]}
        ],
        "baseline": "big",
        "requested_model": "honor",
        "classify": {"scorer": "wordcount"}
    });
    if let (Value::Object(document), Value::Object(changes)) = (&mut document, changes) {
        document.extend(changes.clone());
    }
    Policy::from_value(document).unwrap()
}

fn router(changes: Value) -> Rc<Router> {
    Rc::new(Router::new(policy(&changes), |_| Some("key".to_owned())))
}

/// One call that has been asked: its stream and what the host saw.
struct Asked<'vm> {
    call: MemoryCall<'vm>,
    stream: RouterStream,
}

fn ask<'vm>(router: &Rc<Router>, vm: &'vm MemoryHost, headers: &[(&str, &str)], body: &str) -> Asked<'vm> {
    ask_on(MemoryStream::default(), router, vm, headers, body)
}

fn ask_on<'vm>(
    stream: MemoryStream,
    router: &Rc<Router>,
    vm: &'vm MemoryHost,
    headers: &[(&str, &str)],
    body: &str,
) -> Asked<'vm> {
    let call = MemoryCall::new(vm, stream);
    let length = body.len().to_string();
    let standard = [
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        ("content-type", "application/json"),
        ("content-length", &length),
    ];
    for (name, value) in standard.iter().chain(headers) {
        let mut list = call.stream.request_headers.borrow_mut();
        list.retain(|(n, _)| n != name);
        list.push(((*name).to_owned(), (*value).to_owned()));
    }
    *call.stream.request_body.borrow_mut() = body.as_bytes().to_vec();
    let mut stream = RouterStream::new(Rc::clone(router), call.id());
    if stream.on_request_headers(&call, body.is_empty()) == Flow::Pause {
        stream.on_request_body(&call, body.len(), true);
    }
    Asked { call, stream }
}

impl Asked<'_> {
    fn request_header(&self, name: &str) -> Option<String> {
        let headers = self.call.stream.request_headers.borrow();
        headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone())
    }

    fn request_body(&self) -> String {
        String::from_utf8(self.call.stream.request_body.borrow().clone()).unwrap()
    }

    fn reply(&self) -> Reply {
        self.call.stream.reply.borrow().clone().expect("the router answered by itself")
    }

    fn reply_json(&self) -> Value {
        serde_json::from_slice(&self.reply().body).unwrap()
    }

    fn went_to_a_provider(&self) -> bool {
        self.call.stream.reply.borrow().is_none()
    }

    /// What the access log says, which follows its schema.
    fn log(&self) -> Value {
        static LINES: LazyLock<jsonschema::Validator> =
            LazyLock::new(|| jsonschema::validator_for(&access_log_schema()).unwrap());
        let state = self.call.stream.filter_state.borrow();
        let log: Value = serde_json::from_slice(&state["arbiter"]).unwrap();
        let line = format!("{{\"arbiter\":{log}{}}}", String::from_utf8_lossy(&state["arbiter.request"]));
        LINES.validate(&serde_json::from_str(&line).unwrap()).unwrap();
        log
    }

    /// Lets `model` answer with `chunks`; returns what the caller receives.
    fn answered(&mut self, model: &str, status: u16, content_type: &str, chunks: &[&str]) -> String {
        let call = &self.call;
        let mut told = Call::read(call).expect("the router has told the provider role of the call");
        let failed = told.models.iter().take_while(|asked| *asked != model).cloned().collect::<Vec<_>>();
        told.attempts = failed
            .into_iter()
            .map(|model| Attempt { model, failure: Some(Failure::Status(503)), ..Attempt::default() })
            .chain([Attempt { model: model.into(), ..Attempt::default() }])
            .collect();
        told.publish(call);
        call.stream.properties.borrow_mut().insert("response.code_details".into(), b"via_upstream".to_vec());
        *call.stream.response_headers.borrow_mut() =
            vec![(":status".into(), status.to_string()), ("content-type".into(), content_type.into())];
        self.stream.on_response_headers(call, chunks.is_empty());
        let mut received = String::new();
        for (i, chunk) in chunks.iter().enumerate() {
            *call.stream.response_body.borrow_mut() = chunk.as_bytes().to_vec();
            self.stream.on_response_body(call, chunk.len(), i + 1 == chunks.len());
            received.push_str(std::str::from_utf8(&call.stream.response_body.borrow()).unwrap());
        }
        received
    }

    fn answered_with(&mut self, model: &str, text: &str) {
        self.answered(model, 200, "application/json", &[&completion(text)]);
    }
}

fn completion(text: &str) -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "mini-2026",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    })
    .to_string()
}

/// A completion without what it is given anew each time.
fn without_renewal(body: &[u8]) -> Value {
    let mut body: Value = serde_json::from_slice(body).unwrap();
    for member in ["id", "created"] {
        body[member] = Value::Null;
    }
    body
}

fn question(model: &str, text: &str) -> String {
    json!({"model": model, "messages": [{"role": "user", "content": text}]}).to_string()
}

#[test]
fn an_easy_question_goes_to_the_small_tier_with_only_its_model_changed() {
    let vm = MemoryHost::default();
    let body =
        r#"{ "messages":[{"role":"user","content":"h\u00e9llo"}], "top_p":1.0e0, "model" : "auto" ,"x":{}}"#;
    let asked = ask(&router(json!({})), &vm, &[], body);
    assert_eq!(asked.request_header("x-arbiter-cluster").as_deref(), Some("arbiter-tier-small"));
    assert_eq!(asked.request_body(), body.replace("\"auto\"", "\"mini-2026\""));
    assert_eq!(asked.request_header("content-length"), Some(asked.request_body().len().to_string()));
}

#[test]
fn a_hard_question_goes_to_the_large_tier() {
    let vm = MemoryHost::default();
    let asked = ask(&router(json!({})), &vm, &[], &question("auto", "debug and refactor this"));
    assert_eq!(asked.request_header("x-arbiter-cluster").as_deref(), Some("arbiter-model-big"));
}

#[test]
fn an_honored_model_goes_to_its_own_cluster() {
    let vm = MemoryHost::default();
    let asked = ask(&router(json!({})), &vm, &[], &question("big", "hi"));
    assert_eq!(asked.request_header("x-arbiter-cluster").as_deref(), Some("arbiter-model-big"));
}

#[test]
fn what_a_client_sends_in_our_headers_is_gone() {
    let vm = MemoryHost::default();
    let forged = [("x-arbiter-cluster", "evil"), ("x-arbiter-anything", "1"), (":method", "GET")];
    let asked = ask(&router(json!({"admit": {"pass_through": ["/"]}})), &vm, &forged, "");
    assert_eq!(asked.request_header("x-arbiter-cluster"), None);
    assert_eq!(asked.request_header("x-arbiter-anything"), None);
    assert_eq!(asked.log()["reason"], "method");
}

#[test]
fn an_unreadable_body_passes_through_untouched() {
    let vm = MemoryHost::default();
    for (body, reason) in [("{\"model\":", "invalid_json"), ("{\"input\":\"x\"}", "unknown_shape")] {
        let asked = ask(&router(json!({})), &vm, &[], body);
        assert_eq!(asked.request_body(), body);
        assert_eq!(asked.request_header("x-arbiter-cluster"), None);
        assert_eq!(asked.log()["reason"], reason);
    }
}

#[test]
fn a_body_that_grows_over_the_limit_is_refused_unless_the_unreadable_passes() {
    let vm = MemoryHost::default();
    let long = question("auto", "a long question");
    let strict = router(json!({"admit": {"max_body_bytes": 10}}));
    let asked = ask(&strict, &vm, &[("content-length", "")], &long);
    assert_eq!((asked.reply().status, &asked.log()["outcome"]), (413, &json!("refused")));
    let watching = router(json!({"admit": {"max_body_bytes": 10, "unreadable": "pass"}}));
    let asked = ask(&watching, &vm, &[("content-length", "")], &long);
    assert_eq!(asked.request_body(), long);
    assert_eq!(asked.log()["reason"], "too_large");
}

#[test]
fn an_ambiguous_body_is_refused_in_the_callers_dialect() {
    let vm = MemoryHost::default();
    let body = r#"{"model":"auto","mod\u0065l":"big","messages":[{"role":"user","content":"x"}]}"#;
    let reply = ask(&router(json!({})), &vm, &[], body).reply();
    assert_eq!(reply.status, 400);
    let error: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(error["error"]["type"], "invalid_request_error");
    assert_eq!(error["error"]["param"], "model");
}

#[test]
fn a_second_call_is_answered_from_the_cache_at_no_cost() {
    let (vm, router) = (MemoryHost::default(), router(json!({})));
    ask(&router, &vm, &[], &question("auto", "hi")).answered_with("mini", "hello");
    vm.advance(Duration::from_secs(7));
    let asked = ask(&router, &vm, &[], &question("auto", "hi"));
    let reply = asked.reply();
    assert_eq!(without_renewal(&reply.body), without_renewal(completion("hello").as_bytes()));
    assert_eq!(asked.reply_json()["created"], 7, "the time of now");
    assert_ne!(
        asked.reply_json()["id"],
        ask(&router, &vm, &[], &question("auto", "hi")).reply_json()["id"],
        "an id of its own"
    );
    assert!(reply.headers.contains(&("age".into(), "7".into())), "{:?}", reply.headers);
    assert!(reply.headers.iter().any(|(n, v)| n == "cache-status" && v.starts_with("arbiter; hit")));
    assert_eq!(asked.log()["cost_nanousd"], 0);
}

#[test]
fn a_streaming_caller_gets_the_stored_answer_as_a_stream() {
    let (vm, router) = (MemoryHost::default(), router(json!({})));
    ask(&router, &vm, &[], &question("auto", "hi")).answered_with("mini", "hello");
    let body = r#"{"model":"auto","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let reply = ask(&router, &vm, &[], body).reply();
    assert!(reply.headers.contains(&("content-type".into(), "text/event-stream".into())));
    let text = String::from_utf8(reply.body).unwrap();
    assert!(text.contains("hello") && text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!(!text.contains("\"usage\""), "the caller did not ask for usage: {text}");
}

#[test]
fn another_header_for_tenants_makes_other_tenants_of_the_same_names() {
    let vm = MemoryHost::default();
    let by = |header: &str| router(json!({"identity": {"headers": {"tenant": header}}}));
    let acme = [("x-org", "acme"), ("x-user", "acme")];
    ask(&by("x-org"), &vm, &acme, &question("auto", "hi")).answered_with("mini", "hello");
    assert!(!ask(&by("x-org"), &vm, &acme, &question("auto", "hi")).went_to_a_provider());
    assert!(ask(&by("x-user"), &vm, &acme, &question("auto", "hi")).went_to_a_provider());
    assert!(ask(&by("x-user"), &vm, &[], &question("auto", "hi")).went_to_a_provider());
}

#[test]
fn tenants_never_share_an_answer() {
    let (vm, router) = (MemoryHost::default(), router(json!({})));
    ask(&router, &vm, &[("x-tenant", "a")], &question("auto", "hi")).answered_with("mini", "secret");
    for other in [&[("x-tenant", "b")][..], &[]] {
        assert!(ask(&router, &vm, other, &question("auto", "hi")).went_to_a_provider(), "{other:?}");
    }
    assert!(!ask(&router, &vm, &[("x-tenant", "a")], &question("auto", "hi")).went_to_a_provider());
}

#[test]
fn a_caller_can_refuse_what_is_stored() {
    let (vm, router) = (MemoryHost::default(), router(json!({})));
    ask(&router, &vm, &[], &question("auto", "hi")).answered_with("mini", "hello");
    vm.advance(Duration::from_secs(10));
    for directive in ["no-cache", "no-store", "max-age=5"] {
        let asked = ask(&router, &vm, &[("cache-control", directive)], &question("auto", "hi"));
        assert!(asked.went_to_a_provider(), "{directive}");
    }
    assert!(
        !ask(&router, &vm, &[("cache-control", "max-age=60")], &question("auto", "hi")).went_to_a_provider()
    );
}

#[test]
fn an_answer_that_may_not_stand_for_another_is_not_stored() {
    let cases = [
        ("cut off by length", completion("x").replace("\"stop\"", "\"length\""), 200),
        (
            "calls a tool",
            completion("x").replace("\"content\":\"x\"", "\"content\":null,\"tool_calls\":[{}]"),
            200,
        ),
        ("failed", completion("x"), 500),
        ("truncated", completion("x")[..40].to_owned(), 200),
    ];
    for (name, answer, status) in cases {
        let (vm, router) = (MemoryHost::default(), router(json!({})));
        ask(&router, &vm, &[], &question("auto", "hi")).answered(
            "mini",
            status,
            "application/json",
            &[&answer],
        );
        assert!(ask(&router, &vm, &[], &question("auto", "hi")).went_to_a_provider(), "{name}");
    }
}

#[test]
fn what_the_provider_role_has_read_is_booked_and_stored_without_reading_it_again() {
    let usage = Usage { input: 1000, output: 100, ..Usage::default() };
    for (reusable, tokens) in [(true, Some(usage)), (false, Some(usage)), (true, None)] {
        let (vm, router) = (MemoryHost::default(), router(json!({})));
        let mut asked = ask(&router, &vm, &[], &question("auto", "hi"));
        let mut told = Call::read(&asked.call).unwrap();
        told.attempts.push(Attempt { model: "mini".into(), ..Attempt::default() });
        told.completion = Some(Completion { usage: tokens, reusable });
        told.publish(&asked.call);
        assert_eq!(asked.stream.on_response_headers(&asked.call, false), Flow::Continue);
        for (piece, is_last) in [("{\"whole", false), ("\":1}", true)] {
            *asked.call.stream.response_body.borrow_mut() = piece.as_bytes().to_vec();
            asked.stream.on_response_body(&asked.call, piece.len(), is_last);
        }
        assert_eq!(asked.log()["outcome"], "routed");
        assert_eq!(asked.log()["gen_ai.usage.output_tokens"].as_u64(), tokens.map(|usage| usage.output));
        let again = ask(&router, &vm, &[], &question("auto", "hi"));
        assert_eq!(again.went_to_a_provider(), !reusable);
        if reusable {
            assert_eq!(again.reply().body, b"{\"whole\":1}");
        }
        router.report(&vm);
        let unknown = vm.counter("arbiter.usage_unknown;reason=not_reported");
        assert_eq!(unknown, u64::from(tokens.is_none()));
    }
}

#[test]
fn the_usage_chunk_is_asked_for_and_taken_out_again() {
    let (vm, router) = (MemoryHost::default(), router(json!({})));
    let body = r#"{"model":"auto","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut asked = ask(&router, &vm, &[], body);
    let sent: Value = serde_json::from_str(&asked.request_body()).unwrap();
    assert_eq!(sent["stream_options"]["include_usage"], true);
    let chunk = |choices: Value, usage: Value| {
        format!(
            "data: {}\n\n",
            json!({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": choices, "usage": usage})
        )
    };
    let text = chunk(
        json!([{"index": 0, "delta": {"role": "assistant", "content": "yes"}, "finish_reason": null}]),
        Value::Null,
    );
    let end = chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]), Value::Null);
    let usage =
        chunk(json!([]), json!({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}));
    let (head, tail) = usage.split_at(30);
    let received =
        asked.answered("mini", 200, "text/event-stream", &[&text, &end, head, tail, "data: [DONE]\n\n"]);
    assert_eq!(received, format!("{text}{end}data: [DONE]\n\n"));
    assert_eq!(asked.log()["gen_ai.usage.input_tokens"], 1000);
    assert!(!ask(&router, &vm, &[], &question("auto", "hi")).went_to_a_provider(), "the stream was stored");
}

#[test]
fn the_books_say_what_a_call_cost_and_saved() {
    let (vm, router) = (MemoryHost::default(), router(json!({})));
    let mut asked = ask(&router, &vm, &[], &question("auto", "hi"));
    asked.answered_with("spare", "hello");
    let log = asked.log();
    // 1000 x 2 + 100 x 20 dollars per million tokens, against 1000 x 10 + 100 x 100 of the baseline.
    assert_eq!(log["cost_nanousd"], 4_000_000);
    assert_eq!(log["baseline_nanousd"], 20_000_000);
    assert_eq!(log["saved_nanousd"], 16_000_000);
    assert_eq!(log["model"], "spare");
    router.report(&vm);
    let cost: u64 =
        vm.counters().iter().filter(|(n, _)| n.starts_with("arbiter.cost_nanousd")).map(|(_, v)| v).sum();
    assert_eq!(cost, 4_000_000);
}

#[test]
fn the_decision_is_said_in_a_header_that_can_be_switched_off() {
    for on in [true, false] {
        let vm = MemoryHost::default();
        let mut asked = ask(&router(json!({"decision_header": on})), &vm, &[], &question("auto", "hi"));
        asked.answered_with("mini", "hello");
        let headers = asked.call.stream.response_headers.borrow();
        let decision = headers.iter().find(|(n, _)| n == "x-arbiter-decision").map(|(_, v)| v.clone());
        assert_eq!(decision.is_some(), on);
        if let Some(decision) = decision {
            assert!(decision.contains("tier=small") && decision.contains("model=mini"), "{decision}");
        }
    }
}

#[test]
fn a_caller_that_leaves_early_is_still_reported() {
    let (vm, router) = (MemoryHost::default(), router(json!({})));
    let mut asked = ask(&router, &vm, &[], &question("auto", "hi"));
    asked.stream.on_done(&asked.call);
    assert_eq!(asked.log()["outcome"], "abandoned");
}

#[test]
fn failed_attempts_are_said_counted_and_logged() {
    let (vm, router) = (MemoryHost::default(), router(json!({})));
    let mut asked = ask(&router, &vm, &[], &question("auto", "hi"));
    asked.answered_with("spare", "hello");
    let headers = asked.call.stream.response_headers.borrow();
    let decision = &headers.iter().find(|(n, _)| n == "x-arbiter-decision").unwrap().1;
    assert!(decision.ends_with("attempts=2, failed=\"mini:503\""), "{decision}");
    assert_eq!(asked.log()["attempts"], 2);
    assert_eq!(asked.log()["failed"], json!([{"model": "mini", "reason": "503"}]));
    router.report(&vm);
    assert_eq!(vm.counter("arbiter.attempts;provider=one;model=mini;result=503"), 1);
    assert_eq!(vm.counter("arbiter.attempts;provider=two;model=spare;result=answered"), 1);
    assert!(decision.contains("model=spare, provider=two"), "{decision}");
    assert_eq!(asked.log()["provider"], "two");
}

#[test]
fn a_model_that_cannot_do_what_is_asked_is_left_out_before_the_request_leaves() {
    let (vm, router) = (
        MemoryHost::default(),
        router(json!({"models": {
            "mini": {"provider": "one", "tools": false, "context_window": 1500, "prices": {"input": 1, "output": 10}},
            "spare": {"provider": "two", "images": false, "structured_output": false, "prices": {"input": 2, "output": 20}},
            "big": {"provider": "one", "prices": {"input": 10, "output": 100}}
        }})),
    );
    let image = json!([{"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}]);
    let long = "x".repeat(7000);
    let cases = [
        ("nothing special", json!({}), json!("hi"), "arbiter-tier-small"),
        (
            "tools",
            json!({"tools": [{"type": "function", "function": {"name": "f"}}]}),
            json!("hi"),
            "arbiter-model-spare",
        ),
        ("an image", json!({}), image.clone(), "arbiter-model-mini"),
        ("a schema", json!({"response_format": {"type": "json_object"}}), json!("hi"), "arbiter-model-mini"),
        ("a long prompt", json!({}), json!(long), "arbiter-model-spare"),
        ("a long answer", json!({"max_tokens": 2000}), json!("hi"), "arbiter-model-spare"),
        ("more than the tier can", json!({"tools": [{}]}), image, "arbiter-model-big"),
    ];
    for (name, members, content, cluster) in cases {
        let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": content}]});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let asked = ask(&router, &vm, &[], &body.to_string());
        assert_eq!(asked.request_header("x-arbiter-cluster").as_deref(), Some(cluster), "{name}");
    }
    let asked = ask(
        &router,
        &vm,
        &[],
        &json!({"model": "mini", "tools": [{}], "messages": [{"role": "user", "content": "hi"}]}).to_string(),
    );
    assert_eq!(asked.reply().status, 400);
    assert!(String::from_utf8(asked.reply().body).unwrap().contains("mini: it does not call tools"));
}

#[test]
fn a_missing_credential_leaves_its_models_out_and_is_named_when_none_is_left() {
    let vm = MemoryHost::default();
    let changes = json!({
        "providers": {"one": {"host": "one.test", "credential": "ONE_KEY"}, "two": {"host": "two.test", "credential": "TWO_KEY"}}
    });
    let ask_with = |keys: &'static [&'static str], caller: (&'static str, &'static str)| {
        let router =
            Rc::new(Router::new(policy(&changes), |name| keys.contains(&name).then(|| "sk".to_owned())));
        let asked = ask(&router, &vm, &[caller], &question("auto", "hi"));
        let reply = asked.call.stream.reply.borrow().clone();
        (asked.request_header("x-arbiter-cluster"), reply)
    };
    let openai = (":path", "/v1/chat/completions");
    assert_eq!(ask_with(&["ONE_KEY", "TWO_KEY"], openai).0.as_deref(), Some("arbiter-tier-small"));
    assert_eq!(ask_with(&["TWO_KEY"], openai).0.as_deref(), Some("arbiter-model-spare"));
    let reply = ask_with(&[], openai).1.unwrap();
    assert_eq!(reply.status, 503);
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["error"]["code"], "no_credential");
    assert!(body["error"]["message"].as_str().unwrap().contains("environment variable ONE_KEY is not set"));
    let reply = ask_with(&[], (":path", "/v1/messages")).1.unwrap();
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!("api_error")));
}

#[test]
fn what_a_providers_dialect_cannot_say_keeps_the_request_from_it() {
    let (vm, router) = (
        MemoryHost::default(),
        router(
            json!({"providers": {"one": {"host": "one.test", "dialect": "anthropic"}, "two": {"host": "two.test"}}}),
        ),
    );
    let cluster = |members: Value| {
        let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        ask(&router, &vm, &[], &body.to_string()).request_header("x-arbiter-cluster").unwrap()
    };
    assert_eq!(cluster(json!({"seed": 1})), "arbiter-tier-small");
    assert_eq!(cluster(json!({"logit_bias": {"1": 2}})), "arbiter-model-spare");
    assert_eq!(cluster(json!({"n": 2})), "arbiter-model-spare");
}

#[test]
fn an_error_of_envoys_own_reaches_the_caller_in_its_dialect() {
    for (path, shape) in [("/v1/chat/completions", "/error/type"), ("/v1/messages", "/error/type")] {
        let (vm, router) = (MemoryHost::default(), router(json!({})));
        let mut asked = ask(&router, &vm, &[(":path", path)], &question("auto", "hi"));
        let call = &asked.call;
        let mut told = Call::read(call).unwrap();
        let failure = Some(Failure::Connect);
        told.attempts.push(Attempt { model: "mini".into(), failure, ..Attempt::default() });
        told.publish(call);
        call.stream
            .properties
            .borrow_mut()
            .insert("response.code_details".into(), b"upstream_reset".to_vec());
        *call.stream.response_headers.borrow_mut() =
            vec![(":status".into(), "503".into()), ("content-type".into(), "text/plain".into())];
        asked.stream.on_response_headers(call, false);
        *call.stream.response_body.borrow_mut() = b"upstream connect error".to_vec();
        asked.stream.on_response_body(call, 22, true);
        let body: Value = serde_json::from_slice(&call.stream.response_body.borrow()).unwrap();
        assert!(body.pointer(shape).is_some());
        assert!(body["error"]["message"].as_str().unwrap().contains("mini: connect_failure"));
        assert_eq!(asked.log()["outcome"], "failed");
        assert_eq!(asked.log()["failed"], json!([{"model": "mini", "reason": "connect_failure"}]));
    }
}

#[test]
fn a_secret_that_envoy_lacks_is_no_fault_of_the_caller() {
    for (path, kind) in [("/v1/chat/completions", "server_error"), ("/v1/messages", "api_error")] {
        let (vm, router) = (MemoryHost::default(), router(json!({})));
        let mut asked = ask(&router, &vm, &[(":path", path)], &question("auto", "hi"));
        let call = &asked.call;
        let mut told = Call::read(call).unwrap();
        let failure = Some(Failure::Credential);
        told.attempts.push(Attempt { model: "mini".into(), failure, ..Attempt::default() });
        told.publish(call);
        let details = b"failed_to_inject_credential".to_vec();
        call.stream.properties.borrow_mut().insert("response.code_details".into(), details);
        *call.stream.response_headers.borrow_mut() = vec![(":status".into(), "401".into())];
        asked.stream.on_response_headers(call, false);
        asked.stream.on_response_body(call, 0, true);
        let body: Value = serde_json::from_slice(&call.stream.response_body.borrow()).unwrap();
        assert_eq!(body["error"]["type"], kind);
        assert_eq!(call.stream.header(Direction::Response, ":status").as_deref(), Some("503"));
    }
}

#[test]
fn the_log_has_a_hash_of_what_was_said_last_only_where_it_is_asked_for() {
    let logged = |changes: Value| {
        let (vm, router) = (MemoryHost::default(), router(changes));
        let question = question("auto", "hi");
        ask(&router, &vm, &[], &question).answered_with("mini", "Hello.");
        let hit = ask(&router, &vm, &[], &question);
        assert_eq!(hit.log()["outcome"], "hit");
        hit.log()["prompt_hash"].clone()
    };
    // printf hi | sha256sum
    let expected = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4";
    assert_eq!(logged(json!({"telemetry": {"prompt_hash": true}})), expected);
    assert_eq!(logged(json!({})), Value::Null);
}
