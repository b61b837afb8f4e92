//! What operators are told about the past: figures out of the history.

use std::time::Duration;

use serde::Serialize;

use crate::calendar::{Window, Zone};
use crate::host::SharedData;
use crate::telemetry::history::{Grain, History, Period, sum};
use crate::telemetry::summary::Summary;

/// What the API tells of the past, by the names of its paths behind `/api/`.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug, schemars::JsonSchema)]
#[expect(dead_code, reason = "only its shape is asked for")]
struct Answers {
    overview: Overview,
    history: Past,
}

/// The JSON Schema (draft 2020-12) of what the API tells of the past.
#[cfg(not(target_arch = "wasm32"))]
#[must_use]
pub fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<Answers>().into()
}

/// Most days of a month.
const MONTH: usize = 31;

/// The figures of now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Overview {
    /// What time it is, in seconds since the Unix epoch.
    pub now: f64,
    /// Whether the policy is enforced.
    pub mode: String,
    /// Whether something may be invalidated or reported here.
    pub actions: bool,
    /// The last 60 minutes.
    pub hour: Summary,
    /// Today, in the policy's time zone.
    pub today: Summary,
    /// This month, in the policy's time zone.
    pub month: Summary,
}

/// Periods, the oldest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Past {
    /// How long each is: `minute`, `hour` or `day`.
    pub grain: String,
    /// The periods; the last is not over.
    pub periods: Vec<PeriodFigures>,
}

/// The figures of a period; money in US dollars.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct PeriodFigures {
    /// When it began, in seconds since the Unix epoch.
    pub start: u64,
    /// Requests with any outcome.
    pub requests: u64,
    /// Those that were answered by a cache.
    pub hits: u64,
    /// Those that failed, or whose answer broke off.
    pub failed: u64,
    /// What providers were paid.
    pub cost_usd: f64,
    /// What the baseline model would have cost.
    pub baseline_usd: f64,
    /// Baseline less cost, of calls that cost less.
    pub saved_usd: f64,
}

/// The figures of the last hour, of today and of this month.
pub(super) fn overview<H: SharedData>(
    host: &H,
    (history, zone): (&History, &Zone),
    (mode, actions): (&str, bool),
    now: Duration,
) -> Overview {
    let last = |grain, count| history.last(host, grain, count, now);
    let first = zone.span(Window::Month, now).start.as_secs();
    let days = last(Grain::Day, MONTH);
    let month: Vec<Period> = days.iter().filter(|day| day.start >= first).cloned().collect();
    let today = days.last().map(|day| &day.counts);
    Overview {
        now: now.as_secs_f64(),
        mode: mode.to_owned(),
        actions,
        hour: Summary::of(&sum(&last(Grain::Minute, 60))),
        today: today.map(Summary::of).unwrap_or_default(),
        month: Summary::of(&sum(&month)),
    }
}

/// The figures of the last periods of a grain.
pub(super) fn past<H: SharedData>(
    host: &H,
    history: &History,
    (grain, count): (Grain, usize),
    now: Duration,
) -> Past {
    let periods = history.last(host, grain, count, now);
    let figures = periods.iter().map(|Period { start, counts }| {
        let Summary { requests, cost_usd, baseline_usd, saved_usd, .. } = Summary::of(counts);
        let of = |outcome: &str| requests.get(outcome).copied().unwrap_or_default();
        PeriodFigures {
            start: *start,
            requests: requests.values().fold(0, |sum, count| sum.saturating_add(*count)),
            hits: of("hit"),
            failed: of("failed").saturating_add(of("cut")),
            cost_usd,
            baseline_usd,
            saved_usd,
        }
    });
    Past { grain: grain.as_str().to_owned(), periods: figures.collect() }
}
