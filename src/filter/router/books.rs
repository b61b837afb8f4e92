//! The end of a call: the books, the metrics, the access log, the cache.

use std::time::Duration;

use super::budgets::{self, Notice};
use super::exchange::{Answering, Asked, Body, Forwarded, Side, Timing, Verdict};
use super::reading::Reading;
use super::role::RouterRole;
use super::semantic::{self, Sought};
use super::{conversations, counterfactual, waiting};
use crate::cache::exact::{KeptAnswer, Stored};
use crate::cache::invalidation::Invalidated;
use crate::cache::origin::Origin;
use crate::cache::recall::{Caching, Hit};
use crate::cache::tag::ModelTag;
use crate::chat::Usage;
use crate::chat::completion::Ending;
use crate::chat::excerpt::excerpt;
use crate::chat::observe::{Blind, Observed};
use crate::complexity::Complexity;
use crate::envoy::{RECORD_MEMBER_STATE, RECORD_STATE};
use crate::filter::call::Call;
use crate::host::Host;
use crate::ledger::{Bill, Cause, NanoDollars};
use crate::policy::{Effect, ModelId, Provider, RuleId};
use crate::routing::Attempt;
use crate::telemetry::{
    AccessRecord, Counterfactual, Metric, Outcome, failed, operation_name, span_attributes,
};

/// An answer has ended: closes the books on it. Returns it if it may stand for others.
pub(super) fn settle<H: Host>(role: &RouterRole, host: &H, answering: Answering) -> Option<KeptAnswer> {
    let Answering {
        asked,
        verdict,
        caching,
        sought,
        flight: _,
        asked_at,
        reserved,
        status,
        first_at,
        model: answered,
        attempts,
        body,
        cut_off,
    } = answering;
    let observed = match body {
        Body::Observed(observer) => observer.finish(),
        Body::Known { completion, copy } => Observed::known(completion, copy),
        Body::Replaced(_) => Observed::blind(Blind::Failed),
    };
    let is_known_whole = observed.ending == Ending::Complete && observed.blind.is_none();
    let outcome = match (status, cut_off, observed.ending) {
        // All had been said when the caller left.
        (200, Some(Side::Caller), _) if is_known_whole => Outcome::Routed,
        (200, Some(Side::Caller), _) => Outcome::Abandoned,
        (200, None, Ending::Complete) => Outcome::Routed,
        (200, _, _) => Outcome::Cut,
        _ => Outcome::Failed,
    };
    let caching = if outcome == Outcome::Routed { caching } else { caching.without_storing() };
    let model = answered.unwrap_or(verdict.decision.model);
    let books = Books { role, host, asked: &asked, verdict: Some(&verdict), model: Some(model) };
    let timing = Timing { asked_at, first_at, status };
    let is_unfinished = matches!(outcome, Outcome::Cut | Outcome::Abandoned);
    let estimate = is_unfinished.then(|| observed.estimate(asked.prompt_tokens));
    let usage = observed.usage.or(estimate);
    let given_up = books.given_up(&attempts);
    let bill = books.bill(usage, &given_up);
    books.count(outcome);
    books.count_answer(usage, observed.blind, bill, outcome);
    books.report_inference(outcome, usage, timing);
    budgets::settle(role, host, &reserved, (cost_of(bill), tokens_of(&attempts, usage)));
    if let (Outcome::Routed, Some(model), Some(usage)) = (outcome, answered, &observed.usage) {
        conversations::answered(role, host, &asked, (model, usage));
    }
    let guessed = |attempt: &Attempt| attempt.is_given_up() && attempt.usage.is_none();
    let is_estimate = (observed.usage.is_none() && usage.is_some()) || attempts.iter().any(guessed);
    if is_estimate {
        role.meters.add(Metric::Estimated, &[outcome.as_str()], 1);
    }
    let failed_over = |attempt: &Attempt| attempt.failure.is_some() && !attempt.lacks_something();
    if answered.is_some() && model != verdict.decision.model && attempts.iter().any(failed_over) {
        role.meters.add(Metric::Failovers, &[books.model_name()], 1);
    }
    books.count_attempts(&attempts);
    let failed: Vec<_> = failed(&attempts).collect();
    let told = sought.as_ref().map(|sought| (sought.result, sought.reason));
    let model = ModelTag::of(books.model_name());
    let kept = observed.reusable.map(|body| KeptAnswer {
        body,
        dialect: asked.caller,
        usage: observed.usage,
        model,
    });
    let kept = kept.filter(|_| !is_void(host, &caching, model, asked_at));
    if let (Some(key), Some(answer)) = (caching.key(), &kept) {
        waiting::share(role, host, key, answer);
    }
    books.audit(sought.as_ref(), &caching, kept.as_ref(), bill);
    let cache = books.remember(&caching, sought, kept.as_ref());
    let stored = caching.key().filter(|_| cache == Some("stored"));
    let spent = (usage, bill.map(|bill| bill.cost));
    let would = counterfactual::under_watched_rule(&role.policy, &asked, books.complexity(), spent);
    would.iter().for_each(|would| counterfactual::count(role, would));
    books.publish(&AccessRecord {
        would,
        cache,
        cache_key: stored.map(|key| key.name().to_string()),
        tenant_id: stored.map(|key| key.tenant().to_string()),
        semantic: told.map(|(result, _)| result),
        semantic_reason: told.map(|(_, reason)| reason).filter(|reason| !reason.is_empty()),
        attempts: Some(attempts.len()).filter(|count| *count > 0),
        failed: &failed,
        tokens: usage.map(Into::into),
        money: bill.map(Into::into),
        estimated: is_estimate.then_some(true),
        ..books.record(outcome)
    });
    kept.filter(|_| caching.key().is_some())
}

