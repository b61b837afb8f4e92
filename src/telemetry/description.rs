//! What a metric is: a row of the table.

/// What is counted or measured.
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
    /// Calls by team.
    TeamRequests,
    /// Money paid by team.
    TeamCost,
    /// Money that the baseline model would have cost, by team.
    TeamBaseline,
    /// How long calls have taken.
    Duration,
    /// How long the filter has worked on calls.
    FilterTime,
    /// What OpenTelemetry's conventions have names for.
    GenAi(GenAi),
}

/// How a metric is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instrument {
    /// A sum that only grows.
    Counter,
    /// Values, by size.
    Histogram,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// The metric.
    pub metric: Metric,
    /// Its name in Envoy, after `wasmcustom.`.
    pub name: &'static str,
    /// How it is kept.
    pub instrument: Instrument,
    /// What one of it is.
    pub unit: &'static str,
    /// Its labels, in order.
    pub labels: &'static [&'static str],
    /// What it means.
    pub meaning: &'static str,
}

/// What the conventions have names for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GenAi {
    /// v0.1.0: how long a call took.
    InferenceDuration,
    /// v0.1.0: when the first piece of a stream came.
    InferenceFirstChunk,
    /// v0.1.0: all input.
    Input,
    /// v0.1.0: all output.
    Output,
    /// v0.1.0: input out of the provider's cache.
    CacheRead,
    /// v0.1.0: input written to the provider's cache.
    CacheWrite,
    /// v0.1.0: output that was thought.
    Reasoning,
    /// v0.1.0: input of each call.
    InputPerCall,
    /// v0.1.0: output of each call.
    OutputPerCall,
    /// v1.41.0: tokens of each call, by kind.
    TokenUsage,
    /// v1.41.0: how long a call took.
    OperationDuration,
    /// v1.41.0: when the first piece of a stream came.
    OperationFirstChunk,
}

impl Description {
    /// The name of the series with these label values; an empty value leaves its label out.
    pub(super) fn series(&self, values: &[&str]) -> String {
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
