//! What operators get.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::cache::exact::{KeptAnswer, Lookup};
use crate::cache::tag::ModelTag;
use crate::cache::{CacheKey, Variant};
use crate::chat::request::{Canonical, Limits};
use crate::chat::{Caller, ChatRequest};
use crate::host::memory::{MemoryCall, MemoryHost, MemoryStream};
use crate::identity::Partition;

const TOKEN: &str = "s3cret";
const PATH: &str = "/api/cache/invalidate";

fn document(changes: &Value) -> Value {
    let mut document = json!({
        "providers": {"p": {"host": "p.test"}},
        "models": {"mini": {"provider": "p", "prices": {"input": 1, "output": 2}}, "big": {"provider": "p", "prices": {"input": 1, "output": 2}}},
        "tiers": [{"name": "all", "handles": "high", "models": ["mini", "big"]}],
        "baseline": "mini",
        "identity": {"headers": {"tenant": "x-tenant"}},
        "console": {"token": "CONSOLE_TOKEN"}
    });
    if let (Value::Object(document), Value::Object(changes)) = (&mut document, changes) {
        document.extend(changes.clone());
    }
    document
}

fn policy(changes: &Value) -> Policy {
    Policy::from_value(document(changes)).unwrap()
}

fn console(changes: &Value) -> Rc<Console> {
    Rc::new(Console::new(policy(changes), &document(changes), |name| {
        (name == "CONSOLE_TOKEN").then(|| TOKEN.to_owned())
    }))
}

fn send(console: &Rc<Console>, vm: &MemoryHost, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let call = MemoryCall::new(vm, MemoryStream::default());
    *call.stream.request_headers.borrow_mut() =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    *call.stream.request_body.borrow_mut() = body.into();
    let mut stream = ConsoleStream::new(Rc::clone(console));
    assert_eq!(stream.on_request_headers(&call, body.is_empty()), Flow::Pause);
    if call.stream.reply.borrow().is_none() {
        stream.on_request_body(&call, body.len(), true);
    }
    let reply = call.stream.reply.borrow().clone().expect("it answers everything");
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

fn act(console: &Rc<Console>, vm: &MemoryHost, body: &Value) -> (u16, Value) {
    act_at(PATH, console, vm, body)
}

fn act_at(path: &str, console: &Rc<Console>, vm: &MemoryHost, body: &Value) -> (u16, Value) {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [(":method", "POST"), (":path", path), ("authorization", &bearer)];
    send(console, vm, &headers, &body.to_string())
}

fn key(tenant: &str) -> CacheKey {
    let body = r#"{"model":"auto","messages":[{"role":"user","content":"x"}]}"#;
    let request =
        ChatRequest::parse(body.into(), Caller::OpenAi, Limits { max_depth: 16 }, Canonical::Keep).unwrap();
    let tenant = Partition::of_header("x-tenant", Some(tenant.as_bytes()));
    CacheKey::new(&tenant, &[0; 32], &Variant::default(), &request).unwrap()
}

/// Which of the tenants' answers are served after an action.
fn served(actions: &[Value]) -> Vec<&'static str> {
    let (vm, console) = (MemoryHost::default(), console(&json!({})));
    let cache = console.cache.clone().unwrap();
    let tenants = [("acme", "mini", 500), ("acme-old", "mini", 100), ("zoo", "big", 500)];
    for (tenant, model, time) in tenants {
        vm.set_time(Duration::from_secs(time));
        let answer = KeptAnswer {
            body: b"{}".to_vec(),
            dialect: Caller::OpenAi,
            usage: None,
            model: ModelTag::of(model),
        };
        cache.store(&vm, &key(tenant), &answer);
    }
    for action in actions {
        let (status, body) = act(&console, &vm, action);
        assert_eq!(status, 200, "{body}");
    }
    let is_served = |tenant: &str| matches!(cache.lookup(&vm, &key(tenant), None), Lookup::Hit { .. });
    tenants.into_iter().map(|(tenant, ..)| tenant).filter(|tenant| is_served(tenant)).collect()
}

#[test]
fn an_operator_says_which_answers_are_void() {
    assert_eq!(served(&[]), ["acme", "acme-old", "zoo"]);
    assert_eq!(served(&[json!({"everything": true})]), [""; 0]);
    assert_eq!(served(&[json!({"everything": true, "older_than": "5m"})]), ["acme", "zoo"]);
    assert_eq!(served(&[json!({"tenant": "acme"})]), ["acme-old", "zoo"]);
    assert_eq!(served(&[json!({"tenant_id": key("zoo").tenant().to_string()})]), ["acme", "acme-old"]);
    assert_eq!(served(&[json!({"model": "mini"})]), ["zoo"]);
    assert_eq!(served(&[json!({"model": "mini", "older_than": "5m"})]), ["acme", "zoo"]);
    assert_eq!(served(&[json!({"key": key("acme").name().to_string()})]), ["acme-old", "zoo"]);
}

