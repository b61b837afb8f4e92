//! What one VM has counted and measured, on its way to the host.

use std::cell::RefCell;
use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::description::{Description, Instrument, Metric};
use super::metrics::{TIMES, description};
use crate::host::{MetricId, Metrics};

/// Most series of a VM. Envoy keeps every one for ever.
const MOST_SERIES: usize = 4096;
/// The value of all labels of what comes after that, and of a label that has enough of them.
pub const OTHER: &str = "other";

/// The metrics of one VM. Increments are collected and handed to the host together: a host call costs more than all the
/// rest of an increment.
#[derive(Debug, Default)]
pub struct Meters {
    /// The key being looked up; kept to spare an allocation per increment.
    key: RefCell<String>,
    /// By metric and label values. A series gets its name when it is first used, not every time.
    series: RefCell<HashMap<String, Series, FixedState>>,
    /// Whether what is counted is kept for a history, too.
    is_kept: bool,
}

#[derive(Debug)]
struct Series {
    name: String,
    instrument: Instrument,
    is_kept: bool,
    /// What the host has not been told yet.
    pending: u64,
    /// What the history has not been told yet.
    unkept: u64,
    /// Of a histogram, what the history has not been told yet, by bucket.
    buckets: Vec<u64>,
    id: Option<MetricId>,
}

/// The name of a histogram's bucket, by where it ends, in a history.
fn bucket(name: &str, at: usize) -> String {
    match TIMES.get(at) {
        Some(end) => format!("{name};le={end}"),
        None => format!("{name};le=inf"),
    }
}

/// Stands between the parts of a key; no label value holds it.
const SEPARATOR: char = '\u{1f}';

impl Meters {
    /// Metrics of which a history `is_kept`.
    #[must_use]
    pub fn new(is_kept: bool) -> Self {
        Self { is_kept, ..Self::default() }
    }

    /// Adds `by` to the counter of `metric` with these label values, in the order of its row in the table. An empty
    /// value leaves its label out.
    pub fn add(&self, metric: Metric, values: &[&str], by: u64) {
        self.with(metric, values, |series| {
            series.pending = series.pending.saturating_add(by);
            series.unkept = series.unkept.saturating_add(by);
        });
    }

    /// Puts a value into the histogram of `metric` with these label values.
    pub fn record<H: Metrics>(&self, host: &H, metric: Metric, values: &[&str], value: u64) {
        self.with(metric, values, |series| {
            series.put(value);
            if let Some(id) = series.identify(host) {
                host.record(id, value);
            }
        });
    }

    fn with(&self, metric: Metric, values: &[&str], change: impl FnOnce(&mut Series)) {
        let Some(row) = description(metric) else { return };
        let mut key = self.key.borrow_mut();
        key.clear();
        key.push_str(row.name);
        for value in values {
            key.push(SEPARATOR);
            key.push_str(value);
        }
        let mut all = self.series.borrow_mut();
        if let Some(series) = all.get_mut(key.as_str()) {
            return change(series);
        }
        let new = |name| Series::new(name, row, self.is_kept);
        let series = if all.len() < MOST_SERIES {
            all.entry(key.clone()).or_insert_with(|| new(row.series(values)))
        } else {
            let others = vec![OTHER; row.labels.len()];
            let name = row.series(&others);
            all.entry(name.clone()).or_insert_with(|| new(name))
        };
        change(series);
    }

    /// What was counted since this was asked last, for a history: counters by their names, histograms by those of their buckets.
    pub fn counted(&self) -> Vec<(String, u64)> {
        let mut counted = Vec::new();
        for series in self.series.borrow_mut().values_mut() {
            let by = std::mem::take(&mut series.unkept);
            if by > 0 && series.is_kept {
                counted.push((series.name.clone(), by));
            }
            for (at, count) in series.buckets.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
                counted.push((bucket(&series.name, at), std::mem::take(count)));
            }
        }
        counted
    }

    /// Hands what was collected to the host. A counter that the host refuses keeps what it has until the next time.
    pub fn flush<H: Metrics>(&self, host: &H) {
        for series in self.series.borrow_mut().values_mut().filter(|series| series.pending > 0) {
            if let Some(id) = series.identify(host) {
                host.increment(id, std::mem::take(&mut series.pending));
            }
        }
    }
}

