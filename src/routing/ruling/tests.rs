//! Rules over calls: which one holds, and where the call goes then.

use serde_json::{Value, json};

use super::*;
use crate::cache::recall::{Caching, Recall};
use crate::chat::Caller;
use crate::chat::request::{Canonical, Limits};
use crate::condition::{FACTS, Kind};
use crate::routing::{Credentials, Plan, Premises, Unfit, plan};

fn policy(requested_model: &str, rules: Value) -> Policy {
    let model = |provider: &str| json!({"provider": provider, "prices": {"input": 1, "output": 2}});
    Policy::from_value(json!({
        "providers": {"us": {"host": "us.test"}, "eu": {"host": "eu.test"}},
        "models": {"tiny": model("us"), "tiny-eu": model("eu"), "mid": model("eu"), "big": model("us"), "apart": model("us")},
        "tiers": [
            {"name": "small", "handles": "low", "models": ["tiny", "tiny-eu"]},
            {"name": "medium", "handles": "medium", "models": ["mid"]},
            {"name": "large", "handles": "high", "models": ["big"]}
        ],
        "baseline": "big",
        "classify": {"scorer": "wordcount"},
        "requested_model": requested_model,
        "time_zone": "Europe/Berlin",
        "rules": rules
    }))
    .unwrap()
}

fn request(members: Value) -> ChatRequest {
    let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let limits = Limits { max_depth: 16 };
    ChatRequest::parse(body.to_string().into(), Caller::OpenAi, limits, Canonical::Skip).unwrap()
}

fn circumstances() -> Circumstances {
    Circumstances {
        lot: Lot::default(),
        method: "POST".to_owned(),
        path: "/v1/chat/completions".to_owned(),
        host: "llm.test".to_owned(),
        headers: vec![("x-team".to_owned(), "ads".to_owned())],
        attributes: [("tenant".to_owned(), Attribute::Text("acme".to_owned()))].into(),
        budgets: vec![("team_day".to_owned(), 0.5)],
    }
}

/// Friday, 27 November 2026, 23:30 in Berlin.
const NOW: Duration = Duration::from_secs(1_795_818_600);

fn ruled(policy: &Policy, request: &ChatRequest) -> Ruling {
    Ruling::of(policy, None, (request, &Operation::Chat), &circumstances(), NOW)
}

/// What becomes of a call: the models that are asked and why, or why none is.
fn outcome(policy: &Policy, request: &ChatRequest) -> String {
    let ruling = ruled(policy, request);
    if let Some(denial) = ruling.denial(policy) {
        return format!("{}: {}", denial.status, denial.message);
    }
    let recall = Recall::Forward(Caching::Off);
    match plan(policy, None, &Credentials::all(), request, Premises::of(&ruling), recall) {
        Plan::Forward(forward) => {
            let names = forward.candidates.models.iter().map(|id| policy.model(*id).name.as_str());
            format!("{} {}", names.collect::<Vec<_>>().join(","), forward.candidates.decision.reason.as_str())
        }
        Plan::Refuse(none) => none.to_string(),
        Plan::Reply(_) => "a reply".to_owned(),
    }
}

fn long() -> Value {
    json!({"messages": [{"role": "user", "content": "word ".repeat(2000)}]})
}

