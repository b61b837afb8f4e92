//! What a policy would have made of all requests: figures, and what they come from.

use std::collections::BTreeMap;

use llm_arbiter::ledger::Prices;
use llm_arbiter::policy::Policy;
use llm_arbiter::telemetry::summary::Summary;
use serde::Serialize;
use serde_json::Value;

use super::replayed::{Details, Outcome, Replayed};

/// Seconds of an hour.
const HOUR: u64 = 3600;
/// Most hours that are told apart: half a year.
const MOST_HOURS: usize = 4400;
/// Bins of the score.
const BINS: usize = 20;
/// Examples of requests that another policy sends elsewhere, of each way.
const EXAMPLES: usize = 5;

/// A report on one policy, or on two.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Requests of the trace.
    pub requests: u64,
    /// The policy, and the one it is compared with.
    pub policies: Vec<PolicyReport>,
    /// What the second does otherwise.
    pub changes: Option<Vec<Change>>,
}

/// What a policy would have done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyReport {
    /// Its file.
    pub policy: String,
    /// The same figures as the console's.
    pub figures: Summary,
    /// Part of the requests that got a stored answer: to the same request, and to one in other words.
    pub hit_rates: HitRates,
    /// What the calls under each rule have cost and saved.
    pub rules: Vec<RuleShare>,
    /// Money by hour.
    pub hours: Vec<HourFigures>,
    /// What would go where, and cost, if the strongest tier began at another score.
    pub thresholds: Vec<Threshold>,
}

/// Parts of all requests, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HitRates {
    /// Of the exact cache.
    pub exact: f64,
    /// Of the semantic cache.
    pub semantic: f64,
}

/// The calls under a rule.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RuleShare {
    /// Its name; nothing for calls that no rule holds for.
    pub rule: String,
    /// How many there are.
    pub requests: u64,
    /// Those that were refused.
    pub rejected: u64,
    /// What they cost.
    pub cost_usd: f64,
    /// What the baseline would have cost.
    pub baseline_usd: f64,
}

/// An hour of the trace.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct HourFigures {
    /// When it began, in seconds since 1970.
    pub start: u64,
    /// Requests in it.
    pub requests: u64,
    /// Those that got a stored answer.
    pub hits: u64,
    /// What they cost.
    pub cost_usd: f64,
    /// What the baseline would have cost.
    pub baseline_usd: f64,
}

/// If what is scored at least so high went to the strongest tier, and all else to the cheapest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Threshold {
    /// The score, 0 to 1.
    pub score: f64,
    /// Part of the scored calls that would go to the strongest tier.
    pub strong_share: f64,
    /// What these calls would cost.
    pub cost_usd: f64,
}

/// Requests for which two policies do different things.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Tier of the first policy, or what becomes of the request there.
    pub from: String,
    /// The same of the second.
    pub to: String,
    /// How many requests.
    pub requests: u64,
    /// What the second costs more; negative where it costs less.
    pub more_usd: f64,
    /// Some of them.
    pub examples: Vec<Example>,
}

/// A request for which two policies do different things.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    /// The line's.
    pub id: Value,
    /// How its last message begins.
    pub excerpt: String,
    /// Complexity, if it was scored.
    pub score: Option<f64>,
}

/// Adds up what a policy does.
#[derive(Debug)]
pub struct Tally {
    policy: String,
    /// What the first models of the cheapest and the strongest tier cost.
    ends: Option<(Prices, Prices)>,
    requests: u64,
    exact: u64,
    semantic: u64,
    rules: BTreeMap<String, RuleShare>,
    hours: BTreeMap<u64, HourFigures>,
    bins: [Bin; BINS],
}

/// Calls with about the same score.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    requests: u64,
    cheap_usd: f64,
    strong_usd: f64,
}

impl Tally {
    /// Nothing yet, of a policy in a file of this name.
    pub fn new(name: String, policy: &Policy) -> Self {
        let prices = |tier: &llm_arbiter::policy::Tier| policy.model(tier.first_model()).prices;
        let mut tiers = policy.tiers().map(|(_, tier)| prices(tier));
        let ends = tiers.next().and_then(|cheapest| Some((cheapest, tiers.last()?)));
        Self {
            policy: name,
            ends,
            requests: 0,
            exact: 0,
            semantic: 0,
            rules: BTreeMap::new(),
            hours: BTreeMap::new(),
            bins: [Bin::default(); BINS],
        }
    }