impl Series {
    fn new(name: String, row: &Description, is_kept: bool) -> Self {
        let is_kept = is_kept && !matches!(row.metric, Metric::GenAi(_));
        let buckets = match row.instrument {
            Instrument::Histogram if is_kept => vec![0; TIMES.len().saturating_add(1)],
            Instrument::Histogram | Instrument::Counter => Vec::new(),
        };
        Self { name, instrument: row.instrument, pending: 0, unkept: 0, is_kept, buckets, id: None }
    }

    /// Counts a value of a histogram for the history.
    fn put(&mut self, value: u64) {
        let at = TIMES.partition_point(|end| u64::from(*end) < value);
        if let Some(count) = self.buckets.get_mut(at) {
            *count = count.saturating_add(1);
        }
    }

    fn identify<H: Metrics>(&mut self, host: &H) -> Option<MetricId> {
        if self.id.is_none() {
            self.id = match self.instrument {
                Instrument::Counter => host.define_counter(&self.name),
                Instrument::Histogram => host.define_histogram(&self.name),
            }
            .ok();
        }
        self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::{MemoryHost, Recorded};

    #[test]
    fn labels_stand_in_the_name() {
        let (host, meters) = (MemoryHost::default(), Meters::default());
        meters.add(Metric::Requests, &["routed", "", "small", "gpt-4.1", "low"], 2);
        meters.add(Metric::Requests, &["routed", "", "small", "gpt-4.1", "low"], 3);
        meters.flush(&host);
        assert_eq!(
            host.counter("arbiter.requests;outcome=routed;tier=small;model=gpt-4.1;complexity=low"),
            5
        );
    }

    #[test]
    fn what_was_told_is_not_told_again() {
        let (host, meters) = (MemoryHost::default(), Meters::default());
        meters.add(Metric::Cache, &["hit"], 2);
        meters.flush(&host);
        meters.flush(&host);
        meters.add(Metric::Cache, &["hit"], 1);
        meters.flush(&host);
        assert_eq!(host.counter("arbiter.cache;result=hit"), 3);
    }

    #[test]
    fn an_empty_value_leaves_its_label_out() {
        let (host, meters) = (MemoryHost::default(), Meters::default());
        meters.add(Metric::Cache, &["miss", ""], 1);
        meters.flush(&host);
        assert_eq!(host.counter("arbiter.cache;result=miss"), 1);
    }

    #[test]
    fn a_value_cannot_forge_a_label() {
        let (host, meters) = (MemoryHost::default(), Meters::default());
        meters.add(Metric::UsageUnknown, &["a;tier=b|c:d"], 1);
        meters.flush(&host);
        assert_eq!(host.counter("arbiter.usage_unknown;reason=a_tier_b_c_d"), 1);
    }

    #[test]
    fn a_histogram_gets_every_value() {
        let (host, meters) = (MemoryHost::default(), Meters::default());
        for value in [3, 4] {
            meters.record(&host, Metric::Duration, &["hit"], value);
        }
        let recorded = host.histogram("arbiter.duration_milliseconds;outcome=hit");
        assert_eq!(recorded, Recorded { count: 2, sum: 7 });
    }

    #[test]
    fn what_comes_after_the_last_series_is_counted_together() {
        let (host, meters) = (MemoryHost::default(), Meters::default());
        for number in 0..MOST_SERIES {
            meters.add(Metric::TeamCost, &[&number.to_string()], 1);
        }
        meters.add(Metric::TeamRequests, &["late", "hit"], 2);
        meters.add(Metric::TeamRequests, &["later", "routed"], 3);
        meters.flush(&host);
        assert_eq!(host.counter("arbiter.team_requests;team=other;outcome=other"), 5);
        assert_eq!(host.counter("arbiter.team_cost_nanousd;team=4095"), 1);
        assert_eq!(host.counters().len(), MOST_SERIES + 1);
    }
}
