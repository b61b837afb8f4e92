//! From complexity and constraints to a target.

use crate::complexity::Level;
use crate::ledger::budget::Stage;
use crate::policy::{Constraints, ModelId, Policy, RequestedModel, Tier, TierId};

/// The model name with which a caller leaves the choice to the policy.
pub const AUTO: &str = "auto";

/// Where a request goes, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Where it goes.
    pub target: Target,
    /// The model that is asked first.
    pub model: ModelId,
    /// Why.
    pub reason: Reason,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The models of a tier from one on, in failover order.
    Tier(TierId),
    /// One model that the caller named; there is no failover.
    Model(ModelId),
}

/// Why a target was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The cheapest tier that handles the complexity.
    Complexity,
    /// The caller's model was honored.
    Requested,
    /// The caller's model lowered the tier.
    Capped,
    /// A rule named the model, or the bounds of the tier.
    Rule,
    /// A budget that is nearly spent lowered the tier.
    Budget,
    /// The conversation stays with the model that has answered it: its provider still has the prompt.
    Conversation,
    /// No model of the tier that was decided on can do what the request asks for.
    Ability,
    /// The cheapest tier that handles the complexity; the policy does not know the model that the caller named.
    UnknownModel,
}

impl Reason {
    /// Its name in headers and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complexity => "complexity",
            Self::Requested => "requested",
            Self::Capped => "capped",
            Self::Rule => "rule",
            Self::Budget => "budget",
            Self::Conversation => "conversation",
            Self::Ability => "ability",
            Self::UnknownModel => "unknown_model",
        }
    }
}

impl Decision {
    /// The tier that was chosen; `None` when the caller's model was honored.
    #[must_use]
    pub fn tier<'p>(&self, policy: &'p Policy) -> Option<&'p Tier> {
        match self.target {
            Target::Tier(id) => Some(policy.tier(id)),
            Target::Model(_) => None,
        }
    }
}

impl Decision {
    /// Whether the model that is asked first is the one that calls to its tier usually begin with.
    pub(super) fn is_usual_for(&self, tier: &Tier) -> bool {
        self.model == tier.first_model() && self.reason != Reason::Conversation
    }
}

/// Decides on a request for `requested`, a model's name or `auto`, within `constraints`, when budgets stand at `stage`.
#[must_use]
pub fn decide(
    policy: &Policy,
    (requested, level): (&str, Level),
    constraints: &Constraints,
    stage: Stage,
) -> Decision {
    let decision = constrained(policy, requested, level, constraints);
    let tier = match decision.target {
        Target::Model(_) if constraints.pinned.is_some() => return decision,
        Target::Model(model) => policy.tier_of(model).unwrap_or_else(|| policy.cheapest_tier(level)),
        Target::Tier(tier) => tier,
    };
    let thrifty = match stage {
        Stage::Within | Stage::Warn | Stage::Reject => return decision,
        Stage::Lower => policy.tier_below(tier),
        Stage::Cheapest => policy.cheapest_tier(Level::Low),
    };
    let thrifty = constraints.nearest_tier(thrifty);
    if thrifty >= tier {
        return decision;
    }
    Decision {
        target: Target::Tier(thrifty),
        model: policy.tier(thrifty).first_model(),
        reason: Reason::Budget,
    }
}

fn constrained(policy: &Policy, requested: &str, level: Level, constraints: &Constraints) -> Decision {
    if let Some(model) = constraints.pinned {
        return Decision { target: Target::Model(model), model, reason: Reason::Rule };
    }
    let decision = unconstrained(policy, requested, level);
    let tier = match decision.target {
        Target::Tier(tier) => tier,
        Target::Model(model) => {
            let is_within = policy.tier_of(model).map_or_else(
                || constraints.min_tier.is_none() && constraints.max_tier.is_none(),
                |tier| constraints.allows_tier(tier),
            );
            if is_within && constraints.allows_model(model) {
                return decision;
            }
            policy.cheapest_tier(level)
        }
    };
    let nearest = constraints.nearest_tier(tier);
    if decision.target == Target::Tier(nearest) {
        return decision;
    }
    Decision {
        target: Target::Tier(nearest),
        model: policy.tier(nearest).first_model(),
        reason: Reason::Rule,
    }
}

