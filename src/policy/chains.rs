//! Chains: models that are asked in turn, each the way out when the one before fails. Envoy's clusters are static, so that every chain
//! which a request may need is one.

use std::collections::BTreeSet;

use super::Policy;
use super::catalog::{MAX_TIER_MODELS, ModelId, Tier, TierId};
use super::rules::{Constraints, Effect};

/// Most models of a tier that are asked before one of the next is.
pub const MAX_BEFORE: usize = 2;

/// Models that are asked in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Name of the Envoy cluster that asks them.
    pub cluster: String,
    /// At least two, in the order in which they are asked.
    pub models: Vec<ModelId>,
    /// Whether the last is of the next tier, which streams do not go on to.
    pub escalates: bool,
}

impl Tier {
    /// Name of the Envoy cluster that asks these of its models in this order. `None` when that is a single model, which has a cluster of its
    /// own, or none.
    #[must_use]
    pub fn chain_cluster(&self, models: &[ModelId]) -> Option<String> {
        if models.len() < 2 {
            return None;
        }
        let is_whole = self.models().eq(models.iter().copied());
        Some(if is_whole { self.cluster.clone() } else { format!("{}{}", self.cluster, self.places(models)) })
    }

    fn places(&self, models: &[ModelId]) -> String {
        let place = |id: &ModelId| self.models().position(|model| model == *id);
        models.iter().filter_map(place).map(|place| format!("+{place}")).collect()
    }
}

impl Policy {
    /// The tier above another one; the strongest has none above it.
    #[must_use]
    pub fn tier_above(&self, tier: TierId) -> Option<TierId> {
        self.tiers().map(|(id, _)| id).find(|id| *id > tier)
    }

    /// Name of the Envoy cluster that asks these models of a tier in this order, then the model `next` of the tier above it; `None` where
    /// there is no such chain.
    #[must_use]
    pub fn escalation_cluster(&self, tier: TierId, models: &[ModelId], next: ModelId) -> Option<String> {
        let above = self.tier(self.tier_above(tier)?);
        let next = above.models().position(|id| id == next)?;
        let tier = self.tier(tier);
        let is_chain = (1..=MAX_BEFORE).contains(&models.len());
        is_chain.then(|| format!("{}{}+up+{next}", tier.cluster, tier.places(models)))
    }

    /// Every chain that a request may need, no cluster twice.
    #[must_use]
    pub fn chains(&self) -> Vec<Chain> {
        let mut chains = Vec::new();
        for (id, tier) in self.tiers() {
            for order in self.orders(tier) {
                let subsets = subsets(&order).into_iter().filter_map(|models| {
                    Some(Chain { cluster: tier.chain_cluster(&models)?, models, escalates: false })
                });
                chains.extend(subsets);
                if self.held().any(|held| !held.escalate.is_empty()) {
                    chains.extend(self.escalations(id, &order));
                }
            }
        }
        let mut seen = BTreeSet::new();
        chains.retain(|chain| seen.insert(chain.cluster.clone()));
        chains
    }

    /// What rules hold calls to.
    fn held(&self) -> impl Iterator<Item = &Constraints> {
        self.rules.iter().filter_map(|(_, rule)| match &rule.then {
            Effect::Allow(constraints) => Some(constraints),
            Effect::Deny(_) => None,
        })
    }

    /// The orders in which the models of a tier may be asked: its own, and what rules prefer.
    fn orders(&self, tier: &Tier) -> Vec<Vec<ModelId>> {
        let own: Vec<ModelId> = tier.models().collect();
        let preferred = self.held().map(|held| {
            let mut models = own.clone();
            held.put_preferred_first(&mut models);
            models
        });
        let mut orders = vec![own.clone()];
        for order in preferred {
            if !orders.contains(&order) {
                orders.push(order);
            }
        }
        orders
    }

    fn escalations(&self, tier: TierId, order: &[ModelId]) -> Vec<Chain> {
        let Some(above) = self.tier_above(tier) else { return Vec::new() };
        let alone = order.iter().map(|id| vec![*id]);
        let pairs = order.iter().enumerate().flat_map(|(at, first)| {
            order.iter().skip(at.saturating_add(1)).map(|second| vec![*first, *second])
        });
        let mut chains = Vec::new();
        for models in alone.chain(pairs) {
            for next in self.tier(above).models().filter(|id| !models.contains(id)) {
                if let Some(cluster) = self.escalation_cluster(tier, &models, next) {
                    let models = models.iter().copied().chain([next]).collect();
                    chains.push(Chain { cluster, models, escalates: true });
                }
            }
        }
        chains
    }
}

/// Every choice of two or more models, in their order, all of them first.
fn subsets(order: &[ModelId]) -> Vec<Vec<ModelId>> {
    let choices = (0_u32..1 << order.len().min(MAX_TIER_MODELS)).rev().map(|chosen| {
        let is_chosen = |place: usize| chosen & (1_u32 << place) != 0;
        order.iter().enumerate().filter(|(place, _)| is_chosen(*place)).map(|(_, id)| *id).collect()
    });
    choices.filter(|models: &Vec<ModelId>| models.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(rules: serde_json::Value) -> Policy {
        let model = |provider: &str| json!({"provider": provider, "prices": {"input": 1, "output": 2}});
        Policy::from_value(json!({
            "providers": {"us": {"host": "us.test"}, "eu": {"host": "eu.test"}},
            "models": {"a": model("us"), "b": model("eu"), "c": model("us"), "d": model("us")},
            "tiers": [
                {"name": "small", "handles": "low", "models": ["a", "b", "c"]},
                {"name": "large", "handles": "high", "models": ["d"]}
            ],
            "baseline": "d",
            "rules": rules
        }))
        .unwrap()
    }

    fn clusters(policy: &Policy) -> Vec<String> {
        let suffix = |chain: Chain| chain.cluster.strip_prefix("arbiter-tier-").map(str::to_owned);
        policy.chains().into_iter().filter_map(suffix).collect()
    }

    #[test]
    fn every_choice_of_a_tiers_models_is_a_chain() {
        let all = policy(json!([]));
        assert_eq!(clusters(&all), ["small", "small+1+2", "small+0+2", "small+0+1"]);
        let tier = all.tier(TierId(0));
        assert_eq!(tier.chain_cluster(&tier.models().take(1).collect::<Vec<_>>()), None);
    }

    #[test]
    fn an_order_that_a_rule_prefers_has_chains_of_its_own() {
        let rules = json!([
            {"name": "eu", "then": {"prefer": {"providers": ["eu"]}}},
            {"name": "first", "then": {"prefer": {"models": ["a"]}}}
        ]);
        let expected = ["small", "small+1+2", "small+0+2", "small+0+1", "small+1+0+2", "small+1+0"];
        assert_eq!(clusters(&policy(rules)), expected);
    }

    #[test]
    fn a_chain_may_end_in_the_next_tier() {
        let rules = json!([{"name": "up", "then": {"escalate": true}}]);
        let expected = [
            "small",
            "small+1+2",
            "small+0+2",
            "small+0+1",
            "small+0+up+0",
            "small+1+up+0",
            "small+2+up+0",
            "small+0+1+up+0",
            "small+0+2+up+0",
            "small+1+2+up+0",
        ];
        let policy = policy(rules);
        assert_eq!(clusters(&policy), expected);
        assert!(policy.chains().iter().all(|chain| chain.escalates == chain.cluster.contains("+up+")));
    }
}
