//! Every metric there is, in one table; the counters and `docs/metrics.md` come from it.
//!
//! Envoy's metrics have no labels, so they stand in the name: `arbiter.requests;outcome=routed;tier=small`.
//! `stats_config.stats_tags` turns them into tags; see [`LABELS`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;

use foldhash::fast::FixedState;

use crate::host::{MetricId, Metrics};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Requests by what became of them.
    Requests,
    /// Tokens that providers reported.
    Tokens,
    /// Money paid to providers.
    Cost,
    /// Money that the baseline model would have cost.
    Baseline,
    /// Money saved against the baseline.
    Saved,
    /// Money spent over the baseline.
    Overspent,
    /// What the cache did.
    Cache,
    /// What the semantic cache did.
    Semantic,
    /// What hits that were not served would have saved.
    SemanticForegone,
    /// What the store that instances share did.
    Shared,
    /// Watched calls by what would have become of them.
    Would,
    /// What watched calls would have cost.
    WouldCost,
    /// What watched calls would have saved.
    WouldSaved,
    /// What watched calls would have cost more.
    WouldOverspent,
    /// Calls by the rule that holds.
    Rules,
    /// Calls under budgets that are nearly spent, or are.
    Budgets,
    /// Answers that came from another model than the one asked first.
    Failovers,
    /// Attempts by what became of them.
    Attempts,
    /// Answers whose tokens are not known.
    UsageUnknown,
    /// Calls whose tokens, and so their cost, are an estimate.
    Estimated,
    /// Workers that score without the learned scorer.
    ScorerUnavailable,
    /// Workers without the semantic cache that the policy asks for.
    SemanticUnavailable,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// The metric.
    pub metric: Metric,
    /// Its name in Envoy, after `wasmcustom.`.
    pub name: &'static str,
    /// What one of it is.
    pub unit: &'static str,
    /// Its labels, in order.
    pub labels: &'static [&'static str],
    /// What it means.
    pub meaning: &'static str,
}

/// All labels that occur.
pub const LABELS: [&str; 10] =
    ["outcome", "reason", "tier", "provider", "model", "complexity", "kind", "result", "rule", "budget"];

