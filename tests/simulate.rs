//! `arbiter simulate`: what a policy would have done with recorded requests.

#![expect(clippy::expect_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

const POLICY: &str = "
providers: {one: {host: one.test}}
models:
  mini: {provider: one, prices: {input: 1, output: 10}}
  big: {provider: one, prices: {input: 10, output: 100}}
tiers:
  - {name: small, handles: medium, models: [mini]}
  - {name: large, handles: high, models: [big]}
baseline: big
requested_model: honor
classify: {scorer: wordcount}
identity: {headers: {tenant: x-tenant}}
cache: {exact: {ttl: 1h}, semantic: {max_false_hits: 5%, ttl: 10m}}
mode: shadow # what it would do is what is asked
";

const EGG: &str = "How do I boil an egg?";

/// A call at a time in seconds, with an answer of 1,000 and 100 tokens.
fn asked(id: &str, time: u64, tenant: &str, message: &str) -> Value {
    json!({
        "id": id, "time": time, "headers": {"X-Tenant": tenant},
        "body": {"model": "auto", "messages": [{"role": "user", "content": message}]},
        "response": {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "mini",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
        }
    })
}

/// The results, and what is said at the end.
fn simulate(test: &str, trace: &[Value]) -> (Vec<Value>, String) {
    let file = |name: &str, text: &str| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("simulate_{test}.{name}"));
        std::fs::write(&path, text).expect("the file can be written");
        path
    };
    let trace: String = trace.iter().map(|line| format!("{line}\n")).collect();
    let (policy, trace) = (file("yaml", POLICY), file("jsonl", &trace));
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbiter"));
    let output = command.arg("simulate").arg("--policy").arg(policy).arg("--trace").arg(trace).output();
    let output = output.expect("the command runs");
    let text = |bytes| String::from_utf8(bytes).expect("the command writes UTF-8");
    let results = text(output.stdout);
    let results = results.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    (results, text(output.stderr))
}

fn column<'r>(results: &'r [Value], name: &str) -> Vec<&'r Value> {
    results.iter().map(|result| &result[name]).collect()
}

#[test]
fn hits_name_whose_answer_they_are_and_what_they_save() {
    let trace = [
        asked("first", 1_000, "a", EGG),
        asked("same", 1_010, "a", EGG),
        asked("rephrased", 1_020, "a", "how do i boil an egg"),
        asked("near miss", 1_030, "a", "How do I boil 12 eggs?"),
    ];
    let (results, totals) = simulate("hits", &trace);
    assert_eq!(column(&results, "outcome"), ["routed", "exact_hit", "semantic_hit", "routed"]);
    assert_eq!(column(&results, "hit_id"), [&Value::Null, &json!("first"), &json!("first"), &Value::Null]);
    assert_eq!(column(&results, "veto"), [&Value::Null, &Value::Null, &Value::Null, &json!("number")]);
    assert_eq!(column(&results, "tier"), [&json!("small"), &Value::Null, &Value::Null, &json!("small")]);
    // 1,000 tokens in and 100 out, at 1 and 10 dollars per million; the baseline takes ten times that.
    assert_eq!(column(&results, "cost_usd"), [0.002, 0.0, 0.0, 0.002]);
    assert_eq!(column(&results, "baseline_usd"), [0.02; 4]);
    assert_eq!(column(&results, "saved_usd"), [0.018, 0.02, 0.02, 0.018]);
    assert_eq!(
        totals,
        "4 requests, 1 exact hits, 1 semantic hits, 2 routed; cost $0.004000, baseline $0.080000, saved $0.076000\n"
    );
}

#[test]
fn tenants_share_nothing_and_answers_expire_by_the_clock_of_the_trace() {
    let trace = [
        asked("mine", 1_000, "a", EGG),
        asked("theirs", 1_001, "b", EGG),
        asked("too late for other words", 1_000 + 601, "a", "how do i boil an egg"),
        asked("too late", 1_000 + 3_601, "a", EGG),
    ];
    let (results, _) = simulate("tenants", &trace);
    assert_eq!(column(&results, "outcome"), ["routed"; 4]);
}

#[test]
fn what_is_not_read_is_rejected_and_says_why() {
    let mut other = asked("other", 1, "a", EGG);
    other["path"] = "/v1/files".into();
    let mut broken = asked("broken", 1, "a", EGG);
    broken["body"] = "{".into();
    let (results, _) = simulate("unread", &[other, broken]);
    assert_eq!(column(&results, "outcome"), ["rejected", "rejected"]);
    assert_eq!(column(&results, "reason"), ["not_found", "invalid_json"]);
}

#[test]
fn an_answer_is_taken_as_it_was_recorded() {
    let usage = json!({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100});
    let chunk = |choices: Value, usage: &Value| {
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, "usage": usage});
        format!("data: {chunk}\n\n")
    };
    let text = chunk(
        json!([{"index": 0, "delta": {"role": "assistant", "content": "y"}, "finish_reason": null}]),
        &Value::Null,
    );
    let end = chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]), &Value::Null);
    let events = format!("{text}{end}{}data: [DONE]\n\n", chunk(json!([]), &usage));
    let trace: Vec<Value> = [
        ("events", json!(events)),
        ("failure", json!({"status": 500, "body": {"error": {"message": "no"}}})),
        ("text", json!("Eight minutes.")),
        ("nothing", Value::Null),
    ]
    .into_iter()
    .flat_map(|(id, response)| {
        let mut first = asked(id, 1_000, id, EGG);
        first["response"] = response;
        first["body"]["stream"] = json!(id == "events");
        let mut again = first.clone();
        again["id"] = format!("{id} again").into();
        [first, again]
    })
    .collect();
    let (results, _) = simulate("answers", &trace);
    let outcomes = ["routed", "exact_hit", "routed", "routed", "routed", "exact_hit", "routed", "exact_hit"];
    assert_eq!(column(&results, "outcome"), outcomes);
    assert_eq!(results.first().expect("a result")["cost_usd"], 0.002);
    // Where tokens are not recorded, money is an estimate.
    let estimated: Vec<bool> = results.iter().map(|result| result["estimated"] == true).collect();
    assert_eq!(estimated, [false, false, false, false, true, true, true, true]);
}

#[test]
fn a_line_that_cannot_be_read_is_named() {
    let (_, message) = simulate("broken", &[asked("fine", 1, "a", EGG), json!({"id": 2, "time": "noon"})]);
    assert!(message.starts_with("line 2: `time` must be seconds since 1970, or as in RFC 3339"), "{message}");
}
