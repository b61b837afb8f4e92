//! What counters of some time say, as operators ask for it: the figures of the console.

use std::collections::BTreeMap;

use serde::Serialize;

use super::metrics::TIMES;

/// Nano-dollars in a dollar.
const NANO: f64 = 1e9;

/// The figures of a stretch of time; money in US dollars.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Summary {
    /// Requests by outcome.
    pub requests: BTreeMap<String, u64>,
    /// What providers were paid.
    pub cost_usd: f64,
    /// What the baseline model would have cost.
    pub baseline_usd: f64,
    /// Baseline less cost, of calls that cost less.
    pub saved_usd: f64,
    /// Cost less baseline, of calls that cost more.
    pub overspent_usd: f64,
    /// What has saved it.
    pub saved_usd_by_cause: BTreeMap<String, f64>,
    /// By model, the dearest first.
    pub models: Vec<ModelFigures>,
    /// By tier, the dearest first.
    pub tiers: Vec<TierFigures>,
    /// By team, the dearest first.
    pub teams: Vec<TeamFigures>,
    /// By rule.
    pub rules: Vec<RuleFigures>,
    /// By provider.
    pub providers: Vec<ProviderFigures>,
    /// What the exact cache did.
    pub cache: BTreeMap<String, u64>,
    /// What the semantic cache did.
    pub semantic: BTreeMap<String, u64>,
    /// Answers that came from another model than the one asked first.
    pub failovers: u64,
    /// What is only watched.
    pub would: WouldFigures,
    /// How long calls have taken, in milliseconds.
    pub latency_ms: Vec<LatencyFigures>,
    /// How long the filter has worked on a call, in microseconds.
    pub filter_time_us: Quantiles,
}

/// What a model was asked, and what that cost.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct ModelFigures {
    /// Its name.
    pub model: String,
    /// Calls that it has answered, or was asked last.
    pub requests: u64,
    /// What it cost.
    pub cost_usd: f64,
    /// Input that was neither cached nor written to a cache.
    pub input_tokens: u64,
    /// Input out of the provider's cache.
    pub cached_input_tokens: u64,
    /// Input that was written to the provider's cache.
    pub cache_write_tokens: u64,
    /// Output.
    pub output_tokens: u64,
}

/// What a tier cost.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct TierFigures {
    /// Its name.
    pub tier: String,
    /// Calls that were sent to it.
    pub requests: u64,
    /// What they cost.
    pub cost_usd: f64,
    /// What the baseline model would have cost.
    pub baseline_usd: f64,
    /// Baseline less cost; negative where they cost more.
    pub saved_usd: f64,
}

/// What a team has spent.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct TeamFigures {
    /// Its name; nothing for calls that no team is known of.
    pub team: String,
    /// Its calls.
    pub requests: u64,
    /// What they cost.
    pub cost_usd: f64,
    /// What the baseline model would have cost.
    pub baseline_usd: f64,
    /// Baseline less cost; negative where they cost more.
    pub saved_usd: f64,
}

/// How often a rule held.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RuleFigures {
    /// Its name.
    pub rule: String,
    /// Calls that went on under it.
    pub applied: u64,
    /// Calls that it refused.
    pub denied: u64,
    /// Calls that it would have held for, were it not only watched.
    pub shadow: u64,
}

/// How a provider answers.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct ProviderFigures {
    /// Its name.
    pub provider: String,
    /// How often it was asked.
    pub attempts: u64,
    /// How often it answered.
    pub answered: u64,
    /// How often it failed, by why.
    pub failed: BTreeMap<String, u64>,
}

/// What would have become of calls that are only watched.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct WouldFigures {
    /// How many there were.
    pub requests: u64,
    /// What they would have cost.
    pub cost_usd: f64,
    /// What that would have saved; negative where they would have cost more.
    pub saved_usd: f64,
}

