//! `arbiter check`: what a policy means, in words.

use std::fmt::Write;

use llm_arbiter::cache::conversations::Conversations;
use llm_arbiter::cache::exact::Geometry;
use llm_arbiter::cache::semantic::SemanticCache;
use llm_arbiter::complexity::{Boundaries, Classify, Level, Scorer};
use llm_arbiter::embedding::Encoders;
use llm_arbiter::ledger::Rates;
use llm_arbiter::ledger::budget::Unit;
use llm_arbiter::policy::{Mode, Model, Policy, Reading};
use llm_arbiter::semantic::Step;
use llm_arbiter::telemetry::Recent;
use llm_arbiter::telemetry::history::History;
use thiserror::Error;

use crate::policy_file::PolicyFile;
use crate::warnings;

/// Nano-dollars that make a dollar.
const NANO: f64 = 1e9;

/// Warnings that count as faults.
#[derive(Debug, Error)]
#[error("{report}{count} warnings, which count as faults with --strict")]
pub struct Warned {
    report: String,
    count: usize,
}

/// The report on a policy that has no fault.
///
/// # Errors
/// [`Warned`] where the check is `strict` and there are warnings.
pub fn report(file: &PolicyFile, strict: bool) -> Result<String, Warned> {
    let warnings = warnings::all(&file.policy);
    let lines = warnings.iter().map(|warning| {
        let place = file.places.of(&file.document, &warning.path);
        format!("{place}: warning: {warning}\n")
    });
    let report = format!("{}{}", meaning(&file.policy), lines.collect::<String>());
    match warnings.len() {
        count if strict && count > 0 => Err(Warned { report, count }),
        _ => Ok(report),
    }
}

/// What a policy means.
fn meaning(policy: &Policy) -> String {
    let mode = match policy.mode {
        Mode::Enforce => String::new(),
        Mode::Shadow => "shadow mode: calls are watched, and go their way\n".to_owned(),
        Mode::Share(share) => {
            format!(
                "enforced for {:.1} % of requests; the others are watched, and go their way\n",
                share * 100.0
            )
        }
    };
    let mut text = format!("the policy is valid\n{mode}\ntiers, cheap to strong:\n");
    for (_, tier) in policy.tiers() {
        let _ = writeln!(text, "  {} handles up to {} (cluster {})", tier.name, tier.handles, tier.cluster);
        for id in tier.models() {
            let _ = writeln!(text, "    {}", describe(policy, policy.model(id)));
        }
    }
    let _ = writeln!(text, "\nbaseline: {}", describe(policy, policy.model(policy.baseline)));
    text.push_str(&scorer(policy));
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
    text.push_str(&semantic(policy));
    if let Some(store) = &policy.shared_store {
        let _ = writeln!(
            text,
            "shared answers: Webdis at {}:{}, waited for at most {} ms",
            store.host,
            store.port,
            store.timeout.as_millis()
        );
    }
    if let Some(Conversations { ttl }) = policy.conversations {
        let memory = Conversations::bound().div_ceil(1 << 20);
        let _ = writeln!(
            text,
            "conversations: stay while that costs no more, for {} s, at most {memory} MiB of memory",
            ttl.as_secs()
        );
    }
    text.push_str(&budgets(policy));
    if let Some(console) = &policy.console {
        let reading = match console.reading {
            Reading::Token => "who has the token reads",
            Reading::Open => "whoever reaches it reads",
        };
        let memory = History::bound().saturating_add(Recent::BOUND).div_ceil(1 << 20);
        let _ = writeln!(text, "console: {reading}, at most {memory} MiB of memory for the past");
    }
    text
}

/// What the semantic cache does, and what it takes.
fn semantic(policy: &Policy) -> String {
    let Some(bounds) = &policy.semantic_cache else { return "semantic cache: off\n".into() };
    let does = if bounds.serves { "on" } else { "in shadow: hits are counted, not served" };
    let encoders = Encoders::bundled().ok();
    let cache = encoders.and_then(|encoders| SemanticCache::new(bounds.clone(), encoders).ok());
    let Some(cache) = cache else { return "semantic cache: its models cannot be used\n".into() };
    let allowed = bounds.max_false_hits * 100.0;
    let asked = match cache.threshold(bounds.max_false_hits) {
        Some(Step { score, recall, .. }) => format!(
            "a score of {score:.3} is asked for, which {:.0} % of rephrasings reach and {allowed} % of near misses",
            recall * 100.0
        ),
        None => format!("max_false_hits of {allowed} % is stricter than any score: nothing is a hit"),
    };
    format!(
        "semantic cache: {does}; {asked}; at most {} messages of at most {} bytes, at most {} MiB of memory in all, for {} s; \
         at most {:.0} % of a worker's time\n",
        bounds.ring.entries(),
        bounds.ring.longest(cache.width()),
        bounds.bound().div_ceil(1 << 20),
        bounds.ttl.as_secs(),
        bounds.max_time_share * 100.0
    )
}

/// What may be spent, by whom.
fn budgets(policy: &Policy) -> String {
    let mut text = String::new();
    for book in policy.books() {
        let budget = book.budget();
        let limit = match budget.unit {
            Unit::NanoDollars => format!("{} USD", dollars(budget.limit)),
            unit => format!("{} {}", budget.limit, unit.as_str()),
        };
        let per = budget.per.as_ref().map(|per| format!(" for each {per}")).unwrap_or_default();
        let window = budget.window.in_words();
        let memory = book.bound().div_ceil(1 << 10);
        let _ = writeln!(
            text,
            "budget {}: {limit} per {window}{per}, at most {memory} KiB of memory",
            budget.name
        );
    }
    text
}

/// How complexity is scored, and what the boundaries mean.
fn scorer(policy: &Policy) -> String {
    let Classify { scorer, boundaries: Boundaries { medium, high } } = &policy.classify;
    match scorer {
        Scorer::Heuristic => format!("scorer: heuristic, medium from {medium}, high from {high}\n"),
        Scorer::Wordcount => "scorer: wordcount\n".to_owned(),
        Scorer::Learned { head, .. } => {
            let prompts = head.calibration.prompts;
            let last = policy.cheapest_tier(Level::High);
            let begins = [(Level::Low, 0.0), (Level::Medium, *medium), (Level::High, *high)];
            let begin = begins.into_iter().find(|(level, _)| policy.cheapest_tier(*level) == last);
            let begin = begin.map_or(*high, |(_, begin)| begin);
            let last = policy.tiers().find(|(id, _)| *id == last).map_or("", |(_, tier)| tier.name.as_str());
            let share = 1.0 - begin;
            let [weak, strong, mixed] = [0.0, 1.0, share].map(|share| head.calibration.quality(share));
            format!(
                "scorer: learned, calibrated on {prompts} prompts: medium from {medium:.2}, high from {high:.2}\n\
                 \x20 of prompts like those {:.0} % go to {last} by their text alone (tools, images and history add to it); the mean grade is then {mixed:.3}, against {strong:.3} when all of \
                 them do and {weak:.3} when none does\n",
                share * 100.0
            )
        }
    }
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