fn unconstrained(policy: &Policy, requested: &str, level: Level) -> Decision {
    let to_tier = |id: TierId, reason| Decision {
        target: Target::Tier(id),
        model: policy.tier(id).first_model(),
        reason,
    };
    let cheapest = policy.cheapest_tier(level);
    if requested == AUTO || policy.requested_model == RequestedModel::Ignore {
        return to_tier(cheapest, Reason::Complexity);
    }
    let Some(model) = policy.model_by_name(requested) else {
        return to_tier(cheapest, Reason::UnknownModel);
    };
    match (policy.requested_model, policy.tier_of(model)) {
        (RequestedModel::Honor, _) => {
            Decision { target: Target::Model(model), model, reason: Reason::Requested }
        }
        (_, Some(tier)) if tier < cheapest => to_tier(tier, Reason::Capped),
        _ => to_tier(cheapest, Reason::Complexity),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(requested_model: &str) -> Policy {
        let price = json!({"input": 1, "output": 2});
        let model = |provider: &str| json!({"provider": provider, "prices": price});
        Policy::from_value(json!({
            "providers": {"p": {"host": "p.test"}},
            "models": {"tiny": model("p"), "spare": model("p"), "mid": model("p"), "big": model("p"), "apart": model("p")},
            "tiers": [
                {"name": "s", "handles": "low", "models": ["tiny", "spare"]},
                {"name": "m", "handles": "medium", "models": ["mid", "spare"]},
                {"name": "l", "handles": "high", "models": ["big"]}
            ],
            "baseline": "big",
            "requested_model": requested_model
        }))
        .unwrap()
    }

    fn decided(requested_model: &str, requested: &str, level: Level) -> (String, String, Reason) {
        let policy = policy(requested_model);
        let decision = decide(&policy, (requested, level), &Constraints::default(), Stage::Within);
        let cluster = match decision.target {
            Target::Tier(id) => policy.tier(id).cluster.clone(),
            Target::Model(id) => policy.model(id).cluster.clone(),
        };
        (cluster, policy.model(decision.model).name.clone(), decision.reason)
    }

    #[test]
    fn a_request_goes_where_policy_and_caller_want_it() {
        use Level::{High, Low, Medium};
        use Reason::{Capped, Complexity, Requested, UnknownModel};
        let cases = [
            ("honor", "auto", Low, "arbiter-tier-s", "tiny", Complexity),
            ("honor", "auto", Medium, "arbiter-tier-m", "mid", Complexity),
            ("honor", "auto", High, "arbiter-tier-l", "big", Complexity),
            ("honor", "big", Low, "arbiter-model-big", "big", Requested),
            ("honor", "apart", Low, "arbiter-model-apart", "apart", Requested),
            ("honor", "stranger", High, "arbiter-tier-l", "big", UnknownModel),
            ("cap", "auto", High, "arbiter-tier-l", "big", Complexity),
            ("cap", "tiny", High, "arbiter-tier-s", "tiny", Capped),
            ("cap", "spare", High, "arbiter-tier-s", "tiny", Capped),
            ("cap", "big", Low, "arbiter-tier-s", "tiny", Complexity),
            ("cap", "big", High, "arbiter-tier-l", "big", Complexity),
            ("cap", "apart", High, "arbiter-tier-l", "big", Complexity),
            ("cap", "stranger", Medium, "arbiter-tier-m", "mid", UnknownModel),
            ("ignore", "tiny", High, "arbiter-tier-l", "big", Complexity),
            ("ignore", "stranger", Low, "arbiter-tier-s", "tiny", Complexity),
        ];
        for (mode, requested, level, cluster, model, reason) in cases {
            assert_eq!(
                decided(mode, requested, level),
                (cluster.to_owned(), model.to_owned(), reason),
                "{mode} {requested} {level}"
            );
        }
    }

    #[test]
    fn a_budget_that_is_nearly_spent_lowers_the_tier_within_the_rules() {
        use Level::{High, Low, Medium};
        let policy = policy("honor");
        let medium = policy.tiers().nth(1).map(|(id, _)| id);
        let free = Constraints::default();
        let at_least = Constraints { min_tier: medium, ..Constraints::default() };
        let cases = [
            (Stage::Within, "auto", High, &free, "big", Reason::Complexity),
            (Stage::Warn, "auto", High, &free, "big", Reason::Complexity),
            (Stage::Lower, "auto", High, &free, "mid", Reason::Budget),
            (Stage::Lower, "auto", Medium, &free, "tiny", Reason::Budget),
            (Stage::Lower, "auto", Low, &free, "tiny", Reason::Complexity),
            (Stage::Cheapest, "auto", High, &free, "tiny", Reason::Budget),
            (Stage::Cheapest, "auto", High, &at_least, "mid", Reason::Budget),
            (Stage::Lower, "auto", Medium, &at_least, "mid", Reason::Complexity),
            (Stage::Lower, "big", Low, &free, "mid", Reason::Budget),
            (Stage::Cheapest, "apart", High, &free, "tiny", Reason::Budget),
            (Stage::Lower, "tiny", High, &free, "tiny", Reason::Requested),
        ];
        for (stage, requested, level, constraints, model, reason) in cases {
            let decision = decide(&policy, (requested, level), constraints, stage);
            let decided = (policy.model(decision.model).name.as_str(), decision.reason);
            assert_eq!(decided, (model, reason), "{stage:?} {requested} {level}");
        }
        let pinned = Constraints { pinned: policy.model_by_name("big"), ..Constraints::default() };
        assert_eq!(decide(&policy, ("auto", Low), &pinned, Stage::Cheapest).reason, Reason::Rule);
    }
}
