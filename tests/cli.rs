//! The native command as its user sees it.

#![expect(clippy::expect_used, reason = "a test may panic")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn arbiter(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_arbiter")).args(arguments).output().expect("the command runs")
}

/// A file of this test alone.
fn file(test: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.yaml"));
    std::fs::write(&path, text).expect("the file can be written");
    path
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the command writes UTF-8")
}

const POLICY: &str = "
providers: {one: {host: 127.0.0.1, port: 8080, tls: false, credential: ONE_KEY}}
models:
  mini: {provider: one, prices: {input: 0.15, output: 0.6}}
  big: {provider: one, prices: {input: 2.5, output: 10}}
  lonely: {provider: one, prices: {input: 1, output: 1}}
tiers:
  - {name: small, handles: low, models: [mini, big]}
  - {name: large, handles: high, models: [big]}
baseline: big
";

#[test]
fn the_version_is_that_of_the_crate() {
    let output = arbiter(&["--version"]);
    assert_eq!(text(&output.stdout), format!("arbiter {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn check_says_what_a_policy_means() {
    let path = file("check_says", POLICY);
    let output = arbiter(&["check", path.to_str().unwrap()]);
    let report = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for part in [
        "small handles up to low",
        "mini at one (127.0.0.1, dialect openai): 0.15 in, 0.15 cached, 0.6 out",
        "baseline: big",
        "at most 8192 answers",
        "warning: models.lonely: no tier uses it",
    ] {
        assert!(report.contains(part), "{part} is not in:\n{report}");
    }
}

#[test]
fn a_store_that_instances_share_is_named_and_gets_a_cluster() {
    let shared = "\ncache: {shared: {host: webdis.test, port: 7379, tls: true, timeout: 20ms}}\n";
    let path = file("shared_store", &format!("{POLICY}{shared}"));
    let report = text(&arbiter(&["check", path.to_str().unwrap()]).stdout);
    assert!(
        report.contains("shared answers: Webdis at webdis.test:7379, waited for at most 20 ms"),
        "{report}"
    );
    let rendered = text(&arbiter(&["render", path.to_str().unwrap(), "--wasm", "x.wasm"]).stdout);
    let cluster = rendered.split("- name: arbiter-shared").nth(1).expect("a cluster for it");
    assert!(cluster.contains("STRICT_DNS") && cluster.contains("sni: webdis.test"), "{cluster}");
}

#[test]
fn check_names_the_file_and_the_path_of_a_fault() {
    let path = file("check_names", &POLICY.replace("models: [big]", "models: [bigg]"));
    let output = arbiter(&["check", path.to_str().unwrap()]);
    assert!(!output.status.success());
    let message = text(&output.stderr);
    let expected = format!(
        "{}:9:43: tiers[1].models[0]: there is no model `bigg`; did you mean `big`?\n",
        path.display()
    );
    assert_eq!(message, expected);
}

#[test]
fn check_names_all_faults_in_the_order_of_the_file() {
    let policy = POLICY
        .replace("port: 8080", "prot: 8080")
        .replace("output: 0.6", "output: cheap")
        .replace("models: [mini, big]", "models: [mini, bigg]");
    let path = file("check_all", &format!("{policy}time_zone: Europa/Berlin\n"));
    let output = arbiter(&["check", path.to_str().unwrap()]);
    assert!(!output.status.success());
    let message = text(&output.stderr);
    let lines: Vec<&str> = message.lines().filter_map(|line| line.strip_prefix(path.to_str()?)).collect();
    assert_eq!(
        lines,
        [
            ":2:36: providers.one.prot: unknown field `prot`; did you mean `port`?",
            ":4:47: models.mini.prices.output: invalid type: string \"cheap\", expected a number",
            ":8:48: tiers[0].models[1]: there is no model `bigg`; did you mean `big`?",
            ":11:1: time_zone: must be a time zone of the IANA's database, for example Europe/Berlin",
        ]
    );
}

#[test]
fn check_says_where_a_file_cannot_be_read() {
    let path = file("check_where", "models: {a: [}\n");
    let message = text(&arbiter(&["check", path.to_str().unwrap()]).stderr);
    assert!(message.contains("line 1"), "{message}");
    let message = text(&arbiter(&["check", "no-such-file.yaml"]).stderr);
    assert!(message.starts_with("no-such-file.yaml: "), "{message}");
}

#[test]
fn a_policy_may_be_json() {
    let path = file(
        "json",
        r#"{"providers":{"p":{"host":"p.test"}},"models":{"m":{"provider":"p","prices":{"input":1,"output":1}}},
        "tiers":[{"name":"t","handles":"high","models":["m"]}],"baseline":"m"}"#,
    );
    assert!(arbiter(&["check", path.to_str().unwrap()]).status.success());
}

#[test]
fn render_is_refused_for_a_bad_policy() {
    let path = file("render_refused", &POLICY.replace("baseline: big", "baseline: none"));
    let output = arbiter(&["render", path.to_str().unwrap(), "--wasm", "x.wasm"]);
    assert!(!output.status.success() && output.stdout.is_empty());
}

#[test]
fn render_names_the_credentials_that_envoy_must_hand_over_and_not_their_values() {
    let path = file("render_credentials", POLICY);
    let rendered = text(&arbiter(&["render", path.to_str().unwrap(), "--wasm", "x.wasm"]).stdout);
    assert!(rendered.contains("host_env_keys"), "{rendered}");
    assert!(rendered.contains("ONE_KEY"));
}

#[test]
fn render_leaves_calls_that_wait_for_others_the_time_that_they_may_wait() {
    let timeout = |name: &str, cache: &str| {
        let policy = file(name, &format!("{POLICY}\n{cache}\n"));
        let output = arbiter(&["render", policy.to_str().unwrap(), "--wasm", "x.wasm"]);
        let printed = text(&output.stdout);
        printed.lines().find(|line| line.contains(" request_timeout:")).unwrap_or_default().trim().to_owned()
    };
    assert_eq!(timeout("render_no_collapse", ""), "request_timeout: 60.000s");
    assert_eq!(
        timeout("render_collapse", "cache: { exact: { collapse: 90s } }"),
        "request_timeout: 150.000s"
    );
}

#[test]
fn render_opens_the_operators_listener_only_where_the_policy_has_a_console() {
    let printed = |name: &str, console: &str| {
        let policy = file(name, &format!("{POLICY}\n{console}\n"));
        text(
            &arbiter(&[
                "render",
                policy.to_str().unwrap(),
                "--wasm",
                "x.wasm",
                "--console",
                "127.0.0.1:7777",
            ])
            .stdout,
        )
    };
    let with = printed("render_console", "console: { token: OPERATORS_TOKEN }");
    assert!(with.contains("port_value: 7777") && with.contains("- OPERATORS_TOKEN"), "{with}");
    assert!(!printed("render_no_console", "").contains("7777"));
}

#[test]
fn the_example_configuration_is_what_render_prints() {
    let envoy = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy");
    let policy = envoy.join("policy.yaml");
    let wasm = "/etc/envoy/llm_arbiter.wasm";
    let rendered = text(&arbiter(&["render", policy.to_str().unwrap(), "--wasm", wasm]).stdout);
    let example = envoy.join("envoy.yaml");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&example, &rendered).unwrap();
    }
    assert!(
        std::fs::read_to_string(example).unwrap() == rendered,
        "it differs; UPDATE=1 cargo test --test cli writes it anew"
    );
}

