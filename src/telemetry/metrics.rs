//! Every metric there is, in one table; what is counted and `docs/metrics.md` come from it.
//!
//! Envoy's metrics have no labels, so they stand in the name: `arbiter.requests;outcome=routed;tier=small`.
//! `stats_config.stats_tags` turns them into tags; see [`labels`].

use std::collections::BTreeSet;
use std::fmt::Write;

use super::description::{Description, Instrument, Metric};
use super::gen_ai;

/// Where the buckets of histograms of tokens end: as OpenTelemetry's conventions advise, without the largest.
pub const TOKENS: [u32; 11] = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];
/// Where the buckets of histograms of times end, in their unit.
pub const TIMES: [u32; 18] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 300_000, 600_000];

/// The metrics of our own.
const METRICS: [Description; 27] = [
    Description {
        metric: Metric::Requests,
        name: "arbiter.requests",
        instrument: Instrument::Counter,
        unit: "requests",
        labels: &["outcome", "reason", "tier", "model", "complexity"],
        meaning: "Requests by outcome: `routed`, `hit`, `cut` (a 200 answer that broke off), `failed` (no 200 answer), `abandoned` (the caller left before its end), \
                  `refused` (by us, by reason), `passed` (not read, or by reason `shadow` only watched; by reason), `answered` (what the policy answers by itself; by reason)",
    },
    Description {
        metric: Metric::Tokens,
        name: "arbiter.tokens",
        instrument: Instrument::Counter,
        unit: "tokens",
        labels: &["kind", "model"],
        meaning: "Tokens as reported by providers: `input` (neither of the following), `cached_input`, `cache_write`, `output`",
    },
    Description {
        metric: Metric::Cost,
        name: "arbiter.cost_nanousd",
        instrument: Instrument::Counter,
        unit: "USD / 10^9",
        labels: &["tier", "model"],
        meaning: "What providers were paid",
    },
    Description {
        metric: Metric::Baseline,
        name: "arbiter.baseline_nanousd",
        instrument: Instrument::Counter,
        unit: "USD / 10^9",
        labels: &["tier"],
        meaning: "What the baseline model would have cost for the same tokens, cache hits included",
    },
    Description {
        metric: Metric::Saved,
        name: "arbiter.saved_nanousd",
        instrument: Instrument::Counter,
        unit: "USD / 10^9",
        labels: &["cause", "tier"],
        meaning: "Baseline less cost, of calls that cost less than the baseline, by what has saved it: `exact`, `semantic` (the caches), `coalescing` (the same request was on its way), \
                  `service_tier` (a rule has put the call into a cheaper lane), `prompt_cache` (the conversation has stayed where its prompt was kept), `routing` (all else)",
    },
    Description {
        metric: Metric::Overspent,
        name: "arbiter.overspent_nanousd",
        instrument: Instrument::Counter,
        unit: "USD / 10^9",
        labels: &["tier"],
        meaning: "Cost less baseline, of calls that cost more than the baseline",
    },
    Description {
        metric: Metric::Cache,
        name: "arbiter.cache",
        instrument: Instrument::Counter,
        unit: "requests",
        labels: &["result", "reason"],
        meaning: "Exact cache: `hit`, `miss`, `bypass` by reason, `collapsed` (answered with what the same request got that was on its way), `released` (has waited for that in vain), \
                  what was `stored` or `not_stored` by reason, and what an operator has `invalidated`, by what",
    },
    Description {
        metric: Metric::Semantic,
        name: "arbiter.semantic",
        instrument: Instrument::Counter,
        unit: "requests",
        labels: &["result", "reason"],
        meaning: "Semantic cache: `hit`, `shadow_hit` (not served), `audited` (a hit that goes to a provider as well, whose answer then `agreed` or `disagreed`), `tightened` (of a tenant's too many disagreed: from now on fewer may be wrong), `reported` (an operator says it was wrong), `unfit` (not looked for, by reason), `no_candidate`, `vetoed` (the nearest message, by veto), `unlikely`, \
                  `gone` (its answer has expired or made room), `unstreamable` (its answer cannot be put into a stream), `busy` (no time left), and what was `stored` or `not_stored` by reason",
    },
    Description {
        metric: Metric::SemanticForegone,
        name: "arbiter.semantic_foregone_nanousd",
        instrument: Instrument::Counter,
        unit: "USD / 10^9",
        labels: &["tier"],
        meaning: "What calls have cost that the semantic cache could have answered, in shadow or in an audit",
    },
    Description {
        metric: Metric::SemanticUnavailable,
        name: "arbiter.semantic_unavailable",
        instrument: Instrument::Counter,
        unit: "workers",
        labels: &[],
        meaning: "Configurations without the semantic cache that their policy asks for, because its models cannot be used; the log says why",
    },
    Description {
        metric: Metric::Shared,
        name: "arbiter.shared",
        instrument: Instrument::Counter,
        unit: "requests",
        labels: &["result"],
        meaning: "The store that instances share: `hit`, `miss`, `stored`, `unavailable` (it did not answer in time, or with an error)",
    },
    Description {
        metric: Metric::Would,
        name: "arbiter.would_requests",
        instrument: Instrument::Counter,
        unit: "requests",
        labels: &["outcome", "reason", "tier", "model"],
        meaning: "Calls in shadow mode, or under a rule in it, by what would have become of them: `routed` (by reason of the decision), `hit` (by cache), `answered`, `refused` (by reason)",
    },
    Description {
        metric: Metric::WouldCost,
        name: "arbiter.would_cost_nanousd",
        instrument: Instrument::Counter,
        unit: "USD / 10^9",
        labels: &["tier", "model"],
        meaning: "What these calls would have cost, for the tokens of the answers that were given",
    },
    Description {
        metric: Metric::WouldSaved,
        name: "arbiter.would_saved_nanousd",
        instrument: Instrument::Counter,
        unit: "USD / 10^9",
        labels: &["tier"],
        meaning: "What these calls have cost less what they would have cost, where that is less",
    },
    Description {
        metric: Metric::WouldOverspent,
        name: "arbiter.would_overspent_nanousd",
        instrument: Instrument::Counter,
        unit: "USD / 10^9",
        labels: &["tier"],
        meaning: "What these calls would have cost less what they have cost, where that is more",
    },
    Description {
        metric: Metric::Rules,
        name: "arbiter.rules",
        instrument: Instrument::Counter,
        unit: "requests",
        labels: &["rule", "result"],
        meaning: "Calls by the rule that holds: `applied`, `denied`, `shadow` (would hold, and is only watched), `undecided` (a number was too large, or divided \
                  by zero: a rule that denies counts as if it held, any other as if it did not)",
    },
    Description {
        metric: Metric::Budgets,
        name: "arbiter.budgets",
        instrument: Instrument::Counter,
        unit: "requests",
        labels: &["budget", "result"],
        meaning: "Calls that came under a budget at a stage: `warn`, `lower`, `cheapest`, `reject`; `contended`: not charged, because other workers were quicker every time",
    },
    Description {
        metric: Metric::Failovers,
        name: "arbiter.failovers",
        instrument: Instrument::Counter,
        unit: "requests",
        labels: &["model"],
        meaning: "Answers that came from another model than the one asked first, by the model that answered",
    },
    Description {
        metric: Metric::Attempts,
        name: "arbiter.attempts",
        instrument: Instrument::Counter,
        unit: "attempts",
        labels: &["provider", "model", "result"],
        meaning: "Attempts by the model that was asked and by result: `answered`, or why it failed: a status, `connect_failure`, `reset`, \
                  `timeout`, `no_credential` (none for Envoy to inject), `malformed` (an answer that cannot be read), `context_length`, or, where a rule escalates, `refusal`, `cut`, `schema`",
    },
    Description {
        metric: Metric::UsageUnknown,
        name: "arbiter.usage_unknown",
        instrument: Instrument::Counter,
        unit: "requests",
        labels: &["reason"],
        meaning: "Answers whose tokens are not known, and whose cost is therefore missing, by reason",
    },
    Description {
        metric: Metric::Estimated,
        name: "arbiter.estimated",
        instrument: Instrument::Counter,
        unit: "requests",
        labels: &["outcome"],
        meaning: "Calls whose cost is an estimate or holds one: answers that broke off or were left before their tokens were counted, and attempts that were \
                  given up after the provider had begun to answer",
    },
    Description {
        metric: Metric::ScorerUnavailable,
        name: "arbiter.scorer_unavailable",
        instrument: Instrument::Counter,
        unit: "workers",
        labels: &[],
        meaning: "Configurations that score by the heuristic alone, because the encoder or the weights of the learned scorer cannot be used; the log says why",
    },
    Description {
        metric: Metric::TeamRequests,
        name: "arbiter.team_requests",
        instrument: Instrument::Counter,
        unit: "requests",
        labels: &["team", "outcome"],
        meaning: "Calls that were read, by the attribute that `telemetry.team` names and by outcome; `other`: teams beyond `telemetry.teams`",
    },
    Description {
        metric: Metric::TeamCost,
        name: "arbiter.team_cost_nanousd",
        instrument: Instrument::Counter,
        unit: "USD / 10^9",
        labels: &["team"],
        meaning: "What providers were paid for a team",
    },
    Description {
        metric: Metric::TeamBaseline,
        name: "arbiter.team_baseline_nanousd",
        instrument: Instrument::Counter,
        unit: "USD / 10^9",
        labels: &["team"],
        meaning: "What the baseline model would have cost for the same tokens of a team, cache hits included",
    },
    Description {
        metric: Metric::Duration,
        name: "arbiter.duration_milliseconds",
        instrument: Instrument::Histogram,
        unit: "milliseconds",
        labels: &["outcome"],
        meaning: "Time from the end of a call's request to the end of its answer, all attempts included",
    },
    Description {
        metric: Metric::FilterTime,
        name: "arbiter.filter_time_microseconds",
        instrument: Instrument::Histogram,
        unit: "microseconds",
        labels: &[],
        meaning: "Time that a call's worker has spent in the `router` role, of one call in eight",
    },
];

