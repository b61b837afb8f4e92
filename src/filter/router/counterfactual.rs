//! What would have become of a call, had that been enforced which is only watched.

use super::exchange::Asked;
use super::role::RouterRole;
use crate::chat::Usage;
use crate::complexity::Complexity;
use crate::ledger::NanoDollars;
use crate::ledger::budget::Stage;
use crate::policy::{Effect, Policy};
use crate::routing::{Decision, decide};
use crate::telemetry::{Counterfactual, Metric, Outcome};

/// The tokens of a call and what it has cost, as far as that is known.
pub(super) type Spent = (Option<Usage>, Option<NanoDollars>);

/// What would have become of a call had it gone where a decision says.
pub(super) fn routed<'p>(
    policy: &'p Policy,
    decision: &Decision,
    (usage, paid): Spent,
) -> Counterfactual<'p> {
    let model = policy.model(decision.model);
    let would = Counterfactual {
        reason: Some(decision.reason.as_str()),
        tier: decision.tier(policy).map(|tier| tier.name.as_str()),
        model: Some(&model.name),
        provider: Some(&policy.provider_of(decision.model).name),
        ..Counterfactual::new(Outcome::Routed)
    };
    would.costing(usage.map(|usage| model.prices.cost(&usage)), paid)
}

/// What would have become of a call under the first of the rules that are only watched and would hold, as far as its tier and its
/// model go.
pub(super) fn under_watched_rule<'p>(
    policy: &'p Policy,
    asked: &Asked,
    complexity: Option<&Complexity>,
    spent: Spent,
) -> Option<Counterfactual<'p>> {
    let rule = policy.rules.get(*asked.shadowed.first()?)?;
    let would = match &rule.then {
        Effect::Deny(_) => {
            let refused = Counterfactual { reason: Some("rule"), ..Counterfactual::new(Outcome::Refused) };
            refused.costing(Some(NanoDollars(0)), spent.1)
        }
        Effect::Allow(constraints) => {
            let decision = decide(policy, (&asked.model, complexity?.level), constraints, Stage::Within);
            routed(policy, &decision, spent)
        }
    };
    Some(Counterfactual { rule: Some(&rule.name), ..would })
}

/// Counts it.
pub(super) fn count(role: &RouterRole, would: &Counterfactual<'_>) {
    let [reason, tier, model] =
        [would.reason.or(would.cache), would.tier, would.model].map(Option::unwrap_or_default);
    let counters = &role.meters;
    counters.add(Metric::Would, &[would.outcome.as_str(), reason, tier, model], 1);
    if let Some(cost) = would.cost_nanousd.filter(|cost| *cost > 0) {
        counters.add(Metric::WouldCost, &[tier, model], cost);
    }
    if let Some(saved) = would.saved_nanousd.filter(|saved| *saved != 0) {
        let metric = if saved > 0 { Metric::WouldSaved } else { Metric::WouldOverspent };
        counters.add(metric, &[tier], saved.unsigned_abs());
    }
}
