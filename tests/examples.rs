//! The example policies do what they say.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test may panic")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/examples").join(format!("{name}.yaml"))
}

/// What `arbiter score` says of calls under an example.
fn scored(name: &str, calls: &[Value]) -> Vec<Value> {
    let policy = example(name);
    let arguments = ["score", policy.to_str().expect("UTF-8")];
    let command = Command::new(env!("CARGO_BIN_EXE_arbiter"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut running = command.expect("the command runs");
    let lines: String = calls.iter().map(|call| format!("{call}\n")).collect();
    running.stdin.take().expect("it reads").write_all(lines.as_bytes()).expect("it takes the lines");
    let output = running.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Calls, and of what is said of each the rule, and the tier, the refusal or the models.
fn decide(name: &str, cases: &[(Value, &str, &str)]) {
    let calls: Vec<Value> = cases
        .iter()
        .map(|(call, _, _)| {
            let mut call = call.clone();
            call["id"] = json!(1);
            if call.get("body").is_none() && call.get("prompt").is_none() {
                call["prompt"] = json!("Say hello");
            }
            call
        })
        .collect();
    for ((call, rule, outcome), said) in cases.iter().zip(scored(name, &calls)) {
        assert_eq!(said["rule"].as_str().unwrap_or_default(), *rule, "{call}: {said}");
        let told = [&said["denied"], &said["tier"], &said["models"][0]];
        let told: Vec<&str> = told.into_iter().filter_map(Value::as_str).collect();
        assert!(told.iter().any(|told| told.contains(outcome)), "{call}: {said}");
    }
}

fn body(members: &Value) -> Value {
    let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "Say hello"}]});
    for (name, value) in members.as_object().expect("members") {
        body[name] = value.clone();
    }
    body
}

#[test]
fn every_example_is_a_policy_without_a_fault() {
    for name in ["team", "company", "mesh"] {
        let policy = example(name);
        let check = Command::new(env!("CARGO_BIN_EXE_arbiter"))
            .args(["check", policy.to_str().expect("UTF-8")])
            .output();
        let output = check.expect("the command runs");
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(said.contains("budget "), "{said}");
    }
}

#[test]
fn a_team_pays_for_what_matters() {
    let purpose = |purpose: &str| json!({"headers": {"x-purpose": purpose}});
    let hard = "Please analyze and refactor the architecture of this distributed system, prove its correctness step by step";
    let mut important = purpose("important");
    important["prompt"] = json!("Say hello");
    let mut batch = purpose("batch");
    batch["prompt"] = json!(hard);
    decide(
        "team",
        &[
            (json!({}), "", "small"),
            (important, "matters", "large"),
            (batch, "jobs", "small"),
            (purpose("test"), "jobs", "small"),
            (purpose("other"), "", "small"),
        ],
    );
}

#[test]
fn a_company_holds_teams_to_what_is_theirs() {
    let of = |tenant: &str, members: Value| json!({"identity": {"tenant": tenant}, "body": body(&members)});
    let ci = json!({"identity": {"tenant": "search", "key": "search-ci"}, "body": body(&json!({"model": "claude-opus-4-8"}))});
    let legal = json!({"identity": {"tenant": "legal", "region": "eu"}, "body": body(&json!({}))});
    decide(
        "company",
        &[
            (of("search", json!({"model": "o1-pro"})), "denied-models", "not used here"),
            (of("search", json!({"model": "davinci-002"})), "denied-models", "not used here"),
            (of("search", json!({"model": "claude-opus-4-8"})), "", "claude-opus-4-8"),
            (of("interns", json!({"model": "claude-opus-4-8"})), "interns-stay-small", "small"),
            (of("interns", json!({"model": "gpt-4o"})), "interns-stay-small", "gpt-4o"),
            (ci, "", "gpt-4o-mini"),
            (legal, "stays-in-the-eu", "gpt-4o-mini-eu"),
        ],
    );
}

#[test]
fn a_mesh_knows_workloads() {
    let of = |tenant: &str, workload: &str, members: Value| json!({"identity": {"tenant": tenant, "workload": workload}, "body": body(&members)});
    let tools = || json!({"tools": [{"type": "function", "function": {"name": "f"}}]});
    let long = || json!({"messages": [{"role": "user", "content": "word ".repeat(50_000)}]});
    decide(
        "mesh",
        &[
            (of("shop", "web", json!({})), "", "small"),
            (of("shop-staging", "web", long()), "staging-stays-small", "small"),
            (of("shop", "web", tools()), "only-the-assistant-has-tools", "tools are for"),
            (of("support", "assistant", tools()), "", "small"),
            (of("support", "web", tools()), "only-the-assistant-has-tools", "tools are for"),
            (of("shop", "web", long()), "long-prompts-in-batch-only", "batch workload"),
            (of("shop", "batch", long()), "", "small"),
        ],
    );
}

#[test]
fn the_list_of_models_fits_a_policy() {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/models.yaml");
    let list = std::fs::read_to_string(list).expect("it is there");
    let names: Vec<&str> =
        list.lines().filter_map(|line| line.strip_prefix("  ")?.split(": {").next()).collect();
    assert!(names.len() > 15, "{names:?}");
    let providers = ["openai", "anthropic", "gemini", "mistral"];
    let providers: String = providers
        .iter()
        .map(|name| format!("  {name}: {{ host: {name}.test, dialect: {name} }}\n"))
        .collect();
    let tiers: String = names
        .chunks(5)
        .enumerate()
        .map(|(at, models)| {
            format!("  - {{ name: t{at}, handles: high, models: [{}] }}\n", models.join(", "))
        })
        .collect();
    let policy = format!("{list}providers:\n{providers}tiers:\n{tiers}baseline: {}\n", names[0]);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("models.yaml");
    std::fs::write(&path, policy).expect("it can be written");
    let output =
        Command::new(env!("CARGO_BIN_EXE_arbiter")).arg("check").arg(&path).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
