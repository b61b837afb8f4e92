//! The report as text.

use std::fmt::Write;

use super::report::{Change, PolicyReport, Report};

/// The report as text for a terminal.
pub fn text(report: &Report) -> String {
    let mut text = format!("{} requests\n", report.requests);
    for policy in &report.policies {
        one(&mut text, policy);
    }
    if let [first, second] = report.policies.as_slice() {
        let (before, after) = (first.figures.cost_usd, second.figures.cost_usd);
        let _ = writeln!(text, "\n{} instead of {}: ${:+.4}", second.policy, first.policy, after - before);
    }
    for Change { from, to, requests, more_usd, examples } in report.changes.iter().flatten() {
        let _ = writeln!(text, "  {from} -> {to}: {requests} requests, ${more_usd:+.4}");
        for example in examples {
            let _ = writeln!(text, "    {}: {:?}", example.id, example.excerpt);
        }
    }
    text
}

fn one(text: &mut String, report: &PolicyReport) {
    let PolicyReport { policy, figures, hit_rates, rules, thresholds, .. } = report;
    let net = figures.baseline_usd - figures.cost_usd;
    let share = if figures.baseline_usd > 0.0 { 100.0 * net / figures.baseline_usd } else { 0.0 };
    let _ = writeln!(
        text,
        "\n{policy}\n  baseline ${:.4}, cost ${:.4}, saved ${net:.4} ({share:.1} %)\n  hits: exact {:.1} %, semantic {:.1} %",
        figures.baseline_usd,
        figures.cost_usd,
        hit_rates.exact * 100.0,
        hit_rates.semantic * 100.0
    );
    for (cause, saved) in &figures.saved_usd_by_cause {
        let _ = writeln!(text, "  saved by {cause}: ${saved:.4}");
    }
    section(text, "tier", figures.tiers.iter().map(|row| (row.tier.as_str(), row.requests, row.cost_usd)));
    section(text, "model", figures.models.iter().map(|row| (row.model.as_str(), row.requests, row.cost_usd)));
    section(text, "team", figures.teams.iter().map(|row| (row.team.as_str(), row.requests, row.cost_usd)));
    if rules.iter().any(|rule| !rule.rule.is_empty()) {
        section(text, "rule", rules.iter().map(|row| (row.rule.as_str(), row.requests, row.cost_usd)));
    }
    if !thresholds.is_empty() {
        text.push_str("  if the strongest tier began at a score of\n");
    }
    for threshold in thresholds.iter().step_by(2) {
        let _ = writeln!(
            text,
            "    {:.1}: {:>5.1} % of the scored calls, ${:.4}",
            threshold.score,
            threshold.strong_share * 100.0,
            threshold.cost_usd
        );
    }
}

fn section<'r>(text: &mut String, what: &str, rows: impl Iterator<Item = (&'r str, u64, f64)>) {
    for (name, requests, cost) in rows {
        let name = if name.is_empty() { "(none)" } else { name };
        let _ = writeln!(text, "  {what} {name}: {requests} requests, ${cost:.4}");
    }
}
