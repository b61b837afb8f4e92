//! What of a call is counted and measured.

use super::books::Books;
use super::exchange::Timing;
use crate::chat::Usage;
use crate::chat::observe::Blind;
use crate::host::Host;
use crate::ledger::{Bill, Cause, NanoDollars, Thrift};
use crate::policy::Effect;
use crate::routing::{Attempt, Reason};
use crate::telemetry::{Inference, Metric, Outcome, milliseconds};

impl<H: Host> Books<'_, H> {
    /// Counts a call and how long it has taken.
    pub(super) fn count(&self, outcome: Outcome) {
        let level = self.complexity().map_or("", |complexity| complexity.level.as_str());
        self.count_as(outcome, "", [self.tier_name(), self.model_name(), level]);
    }

    /// Counts a call that was refused.
    pub(super) fn count_refused(&self, reason: &str) {
        self.count_as(Outcome::Refused, reason, [""; 3]);
    }

    fn count_as(&self, outcome: Outcome, reason: &str, [tier, model, level]: [&str; 3]) {
        let role = self.role;
        let outcome = outcome.as_str();
        role.meters.add(Metric::Requests, &[outcome, reason, tier, model, level], 1);
        let team = role.teams.bounded(&self.asked.team);
        role.meters.add(Metric::TeamRequests, &[team, outcome], 1);
        let taken = milliseconds(self.host.now().saturating_sub(self.asked.read_at));
        role.meters.record(self.host, Metric::Duration, &[outcome], taken);
    }

    pub(super) fn count_attempts(&self, attempts: &[Attempt]) {
        let policy = &self.role.policy;
        for Attempt { model, failure, usage, .. } in attempts {
            self.count_tokens(*usage, model);
            let provider = policy.model_by_name(model).map_or("", |id| &policy.provider_of(id).name);
            let failure = failure.map(|failure| failure.to_string());
            let result = failure.as_deref().unwrap_or("answered");
            self.role.meters.add(Metric::Attempts, &[provider, model, result], 1);
        }
    }

    /// Counts what an answer took and has cost.
    pub(super) fn count_answer(
        &self,
        usage: Option<Usage>,
        blind: Option<Blind>,
        bill: Option<Bill>,
        outcome: Outcome,
    ) {
        self.count_tokens(usage, self.model_name());
        let model = self.model.map(|id| &self.role.policy.model(id).prices);
        let shares = match (&bill, &usage, model) {
            (Some(bill), Some(usage), Some(model)) => self.thrift().shares(bill, usage, model).to_vec(),
            _ => Vec::new(),
        };
        self.count_money(bill, &shares);
        if let (Some(blind), Outcome::Routed) = (blind, outcome) {
            self.role.meters.add(Metric::UsageUnknown, &[blind.as_str()], 1);
        }
    }

    /// Reports a call under the names of OpenTelemetry.
    pub(super) fn report_inference(&self, outcome: Outcome, usage: Option<Usage>, timing: Timing) {
        let role = self.role;
        let Some(id) = self.model else { return };
        let Timing { asked_at, first_at, status } = timing;
        let status = status.to_string();
        let error = match outcome {
            Outcome::Failed => status.as_str(),
            Outcome::Cut | Outcome::Abandoned => outcome.as_str(),
            _ => "",
        };
        let inference = Inference {
            operation: &self.asked.operation,
            provider: role.policy.provider_of(id).well_known_name(),
            model: &role.policy.model(id).upstream_name,
            error,
            usage,
            duration: self.host.now().saturating_sub(asked_at),
            first_chunk: first_at.map(|at| at.saturating_sub(asked_at)),
        };
        inference.report(&role.meters, self.host, &role.policy.telemetry.conventions);
    }

    fn count_tokens(&self, usage: Option<Usage>, model: &str) {
        for (kind, tokens) in usage.iter().flat_map(kinds).filter(|(_, tokens)| *tokens > 0) {
            self.role.meters.add(Metric::Tokens, &[kind, model], tokens);
        }
    }

    /// Counts a call in shadow mode.
    pub(super) fn count_watched(&self, usage: Option<Usage>, cost: Option<NanoDollars>) {
        self.count_as(Outcome::Passed, "shadow", ["", self.model_name(), ""]);
        self.count_tokens(usage, self.model_name());
        if let Some(cost) = cost.filter(|cost| cost.0 > 0) {
            self.role.meters.add(Metric::Cost, &["", self.model_name()], cost.0);
            self.count_for_team(Metric::TeamCost, cost);
        }
    }

    /// Counts a bill, and what has saved how much of the baseline.
    pub(super) fn count_money(&self, bill: Option<Bill>, saved: &[(Cause, u64)]) {
        let Some(bill) = bill else { return };
        let tier = self.tier_name();
        let add = |metric, values: &[&str], amount: u64| {
            if amount > 0 {
                self.role.meters.add(metric, values, amount);
            }
        };
        add(Metric::Cost, &[tier, self.model_name()], bill.cost.0);
        add(Metric::Baseline, &[tier], bill.baseline.0);
        add(Metric::Overspent, &[tier], bill.cost.0.saturating_sub(bill.baseline.0));
        for (cause, amount) in saved {
            add(Metric::Saved, &[cause.as_str(), tier], *amount);
        }
        self.count_for_team(Metric::TeamCost, bill.cost);
        self.count_for_team(Metric::TeamBaseline, bill.baseline);
    }

    fn count_for_team(&self, metric: Metric, amount: NanoDollars) {
        if amount.0 > 0 {
            self.role.meters.add(metric, &[self.role.teams.bounded(&self.asked.team)], amount.0);
        }
    }

    /// What the policy has done beside choosing a model that makes the call cheaper.
    pub(super) fn thrift(&self) -> Thrift {
        let rule = self.asked.rule.and_then(|id| self.role.policy.rules.get(id));
        let service_tier = rule.is_some_and(|rule| match &rule.then {
            Effect::Allow(constraints) => constraints.service_tier.is_some(),
            Effect::Deny(_) => false,
        });
        let reason = self.verdict.map(|verdict| verdict.decision.reason);
        Thrift { service_tier, prompt_cache: reason == Some(Reason::Conversation) }
    }
}

fn kinds(usage: &Usage) -> [(&'static str, u64); 4] {
    let cached = usage.cached_input.min(usage.input);
    let written = usage.cache_write.min(usage.input.saturating_sub(cached));
    [
        ("input", usage.input.saturating_sub(cached).saturating_sub(written)),
        ("cached_input", cached),
        ("cache_write", written),
        ("output", usage.output),
    ]
}