/// Tokens of the answer, and of those before it that were not good enough.
fn tokens_of(attempts: &[Attempt], answer: Option<Usage>) -> u64 {
    let usages = attempts.iter().filter_map(|attempt| attempt.usage).chain(answer);
    usages.map(|usage| usage.total()).fold(0, u64::saturating_add)
}

fn cost_of(bill: Option<Bill>) -> NanoDollars {
    bill.map_or(NanoDollars(0), |bill| bill.cost)
}

/// Whether an answer by a model may not be stored: what was asked before it became void is void when it comes.
pub(super) fn is_void<H: Host>(host: &H, caching: &Caching, model: ModelTag, asked_at: Duration) -> bool {
    caching.key().is_some_and(|key| Invalidated::read(host).covers(key, model, asked_at))
}

/// The caller has gone before an answer began.
pub(super) fn abandoned<H: Host>(role: &RouterRole, host: &H, forwarded: &Forwarded) {
    let Forwarded { asked, verdict, reserved, .. } = forwarded;
    let Call { attempts, .. } = Call::read(host).unwrap_or_default();
    let books = Books { role, host, asked, verdict: Some(verdict), model: None };
    let given_up = books.given_up(&attempts);
    let bill = books.bill(None, &given_up);
    budgets::settle(role, host, reserved, (cost_of(bill), tokens_of(&attempts, None)));
    books.count(Outcome::Abandoned);
    books.count_money(bill, &[]);
    books.count_attempts(&attempts);
    if bill.is_some() {
        role.meters.add(Metric::Estimated, &[Outcome::Abandoned.as_str()], 1);
    }
    let failed: Vec<_> = failed(&attempts).collect();
    books.publish(&AccessRecord {
        attempts: Some(attempts.len()).filter(|count| *count > 0),
        failed: &failed,
        money: bill.map(Into::into),
        estimated: bill.map(|_| true),
        ..books.record(Outcome::Abandoned)
    });
}