/// How long calls with an outcome have taken.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct LatencyFigures {
    /// The outcome.
    pub outcome: String,
    /// How long.
    #[serde(flatten)]
    pub quantiles: Quantiles,
}

/// Quantiles, within a bucket by its share: at most off by as much as the bucket is wide.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Quantiles {
    /// How many values there are.
    pub count: u64,
    /// Half are not greater.
    pub p50: f64,
    /// 95 % are not greater.
    pub p95: f64,
    /// 99 % are not greater.
    pub p99: f64,
}

/// The labels of a series.
type Labels<'s> = BTreeMap<&'s str, &'s str>;

impl Summary {
    /// The figures that counters say, by their names.
    #[must_use]
    pub fn of(counts: &BTreeMap<String, u64>) -> Self {
        let mut books = Books::default();
        for (name, count) in counts {
            let mut parts = name.split(';');
            let metric = parts.next().unwrap_or_default();
            let labels: Labels<'_> = parts.filter_map(|part| part.split_once('=')).collect();
            books.enter(metric.strip_prefix("arbiter.").unwrap_or(metric), &labels, *count);
        }
        books.close()
    }
}

/// Figures while they are being added up; money in nano-dollars.
#[derive(Debug, Default)]
struct Books {
    summary: Summary,
    models: BTreeMap<String, ModelFigures>,
    tiers: BTreeMap<String, TierFigures>,
    teams: BTreeMap<String, TeamFigures>,
    rules: BTreeMap<String, RuleFigures>,
    providers: BTreeMap<String, ProviderFigures>,
    latency: BTreeMap<String, Buckets>,
    filter_time: Buckets,
}

impl Books {
    fn enter(&mut self, metric: &str, labels: &Labels<'_>, count: u64) {
        let label = |name: &str| labels.get(name).copied().unwrap_or_default();
        let amount = usd(count);
        let summary = &mut self.summary;
        match metric {
            "requests" => {
                grow(&mut summary.requests, label("outcome"), count);
                if let Some(model) = labels.get("model") {
                    add(&mut self.model(model).requests, count);
                }
                if let Some(tier) = labels.get("tier") {
                    add(&mut self.tier(tier).requests, count);
                }
            }
            "tokens" => {
                let model = self.model(label("model"));
                match label("kind") {
                    "input" => add(&mut model.input_tokens, count),
                    "cached_input" => add(&mut model.cached_input_tokens, count),
                    "cache_write" => add(&mut model.cache_write_tokens, count),
                    _ => add(&mut model.output_tokens, count),
                }
            }
            "cost_nanousd" => {
                summary.cost_usd += amount;
                self.model(label("model")).cost_usd += amount;
                if let Some(tier) = labels.get("tier") {
                    self.tier(tier).cost_usd += amount;
                }
            }
            "baseline_nanousd" => {
                summary.baseline_usd += amount;
                if let Some(tier) = labels.get("tier") {
                    self.tier(tier).baseline_usd += amount;
                }
            }
            "saved_nanousd" => {
                summary.saved_usd += amount;
                *summary.saved_usd_by_cause.entry(label("cause").to_owned()).or_default() += amount;
            }
            "overspent_nanousd" => summary.overspent_usd += amount,
            "cache" => grow(&mut summary.cache, label("result"), count),
            "semantic" => grow(&mut summary.semantic, label("result"), count),
            "failovers" => add(&mut summary.failovers, count),
            "would_requests" => add(&mut summary.would.requests, count),
            "would_cost_nanousd" => summary.would.cost_usd += amount,
            "would_saved_nanousd" => summary.would.saved_usd += amount,
            "would_overspent_nanousd" => summary.would.saved_usd -= amount,
            "team_requests" => add(&mut self.team(label("team")).requests, count),
            "team_cost_nanousd" => self.team(label("team")).cost_usd += amount,
            "team_baseline_nanousd" => self.team(label("team")).baseline_usd += amount,
            "rules" => self.rule(labels, count),
            "attempts" => self.attempt(labels, count),
            "duration_milliseconds" => {
                self.latency.entry(label("outcome").to_owned()).or_default().put(label("le"), count);
            }
            "filter_time_microseconds" => self.filter_time.put(label("le"), count),
            _ => {}
        }
    }