/// Rules, a call, what becomes of it.
#[test]
fn the_first_rule_that_holds_decides() {
    let rule = |when: &str, then: Value| json!({"name": "r", "when": when, "then": then});
    let cases = [
        // Nothing holds.
        (json!([]), json!({}), "tiny,tiny-eu complexity"),
        (json!([rule("chat.tools > 0", json!("deny"))]), json!({}), "tiny,tiny-eu complexity"),
        (json!([rule("false", json!("deny"))]), json!({}), "tiny,tiny-eu complexity"),
        // What may be asked of a call.
        (json!([rule("identity.tenant == 'acme'", json!({"tier": "large"}))]), json!({}), "big rule"),
        (
            json!([rule("identity.tenant == 'other'", json!({"tier": "large"}))]),
            json!({}),
            "tiny,tiny-eu complexity",
        ),
        (
            json!([rule("request.headers['x-team'] == 'ads'", json!({"tier": "large"}))]),
            json!({}),
            "big rule",
        ),
        (
            json!([rule("request.headers['x-other'] != ''", json!("deny"))]),
            json!({}),
            "tiny,tiny-eu complexity",
        ),
        (json!([rule("request.path.startsWith('/v1/')", json!({"tier": "medium"}))]), json!({}), "mid rule"),
        (
            json!([rule(
                "request.host == 'llm.test' && request.method == 'POST'",
                json!({"tier": "medium"})
            )]),
            json!({}),
            "mid rule",
        ),
        (
            json!([rule("chat.operation == 'chat' && chat.dialect == 'openai'", json!({"tier": "medium"}))]),
            json!({}),
            "mid rule",
        ),
        (
            json!([rule("chat.tools > 0", json!({"tier": "large"}))]),
            json!({"tools": [{"type": "function", "function": {"name": "f"}}]}),
            "big rule",
        ),
        (
            json!([rule("chat.schema", json!({"tier": "large"}))]),
            json!({"response_format": {"type": "json_object"}}),
            "big rule",
        ),
        (
            json!([rule("chat.language in ['fr', 'de']", json!({"tier": "large"}))]),
            json!({"messages": [{"role": "user", "content": "Pourquoi la mer est-elle salée ?"}]}),
            "big rule",
        ),
        (json!([rule("chat.stream", json!({"tier": "large"}))]), json!({"stream": true}), "big rule"),
        (
            json!([rule("chat.stream", json!({"tier": "large"}))]),
            json!({"stream": false}),
            "tiny,tiny-eu complexity",
        ),
        (
            json!([rule("chat.max_tokens > 1000", json!("deny"))]),
            json!({"max_tokens": 1001}),
            "403: the policy does not allow this call (rule `r`)",
        ),
        (
            json!([rule("chat.max_tokens > 1000", json!("deny"))]),
            json!({"max_tokens": 1000}),
            "tiny,tiny-eu complexity",
        ),
        (json!([rule("chat.max_tokens == 0", json!({"tier": "medium"}))]), json!({}), "mid rule"),
        (
            json!([rule("chat.tokens > 1000", json!({"deny": {"message": "shorter", "status": 422}}))]),
            long(),
            "422: shorter",
        ),
        (
            json!([rule("chat.turns == 2 && chat.messages == 3", json!({"tier": "medium"}))]),
            json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]}),
            "mid rule",
        ),
        (
            json!([rule("chat.images == 1", json!({"tier": "large"}))]),
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}]}]}),
            "big rule",
        ),
        (
            json!([rule(
                "chat.tier == 'small' && chat.level == 'low' && chat.score < 0.5",
                json!({"tier": {"min": "medium"}})
            )]),
            json!({}),
            "mid rule",
        ),
        (json!([rule("chat.level == 'high'", json!({"tier": {"max": "medium"}}))]), long(), "mid rule"),
        (
            json!([rule(
                "now.hour == 23 && now.weekday == 5 && now.date == '2026-11-27'",
                json!({"tier": "large"})
            )]),
            json!({}),
            "big rule",
        ),
        (json!([rule("now.hour == 22", json!({"tier": "large"}))]), json!({}), "tiny,tiny-eu complexity"),
        // Tiers.
        (json!([rule("true", json!({"tier": {"max": "large"}}))]), json!({}), "tiny,tiny-eu complexity"),
        (json!([rule("true", json!({"tier": {"min": "small"}}))]), long(), "big complexity"),
        (json!([rule("true", json!({"tier": {"max": "small"}}))]), long(), "tiny,tiny-eu rule"),
        (json!([rule("true", json!({"tier": {"min": "medium", "max": "medium"}}))]), long(), "mid rule"),
        // One model.
        (json!([rule("true", json!({"model": "apart"}))]), json!({}), "apart rule"),
        (json!([rule("chat.model == 'big'", json!({"model": "mid"}))]), json!({"model": "big"}), "mid rule"),
        // Some models.
        (json!([rule("true", json!({"only": {"providers": ["eu"]}}))]), json!({}), "tiny-eu complexity"),
        (json!([rule("true", json!({"only": {"providers": ["eu"]}}))]), long(), "mid ability"),
        (json!([rule("true", json!({"except": {"models": ["tiny"]}}))]), json!({}), "tiny-eu complexity"),
        (json!([rule("true", json!({"except": {"models": ["tiny", "tiny-eu"]}}))]), json!({}), "mid ability"),
        (
            json!([rule("true", json!({"only": {"models": ["apart"]}}))]),
            json!({}),
            "no model can take this request: tiny: the policy does not allow it for this call; tiny-eu: the policy does not allow it for this call; mid: the policy does not allow it for this call; big: the policy does not allow it for this call",
        ),
        (
            json!([rule("true", json!({"only": {"providers": ["eu"]}, "tier": "large"}))]),
            json!({}),
            "no model can take this request: big: the policy does not allow it for this call",
        ),
        // The order.
        (
            json!([{"name": "a", "when": "chat.model == 'auto'", "then": {"tier": "medium"}}, {"name": "b", "then": "deny"}]),
            json!({}),
            "mid rule",
        ),
        (
            json!([{"name": "a", "when": "chat.model == 'x'", "then": {"tier": "medium"}}, {"name": "b", "then": {"deny": "b"}}]),
            json!({}),
            "403: b",
        ),
        (
            json!([{"name": "a", "then": "allow"}, {"name": "b", "then": "deny"}]),
            json!({}),
            "tiny,tiny-eu complexity",
        ),
        // What is only watched holds nobody.
        (json!([{"name": "a", "then": "deny", "mode": "shadow"}]), json!({}), "tiny,tiny-eu complexity"),
        (
            json!([{"name": "a", "then": "deny", "mode": "shadow"}, {"name": "b", "then": {"tier": "large"}}]),
            json!({}),
            "big rule",
        ),
        (
            json!([{"name": "a", "then": "deny", "mode": "enforce"}]),
            json!({}),
            "403: the policy does not allow this call (rule `a`)",
        ),
        // What cannot be said: a call is rather refused than let go on.
        (
            json!([rule("1 / chat.tools == 1", json!("deny"))]),
            json!({}),
            "403: the policy does not allow this call (rule `r`)",
        ),
        (
            json!([rule("1 / chat.tools == 1", json!({"tier": "large"}))]),
            json!({}),
            "tiny,tiny-eu complexity",
        ),
    ];
    for (rules, members, expected) in cases {
        assert_eq!(
            outcome(&policy("cap", rules.clone()), &request(members.clone())),
            expected,
            "{rules} {members}"
        );
    }
}

