//! What became of all requests, in a line.

use std::collections::BTreeMap;
use std::fmt;

use super::replayed::{Outcome, Replayed};

/// What became of all requests.
#[derive(Debug, Default)]
pub struct Totals {
    outcomes: BTreeMap<Outcome, u64>,
    cost: f64,
    baseline: f64,
}

impl Totals {
    /// Counts a result.
    pub fn add(&mut self, result: &Replayed) {
        let count = self.outcomes.entry(result.outcome).or_default();
        *count = count.saturating_add(1);
        self.cost += result.cost_usd.unwrap_or_default();
        self.baseline += result.baseline_usd.unwrap_or_default();
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u64 = self.outcomes.values().sum();
        write!(f, "{all} requests")?;
        for (outcome, count) in &self.outcomes {
            write!(f, ", {count} {}", outcome.as_str())?;
        }
        let (cost, baseline) = (self.cost, self.baseline);
        write!(f, "; cost ${cost:.6}, baseline ${baseline:.6}, saved ${:.6}", baseline - cost)
    }
}