#[test]
fn a_wrong_answer_that_is_reported_goes_and_counts_against_its_tenant() {
    let vm = MemoryHost::default();
    let console = console(&json!({"cache": {"semantic": {"max_false_hits": "4%"}}}));
    let cache = console.cache.clone().unwrap();
    let mut said = Vec::new();
    for _ in 0..3 {
        cache.store(
            &vm,
            &key("acme"),
            &KeptAnswer {
                body: b"{}".to_vec(),
                dialect: Caller::OpenAi,
                usage: None,
                model: ModelTag::default(),
            },
        );
        let report = json!({"key": key("acme").name().to_string()});
        said.push(act_at("/api/cache/report", &console, &vm, &report));
        assert!(!matches!(cache.lookup(&vm, &key("acme"), None), Lookup::Hit { .. }));
        let again = act_at("/api/cache/report", &console, &vm, &report);
        assert_eq!(again, (200, json!({"removed": 0, "tightened": false})), "it is gone, and counts once");
    }
    let expected = [false, false, true].map(|tightened| (200, json!({"removed": 1, "tightened": tightened})));
    assert_eq!(said, expected);
    console.report(&vm);
    assert_eq!(vm.counter("arbiter.semantic;result=reported"), 3);
    let exact_only = self::console(&json!({}));
    assert_eq!(act_at("/api/cache/report", &exact_only, &vm, &json!({"key": "0"})).0, 400);
}