    fn model(&mut self, name: &str) -> &mut ModelFigures {
        let new = || ModelFigures { model: name.to_owned(), ..ModelFigures::default() };
        self.models.entry(name.to_owned()).or_insert_with(new)
    }

    fn tier(&mut self, name: &str) -> &mut TierFigures {
        let new = || TierFigures { tier: name.to_owned(), ..TierFigures::default() };
        self.tiers.entry(name.to_owned()).or_insert_with(new)
    }

    fn team(&mut self, name: &str) -> &mut TeamFigures {
        let new = || TeamFigures { team: name.to_owned(), ..TeamFigures::default() };
        self.teams.entry(name.to_owned()).or_insert_with(new)
    }

    fn rule(&mut self, labels: &Labels<'_>, count: u64) {
        let name = labels.get("rule").copied().unwrap_or_default();
        let new = || RuleFigures { rule: name.to_owned(), ..RuleFigures::default() };
        let rule = self.rules.entry(name.to_owned()).or_insert_with(new);
        match labels.get("result") {
            Some(&"applied") => add(&mut rule.applied, count),
            Some(&"denied") => add(&mut rule.denied, count),
            Some(&"shadow") => add(&mut rule.shadow, count),
            _ => {}
        }
    }

    fn attempt(&mut self, labels: &Labels<'_>, count: u64) {
        let name = labels.get("provider").copied().unwrap_or_default();
        let new = || ProviderFigures { provider: name.to_owned(), ..ProviderFigures::default() };
        let provider = self.providers.entry(name.to_owned()).or_insert_with(new);
        add(&mut provider.attempts, count);
        match labels.get("result") {
            Some(&"answered") | None => add(&mut provider.answered, count),
            Some(why) => grow(&mut provider.failed, why, count),
        }
    }

    fn close(self) -> Summary {
        let Self { summary, models, tiers, teams, rules, providers, latency, filter_time } = self;
        let mut models: Vec<_> = models.into_values().collect();
        models.sort_by(|a, b| b.cost_usd.total_cmp(&a.cost_usd));
        let saved = |mut tier: TierFigures| {
            tier.saved_usd = tier.baseline_usd - tier.cost_usd;
            tier
        };
        let mut tiers: Vec<_> = tiers.into_values().map(saved).collect();
        tiers.sort_by(|a, b| b.cost_usd.total_cmp(&a.cost_usd));
        let saved = |mut team: TeamFigures| {
            team.saved_usd = team.baseline_usd - team.cost_usd;
            team
        };
        let mut teams: Vec<_> = teams.into_values().map(saved).collect();
        teams.sort_by(|a, b| b.cost_usd.total_cmp(&a.cost_usd));
        let latency = latency
            .into_iter()
            .map(|(outcome, buckets)| LatencyFigures { outcome, quantiles: buckets.quantiles() });
        Summary {
            models,
            tiers,
            teams,
            rules: rules.into_values().collect(),
            providers: providers.into_values().collect(),
            latency_ms: latency.collect(),
            filter_time_us: filter_time.quantiles(),
            ..summary
        }
    }
}

/// How many values there are in each bucket, the last without an end.
#[derive(Debug, Default)]
struct Buckets([u64; TIMES.len() + 1]);

impl Buckets {
    fn put(&mut self, end: &str, count: u64) {
        let at = end.parse().ok().and_then(|end: u32| TIMES.iter().position(|time| *time == end));
        if let Some(sum) = self.0.get_mut(at.unwrap_or(TIMES.len())) {
            add(sum, count);
        }
    }

