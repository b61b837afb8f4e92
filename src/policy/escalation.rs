//! Which models are asked in turn where a rule lets calls go on to the next tier: some of a tier, then one of the next.

use super::Policy;
use super::catalog::{ModelId, TierId};
use super::rules::Effect;

/// Most models of a tier that are asked before one of the next is: each choice is a cluster.
pub const MAX_BEFORE: usize = 2;

impl Policy {
    /// Whether some rule lets calls go on to the next tier.
    #[must_use]
    pub fn escalates(&self) -> bool {
        self.rules
            .iter()
            .any(|(_, rule)| matches!(&rule.then, Effect::Allow(held) if !held.escalate.is_empty()))
    }

    /// The tier above another one; the strongest has none above it.
    #[must_use]
    pub fn tier_above(&self, tier: TierId) -> Option<TierId> {
        self.tiers().map(|(id, _)| id).find(|id| *id > tier)
    }

    /// Name of the Envoy cluster that asks the first models of a tier which are in `chosen`, then the model `next` of the tier above it;
    /// `None` where there is no such choice.
    #[must_use]
    pub fn escalation_cluster(&self, tier: TierId, chosen: &[ModelId], next: ModelId) -> Option<String> {
        let above = self.tier(self.tier_above(tier)?);
        let next = above.models().position(|id| id == next)?;
        let places = self.tier(tier).models().enumerate().filter(|(_, id)| chosen.contains(id));
        let places: String = places.map(|(place, _)| format!("+{place}")).collect();
        let is_one = (1..=MAX_BEFORE).contains(&chosen.len());
        is_one.then(|| format!("{}{places}+up+{next}", self.tier(tier).cluster))
    }

    /// Every such choice: its cluster, and its models in the order in which they are asked. None if no rule lets calls go on.
    #[must_use]
    pub fn escalations(&self) -> Vec<(String, Vec<ModelId>)> {
        let mut all = Vec::new();
        if !self.escalates() {
            return all;
        }
        for (tier, step) in self.tiers() {
            let Some(above) = self.tier_above(tier) else { continue };
            let models: Vec<ModelId> = step.models().collect();
            let alone = models.iter().map(|id| vec![*id]);
            let pairs = models.iter().enumerate().flat_map(|(at, first)| {
                models.iter().skip(at.saturating_add(1)).map(|second| vec![*first, *second])
            });
            for chosen in alone.chain(pairs) {
                for next in self.tier(above).models().filter(|id| !chosen.contains(id)) {
                    let Some(cluster) = self.escalation_cluster(tier, &chosen, next) else { continue };
                    all.push((cluster, chosen.iter().copied().chain([next]).collect()));
                }
            }
        }
        all
    }
}