#[test]
fn check_says_what_the_semantic_cache_takes() {
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/policy-semantic.yaml");
    let report = text(&arbiter(&["check", policy.to_str().unwrap()]).stdout);
    let line = report.lines().find(|line| line.starts_with("semantic cache: on; a score of 0.")).unwrap();
    assert!(
        line.contains(
            "at most 8192 messages of at most 7989 bytes, at most 66 MiB of memory in all, for 3600 s"
        ),
        "{line}"
    );
    let strict = file("check_strict", &format!("{POLICY}\ncache: {{ semantic: {{ max_false_hits: 0 }} }}\n"));
    let report = text(&arbiter(&["check", strict.to_str().unwrap()]).stdout);
    assert!(report.contains("is stricter than any score: nothing is a hit"), "{report}");
    let policy = file("check_semantic", POLICY);
    assert!(text(&arbiter(&["check", policy.to_str().unwrap()]).stdout).contains("semantic cache: off"));
}

/// What `arbiter score` makes of `lines`.
fn score(test: &str, lines: &str) -> Output {
    let policy = file(test, POLICY);
    let input = file(&format!("{test}-lines"), lines);
    arbiter(&["score", &policy.to_string_lossy(), &input.to_string_lossy()])
}

#[test]
fn score_answers_every_line_in_order() {
    let hard = "Analyze this architecture step by step, debug the deadlock, refactor it and prove that it is correct.";
    let body = |id: &str, model: &str| {
        format!(
            r#"{{"id":"{id}","body":{{"model":"{model}","messages":[{{"role":"user","content":"{hard}"}}]}}}}"#
        )
    };
    let message = r#"{"id":{"n":1},"dialect":"anthropic","body":{"model":"auto","max_tokens":5,"system":"x","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}}"#;
    let lines = format!("{{\"id\":1,\"prompt\":\"hi\"}}\n\n{}\n{message}\n", body("b", "auto"));
    let output = score("score_answers", &lines);
    let printed = text(&output.stdout);
    let printed: Vec<serde_json::Value> =
        printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let ids: Vec<_> = printed.iter().map(|line| line["id"].to_string()).collect();
    assert_eq!(ids, ["1", "\"b\"", r#"{"n":1}"#]);
    assert_eq!(
        (&printed[0]["tier"], &printed[1]["tier"], &printed[2]["tier"]),
        (&"small".into(), &"large".into(), &"small".into())
    );
    assert!(printed[1]["complexity"].as_f64() > printed[0]["complexity"].as_f64());
    assert!(
        printed[1]["reasons"].as_array().is_some_and(|reasons| reasons.contains(&"demanding-task".into()))
    );
}

#[test]
fn score_names_the_line_that_it_cannot_read() {
    for (name, line, advice) in [
        ("no-json", "{", "line 2: EOF while parsing"),
        ("both", r#"{"id":1,"prompt":"a","body":{}}"#, "line 2: it must have either `prompt` or `body`"),
        ("unknown", r#"{"id":1,"promt":"a"}"#, "line 2: unknown field `promt`"),
        ("body", r#"{"id":1,"body":{"model":"a"}}"#, "line 2: body: `messages` is missing"),
        ("dialect", r#"{"id":1,"body":{},"dialect":"x"}"#, "line 2: there is no dialect `x`"),
    ] {
        let output =
            score(&format!("score_names-{name}"), &format!("{{\"id\":0,\"prompt\":\"\"}}\n{line}\n"));
        assert!(!output.status.success());
        assert!(text(&output.stderr).starts_with(advice), "{name}: {}", text(&output.stderr));
    }
}

#[test]
fn score_says_who_can_take_a_request_and_why_others_cannot() {
    let path = file("score_says", &POLICY.replace("mini: {provider", "mini: {tools: false, provider"));
    let lines = Path::new(env!("CARGO_TARGET_TMPDIR")).join("score_says.jsonl");
    let body = r#"{"id": 7, "body": {"model": "auto", "tools": [{}], "messages": [{"role": "user", "content": "hi"}]}}"#;
    std::fs::write(&lines, body).expect("the file can be written");
    let output = arbiter(&["score", path.to_str().unwrap(), lines.to_str().unwrap()]);
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON line");
    assert_eq!((&line["id"], &line["tier"]), (&7.into(), &"small".into()));
    assert_eq!(line["models"], serde_json::json!(["big"]));
    assert_eq!(line["left_out"], "mini: it does not call tools");
}

/// Runs the command with this on its standard input.
fn fed(arguments: &[&str], input: &str) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_arbiter"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut running = command.expect("the command runs");
    let mut stdin = running.stdin.take().expect("it reads");
    stdin.write_all(input.as_bytes()).expect("it takes the input");
    drop(stdin);
    running.wait_with_output().expect("it ends")
}

#[test]
fn a_key_is_hashed_for_the_policy_and_never_printed() {
    let key = "a key that is long enough";
    let output = fed(&["key", "hash"], &format!("{key}\n"));
    let hash = text(&output.stdout);
    assert!(output.status.success() && hash.trim().len() == 64, "{output:?}");
    let policy = file("hashed", &format!("{POLICY}identity: {{keys: {{ci: {{sha256: {hash}}}}}}}\n"));
    assert!(arbiter(&["check", policy.to_str().expect("UTF-8")]).status.success());
    for (input, message) in [("\n", "one line on the standard input"), ("short\n", "could guess")] {
        let output = fed(&["key", "hash"], input);
        assert!(!output.status.success());
        assert!(text(&output.stderr).contains(message), "{output:?}");
    }
}

#[test]
fn a_rule_that_cannot_be_is_named_with_its_place() {
    let rules = "rules:\n  - {name: night, when: now.huor >= 22, then: deny}\n";
    let policy = file("rules", &format!("{POLICY}{rules}"));
    let output = arbiter(&["check", policy.to_str().expect("UTF-8")]);
    assert!(!output.status.success());
    let expected = "rules[0].when: rule `night` at line 1, column 1: there is no fact `now.huor`; did you mean `now.hour`?";
    assert!(text(&output.stderr).contains(expected), "{output:?}");
}

#[test]
fn score_says_which_rule_holds_for_a_call() {
    let rules = "rules:\n  - {name: interns, when: 'identity.tenant == \"interns\" && request.headers[\"x-p\"] == \"1\"', then: deny}\n  - {name: night, when: now.hour >= 22, then: {tier: large}}\n";
    let policy = file("score_rules", &format!("{POLICY}{rules}"));
    let lines = "{\"id\": 1, \"prompt\": \"hi\", \"identity\": {\"tenant\": \"interns\"}, \"headers\": {\"x-p\": \"1\"}}\n{\"id\": 2, \"prompt\": \"hi\", \"at\": 82800}\n{\"id\": 3, \"prompt\": \"hi\"}\n";
    let output = fed(&["score", policy.to_str().expect("UTF-8")], lines);
    let said = text(&output.stdout);
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines.first().is_some_and(|line| line.contains("\"rule\":\"interns\",\"denied\":")),
        "{output:?}"
    );
    assert!(
        lines
            .get(1)
            .is_some_and(|line| line.contains("\"tier\":\"large\"") && line.contains("\"rule\":\"night\"")),
        "{output:?}"
    );
    assert!(
        lines.get(2).is_some_and(|line| line.contains("\"tier\":\"small\"") && !line.contains("rule")),
        "{output:?}"
    );
}

#[test]
fn explain_says_which_rule_decides_and_why() {
    let rules = r#"
identity: {headers: {tenant: x-tenant, team: x-team}, required: true}
rules:
  - {name: watched, when: 'chat.turns == 1', then: deny, mode: shadow}
  - {name: odd, when: '1 / chat.tools > 1', then: {tier: small}}
  - {name: ads, when: 'identity.team == "ads" && request.headers["x-p"] != "1"', then: {tier: large}}
  - {name: never, then: deny}
"#;
    let policy = file("explain", &format!("{POLICY}{rules}"));
    let request = file(
        "explain_request",
        "{\"id\": 1,\n \"prompt\": \"Say hello\",\n \"identity\": {\"team\": \"ads\"}}\n",
    );
    let (policy, request) = (policy.to_str().expect("UTF-8"), request.to_str().expect("UTF-8"));
    let output = arbiter(&["check", policy, "--explain", request]);
    let said = text(&output.stdout);
    let expected = "rule watched: would hold, and is only watched\n  when chat.turns == 1\n    chat.turns = 1\n\
                    rule odd: does not hold, because its condition has no result: Division by zero of Int(1)\n  when 1 / chat.tools > 1\n    chat.tools = 0\n\
                    rule ads: holds\n  when identity.team == \"ads\" && request.headers[\"x-p\"] != \"1\"\n    identity.team = \"ads\"\n    request.headers[\"x-p\"] = nothing\n\
                    rule: ads\ncomplexity: low (0.00)\ntier: large (rule)\nasked in this order: big\n";
    assert_eq!(said, expected, "{output:?}");
}

#[test]
fn explain_says_what_takes_a_call_to_the_next_tier() {
    let rules = "rules: [{name: up, then: {escalate: [cut, refusal]}}]\n";
    let policy = POLICY.replace("models: [mini, big]", "models: [mini]");
    let policy = file("explain_up", &format!("{policy}{rules}"));
    let request = file("explain_up_request", "{\"id\": 1, \"prompt\": \"Say hello\"}\n");
    let arguments = ["check", policy.to_str().expect("UTF-8"), "--explain", request.to_str().expect("UTF-8")];
    let said = text(&arbiter(&arguments).stdout);
    let expected = "asked in this order: mini, big\n\
                    asks the next of them too where an answer lacks something: refusal, cut\n";
    assert!(said.ends_with(expected), "{said}");
}

#[test]
fn check_warns_of_what_is_hardly_meant_and_may_count_it_as_a_fault() {
    let odd = "
providers: {one: {host: one.test}}
models:
  mini: {provider: one, prices: {input: 0.15, output: 0.6}}
  big: {provider: one, prices: {input: 2.5, output: 10}}
tiers:
  - {name: small, handles: low, models: [big]}
  - {name: large, handles: high, models: [mini]}
baseline: big
rules:
  - {name: all, then: deny}
  - {name: late, when: chat.stream, then: allow}
identity: {keys: {ci: {sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b, attributes: {team: a}}}}
budgets:
  - {name: teams, per: team, usd: 1, window: day, limits: {a: 2, b: 3}}
";
    let policy = file("odd", odd);
    let path = policy.to_str().expect("UTF-8");
    let output = arbiter(&["check", path]);
    assert!(output.status.success());
    let said = text(&output.stdout);
    for warning in [
        "warning: identity: nobody is refused",
        "warning: tiers: `small` stands before `large` and costs more (big against mini); the order is cheap to strong",
        "warning: providers.one: no credential, so one.test is asked without one",
        "odd.yaml:12:5: warning: rules[1]: `late` is never reached: `all` (rules[0]) refuses everything",
        "odd.yaml:15:66: warning: budgets[0].limits.b: nobody uses it: no key of `identity` has `b` as its `team`",
    ] {
        assert!(said.contains(warning), "{warning}: {said}");
    }
    let strict = arbiter(&["check", "--strict", path]);
    assert!(!strict.status.success() && text(&strict.stderr).contains("5 warnings"), "{strict:?}");
    let fine = file(
        "fine",
        &format!("{POLICY}identity: {{headers: {{tenant: x-tenant}}, required: true}}\n")
            .replace("  lonely: {provider: one, prices: {input: 1, output: 1}}\n", ""),
    );
    let strict = arbiter(&["check", "--strict", fine.to_str().expect("UTF-8")]);
    assert!(strict.status.success(), "{strict:?}");
}

/// Prompts of two kinds: the weak model fails on one of them.
fn labels(count: usize) -> String {
    (0..count)
        .map(|i| match i % 2 {
            0 => format!(
                "{{\"prompt\": \"Prove theorem {i} of the algebra of rings\", \"strong\": 1, \"weak\": 0}}\n"
            ),
            _ => {
                format!("{{\"prompt\": \"Name {i} pretty flowers for my garden\", \"good_enough\": true}}\n")
            }
        })
        .collect()
}

fn fit(test: &str, labels: &str) -> (Output, PathBuf) {
    let policy = file(&format!("{test}_policy"), POLICY);
    let lines = file(&format!("{test}_labels"), labels);
    let weights = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}_weights.json"));
    let [policy, lines, output] = [&policy, &lines, &weights].map(|path| path.to_str().expect("UTF-8"));
    (arbiter(&["fit", "--policy", policy, "--labels", lines, "--output", output]), weights)
}

#[test]
fn weights_are_fitted_to_graded_prompts_and_used_by_the_policy_that_names_them() {
    let (output, weights) = fit("fits", &labels(300));
    let report = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(report.contains("300 prompts, 0 of them with nothing to go by"), "{report}");
    assert!(
        report.contains("learned") && report.contains("heuristic") && report.contains("random"),
        "{report}"
    );
    assert!(!report.contains("Fewer than"), "{report}");
    let again = std::fs::read(&weights).expect("weights");
    assert_eq!(
        std::fs::read(fit("fits", &labels(300)).1).expect("weights"),
        again,
        "the same labels, the same weights"
    );

    let classify = "classify: {scorer: learned, weights: fits_weights.json, max_strong_share: 40%}\n";
    let policy = file("uses_weights", &format!("{POLICY}{classify}"));
    let check = text(&arbiter(&["check", policy.to_str().unwrap()]).stdout);
    assert!(
        check.contains("scorer: learned, calibrated on 300 prompts: medium from 0.60, high from 0.80"),
        "{check}"
    );
    assert!(check.contains("of prompts like those 40 % go to large"), "{check}");
    let lines = file(
        "uses_weights_lines",
        "{\"id\": 1, \"prompt\": \"Prove theorem 7000 of the algebra of rings\"}\n\
         {\"id\": 2, \"prompt\": \"Name 7000 pretty flowers for my garden\"}\n",
    );
    let output = arbiter(&["score", policy.to_str().unwrap(), lines.to_str().unwrap()]);
    let scores: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let complexity = |at: usize| scores[at]["complexity"].as_f64().expect("a score");
    assert!(complexity(0) > complexity(1), "{scores:?}");
    let output = arbiter(&["score", "--inputs", policy.to_str().unwrap(), lines.to_str().unwrap()]);
    let first: serde_json::Value =
        serde_json::from_str(text(&output.stdout).lines().next().unwrap()).unwrap();
    assert_eq!(first["inputs"].as_array().map(Vec::len), Some(149));
    let rendered = text(&arbiter(&["render", policy.to_str().unwrap(), "--wasm", "x.wasm"]).stdout);
    assert!(
        rendered.contains("calibration") && !rendered.contains("fits_weights.json"),
        "the weights are in it"
    );
}

#[test]
fn few_labels_are_called_few() {
    let (output, _) = fit("few", &labels(60));
    assert!(text(&output.stdout).contains("Fewer than 200 labels"), "{}", text(&output.stdout));
    let (output, _) = fit("too_few", &labels(10));
    assert!(text(&output.stderr).contains("10 prompts can be used, and at least 20 are needed"));
}

#[test]
fn labels_that_say_nothing_are_refused_with_their_line() {
    for (test, line, message) in [
        ("no_grade", "{\"prompt\": \"x\"}", "line 2: it must have `strong` and `weak`"),
        (
            "both_grades",
            "{\"prompt\": \"x\", \"strong\": 1, \"weak\": 0, \"good_enough\": true}",
            "line 2: it must have",
        ),
        ("too_good", "{\"prompt\": \"x\", \"strong\": 10, \"weak\": 0}", "line 2: it must have"),
        ("misspelt", "{\"promt\": \"x\", \"strong\": 1, \"weak\": 0}", "line 2: unknown field `promt`"),
    ] {
        let (output, _) = fit(test, &format!("{}{line}\n", labels(1)));
        assert!(text(&output.stderr).contains(message), "{test}: {}", text(&output.stderr));
    }
    let even = "{\"prompt\": \"name a flower\", \"strong\": 1, \"weak\": 1}\n".repeat(30);
    let (output, _) = fit("no_gap", &even);
    assert!(text(&output.stderr).contains("there is nothing to learn"), "{}", text(&output.stderr));
}

#[test]
fn the_model_files_are_those_that_were_made() {
    use sha2::{Digest, Sha256};
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("model");
    let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).expect("sums");
    assert_eq!(sums.lines().count(), 7);
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").expect("a sum and a name");
        let found: String = Sha256::digest(std::fs::read(folder.join(name)).expect(name))
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(found, sum, "{name}");
    }
}

#[test]
fn check_says_that_nothing_is_enforced_or_only_a_share() {
    let document = "
providers: {one: {host: one.test}}
models: {mini: {provider: one, prices: {input: 0.15, output: 0.6}}}
tiers: [{name: all, handles: high, models: [mini]}]
baseline: mini
";
    for (mode, said) in [
        ("shadow", "shadow mode: calls are watched"),
        ("{ enforce: 12.5% }", "enforced for 12.5 % of requests"),
    ] {
        let policy = file("mode", &format!("{document}mode: {mode}\n"));
        let output = arbiter(&["check", policy.to_str().expect("UTF-8")]);
        assert!(text(&output.stdout).contains(said), "{mode}: {}", text(&output.stdout));
    }
    let policy = file("mode-odd", &format!("{document}mode: off\n"));
    let output = arbiter(&["check", policy.to_str().expect("UTF-8")]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("must be `enforce`, `shadow` or"), "{}", text(&output.stderr));
}

#[test]
fn prices_are_imported_by_name_or_for_a_policy() {
    let list = file(
        "list",
        r#"{"mini": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.5e-7, "output_cost_per_token": 6e-7}}"#,
    );
    let policy = file(
        "priced",
        "
providers: {one: {host: one.test}}
models: {mini: {provider: one, prices: {input: 9, output: 9}}}
tiers: [{name: all, handles: high, models: [mini]}]
baseline: mini
",
    );
    let (list, policy) = (list.to_str().expect("UTF-8"), policy.to_str().expect("UTF-8"));
    for (asked, provider) in [(["--model", "mini"], "openai"), (["--policy", policy], "one")] {
        let output = arbiter(&["prices", "import", list, asked[0], asked[1]]);
        let said = text(&output.stdout);
        let expected = format!("  mini: {{ provider: {provider}, prices: {{ input: 0.15, output: 0.6 }}");
        assert!(output.status.success() && said.contains(&expected), "{said}{}", text(&output.stderr));
    }
    let output = arbiter(&["prices", "import", policy, "--model", "mini"]);
    assert!(!output.status.success() && text(&output.stderr).contains("is no price list"));
}

#[test]
fn render_answers_health_checks_where_it_is_told_to() {
    let path = file("render_health", POLICY);
    let render = |options: &[&str]| {
        arbiter(&[&["render", path.to_str().unwrap(), "--wasm", "x.wasm"], options].concat())
    };
    let rendered = text(&render(&["--health", "/healthz", "--listen", "[::]:10000"]).stdout);
    let health = rendered.find("envoy.filters.http.health_check").expect("a filter for it");
    assert!(health < rendered.find("llm_arbiter.router").expect("the router's filter"), "{rendered}");
    assert!(rendered.contains("not_health_check_filter") && rendered.contains("ipv4_compat: true"));

    assert!(!text(&render(&[]).stdout).contains("health_check_filter"));
    let refused = render(&["--health", "healthz"]);
    assert!(text(&refused.stderr).contains("must be a path, for example /healthz"));
}

#[test]
fn a_key_in_a_variable_is_handed_to_the_module_by_envoy() {
    let keys = "identity: {keys: {ci: {variable: CI_KEY}}, required: true}\n";
    let path = file("key_variable", &format!("{POLICY}{keys}"));
    let rendered = text(&arbiter(&["render", path.to_str().unwrap(), "--wasm", "x.wasm"]).stdout);
    let handed = rendered.split("host_env_keys:").nth(1).expect("variables for the module");
    let handed: Vec<&str> = handed.lines().skip(1).take(2).map(str::trim).collect();
    assert_eq!(handed, ["- CI_KEY", "- ONE_KEY"]);
}

#[test]
fn ready_says_what_stands_in_the_way() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|probe| probe.local_addr());
    let nobody = free.expect("a free port").to_string();
    let output = arbiter(&["ready", "--admin", &nobody]);
    assert!(!output.status.success());
    let message = text(&output.stderr);
    assert!(
        message.contains(&format!("does not answer at {nobody}")) && message.contains("--admin"),
        "{message}"
    );
}

#[test]
fn every_section_that_is_missing_is_named_once() {
    let path = file("sections_missing", "tiers: []\n");
    let message = text(&arbiter(&["check", path.to_str().unwrap()]).stderr);
    let mut faults: Vec<&str> = message.lines().filter_map(|line| line.split(":1:1: ").nth(1)).collect();
    faults.sort_unstable();
    let missing =
        ["baseline", "models", "providers"].map(|section| format!("policy: missing field `{section}`"));
    assert_eq!(faults, [&missing[0], &missing[1], &missing[2], "tiers: there is none; name at least one"]);
}

#[test]
fn a_share_of_traces_is_a_whole_number_of_millionths() {
    let traces = "telemetry: {traces: {host: otel.test, share: 12.34567%}}\n";
    let path = file("traces_share", &format!("{POLICY}{traces}"));
    let rendered = text(&arbiter(&["render", path.to_str().unwrap(), "--wasm", "x.wasm"]).stdout);
    let numerator = rendered.split("numerator: ").nth(1).and_then(|rest| rest.lines().next());
    assert_eq!(numerator.and_then(|number| number.parse::<f64>().ok()), Some(123_457.0));
}