/// A request was answered from the cache.
pub(super) fn hit<H: Host>(role: &RouterRole, host: &H, asked: &Asked, hit: &Hit) {
    let usage = hit.answer.usage;
    let bill = usage.map(|usage| Bill::hit(&usage, &role.policy.model(role.policy.baseline).prices));
    let books = Books { role, host, asked, verdict: None, model: None };
    books.count(Outcome::Hit);
    let (result, cache, likeness, cause) = match hit.origin {
        Origin::Stored => ("hit", "hit", None, Cause::Exact),
        Origin::Collapsed => ("collapsed", "collapsed", None, Cause::Coalescing),
        // What the exact cache lacked was its miss.
        Origin::Likeness { score } => ("miss", "semantic_hit", Some(score), Cause::Semantic),
    };
    role.meters.add(Metric::Cache, &[result], 1);
    books.count_money(bill, &[(cause, bill.map_or(0, |bill| bill.baseline.0))]);
    books.publish(&AccessRecord {
        cache: Some(cache),
        cache_key: Some(hit.key.name().to_string()),
        tenant_id: Some(hit.key.tenant().to_string()),
        likeness,
        tokens: usage.map(Into::into),
        money: bill.map(Into::into),
        ..books.record(Outcome::Hit)
    });
}

/// A rule has refused a request.
pub(super) fn denied<H: Host>(role: &RouterRole, host: &H, asked: &Asked) {
    let books = Books { role, host, asked, verdict: None, model: None };
    books.count_refused("rule");
    books.publish(&AccessRecord { reason: Some("rule"), ..books.record(Outcome::Refused) });
}

/// A budget is spent that a request comes under.
pub(super) fn exhausted<H: Host>(role: &RouterRole, host: &H, asked: &Asked, notice: &Notice) {
    let books = Books { role, host, asked, verdict: None, model: None };
    books.count_refused("budget");
    books.publish(&AccessRecord {
        reason: Some("budget"),
        budget: Some(&notice.name),
        budget_stage: Some(notice.stage.as_str()),
        ..books.record(Outcome::Refused)
    });
}

/// Counts what the rules have said of a request.
pub(super) fn ruled(role: &RouterRole, Reading { ruling, is_enforced, .. }: &Reading) {
    let count = |id: &RuleId, result| {
        let name = role.policy.rules.get(*id).map_or("", |rule| rule.name.as_str());
        role.meters.add(Metric::Rules, &[name, result], 1);
    };
    let is_denied = ruling.denial(&role.policy).is_some();
    let result = match (is_enforced, is_denied) {
        (false, _) => "shadow",
        (true, true) => "denied",
        (true, false) => "applied",
    };
    ruling.rule.iter().for_each(|id| count(id, result));
    ruling.shadowed.iter().for_each(|id| count(id, "shadow"));
    ruling.undecided.iter().for_each(|id| count(id, "undecided"));
}

/// A request was refused: nobody knows who asks, its body cannot be read, or no model may take it.
pub(super) fn refused<H: Host>(role: &RouterRole, host: &H, reason: &str) {
    report(role, host, Outcome::Refused, reason);
}

/// A request passes through unread.
pub(super) fn passed<H: Host>(role: &RouterRole, host: &H, reason: &str) {
    report(role, host, Outcome::Passed, reason);
}

/// A request would have been refused unread, and goes its way: the policy is not enforced.
pub(super) fn would_refuse<H: Host>(role: &RouterRole, host: &H, reason: &str) {
    let would = Counterfactual { reason: Some(reason), ..Counterfactual::new(Outcome::Refused) };
    role.meters.add(Metric::Requests, &[Outcome::Passed.as_str(), "shadow"], 1);
    role.meters.add(Metric::Would, &[would.outcome.as_str(), reason], 1);
    publish(
        role,
        host,
        "",
        &AccessRecord { reason: Some("shadow"), would: Some(would), ..AccessRecord::new(Outcome::Passed) },
    );
}

/// The policy has answered a request by itself.
pub(super) fn answered<H: Host>(role: &RouterRole, host: &H, reason: &str) {
    report(role, host, Outcome::Answered, reason);
}

/// The caller has gone before its request had come.
pub(super) fn unsent<H: Host>(role: &RouterRole, host: &H) {
    report(role, host, Outcome::Abandoned, "unsent");
}

