//! What is allowed in a policy, and hardly meant.

use std::collections::BTreeSet;
use std::fmt;

use llm_arbiter::admission::OnUnreadable;
use llm_arbiter::identity::{KEY, Nobody, Sources, TENANT, text_named};
use llm_arbiter::policy::{Effect, Mode, Policy};

/// Something that a person should look at.
#[derive(Debug)]
pub struct Warning {
    /// Path to what it is about, for example `rules[1]`.
    pub path: String,
    message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

fn warning(path: impl Into<String>, message: impl Into<String>) -> Warning {
    Warning { path: path.into(), message: message.into() }
}

/// Everything that a person should look at.
pub fn all(policy: &Policy) -> Vec<Warning> {
    let mut warnings = Vec::new();
    warnings.extend(anonymous(policy));
    warnings.extend(unread(policy));
    warnings.extend(unused_models(policy));
    warnings.extend(tiers_against_prices(policy));
    warnings.extend(providers_without_credential(policy));
    warnings.extend(unreachable_rules(policy));
    warnings.extend(budgets_of_nobody(policy));
    warnings
}

fn anonymous(policy: &Policy) -> Option<Warning> {
    let is_shared = policy.exact_cache.is_some() && policy.identity.nobody == Nobody::Anonymous;
    is_shared.then(|| {
        let message = "nobody is refused, so callers that name none share answers with all others who can reach the port; put an \
                       authenticator before the filter and set `identity.required: true`";
        warning("identity", message)
    })
}

fn unread(policy: &Policy) -> Option<Warning> {
    (policy.admit.unreadable == OnUnreadable::Pass).then(|| {
        let message = "chat calls that cannot be read pass, outside of this policy and with the caller's own credentials";
        warning("admit.unreadable", message)
    })
}

fn unused_models(policy: &Policy) -> impl Iterator<Item = Warning> {
    let unused = policy.models().filter(|(id, _)| *id != policy.baseline && policy.tier_of(*id).is_none());
    unused.map(|(_, model)| warning(format!("models.{}", model.name), "no tier uses it"))
}

/// Tiers are named cheap to strong: one whose first model costs more than that of the next is out of order.
fn tiers_against_prices(policy: &Policy) -> Vec<Warning> {
    let tiers: Vec<_> = policy.tiers().map(|(_, tier)| (tier, policy.model(tier.first_model()))).collect();
    let dearer = tiers.windows(2).filter_map(|pair| {
        let [(tier, model), (next, above)] = pair else { return None };
        let (rates, others) = (model.prices.base, above.prices.base);
        (rates.input > others.input && rates.output > others.output).then(|| {
            let message = format!(
                "`{}` stands before `{}` and costs more ({} against {}); the order is cheap to strong",
                tier.name, next.name, model.name, above.name
            );
            warning("tiers", message)
        })
    });
    dearer.collect()
}

fn providers_without_credential(policy: &Policy) -> impl Iterator<Item = Warning> {
    let open = policy.providers().filter(|provider| provider.credential.is_none() && provider.tls);
    open.map(|provider| {
        let path = format!("providers.{}", provider.name);
        warning(path, format!("no credential, so {} is asked without one", provider.host))
    })
}

/// Rules behind one that always holds.
fn unreachable_rules(policy: &Policy) -> Vec<Warning> {
    let mut rules = policy.rules.iter().map(|(_, rule)| rule).enumerate();
    let Some((at, always)) = rules.find(|(_, rule)| rule.when.is_none() && rule.mode == Mode::Enforce) else {
        return Vec::new();
    };
    let what = if matches!(always.then, Effect::Deny(_)) { "refuses everything" } else { "always holds" };
    let unreached = rules.map(|(later, rule)| {
        let message = format!("`{}` is never reached: `{}` (rules[{at}]) {what}", rule.name, always.name);
        warning(format!("rules[{later}]"), message)
    });
    unreached.collect()
}

/// Budgets of holders that there are none of: where only keys say something of callers, all that they can say is known.
fn budgets_of_nobody(policy: &Policy) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (at, budget) in policy.budgets.iter().enumerate() {
        let path = format!("budgets[{at}]");
        let Some(per) = &budget.per else { continue };
        let Some(holders) = known_values(policy, per) else { continue };
        if holders.is_empty() {
            warnings.push(warning(path, format!("nobody uses it: no key of `identity` has `{per}`")));
            continue;
        }
        for holder in budget.limits.keys().filter(|holder| !holders.contains(holder.as_str())) {
            let message = format!("nobody uses it: no key of `identity` has `{holder}` as its `{per}`");
            warnings.push(warning(format!("{path}.limits.{holder}"), message));
        }
    }
    warnings
}

/// All values that an attribute can have; `None` if not only the policy's keys give it one.
fn known_values<'p>(policy: &'p Policy, attribute: &str) -> Option<BTreeSet<&'p str>> {
    let Sources { mtls, jwt, route, keys, headers, any_key, nobody } = &policy.identity;
    if attribute == KEY {
        return Some(keys.holders().map(|holder| holder.name.as_str()).collect());
    }
    let is_open = mtls.as_ref().is_some_and(|mtls| mtls.attributes.iter().any(|(name, _)| name == attribute))
        || jwt.is_some()
        || route.iter().any(|name| name == attribute)
        || headers.iter().any(|(name, _)| name == attribute)
        || (attribute == TENANT && (*any_key || *nobody != Nobody::Refused));
    let values = keys.holders().filter_map(|holder| text_named(&holder.attributes, attribute));
    (!is_open).then(|| values.collect())
}