    fn quantiles(&self) -> Quantiles {
        let count = self.0.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        let at = |share| self.quantile(count, share);
        Quantiles { count, p50: at(0.5), p95: at(0.95), p99: at(0.99) }
    }

    #[expect(clippy::cast_precision_loss, reason = "a quantile is an estimate")]
    fn quantile(&self, count: u64, share: f64) -> f64 {
        let wanted = count as f64 * share;
        let mut below = 0.0;
        let mut start = 0.0;
        for (at, found) in self.0.iter().enumerate() {
            let found = *found as f64;
            // Values beyond the last end are said to be at it.
            let end = TIMES.get(at).or(TIMES.last()).copied().map_or(0.0, f64::from);
            if found > 0.0 && below + found >= wanted {
                return start + (end - start) * ((wanted - below) / found).clamp(0.0, 1.0);
            }
            below += found;
            start = end;
        }
        0.0
    }
}

fn add(sum: &mut u64, by: u64) {
    *sum = sum.saturating_add(by);
}

fn grow(sums: &mut BTreeMap<String, u64>, name: &str, by: u64) {
    add(sums.entry(name.to_owned()).or_default(), by);
}

#[expect(clippy::cast_precision_loss, reason = "dollars are said as numbers with a fraction")]
fn usd(nano: u64) -> f64 {
    nano as f64 / NANO
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(counts: &[(&str, u64)]) -> Summary {
        Summary::of(&counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect())
    }

    #[test]
    fn figures_are_sums_over_labels() {
        let figures = summary(&[
            ("arbiter.requests;outcome=routed;tier=small;model=mini;complexity=low", 3),
            ("arbiter.requests;outcome=routed;tier=small;model=mini;complexity=medium", 2),
            ("arbiter.requests;outcome=hit", 4),
            ("arbiter.cost_nanousd;tier=small;model=mini", 2_000_000_000),
            ("arbiter.baseline_nanousd;tier=small", 5_000_000_000),
            ("arbiter.baseline_nanousd", 1_000_000_000),
            ("arbiter.saved_nanousd;cause=routing;tier=small", 3_000_000_000),
            ("arbiter.saved_nanousd;cause=exact", 1_000_000_000),
            ("arbiter.attempts;provider=p;model=mini;result=answered", 5),
            ("arbiter.attempts;provider=p;model=grand;result=503", 1),
            ("arbiter.team_requests;team=a;outcome=hit", 4),
            ("arbiter.team_cost_nanousd;team=a", 1),
            ("arbiter.rules;rule=r;result=denied", 2),
        ]);
        assert_eq!(figures.requests, BTreeMap::from([("hit".into(), 4), ("routed".into(), 5)]));
        assert_eq!((figures.cost_usd, figures.baseline_usd, figures.saved_usd), (2.0, 6.0, 4.0));
        assert_eq!(figures.saved_usd_by_cause["exact"], 1.0);
        assert_eq!((figures.models[0].requests, figures.models[0].cost_usd), (5, 2.0));
        assert_eq!((figures.tiers[0].requests, figures.tiers[0].saved_usd), (5, 3.0));
        assert_eq!((figures.providers[0].attempts, figures.providers[0].answered), (6, 5));
        assert_eq!(figures.providers[0].failed["503"], 1);
        assert_eq!((figures.teams[0].requests, figures.rules[0].denied), (4, 2));
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let figures = summary(&[
            ("arbiter.filter_time_microseconds;le=50", 90),
            ("arbiter.filter_time_microseconds;le=100", 9),
            ("arbiter.filter_time_microseconds;le=inf", 1),
        ]);
        let Quantiles { count, p50, p95, p99 } = figures.filter_time_us;
        assert_eq!(count, 100);
        assert!((20.0..=50.0).contains(&p50), "{p50}");
        assert!((50.0..=100.0).contains(&p95), "{p95}");
        assert!((99.0..=100.0).contains(&p99), "{p99}");
        assert_eq!(summary(&[]).filter_time_us, Quantiles::default());
    }
}