/// The table.
pub fn metrics() -> impl Iterator<Item = &'static Description> {
    METRICS.iter().chain(&gen_ai::METRICS)
}

/// All labels that occur.
#[must_use]
pub fn labels() -> BTreeSet<&'static str> {
    metrics().flat_map(|row| row.labels.iter().copied()).collect()
}

/// The row of a metric.
pub(super) fn description(metric: Metric) -> Option<&'static Description> {
    metrics().find(|row| row.metric == metric)
}

/// What stands before the table of our own metrics.
const INTRODUCTION: &str = "# Metrics

In Envoy as `wasmcustom.<name>`, under `/stats/prometheus` with `_` for every `.`; `arbiter render` writes the `stats_tags` that turn labels into tags, and the
`histogram_bucket_settings`. Counters are reported twice a second, histograms at once. Every label is bounded: by the policy, by what the code knows, or by
`telemetry.teams`; a worker has at most 4096 series, and counts what comes later under `other`.

";

/// What stands before the table of OpenTelemetry's.
const GEN_AI: &str = "
## OpenTelemetry's names

`telemetry: { gen_ai: [v0.1.0, v1.41.0] }` chooses: v0.1.0 of the [GenAI conventions](https://github.com/open-telemetry/semantic-conventions-genai), all still in development, is reported by default; what older
dashboards read is that of v1.41.0 (`gen_ai.client.token.usage`). A call counts by the model that answered, or was asked last. Answers out of the cache are none of these: nobody was asked. Envoy's histograms hold whole
numbers, so that durations are in milliseconds, and their names say so; their sums are estimates, up to 5 % off, so count tokens by the counters; `envoy/grafana/rules.yaml` has the names that Prometheus gives to OpenTelemetry's metrics.

";

fn table<'t>(text: &mut String, rows: impl Iterator<Item = &'t Description>) {
    text.push_str("| name | kind | unit | labels | meaning |\n|---|---|---|---|---|\n");
    for Description { name, instrument, unit, labels, meaning, .. } in rows {
        let kind = match instrument {
            Instrument::Counter => "counter",
            Instrument::Histogram => "histogram",
        };
        let _ = writeln!(text, "| `{name}` | {kind} | {unit} | {} | {meaning} |", labels.join(", "));
    }
}

/// The table as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    table(&mut text, METRICS.iter());
    text.push_str(GEN_AI);
    table(&mut text, gen_ai::METRICS.iter());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_one_row() {
        for row in metrics() {
            assert_eq!(description(row.metric), Some(row));
            assert_eq!(metrics().filter(|other| other.name == row.name).count(), 1, "{}", row.name);
        }
    }

    #[test]
    fn the_reference_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, reference()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), reference(), "UPDATE=1 cargo test writes it anew");
    }
}
