//! `arbiter check`: what a policy means, in words.

use std::fmt::Write;

use llm_arbiter::admission::OnUnreadable;
use llm_arbiter::cache::exact::Geometry;
use llm_arbiter::ledger::Rates;
use llm_arbiter::policy::{Model, Policy};

/// Nano-dollars per million tokens that make a dollar.
const NANO: f64 = 1e9;

/// The report on a policy that has no fault.
pub fn report(policy: &Policy) -> String {
    let mut text = String::from("the policy is valid\n\ntiers, cheap to strong:\n");
    for (_, tier) in policy.tiers() {
        let _ = writeln!(text, "  {} handles up to {} (cluster {})", tier.name, tier.handles, tier.cluster);
        for id in tier.models() {
            let _ = writeln!(text, "    {}", describe(policy, policy.model(id)));
        }
    }
    let _ = writeln!(text, "\nbaseline: {}", describe(policy, policy.model(policy.baseline)));
    match &policy.exact_cache {
        None => text.push_str("exact cache: off\n"),
        Some(cache) => {
            let geometry = Geometry::new(cache.entries, cache.bytes);
            let _ = writeln!(
                text,
                "exact cache: at most {} answers of at most {} bytes, at most {} MiB of memory in all, for {} s",
                cache.entries,
                geometry.largest_answer(),
                geometry.bound().div_ceil(1 << 20),
                cache.ttl.as_secs()
            );
        }
    }
    if let Some(store) = &policy.shared_store {
        let _ = writeln!(
            text,
            "shared answers: Webdis at {}:{}, waited for at most {} ms",
            store.host,
            store.port,
            store.timeout.as_millis()
        );
    }
    if policy.exact_cache.is_some() && !policy.tenancy.required {
        text.push_str(
            "warning: tenant: none is required, so callers that name none share answers with all others who can reach the port; \
             put an authenticator before the filter and set `required: true`\n",
        );
    }
    if policy.admit.unreadable == OnUnreadable::Pass {
        text.push_str(
            "warning: admit.unreadable: chat calls that cannot be read pass, outside of this policy and with the caller's own \
             credentials\n",
        );
    }
    for (id, model) in policy.models().filter(|(id, _)| policy.tier_of(*id).is_none()) {
        if id != policy.baseline {
            let _ = writeln!(text, "warning: models.{}: no tier uses it", model.name);
        }
    }
    text
}

fn describe(policy: &Policy, model: &Model) -> String {
    let Rates { input, cached_input, output, .. } = model.prices.base;
    let provider = policy.provider(model.provider);
    format!(
        "{} at {} ({}, dialect {}): {} in, {} cached, {} out, USD per million tokens",
        model.name,
        provider.name,
        provider.host,
        provider.dialect.name,
        dollars(input),
        dollars(cached_input),
        dollars(output)
    )
}

#[expect(clippy::cast_precision_loss, reason = "for reading; prices have few digits")]
fn dollars(nano: u64) -> f64 {
    nano as f64 / NANO
}