/// Envoy has ended the call by itself before anybody was asked; `when` says how far it had come.
pub(super) fn ended<H: Host>(role: &RouterRole, host: &H, when: &str) {
    report(role, host, Outcome::Failed, when);
}

fn report<H: Host>(role: &RouterRole, host: &H, outcome: Outcome, reason: &str) {
    role.meters.add(Metric::Requests, &[outcome.as_str(), reason], 1);
    publish(role, host, "", &AccessRecord { reason: Some(reason), ..AccessRecord::new(outcome) });
}

/// Hands a record to access logs, as an object and as a member of one, to the call's span, and to the console.
fn publish<H: Host>(role: &RouterRole, host: &H, team: &str, record: &AccessRecord<'_>) {
    let record = record.to_json();
    if let Some(memory) = &role.memory {
        memory.recent.push(&record, team, host.now());
    }
    if role.policy.telemetry.traces.is_some() {
        for (attribute, value) in span_attributes(&record) {
            host.set_filter_state(attribute, value.as_bytes());
        }
    }
    host.set_filter_state(RECORD_STATE, &record);
    host.set_filter_state(RECORD_MEMBER_STATE, &[b",\"arbiter\":", record.as_slice()].concat());
}

/// The caller has gone while its request was waiting.
pub(super) fn gone<H: Host>(role: &RouterRole, host: &H, asked: &Asked) {
    let books = Books { role, host, asked, verdict: None, model: None };
    books.count(Outcome::Abandoned);
    books.publish(&books.record(Outcome::Abandoned));
}

/// What every report on a decided call starts from.
pub(super) struct Books<'s, H> {
    pub(super) role: &'s RouterRole,
    pub(super) host: &'s H,
    pub(super) asked: &'s Asked,
    /// What was decided; nothing when the cache answered.
    pub(super) verdict: Option<&'s Verdict>,
    /// The model that answered; `None` when none did.
    pub(super) model: Option<ModelId>,
}