    /// Counts a result.
    pub fn add(&mut self, result: &Replayed) {
        let Replayed { outcome, cost_usd, baseline_usd, details, .. } = result;
        let (cost, baseline) = (cost_usd.unwrap_or_default(), baseline_usd.unwrap_or_default());
        grow(&mut self.requests);
        match outcome {
            Outcome::ExactHit => grow(&mut self.exact),
            Outcome::SemanticHit => grow(&mut self.semantic),
            Outcome::Routed | Outcome::Passed | Outcome::Rejected => {}
        }
        let rule = details.rule.clone().unwrap_or_default();
        let rule =
            self.rules.entry(rule.clone()).or_insert_with(|| RuleShare { rule, ..RuleShare::default() });
        grow(&mut rule.requests);
        rule.cost_usd += cost;
        rule.baseline_usd += baseline;
        if *outcome == Outcome::Rejected {
            grow(&mut rule.rejected);
        }
        let start = details.time.saturating_sub(details.time % HOUR);
        if self.hours.len() < MOST_HOURS || self.hours.contains_key(&start) {
            let hour =
                self.hours.entry(start).or_insert_with(|| HourFigures { start, ..HourFigures::default() });
            grow(&mut hour.requests);
            if matches!(outcome, Outcome::ExactHit | Outcome::SemanticHit) {
                grow(&mut hour.hits);
            }
            hour.cost_usd += cost;
            hour.baseline_usd += baseline;
        }
        self.score(details);
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place among few, and dollars for people"
    )]
    fn score(&mut self, details: &Details) {
        let Details { score: Some(score), usage: Some(usage), is_by_complexity: true, .. } = details else {
            return;
        };
        let (Some((cheap, strong)), place) = (&self.ends, (score * BINS as f64) as usize) else { return };
        if let Some(bin) = self.bins.get_mut(place.min(BINS.saturating_sub(1))) {
            grow(&mut bin.requests);
            bin.cheap_usd += cheap.cost(usage).0 as f64 / 1e9;
            bin.strong_usd += strong.cost(usage).0 as f64 / 1e9;
        }
    }

    /// The report, with the figures that were counted on the way.
    #[expect(clippy::cast_precision_loss, reason = "parts are said with a few digits")]
    pub fn close(self, figures: Summary) -> PolicyReport {
        let all = self.requests.max(1) as f64;
        let thresholds = self.thresholds();
        PolicyReport {
            policy: self.policy,
            figures,
            hit_rates: HitRates { exact: self.exact as f64 / all, semantic: self.semantic as f64 / all },
            rules: self.rules.into_values().collect(),
            hours: self.hours.into_values().collect(),
            thresholds,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "parts are said with a few digits")]
    fn thresholds(&self) -> Vec<Threshold> {
        let all: u64 = self.bins.iter().map(|bin| bin.requests).sum();
        if all == 0 {
            return Vec::new();
        }
        let thresholds = (0..=BINS).map(|at| {
            let (below, above) = self.bins.split_at_checked(at).unwrap_or_default();
            let strong: u64 = above.iter().map(|bin| bin.requests).sum();
            let cheap = below.iter().map(|bin| bin.cheap_usd).sum::<f64>();
            Threshold {
                score: at as f64 / BINS as f64,
                strong_share: strong as f64 / all as f64,
                cost_usd: cheap + above.iter().map(|bin| bin.strong_usd).sum::<f64>(),
            }
        });
        thresholds.collect()
    }
}

/// Adds up what two policies do differently.
#[derive(Debug, Default)]
pub struct Changes(BTreeMap<(String, String), Change>);

impl Changes {
    /// Counts the results of a request under both.
    pub fn add(&mut self, first: &Replayed, second: &Replayed) {
        let (from, to) = (destination(first), destination(second));
        if from == to {
            return;
        }
        let new = || Change {
            from: from.clone(),
            to: to.clone(),
            requests: 0,
            more_usd: 0.0,
            examples: Vec::new(),
        };
        let change = self.0.entry((from.clone(), to.clone())).or_insert_with(new);
        grow(&mut change.requests);
        change.more_usd += second.cost_usd.unwrap_or_default() - first.cost_usd.unwrap_or_default();
        if change.examples.len() < EXAMPLES {
            change.examples.push(Example {
                id: first.id.clone(),
                excerpt: first.details.excerpt.clone(),
                score: second.details.score.or(first.details.score),
            });
        }
    }

    /// All of them, the most frequent first.
    pub fn close(self) -> Vec<Change> {
        let mut changes: Vec<Change> = self.0.into_values().collect();
        changes.sort_by_key(|change| std::cmp::Reverse(change.requests));
        changes
    }
}

/// Where a request goes: a tier, or what becomes of it without one.
fn destination(result: &Replayed) -> String {
    match (&result.tier, &result.model) {
        (Some(tier), _) => tier.clone(),
        (None, Some(model)) if result.outcome == Outcome::Routed => model.clone(),
        (None, _) => result.outcome.as_str().to_owned(),
    }
}

fn grow(count: &mut u64) {
    *count = count.saturating_add(1);
}