/// The table.
pub const METRICS: [Description; 22] = [
    Description {
        metric: Metric::Requests,
        name: "arbiter.requests",
        unit: "requests",
        labels: &["outcome", "reason", "tier", "model", "complexity"],
        meaning: "Requests by outcome: `routed`, `hit`, `cut` (a 200 answer that broke off), `failed` (no 200 answer), `abandoned` (the caller left before its end), \
                  `refused` (by us, by reason), `passed` (not read, or by reason `shadow` only watched; by reason), `answered` (what the policy answers by itself; by reason)",
    },
    Description {
        metric: Metric::Tokens,
        name: "arbiter.tokens",
        unit: "tokens",
        labels: &["kind", "model"],
        meaning: "Tokens as reported by providers: `input` (neither of the following), `cached_input`, `cache_write`, `output`",
    },
    Description {
        metric: Metric::Cost,
        name: "arbiter.cost_nanousd",
        unit: "USD / 10^9",
        labels: &["tier", "model"],
        meaning: "What providers were paid",
    },
    Description {
        metric: Metric::Baseline,
        name: "arbiter.baseline_nanousd",
        unit: "USD / 10^9",
        labels: &["tier"],
        meaning: "What the baseline model would have cost for the same tokens, cache hits included",
    },
    Description {
        metric: Metric::Saved,
        name: "arbiter.saved_nanousd",
        unit: "USD / 10^9",
        labels: &["tier"],
        meaning: "Baseline less cost, of calls that cost less than the baseline",
    },
    Description {
        metric: Metric::Overspent,
        name: "arbiter.overspent_nanousd",
        unit: "USD / 10^9",
        labels: &["tier"],
        meaning: "Cost less baseline, of calls that cost more than the baseline",
    },
    Description {
        metric: Metric::Cache,
        name: "arbiter.cache",
        unit: "requests",
        labels: &["result", "reason"],
        meaning: "Exact cache: `hit`, `miss`, `bypass` by reason, `collapsed` (answered with what the same request got that was on its way), `released` (has waited for that in vain), \
                  what was `stored` or `not_stored` by reason, and what an operator has `invalidated`, by what",
    },
    Description {
        metric: Metric::Semantic,
        name: "arbiter.semantic",
        unit: "requests",
        labels: &["result", "reason"],
        meaning: "Semantic cache: `hit`, `shadow_hit` (not served), `audited` (a hit that goes to a provider as well, whose answer then `agreed` or `disagreed`), `tightened` (of a tenant's too many disagreed: from now on fewer may be wrong), `reported` (an operator says it was wrong), `unfit` (not looked for, by reason), `no_candidate`, `vetoed` (the nearest message, by veto), `unlikely`, \
                  `gone` (its answer has expired or made room), `unstreamable` (its answer cannot be put into a stream), `busy` (no time left), and what was `stored` or `not_stored` by reason",
    },
    Description {
        metric: Metric::SemanticForegone,
        name: "arbiter.semantic_foregone_nanousd",
        unit: "USD / 10^9",
        labels: &["tier"],
        meaning: "What calls have cost that the semantic cache could have answered, in shadow or in an audit",
    },
    Description {
        metric: Metric::SemanticUnavailable,
        name: "arbiter.semantic_unavailable",
        unit: "workers",
        labels: &[],
        meaning: "Configurations without the semantic cache that their policy asks for, because its models cannot be used; the log says why",
    },
    Description {
        metric: Metric::Shared,
        name: "arbiter.shared",
        unit: "requests",
        labels: &["result"],
        meaning: "The store that instances share: `hit`, `miss`, `stored`, `unavailable` (it did not answer in time, or with an error)",
    },
    Description {
        metric: Metric::Would,
        name: "arbiter.would_requests",
        unit: "requests",
        labels: &["outcome", "reason", "tier", "model"],
        meaning: "Calls in shadow mode, or under a rule in it, by what would have become of them: `routed` (by reason of the decision), `hit` (by cache), `answered`, `refused` (by reason)",
    },
    Description {
        metric: Metric::WouldCost,
        name: "arbiter.would_cost_nanousd",
        unit: "USD / 10^9",
        labels: &["tier", "model"],
        meaning: "What these calls would have cost, for the tokens of the answers that were given",
    },
    Description {
        metric: Metric::WouldSaved,
        name: "arbiter.would_saved_nanousd",
        unit: "USD / 10^9",
        labels: &["tier"],
        meaning: "What these calls have cost less what they would have cost, where that is less",
    },
    Description {
        metric: Metric::WouldOverspent,
        name: "arbiter.would_overspent_nanousd",
        unit: "USD / 10^9",
        labels: &["tier"],
        meaning: "What these calls would have cost less what they have cost, where that is more",
    },
    Description {
        metric: Metric::Rules,
        name: "arbiter.rules",
        unit: "requests",
        labels: &["rule", "result"],
        meaning: "Calls by the rule that holds: `applied`, `denied`, `shadow` (would hold, and is only watched), `undecided` (a number was too large, or divided \
                  by zero: a rule that denies counts as if it held, any other as if it did not)",
    },
    Description {
        metric: Metric::Budgets,
        name: "arbiter.budgets",
        unit: "requests",
        labels: &["budget", "result"],
        meaning: "Calls that came under a budget at a stage: `warn`, `lower`, `cheapest`, `reject`; `contended`: not charged, because other workers were quicker every time",
    },
    Description {
        metric: Metric::Failovers,
        name: "arbiter.failovers",
        unit: "requests",
        labels: &["model"],
        meaning: "Answers that came from another model than the one asked first, by the model that answered",
    },
    Description {
        metric: Metric::Attempts,
        name: "arbiter.attempts",
        unit: "attempts",
        labels: &["provider", "model", "result"],
        meaning: "Attempts by the model that was asked and by result: `answered`, or why it failed: a status, `connect_failure`, `reset`, \
                  `timeout`, `no_credential` (none for Envoy to inject), `malformed` (an answer that cannot be read), `context_length`, or, where a rule escalates, `refusal`, `cut`, `schema`",
    },
    Description {
        metric: Metric::UsageUnknown,
        name: "arbiter.usage_unknown",
        unit: "requests",
        labels: &["reason"],
        meaning: "Answers whose tokens are not known, and whose cost is therefore missing, by reason",
    },
    Description {
        metric: Metric::Estimated,
        name: "arbiter.estimated",
        unit: "requests",
        labels: &["outcome"],
        meaning: "Calls whose cost is an estimate or holds one: answers that broke off or were left before their tokens were counted, and attempts that were \
                  given up after the provider had begun to answer",
    },
    Description {
        metric: Metric::ScorerUnavailable,
        name: "arbiter.scorer_unavailable",
        unit: "workers",
        labels: &[],
        meaning: "Configurations that score by the heuristic alone, because the encoder or the weights of the learned scorer cannot be used; the log says why",
    },
];

impl Metric {
    fn description(self) -> Option<&'static Description> {
        METRICS.iter().find(|row| row.metric == self)
    }
}

