//! Whether a conversation stays with the model that answered it last: that model's provider still has the prompt, which is cheaper than
//! a cheaper model that has to read it anew.

use super::decision::{Decision, Reason, Target};
use crate::cache::conversations::LastAnswer;
use crate::cache::tag::ModelTag;
use crate::chat::Usage;
use crate::policy::{Constraints, ModelId, Policy, TierId};

/// The decision to stay, for a prompt of so many `tokens`, if that costs no more than `decision` and no rule, budget or caller asks for
/// something else.
///
/// A conversation never stays with a model of a cheaper tier than its complexity asks for. Both ways are priced with an answer as
/// long as the last one.
#[must_use]
pub fn stay(
    policy: &Policy,
    decision: Decision,
    constraints: &Constraints,
    (last, tokens): (&LastAnswer, u64),
) -> Option<Decision> {
    let Target::Tier(tier) = decision.target else { return None };
    let (model, model_tier) = placed(policy, last.model)?;
    let is_free = match decision.reason {
        Reason::Complexity | Reason::UnknownModel => model_tier >= tier,
        Reason::Capped => model_tier == tier,
        _ => false,
    };
    let is_within = constraints.allows_model(model) && constraints.allows_tier(model_tier);
    if !is_free || !is_within || model == decision.model {
        return None;
    }
    let input = tokens.max(last.cached);
    let cost = |model: ModelId, cached_input| {
        let usage = Usage { input, cached_input, output: last.output, ..Usage::default() };
        policy.model(model).prices.cost(&usage)
    };
    (cost(model, last.cached) <= cost(decision.model, 0)).then_some(Decision {
        target: Target::Tier(model_tier),
        model,
        reason: Reason::Conversation,
    })
}

/// A model and the cheapest tier that it stands in.
fn placed(policy: &Policy, tag: ModelTag) -> Option<(ModelId, TierId)> {
    let (id, _) = policy.models().find(|(_, model)| ModelTag::of(&model.name) == tag)?;
    Some((id, policy.tier_of(id)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::complexity::Level;
    use crate::ledger::budget::Stage;
    use crate::routing::{AUTO, decide};

    fn policy() -> Policy {
        let model = |prices| json!({"provider": "p", "prices": prices});
        Policy::from_value(json!({
            "providers": {"p": {"host": "p.test"}},
            "models": {
                "tiny": model(json!({"input": 1, "cached_input": 0.5, "output": 4})),
                "spare": model(json!({"input": 1.2, "cached_input": 0.1, "output": 4})),
                "big": model(json!({"input": 3, "cached_input": 0.3, "output": 5}))
            },
            "tiers": [
                {"name": "small", "handles": "low", "models": ["tiny", "spare"]},
                {"name": "large", "handles": "high", "models": ["big"]}
            ],
            "baseline": "big"
        }))
        .unwrap()
    }

    /// The model of a call of 10,000 tokens in a conversation, and why.
    fn went(
        (requested, level, stage): (&str, Level, Stage),
        constraints: &Constraints,
        (model, cached, output): (&str, u64, u64),
    ) -> (String, Reason) {
        let policy = policy();
        let decision = decide(&policy, (requested, level), constraints, stage);
        let last = LastAnswer { model: ModelTag::of(model), cached, output };
        let decision = stay(&policy, decision, constraints, (&last, 10_000)).unwrap_or(decision);
        (policy.model(decision.model).name.clone(), decision.reason)
    }

    #[test]
    fn a_conversation_stays_while_that_costs_no_more() {
        let auto = |level| (AUTO, level, Stage::Within);
        let free = Constraints::default();
        let cases = [
            ("what is cached is worth it", Level::Low, ("big", 9_500, 100), "big", Reason::Conversation),
            ("hardly anything is cached", Level::Low, ("big", 2_000, 100), "tiny", Reason::Complexity),
            ("its answers are long, and dear", Level::Low, ("big", 9_500, 9_000), "tiny", Reason::Complexity),
            ("it is too hard for the model", Level::High, ("tiny", 10_000, 100), "big", Reason::Complexity),
            ("it had failed over", Level::Low, ("spare", 9_000, 100), "spare", Reason::Conversation),
            ("it would go there anyway", Level::Low, ("tiny", 9_000, 100), "tiny", Reason::Complexity),
            ("the model is gone", Level::Low, ("gone", 9_000, 100), "tiny", Reason::Complexity),
        ];
        for (what, level, last, model, reason) in cases {
            assert_eq!(went(auto(level), &free, last), (model.to_owned(), reason), "{what}");
        }
    }

    #[test]
    fn rules_budgets_and_callers_come_first() {
        let policy = policy();
        let big = ("big", 9_500, 100);
        let small = policy.tiers().map(|(id, _)| id).next();
        let capped = Constraints { max_tier: small, ..Constraints::default() };
        let others = Constraints::default().within(&[policy.model_by_name("tiny").unwrap()]);
        let free = Constraints::default();
        for (asked, constraints, reason) in [
            ((AUTO, Level::Low, Stage::Within), &capped, Reason::Complexity),
            ((AUTO, Level::Low, Stage::Within), &others, Reason::Complexity),
            ((AUTO, Level::High, Stage::Cheapest), &free, Reason::Budget),
            (("tiny", Level::High, Stage::Within), &free, Reason::Capped),
        ] {
            assert_eq!(went(asked, constraints, big), ("tiny".to_owned(), reason), "{asked:?}");
        }
    }
}