#[test]
fn a_model_that_the_caller_named_is_honored_within_the_rules() {
    for (then, named, expected) in [
        (json!("allow"), "big", "big requested"),
        (json!({"tier": {"max": "medium"}}), "big", "tiny,tiny-eu rule"),
        (json!({"tier": {"max": "medium"}}), "mid", "mid requested"),
        (json!({"tier": {"min": "medium"}}), "tiny", "mid rule"),
        (json!({"tier": {"max": "medium"}}), "apart", "tiny,tiny-eu rule"),
        (json!({"except": {"models": ["big"]}}), "big", "tiny,tiny-eu rule"),
        (json!({"except": {"models": ["tiny"]}}), "apart", "apart requested"),
        (json!({"model": "tiny"}), "big", "tiny rule"),
    ] {
        let policy = policy("honor", json!([{"name": "r", "then": then.clone()}]));
        assert_eq!(outcome(&policy, &request(json!({"model": named}))), expected, "{then} {named}");
    }
}

#[test]
fn rules_are_said_by_name_with_those_that_are_watched_and_those_that_cannot_be_said() {
    let policy = policy(
        "cap",
        json!([
            {"name": "watched", "when": "chat.score < 2.0", "then": "deny", "mode": "shadow"},
            {"name": "odd", "when": "chat.tokens / chat.tools > 1", "then": {"tier": "large"}},
            {"name": "held", "then": "allow"},
            {"name": "never", "then": "deny", "mode": "shadow"}
        ]),
    );
    let ruling = ruled(&policy, &request(json!({})));
    let names =
        |ids: &[RuleId]| ids.iter().map(|id| policy.rules.get(*id).unwrap().name.clone()).collect::<Vec<_>>();
    assert_eq!(ruling.name(&policy), Some("held"));
    assert_eq!(
        (names(&ruling.shadowed), names(&ruling.undecided)),
        (vec!["watched".to_owned()], vec!["odd".to_owned()])
    );
    assert!(ruling.complexity.is_some(), "a rule has asked for the score");
}

#[test]
fn what_no_rule_asks_for_is_not_found_out() {
    let policy =
        policy("cap", json!([{"name": "r", "when": "chat.tools > 5 && chat.score > 0.5", "then": "deny"}]));
    assert_eq!(ruled(&policy, &request(json!({}))).complexity, None);
}

#[test]
fn a_direct_call_goes_to_no_model_that_the_rules_take_away() {
    use crate::routing::{Unscored, unscored};
    let policy = policy(
        "cap",
        json!([{"name": "r", "when": "chat.operation == 'embeddings'", "then": {"except": {"models": ["tiny"]}, "model": "big"}}]),
    );
    let operation = Operation::Direct("/embeddings".into());
    for (model, refused) in [("tiny", true), ("mid", false)] {
        let body = json!({"model": model, "input": "a"}).to_string().into();
        let request = ChatRequest::parse_direct(body, Limits { max_depth: 16 }).unwrap();
        let ruling = Ruling::of(&policy, None, (&request, &operation), &circumstances(), NOW);
        match unscored(&policy, &Credentials::all(), &request, (&operation, &ruling)) {
            Unscored::Refuse(none) => {
                assert!(refused, "{model}");
                assert_eq!(none.0.0, [(model.to_owned(), Unfit::Rule)]);
            }
            Unscored::Forward(_) => assert!(!refused, "{model}"),
            other => panic!("{model}: {other:?}"),
        }
    }
}

#[test]
fn every_fact_that_a_condition_may_name_is_there() {
    let policy = policy("cap", json!([]));
    let request = request(json!({}));
    let (circumstances, operation) = (circumstances(), Operation::Chat);
    let facts = CallFacts::new(&policy, None, (&request, &operation), &circumstances, NOW);
    for (name, kind, _) in FACTS {
        let is_there = match (kind, facts.fact(name)) {
            (Kind::Headers, None) => facts.header("x-team").is_some(),
            (Kind::Bool, Some(Fact::Bool(_)))
            | (Kind::Int, Some(Fact::Int(_)))
            | (Kind::Double, Some(Fact::Double(_)))
            | (Kind::Text, Some(Fact::Text(_))) => true,
            _ => false,
        };
        assert!(is_there, "{name}");
    }
}