/// The counters of one VM. Increments are collected and handed to the host together: a host call costs more than all the
/// rest of an increment.
#[derive(Debug, Default)]
pub struct Counters {
    /// The key being looked up; kept to spare an allocation per increment.
    key: RefCell<String>,
    /// By metric and label values. A counter gets its name when it is first counted, not at every increment.
    counters: RefCell<HashMap<String, Counter, FixedState>>,
}

#[derive(Debug)]
struct Counter {
    name: String,
    /// What the host has not been told yet.
    pending: u64,
    id: Option<MetricId>,
}

/// Stands between the parts of a key; no label value holds it.
const SEPARATOR: char = '\u{1f}';

impl Counters {
    /// Adds `by` to the counter of `metric` with these label values, in the order of its row in [`METRICS`]. An empty
    /// value leaves its label out.
    pub fn add(&self, metric: Metric, values: &[&str], by: u64) {
        let Some(row) = metric.description() else { return };
        let mut key = self.key.borrow_mut();
        key.clear();
        key.push_str(row.name);
        for value in values {
            key.push(SEPARATOR);
            key.push_str(value);
        }
        let mut counters = self.counters.borrow_mut();
        if let Some(counter) = counters.get_mut(key.as_str()) {
            counter.pending = counter.pending.saturating_add(by);
        } else {
            counters.insert(key.clone(), Counter { name: row.counter(values), pending: by, id: None });
        }
    }

    /// Hands what was collected to the host. A counter that the host refuses keeps what it has until the next time.
    pub fn flush<H: Metrics>(&self, host: &H) {
        for counter in self.counters.borrow_mut().values_mut().filter(|counter| counter.pending > 0) {
            if counter.id.is_none() {
                counter.id = host.define_counter(&counter.name).ok();
            }
            if let Some(id) = counter.id {
                host.increment(id, std::mem::take(&mut counter.pending));
            }
        }
    }
}

impl Description {
    /// The name of the counter with these label values.
    fn counter(&self, values: &[&str]) -> String {
        let mut name = self.name.to_owned();
        for (label, value) in self.labels.iter().zip(values).filter(|(_, value)| !value.is_empty()) {
            name.push(';');
            name.push_str(label);
            name.push('=');
            name.extend(value.chars().map(|c| if is_plain(c) { c } else { '_' }));
        }
        name
    }
}

/// Whether a character may stand in a label value: none that a stats sink gives a meaning of its own.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/')
}

/// The table as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from(
        "# Metrics\n\nCounters, in Envoy as `wasmcustom.<name>`; `arbiter render` writes the `stats_tags` that turn labels \
         into tags.\n\n| name | unit | labels | meaning |\n|---|---|---|---|\n",
    );
    for row in &METRICS {
        let labels = row.labels.join(", ");
        let _ = writeln!(text, "| `{}` | {} | {labels} | {} |", row.name, row.unit, row.meaning);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::MemoryHost;

    #[test]
    fn labels_stand_in_the_name() {
        let (host, counters) = (MemoryHost::default(), Counters::default());
        counters.add(Metric::Requests, &["routed", "", "small", "gpt-4.1", "low"], 2);
        counters.add(Metric::Requests, &["routed", "", "small", "gpt-4.1", "low"], 3);
        counters.flush(&host);
        assert_eq!(
            host.counter("arbiter.requests;outcome=routed;tier=small;model=gpt-4.1;complexity=low"),
            5
        );
    }

    #[test]
    fn what_was_told_is_not_told_again() {
        let (host, counters) = (MemoryHost::default(), Counters::default());
        counters.add(Metric::Cache, &["hit"], 2);
        counters.flush(&host);
        counters.flush(&host);
        counters.add(Metric::Cache, &["hit"], 1);
        counters.flush(&host);
        assert_eq!(host.counter("arbiter.cache;result=hit"), 3);
    }

    #[test]
    fn an_empty_value_leaves_its_label_out() {
        let (host, counters) = (MemoryHost::default(), Counters::default());
        counters.add(Metric::Cache, &["miss", ""], 1);
        counters.flush(&host);
        assert_eq!(host.counter("arbiter.cache;result=miss"), 1);
    }

    #[test]
    fn a_value_cannot_forge_a_label() {
        let (host, counters) = (MemoryHost::default(), Counters::default());
        counters.add(Metric::UsageUnknown, &["a;tier=b|c:d"], 1);
        counters.flush(&host);
        assert_eq!(host.counter("arbiter.usage_unknown;reason=a_tier_b_c_d"), 1);
    }

    #[test]
    fn every_label_of_the_table_is_known_to_the_stats_tags() {
        for row in &METRICS {
            assert!(row.labels.iter().all(|label| LABELS.contains(label)), "{row:?}");
            assert_eq!(row.metric.description(), Some(row));
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