#[test]
fn what_cannot_be_done_is_said() {
    let by_key = json!({"identity": {"api_key": true}});
    let cases = [
        (json!({}), json!({}), "name exactly one of"),
        (json!({}), json!({"everything": false}), "name exactly one of"),
        (json!({}), json!({"tenant": "a", "model": "mini"}), "name exactly one of"),
        (json!({}), json!({"everyone": true}), "unknown field"),
        (json!({}), json!({"model": "tiny"}), "no model `tiny`"),
        (json!({}), json!({"key": "abc"}), "32 hexadecimal digits"),
        (json!({}), json!({"key": "0".repeat(32), "older_than": "1h"}), "however old"),
        (json!({}), json!({"tenant_id": "abc"}), "eight hexadecimal digits"),
        (json!({}), json!({"everything": true, "older_than": "soon"}), "no duration"),
        (by_key, json!({"tenant": "a"}), "by `tenant_id`"),
        (json!({"cache": {"exact": "off"}}), json!({"everything": true}), "no cache"),
    ];
    for (changes, body, advice) in cases {
        let (status, said) = act(&console(&changes), &MemoryHost::default(), &body);
        let message = said["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(advice), "{body}: {status} {message}");
    }
}

#[test]
fn nobody_acts_without_the_token() {
    let vm = MemoryHost::default();
    let on = console(&json!({}));
    let off = Rc::new(Console::new(policy(&json!({})), &Value::Null, |_| None));
    let empty = Rc::new(Console::new(policy(&json!({})), &Value::Null, |_| Some(String::new())));
    let right = format!("Bearer {TOKEN}");
    let post = (":method", "POST");
    let cases = [
        (&on, vec![post, (":path", PATH)], 401),
        (&on, vec![post, (":path", PATH), ("authorization", "Bearer other")], 401),
        (&on, vec![post, (":path", PATH), ("authorization", TOKEN)], 401),
        (&off, vec![post, (":path", PATH), ("authorization", &right)], 403),
        (&empty, vec![post, (":path", PATH), ("authorization", "Bearer ")], 403),
        (&on, vec![(":method", "GET"), (":path", PATH), ("authorization", &right)], 405),
        (&on, vec![post, (":path", "/"), ("authorization", &right)], 405),
        (&on, vec![post, (":path", "/elsewhere"), ("authorization", &right)], 404),
        (&on, vec![post, (":path", "/api/cache/invalidate?x=1"), ("authorization", &right)], 200),
    ];
    for (console, headers, expected) in cases {
        let (status, body) = send(console, &vm, &headers, r#"{"everything": true}"#);
        assert_eq!(status, expected, "{headers:?}: {body}");
    }
    let headers = [post, (":path", PATH), ("authorization", &right)];
    assert_eq!(send(&on, &vm, &headers, "").0, 400, "a body is needed");
    assert_eq!(send(&on, &vm, &headers, &" ".repeat(MAX_BODY + 1)).0, 413);
    on.report(&vm);
    assert_eq!(vm.counter("arbiter.cache;result=invalidated;reason=everything"), 1);
}

fn get(console: &Rc<Console>, vm: &MemoryHost, path: &str, token: Option<&str>) -> (u16, Value) {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![(":method", "GET"), (":path", path)];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    send(console, vm, &headers, "")
}

const FIGURES: [&str; 5] =
    ["/api/overview", "/api/history?grain=minute&count=3", "/api/decisions", "/api/budgets", "/api/policy"];

#[test]
fn figures_are_read_with_the_token_unless_the_policy_opens_them() {
    let vm = MemoryHost::default();
    let (closed, open) = (console(&json!({})), console(&json!({"console": {"reading": "open"}})));
    for path in FIGURES {
        assert_eq!(get(&closed, &vm, path, None).0, 401, "{path}");
        assert_eq!(get(&closed, &vm, path, Some(TOKEN)).0, 200, "{path}");
        assert_eq!(get(&open, &vm, path, None).0, 200, "{path}");
    }
    assert_eq!(act(&open, &vm, &json!({"everything": true})).0, 403, "no token, no actions");
}

#[test]
fn the_page_is_served_to_everybody_and_loads_nothing_from_elsewhere() {
    let (vm, console) = (MemoryHost::default(), console(&json!({})));
    for (path, kind) in [
        ("/", "text/html"),
        ("/p/console.js", "text/javascript"),
        ("/widgets.js", "text/javascript"),
        ("/p/console.css", "text/css"),
    ] {
        let call = MemoryCall::new(&vm, MemoryStream::default());
        *call.stream.request_headers.borrow_mut() =
            vec![(":method".into(), "GET".into()), (":path".into(), path.into())];
        ConsoleStream::new(Rc::clone(&console)).on_request_headers(&call, true);
        let reply = call.stream.reply.borrow().clone().unwrap();
        let header = |name: &str| reply.headers.iter().find(|(found, _)| found == name).unwrap().1.clone();
        assert_eq!(reply.status, 200);
        assert!(header("content-type").starts_with(kind));
        assert!(header("content-security-policy").starts_with("default-src 'none'"));
        let text = String::from_utf8(reply.body).unwrap();
        assert!(!text.contains("https://") && !text.contains("style="), "{path}");
    }
}

#[test]
fn figures_are_what_workers_have_counted() {
    let (vm, console) = (MemoryHost::default(), console(&json!({"console": {"reading": "open"}})));
    vm.set_time(Duration::from_secs(1_767_268_800));
    let (meters, history) = (Meters::new(true), History::new(console.policy.time_zone.clone()));
    meters.add(Metric::Requests, &["routed", "", "all", "mini", "low"], 3);
    meters.add(Metric::Requests, &["failed"], 2);
    meters.add(Metric::Cost, &["all", "mini"], 1_500_000_000);
    meters.record(&vm, Metric::FilterTime, &[], 30);
    history.add(&vm, &meters.counted(), vm.now());
    let (_, overview) = get(&console, &vm, "/api/overview", None);
    for span in ["hour", "today", "month"] {
        assert_eq!(overview[span]["requests"], json!({"failed": 2, "routed": 3}));
        assert_eq!(overview[span]["cost_usd"], 1.5);
        assert_eq!(overview[span]["models"][0]["requests"], 3);
        assert_eq!(overview[span]["filter_time_us"]["count"], 1);
    }
    let schema = schema();
    let follows = |name: &str, answer: &Value| {
        let mut schema = schema.clone();
        schema["required"] = json!([name]);
        jsonschema::validator_for(&schema).unwrap().validate(&json!({name: answer})).unwrap();
    };
    follows("overview", &overview);
    vm.advance(Duration::from_secs(7200));
    let (_, past) = get(&console, &vm, "/api/history?grain=hour&count=3", None);
    follows("history", &past);
    let costs: Vec<&Value> = past["periods"].as_array().unwrap().iter().map(|p| &p["cost_usd"]).collect();
    assert_eq!(costs, [&json!(1.5), &json!(0.0), &json!(0.0)]);
    assert_eq!(past["periods"][0]["failed"], 2);
    assert_eq!(get(&console, &vm, "/api/overview", None).1["hour"]["cost_usd"], 0.0);
}

#[test]
fn the_policy_is_shown_without_who_holds_which_key() {
    let keys = json!({"identity": {"keys": {"ada": {"sha256": "0".repeat(64), "tenant": "acme"}}}});
    let (_, shown) = get(&console(&keys), &MemoryHost::default(), "/api/policy", Some(TOKEN));
    assert_eq!(shown["baseline"], "mini");
    assert!(!shown.to_string().contains("sha256") && !shown.to_string().contains("CONSOLE_TOKEN"));
}