impl<'s, H: Host> Books<'s, H> {
    pub(super) fn tier_name(&self) -> &'s str {
        let tier = self.verdict.and_then(|verdict| verdict.decision.tier(&self.role.policy));
        tier.map_or("", |tier| &tier.name)
    }

    pub(super) fn model_name(&self) -> &'s str {
        self.model.map_or("", |id| &self.role.policy.model(id).name)
    }

    pub(super) fn complexity(&self) -> Option<&'s Complexity> {
        self.verdict.and_then(|verdict| verdict.complexity.as_ref())
    }

    /// What attempts have cost whose provider had begun to answer: the prompt, and what had come.
    fn given_up(&self, attempts: &[Attempt]) -> Vec<NanoDollars> {
        let policy = &self.role.policy;
        let begun = attempts.iter().filter(|attempt| attempt.is_given_up());
        let costs = begun.filter_map(|attempt| {
            let model = policy.model_by_name(&attempt.model)?;
            let estimate = || Usage::estimated(self.asked.prompt_tokens, attempt.received);
            let usage = attempt.usage.unwrap_or_else(estimate);
            Some(policy.model(model).prices.cost(&usage))
        });
        costs.collect()
    }

    /// The bill for an answer of so many tokens, and for what was given up; `None` when nothing is known to have cost anything.
    fn bill(&self, usage: Option<Usage>, given_up: &[NanoDollars]) -> Option<Bill> {
        let policy = &self.role.policy;
        let paid = usage.zip(self.model).map(|(usage, model)| {
            let baseline = &policy.model(policy.baseline).prices;
            Bill::paid(&usage, &policy.model(model).prices, baseline, self.thrift())
        });
        if given_up.is_empty() {
            return paid;
        }
        let failed = given_up.iter().fold(0_u64, |sum, cost| sum.saturating_add(cost.0));
        Some(paid.unwrap_or_default().with_failed(NanoDollars(failed)))
    }

    /// Compares the answer with the one that the semantic cache would have served, if it would.
    fn audit(
        &self,
        sought: Option<&Sought>,
        caching: &Caching,
        fresh: Option<&KeptAnswer>,
        bill: Option<Bill>,
    ) {
        let Some(served) = sought.and_then(|sought| sought.audited.as_ref()) else { return };
        if let Some(bill) = bill.filter(|bill| bill.cost.0 > 0) {
            self.role.meters.add(Metric::SemanticForegone, &[self.tier_name()], bill.cost.0);
        }
        if let (Some(key), Some(fresh)) = (caching.key(), fresh) {
            semantic::audit(self.role, self.host, key.tenant(), served, fresh);
        }
    }

    /// Stores the answer if it may stand for a later one. Returns what the cache did, for the log.
    pub(super) fn remember(
        &self,
        caching: &Caching,
        sought: Option<Sought>,
        answer: Option<&KeptAnswer>,
    ) -> Option<&'static str> {
        let counters = &self.role.meters;
        if let Caching::Bypass(bypass) = caching {
            counters.add(Metric::Cache, &["bypass", bypass.as_str()], 1);
            return Some("bypass");
        }
        let (key, cache) = (caching.key()?, self.role.cache.as_ref()?);
        counters.add(Metric::Cache, &["miss"], 1);
        let Some(answer) = answer else { return Some("miss") };
        match cache.store(self.host, key, answer) {
            Stored::Stored => {
                counters.add(Metric::Cache, &["stored"], 1);
                if let (Some(cache), Some(query)) =
                    (&self.role.semantic, sought.and_then(|sought| sought.query))
                {
                    semantic::remember(self.role, self.host, cache, query, *key);
                }
                Some("stored")
            }
            Stored::TooLarge => {
                counters.add(Metric::Cache, &["not_stored", "too_large"], 1);
                Some("miss")
            }
            Stored::Contended => {
                counters.add(Metric::Cache, &["not_stored", "contended"], 1);
                Some("miss")
            }
        }
    }

    pub(super) fn record(&self, outcome: Outcome) -> AccessRecord<'s> {
        let complexity = self.complexity();
        let provider = self.model.map(|id| self.role.policy.provider_of(id));
        let rules = &self.role.policy.rules;
        let rule = self.asked.rule.and_then(|id| rules.get(id));
        let metadata = rule.and_then(|rule| match &rule.then {
            Effect::Allow(constraints) => Some(&constraints.metadata),
            Effect::Deny(_) => None,
        });
        let notice = self.verdict.and_then(|verdict| verdict.notice.as_ref());
        let shadowed = self.asked.shadowed.iter().filter_map(|id| rules.get(*id));
        AccessRecord {
            rule: rule.map(|rule| rule.name.as_str()),
            shadow_rules: shadowed.map(|rule| rule.name.as_str()).collect(),
            budget: notice.map(|notice| notice.name.as_str()),
            budget_stage: notice.map(|notice| notice.stage.as_str()),
            metadata: metadata.filter(|metadata| !metadata.is_empty()),
            reason: self.verdict.map(|verdict| verdict.decision.reason.as_str()),
            requested_model: Some(excerpt(&self.asked.model)),
            prompt_hash: self.asked.prompt_hash.as_deref(),
            stream: Some(self.asked.stream),
            complexity: complexity.map(|complexity| complexity.level.as_str()),
            score: complexity.map(|complexity| complexity.score),
            tier: Some(self.tier_name()).filter(|name| !name.is_empty()),
            model: Some(self.model_name()).filter(|name| !name.is_empty()),
            provider: provider.map(|provider| provider.name.as_str()),
            operation: self.model.and_then(|_| operation_name(&self.asked.operation)),
            provider_name: provider.map(Provider::well_known_name),
            request_model: self.model.map(|id| self.role.policy.model(id).upstream_name.as_str()),
            ..AccessRecord::new(outcome)
        }
    }

    pub(super) fn publish(&self, record: &AccessRecord<'_>) {
        publish(self.role, self.host, &self.asked.team, record);
    }
}
