//! Escalation: a stronger model is asked when the answer of a cheap one is not good enough.

use std::collections::BTreeSet;

use super::candidates::Candidates;
use super::credentials::Credentials;
use super::decision::{Reason, Target};
use super::fitness::Fitting;
use crate::chat::ChatRequest;
use crate::chat::answer::Answer;
use crate::chat::shortcoming::{Form, Shortcoming, Wanted};
use crate::policy::{Constraints, MAX_BEFORE, Policy};

/// When the next model is asked though there is an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Escalation {
    /// What an answer must not lack.
    pub causes: BTreeSet<Shortcoming>,
    /// What was asked for.
    pub wanted: Wanted,
}

impl Escalation {
    /// Why the next model is asked after this answer; `None`: it is good enough.
    #[must_use]
    pub fn cause(&self, answer: &Answer) -> Option<Shortcoming> {
        Shortcoming::of(answer, &self.wanted).filter(|cause| self.causes.contains(cause))
    }

    /// Lets a request go on to the next tier, where a rule says so and the tier has a model that may take it: the first two of its own
    /// tier's candidates are asked, then that model. Streams have reached their caller before it is known what they lack, and what a budget
    /// has made cheap stays cheap.
    #[must_use]
    pub fn of(
        policy: &Policy,
        credentials: &Credentials,
        request: &ChatRequest,
        constraints: &Constraints,
        candidates: &mut Candidates,
    ) -> Option<Self> {
        let Target::Tier(tier) = candidates.decision.target else { return None };
        if constraints.escalate.is_empty() || request.stream || candidates.decision.reason == Reason::Budget {
            return None;
        }
        let above = policy.tier_above(tier).filter(|above| constraints.allows_tier(*above))?;
        let mut chosen: Vec<_> = candidates.models.iter().copied().take(MAX_BEFORE).collect();
        let mut fitting = Fitting::new(policy, credentials, request, constraints);
        let mut unasked = policy.tier(above).models().filter(|id| !chosen.contains(id));
        let next = unasked.find(|id| fitting.check(*id).is_ok())?;
        candidates.cluster = policy.escalation_cluster(tier, &chosen, next)?;
        chosen.push(next);
        candidates.models = chosen;
        let asked = [request.shape.max_output_tokens, constraints.max_tokens];
        let wants_form =
            constraints.escalate.contains(&Shortcoming::Schema) && request.shape.structured_output;
        let form = if wants_form { Form::of(request.body(), request.caller) } else { Form::Any };
        let wanted = Wanted { max_tokens: asked.into_iter().flatten().min(), form };
        Some(Self { causes: constraints.escalate.clone(), wanted })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::chat::Caller;
    use crate::chat::request::{Canonical, Limits};
    use crate::ledger::budget::Stage;
    use crate::policy::{Chain, Effect, ModelId};
    use crate::routing::decide;

    fn policy(then: &Value) -> Policy {
        let model = |more: Value| {
            let mut model = json!({"provider": "p", "prices": {"input": 1, "output": 2}});
            model.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            model
        };
        Policy::from_value(json!({
            "providers": {"p": {"host": "p.test"}},
            "models": {
                "a": model(json!({})), "b": model(json!({"tools": false})), "c": model(json!({})), "d": model(json!({"tools": false})),
                "e": model(json!({}))
            },
            "tiers": [
                {"name": "small", "handles": "low", "models": ["a", "b", "c"]},
                {"name": "middle", "handles": "medium", "models": ["d", "a", "e"]},
                {"name": "large", "handles": "high", "models": ["e"]}
            ],
            "baseline": "e",
            "rules": [{"name": "up", "then": then}]
        }))
        .unwrap()
    }

    /// The models that are asked for a request under a rule, after escalation was looked at, and their cluster.
    fn asked(then: &Value, members: &Value) -> (Vec<String>, String, Option<Escalation>) {
        let policy = policy(then);
        let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let limits = Limits { max_depth: 16 };
        let request =
            ChatRequest::parse(body.to_string().into(), Caller::OpenAi, limits, Canonical::Keep).unwrap();
        let Effect::Allow(constraints) = policy.rules.iter().next().unwrap().1.then.clone() else { panic!() };
        let decision = decide(&policy, ("auto", crate::complexity::Level::Low), &constraints, Stage::Within);
        let credentials = Credentials::all();
        let mut candidates =
            Candidates::find(&policy, &credentials, &request, decision, &constraints).unwrap();
        let escalation = Escalation::of(&policy, &credentials, &request, &constraints, &mut candidates);
        let is_rendered = |models: &[ModelId]| {
            let is_it = |chain: &Chain| chain.cluster == candidates.cluster && chain.models == models;
            policy.chains().iter().any(|chain| chain.escalates && is_it(chain))
        };
        assert_eq!(escalation.is_some(), is_rendered(&candidates.models));
        let name = |id: &ModelId| policy.model(*id).name.clone();
        (candidates.models.iter().map(name).collect(), candidates.cluster, escalation)
    }

    #[test]
    fn two_models_of_the_tier_come_before_one_of_the_next() {
        let (models, cluster, escalation) = asked(&json!({"escalate": true}), &json!({"max_tokens": 9}));
        assert_eq!((models.join(" "), cluster.as_str()), ("a b d".into(), "arbiter-tier-small+0+1+up+0"));
        assert_eq!(escalation.unwrap().wanted, Wanted { max_tokens: Some(9), form: Form::Any });
    }

    #[test]
    fn only_models_that_can_take_the_request_are_asked_and_none_twice() {
        let (models, cluster, _) = asked(&json!({"escalate": true}), &json!({"tools": [{}]}));
        assert_eq!((models.join(" "), cluster.as_str()), ("a c e".into(), "arbiter-tier-small+0+2+up+2"));
        let (models, ..) = asked(&json!({"escalate": true, "except": {"models": ["d", "b"]}}), &json!({}));
        assert_eq!(models.join(" "), "a c e");
    }

    #[test]
    fn models_that_a_rule_prefers_come_first() {
        let (models, cluster, _) = asked(&json!({"prefer": {"models": ["c"]}}), &json!({}));
        assert_eq!((models.join(" "), cluster.as_str()), ("c a b".into(), "arbiter-tier-small+2+0+1"));
        let (models, cluster, _) = asked(&json!({"prefer": {"models": ["c"]}, "escalate": true}), &json!({}));
        assert_eq!((models.join(" "), cluster.as_str()), ("c a d".into(), "arbiter-tier-small+2+0+up+0"));
        let (models, cluster, _) = asked(&json!({"prefer": {"models": ["b"]}}), &json!({"tools": [{}]}));
        assert_eq!((models.join(" "), cluster.as_str()), ("a c".into(), "arbiter-tier-small+0+2"));
    }

    #[test]
    fn bounds_of_the_rule_streams_and_the_last_tier_hold_it_back() {
        let stays =
            |then: Value, members: Value| assert_eq!(asked(&then, &members).2, None, "{then} {members}");
        stays(json!({"escalate": false}), json!({}));
        stays(json!({"escalate": true}), json!({"stream": true}));
        stays(json!({"escalate": true, "tier": {"max": "small"}}), json!({}));
        stays(json!({"escalate": true, "tier": {"min": "large"}}), json!({}));
        stays(json!({"escalate": true, "only": {"models": ["a", "b", "c"]}}), json!({}));
        assert!(asked(&json!({"escalate": ["cut"], "tier": "middle"}), &json!({})).2.is_none());
        assert!(asked(&json!({"escalate": ["cut"], "tier": {"min": "middle"}}), &json!({})).2.is_some());
    }

    #[test]
    fn the_bound_is_the_lower_of_the_callers_and_the_rules_and_a_schema_is_kept() {
        let schema = json!({"type": "object"});
        let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
        let then = json!({"escalate": ["schema"], "max_tokens": 5});
        let members = json!({"max_tokens": 9, "response_format": format});
        let wanted = asked(&then, &members).2.unwrap().wanted;
        assert_eq!(wanted, Wanted { max_tokens: Some(5), form: Form::Schema(schema) });
        let wanted = asked(&json!({"escalate": ["cut"]}), &members).2.unwrap().wanted;
        assert_eq!(wanted.form, Form::Any);
    }
}
