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

/// Runs a simulation of made-up calls with these arguments; what is printed.
fn report(test: &str, arguments: &[&str]) -> (String, std::path::PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("report_{test}"));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let rules = "
rules:
  - {name: no-legal, when: 'identity.tenant == \"legal\"', then: {deny: not you}}
  - {name: interns, when: 'identity.tenant == \"interns\"', then: {tier: {min: large}}}
";
    std::fs::write(folder.join("policy.yaml"), POLICY).expect("the file can be written");
    std::fs::write(folder.join("strict.yaml"), format!("{POLICY}{rules}")).expect("the file can be written");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_arbiter"));
        let output = command.args(arguments).current_dir(&folder).output().expect("the command runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("the command writes UTF-8")
    };
    let calls = run(&["workload", "--calls", "600", "--hours", "3"]);
    std::fs::write(folder.join("calls.jsonl"), calls).expect("the file can be written");
    let common = ["simulate", "--policy", "policy.yaml", "--trace", "calls.jsonl"];
    (run(&[&common, arguments].concat()), folder)
}

#[test]
fn a_report_adds_up_to_the_lines() {
    let (lines, folder) = report("lines", &["--json", "report.json"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let text = std::fs::read_to_string(folder.join("report.json")).expect("the report is there");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let sum = |name: &str| lines.iter().filter_map(|line| line[name].as_f64()).sum::<f64>();
    let policy = &report["policies"][0];
    let close = |a: f64, b: &Value| (a - b.as_f64().expect("a number")).abs() < 1e-6;
    assert_eq!(report["requests"], 600);
    assert!(close(sum("cost_usd"), &policy["figures"]["cost_usd"]));
    assert!(close(sum("baseline_usd"), &policy["figures"]["baseline_usd"]));
    let column = |list: &str, name: &str| {
        policy[list].as_array().expect("a list").iter().filter_map(|row| row[name].as_f64()).sum::<f64>()
    };
    for list in ["hours", "rules"] {
        assert!(close(column(list, "cost_usd"), &policy["figures"]["cost_usd"]), "{list}");
    }
    let outcome = |name: &str| lines.iter().filter(|line| line["outcome"] == name).count();
    let part = u32::try_from(outcome("exact_hit")).map(f64::from).expect("a small number") / 600.0;
    assert!(part > 0.1 && close(part, &policy["hit_rates"]["exact"]));
    let thresholds = policy["thresholds"].as_array().expect("a list");
    let shares: Vec<f64> = thresholds.iter().filter_map(|row| row["strong_share"].as_f64()).collect();
    assert!(
        shares.is_sorted_by(|a, b| a >= b) && shares.first() == Some(&1.0) && shares.last() == Some(&0.0)
    );
}

#[test]
fn two_policies_are_compared_with_examples() {
    let (text, folder) = report(
        "compared",
        &["--compare", "strict.yaml", "--report", "--html", "report.html", "--json", "report.json"],
    );
    assert!(text.starts_with("600 requests\n"), "{text}");
    assert!(
        text.contains("strict.yaml instead of policy.yaml: $+") && text.contains("rule no-legal:"),
        "{text}"
    );
    let json = std::fs::read_to_string(folder.join("report.json")).expect("the report is there");
    let report: Value = serde_json::from_str(&json).expect("JSON");
    let changes = report["changes"].as_array().expect("a list");
    let refused = changes.iter().find(|change| change["from"] == "small" && change["to"] == "rejected");
    let refused = refused.expect("legal is refused");
    assert!(refused["examples"][0]["excerpt"].as_str().is_some_and(|excerpt| !excerpt.is_empty()));
    assert!(changes.iter().any(|change| change["from"] == "small" && change["to"] == "large"), "interns");
    let html = std::fs::read_to_string(folder.join("report.html")).expect("the page is there");
    assert!(!html.contains("/*data*/") && !html.contains("src=") && !html.contains("https://"));
}
