//! What is allowed in a policy, and hardly meant.

use llm_arbiter::admission::OnUnreadable;
use llm_arbiter::identity::Nobody;
use llm_arbiter::policy::{Effect, Mode, Policy};

/// Everything that a person should look at, each with its path.
pub fn all(policy: &Policy) -> Vec<String> {
    let mut warnings = Vec::new();
    warnings.extend(anonymous(policy));
    warnings.extend(unread(policy));
    warnings.extend(unused_models(policy));
    warnings.extend(tiers_against_prices(policy));
    warnings.extend(providers_without_credential(policy));
    warnings.extend(unreachable_rules(policy));
    warnings
}

fn anonymous(policy: &Policy) -> Option<String> {
    let is_shared = policy.exact_cache.is_some() && policy.identity.nobody == Nobody::Anonymous;
    is_shared.then(|| {
        "identity: nobody is refused, so callers that name none share answers with all others who can reach the port; \
         put an authenticator before the filter and set `identity.required: true`"
            .to_owned()
    })
}

fn unread(policy: &Policy) -> Option<String> {
    (policy.admit.unreadable == OnUnreadable::Pass).then(|| {
        "admit.unreadable: chat calls that cannot be read pass, outside of this policy and with the caller's own \
         credentials"
            .to_owned()
    })
}

fn unused_models(policy: &Policy) -> impl Iterator<Item = String> {
    let unused = policy.models().filter(|(id, _)| *id != policy.baseline && policy.tier_of(*id).is_none());
    unused.map(|(_, model)| format!("models.{}: no tier uses it", model.name))
}

/// Tiers are named cheap to strong: one whose first model costs more than that of the next is out of order.
fn tiers_against_prices(policy: &Policy) -> Vec<String> {
    let tiers: Vec<_> = policy.tiers().map(|(_, tier)| (tier, policy.model(tier.first_model()))).collect();
    let dearer = tiers.windows(2).filter_map(|pair| {
        let [(tier, model), (next, above)] = pair else { return None };
        let (rates, others) = (model.prices.base, above.prices.base);
        (rates.input > others.input && rates.output > others.output).then(|| {
            format!(
                "tiers: `{}` stands before `{}` and costs more ({} against {}); the order is cheap to strong",
                tier.name, next.name, model.name, above.name
            )
        })
    });
    dearer.collect()
}

fn providers_without_credential(policy: &Policy) -> impl Iterator<Item = String> {
    let open = policy.providers().filter(|provider| provider.credential.is_none() && provider.tls);
    open.map(|provider| {
        format!("providers.{}: no credential, so {} is asked without one", provider.name, provider.host)
    })
}

/// Rules behind one that always holds.
fn unreachable_rules(policy: &Policy) -> Vec<String> {
    let mut rules = policy.rules.iter().map(|(_, rule)| rule).enumerate();
    let Some((at, always)) = rules.find(|(_, rule)| rule.when.is_none() && rule.mode == Mode::Enforce) else {
        return Vec::new();
    };
    let what = if matches!(always.then, Effect::Deny(_)) { "refuses everything" } else { "always holds" };
    let unreached = rules.map(|(later, rule)| {
        format!("rules[{later}]: `{}` is never reached: `{}` (rules[{at}]) {what}", rule.name, always.name)
    });
    unreached.collect()
}
