//! What rules a document may have, and what is said of others.

use serde_json::{Value, json};

use super::*;
use crate::policy::Policy;

fn policy(rules: Value) -> Result<Policy, PolicyError> {
    let model = |provider: &str| json!({"provider": provider, "prices": {"input": 1, "output": 2}});
    Policy::from_value(json!({
        "providers": {"us": {"host": "us.test"}, "eu": {"host": "eu.test"}},
        "models": {"tiny": model("us"), "mid": model("eu"), "big": model("us")},
        "tiers": [
            {"name": "small", "handles": "low", "models": ["tiny", "mid"]},
            {"name": "large", "handles": "high", "models": ["big"]}
        ],
        "baseline": "big",
        "rules": rules
    }))
}

fn effect(then: Value) -> Result<Effect, String> {
    let policy = policy(json!([{"name": "r", "then": then}])).map_err(|error| error.to_string())?;
    Ok(policy.rules.iter().next().map(|(_, rule)| rule.then.clone()).unwrap())
}

fn allowed(then: Value) -> Constraints {
    match effect(then) {
        Ok(Effect::Allow(constraints)) => constraints,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_rule_says_what_becomes_of_a_call() {
    assert_eq!(allowed(json!("allow")), UNCONSTRAINED);
    assert_eq!(allowed(json!({})), UNCONSTRAINED);
    let denial = |status, message: &str| Ok(Effect::Deny(Denial { status, message: message.to_owned() }));
    assert_eq!(effect(json!("deny")), denial(403, "the policy does not allow this call (rule `r`)"));
    assert_eq!(effect(json!({"deny": "no"})), denial(403, "no"));
    assert_eq!(effect(json!({"deny": {"message": "later", "status": 429}})), denial(429, "later"));
    let (small, large) = (TierId(0), TierId(1));
    for (then, expected) in [
        (
            json!({"tier": "small"}),
            Constraints { min_tier: Some(small), max_tier: Some(small), ..UNCONSTRAINED.clone() },
        ),
        (json!({"tier": {"min": "large"}}), Constraints { min_tier: Some(large), ..UNCONSTRAINED.clone() }),
        (json!({"tier": {"max": "small"}}), Constraints { max_tier: Some(small), ..UNCONSTRAINED.clone() }),
        (json!({"model": "big"}), Constraints { pinned: Some(ModelId(2)), ..UNCONSTRAINED.clone() }),
        (
            json!({"only": {"providers": ["us"]}}),
            Constraints { models: Some(vec![ModelId(0), ModelId(2)]), ..UNCONSTRAINED.clone() },
        ),
        (
            json!({"except": {"models": ["big"], "providers": ["eu"]}}),
            Constraints { models: Some(vec![ModelId(0)]), ..UNCONSTRAINED.clone() },
        ),
        (
            json!({"reasoning_effort": "low"}),
            Constraints { reasoning_effort: Some(Effort::Low), ..UNCONSTRAINED.clone() },
        ),
        (json!({"cache": "off"}), Constraints { skips_cache: true, ..UNCONSTRAINED.clone() }),
        (
            json!({"cache": {"ttl": "10m"}}),
            Constraints { max_age: Some(Duration::from_secs(600)), ..UNCONSTRAINED.clone() },
        ),
        (
            json!({"escalate": ["cut", "refusal"]}),
            Constraints {
                escalate: [Shortcoming::Refusal, Shortcoming::Cut].into(),
                ..UNCONSTRAINED.clone()
            },
        ),
        (json!({"escalate": false}), UNCONSTRAINED.clone()),
        (
            json!({"cache": {"scope": "tenant"}}),
            Constraints { cache_scope: Some("tenant".to_owned()), ..UNCONSTRAINED.clone() },
        ),
        (
            json!({"prefer": {"models": ["mid"]}}),
            Constraints { preferred: vec![ModelId(1)], ..UNCONSTRAINED.clone() },
        ),
        (json!({"cache": false}), Constraints { skips_cache: true, ..UNCONSTRAINED.clone() }),
        (
            json!({"metadata": {"cost_center": "42"}}),
            Constraints {
                metadata: [("cost_center".to_owned(), "42".to_owned())].into(),
                ..UNCONSTRAINED.clone()
            },
        ),
    ] {
        assert_eq!(allowed(then.clone()), expected, "{then}");
    }
}

#[test]
fn what_a_rule_cannot_say_is_refused_with_its_place() {
    for (rules, path, message) in [
        (
            json!([{"name": "a", "then": "allow"}, {"name": "a", "then": "deny"}]),
            "rules[1].name",
            "earlier rule",
        ),
        (json!([{"name": "a b", "then": "allow"}]), "rules[0].name", "letters, digits"),
        (json!([{"name": "a"}]), "rules[0]", "then"),
        (json!([{"name": "a", "then": "dney"}]), "rules[0].then", "must be `allow`, `deny`"),
        (json!([{"name": "a", "then": {"tier": "smal"}}]), "rules[0].then.tier.min", "did you mean `small`?"),
        (
            json!([{"name": "a", "then": {"tier": {"min": "large", "max": "small"}}}]),
            "rules[0].then.tier",
            "stronger",
        ),
        (
            json!([{"name": "a", "then": {"model": "huge"}}]),
            "rules[0].then.model",
            "there is no model `huge`",
        ),
        (
            json!([{"name": "a", "then": {"only": {"providers": ["asia"]}}}]),
            "rules[0].then.only.providers[0]",
            "no provider",
        ),
        (json!([{"name": "a", "then": {"only": {}}}]), "rules[0].then.only", "neither"),
        (json!([{"name": "a", "then": {"cache": {}}}]), "rules[0].then.cache", "neither"),
        (
            json!([{"name": "a", "then": {"cache": {"scope": "tenent"}}}]),
            "rules[0].then.cache.scope",
            "did you mean `tenant`?",
        ),
        (json!([{"name": "a", "then": {"budget": "day"}}]), "rules[0].then.budget", "no budget `day`"),
        (json!([{"name": "a", "then": {"deny": "no", "budget": "b"}}]), "rules[0].then.budget", "no budget"),
        (
            json!([{"name": "a", "then": {"escalate": ["refuse"]}}]),
            "rules[0].then.escalate",
            "a list of `refusal`, `cut` and `schema`",
        ),
        (
            json!([{"name": "a", "then": {"model": "big", "escalate": true}}]),
            "rules[0].then.escalate",
            "goes to no other",
        ),
        (
            json!([{"name": "a", "then": {"deny": "no", "escalate": true}}]),
            "rules[0].then.deny",
            "held to nothing else",
        ),
        (
            json!([{"name": "a", "then": {"except": {"providers": ["us", "eu"]}}}]),
            "rules[0].then",
            "no model is left",
        ),
        (
            json!([{"name": "a", "then": {"model": "big", "except": {"models": ["big"]}}}]),
            "rules[0].then.model",
            "not among",
        ),
        (
            json!([{"name": "a", "then": {"deny": "no", "tier": "small"}}]),
            "rules[0].then.deny",
            "nothing else",
        ),
        (
            json!([{"name": "a", "then": {"deny": {"status": 500}}}]),
            "rules[0].then.deny.status",
            "400 and 499",
        ),
        (json!([{"name": "a", "then": {"cache": "on"}}]), "rules[0].then", "`off`"),
        (json!([{"name": "a", "then": {"max_tokens": 0}}]), "rules[0].then.max_tokens", "at least 1"),
        (json!([{"name": "a", "then": "allow", "mode": "watch"}]), "rules[0].mode", "shadow"),
        (
            json!([{"name": "a", "when": "chat.tool > 0", "then": "allow"}]),
            "rules[0].when",
            "rule `a` at line 1, column 1: there is no fact `chat.tool`; did you mean `chat.tools`?",
        ),
        (json!([{"name": "a", "them": "allow"}]), "rules[0]", "them"),
    ] {
        let error = policy(rules.clone()).expect_err(&rules.to_string());
        assert!(error.path.starts_with(path), "{rules}: {error}");
        assert!(error.message.contains(message), "{rules}: {error}");
    }
    let many: Vec<Value> =
        (0..=MAX_RULES).map(|at| json!({"name": format!("r{at}"), "then": "allow"})).collect();
    assert_eq!(policy(many.into()).unwrap_err().path, "rules");
}
