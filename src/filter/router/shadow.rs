//! Shadow mode: a call goes its way as if there were no policy, and what would have become of it is counted and logged.
//!
//! Nothing is done to the stream from here on. What the call really costs is counted as far as its answer can be read as it is; of
//! budgets is taken what it would have cost.

use std::time::Duration;

use super::books::{self, Books};
use super::budgets::{self, Reserved};
use super::counterfactual;
use super::decide::{Course, consider};
use super::exchange::{Asked, Side, Verdict};
use super::reading::Reading;
use super::role::RouterRole;
use super::semantic::Sought;
use crate::cache::exact::KeptAnswer;
use crate::cache::origin::Origin;
use crate::cache::recall::Caching;
use crate::cache::tag::ModelTag;
use crate::chat::completion::Ending;
use crate::chat::observe::{Blind, Observed, Observer, Wanted};
use crate::chat::{AnswerHead, ChatRequest, Usage};
use crate::complexity::Complexity;
use crate::host::{Direction, Host};
use crate::ledger::NanoDollars;
use crate::policy::Policy;
use crate::routing::{Plan, Unscored};
use crate::telemetry::{AccessRecord, Counterfactual, Metric, Outcome};

/// A call that goes its way.
#[derive(Debug)]
pub(super) struct Watched {
    asked: Asked,
    would: Would,
    caching: Caching,
    sought: Option<Sought>,
    asked_at: Duration,
    /// HTTP status of the answer; 0 when it has none.
    status: u16,
    observer: Option<Observer>,
    cut_off: Option<Side>,
}

/// What would have become of a call.
#[derive(Debug)]
enum Would {
    /// It would have gone to a provider.
    Forward(Verdict, Reserved),
    /// It would have been answered from the cache that is named.
    Reply(&'static str),
    /// The policy would have answered it.
    Answer,
    /// It would have been refused, for this reason.
    Refuse(&'static str),
}

impl Watched {
    /// The request has been read: finds out what would become of it.
    pub(super) fn begin<H: Host>(
        role: &RouterRole,
        host: &H,
        reading: &Reading,
        request: ChatRequest,
    ) -> Self {
        let (would, caching, sought) = Would::of(role, host, reading, &request);
        let asked = Asked::of(request, reading);
        let asked_at = host.now();
        Self { asked, would, caching, sought, asked_at, status: 0, observer: None, cut_off: None }
    }

    /// The answer's headers are here.
    pub(super) fn look<H: Host>(&mut self, role: &RouterRole, host: &H) {
        let headers = host.headers(Direction::Response);
        let head = AnswerHead::of(headers.iter());
        let keep_bytes = match (self.caching.key(), &role.cache) {
            (Some(_), Some(cache)) => cache.geometry().largest_answer(),
            _ => 0,
        };
        let wanted = Wanted { strip_usage: false, keep_bytes };
        self.status = head.status;
        self.observer = Some(Observer::new(&head, self.asked.caller, &self.asked.operation, wanted));
    }

    /// A piece of the answer is here.
    pub(super) fn flow<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) {
        if let Some(observer) = self.observer.as_mut().filter(|observer| observer.reads()) {
            observer.feed(host.body(Direction::Response, size), end_of_stream);
        }
    }

    /// The stream is over before the answer has come to its end.
    pub(super) fn cut_off<H: Host>(self, role: &RouterRole, host: &H) {
        Self { cut_off: Some(Side::Caller), ..self }.settle(role, host);
    }

    /// The answer has come to its end: closes the books.
    pub(super) fn settle<H: Host>(self, role: &RouterRole, host: &H) {
        let Self { asked, would, caching, sought, asked_at, status, observer, cut_off } = self;
        let policy = &role.policy;
        let observed = observer.map_or_else(|| Observed::blind(Blind::Failed), Observer::finish);
        let is_answer = status == 200;
        let is_whole = is_answer && cut_off.is_none() && observed.ending == Ending::Complete;
        let caching = if is_whole { caching } else { caching.without_storing() };
        let estimate = (is_answer && !is_whole).then(|| observed.estimate(asked.prompt_tokens));
        let usage = observed.usage.or(estimate);
        let model = policy.model_called(&asked.model);
        let books = Books { role, host, asked: &asked, verdict: None, model };
        let cost = usage.zip(model).map(|(usage, model)| policy.model(model).prices.cost(&usage));
        let instead = would.counterfactual(policy, usage, cost);
        books.count_watched(usage, cost);
        counterfactual::count(role, &instead);
        if let (Some(blind), true) = (observed.blind, is_answer) {
            role.meters.add(Metric::UsageUnknown, &[blind.as_str()], 1);
        }
        if let Would::Forward(_, reserved) = &would {
            let cost = instead.cost_nanousd.unwrap_or(0);
            budgets::settle(
                role,
                host,
                reserved,
                (NanoDollars(cost), usage.map_or(0, |usage| usage.total())),
            );
        }
        let model = ModelTag::of(books.model_name());
        let kept = observed.reusable.map(|body| KeptAnswer {
            body,
            dialect: asked.caller,
            usage: observed.usage,
            model,
        });
        let kept = kept.filter(|_| !books::is_void(host, &caching, model, asked_at));
        let told = sought.as_ref().map(|sought| (sought.result, sought.reason));
        let cache = books.remember(&caching, sought, kept.as_ref());
        books.publish(&AccessRecord {
            reason: Some("shadow"),
            complexity: would.complexity().map(|complexity| complexity.level.as_str()),
            score: would.complexity().map(|complexity| complexity.score),
            cache,
            semantic: told.map(|(result, _)| result),
            semantic_reason: told.map(|(_, reason)| reason).filter(|reason| !reason.is_empty()),
            estimated: (observed.usage.is_none() && usage.is_some()).then_some(true),
            tokens: usage.map(Into::into),
            money: cost.map(Into::into),
            would: Some(instead),
            ..books.record(Outcome::Passed)
        });
    }
}

impl Would {
    /// What would become of a request that has been read, how the cache would take part, and what the semantic cache says.
    fn of<H: Host>(
        role: &RouterRole,
        host: &H,
        reading: &Reading,
        request: &ChatRequest,
    ) -> (Self, Caching, Option<Sought>) {
        let alone = |would| (would, Caching::Off, None);
        if reading.ruling.denial(&role.policy).is_some() {
            return alone(Self::Refuse("rule"));
        }
        let recall = reading.recall(role, host, request);
        match consider(role, host, (reading, request), recall) {
            Course::Chat(Plan::Forward(forward), sought, funds) => {
                let (complexity, decision) = (forward.complexity, forward.candidates.decision);
                let verdict = Verdict { complexity, decision, notice: funds.notice };
                (Self::Forward(verdict, funds.reserved), forward.caching, sought)
            }
            Course::Chat(Plan::Reply(stored), ..) => alone(Self::Reply(match stored.hit.origin {
                Origin::Stored | Origin::Collapsed => "hit",
                Origin::Likeness { .. } => "semantic_hit",
            })),
            Course::Unscored(Unscored::Forward(forward), funds) => {
                let (complexity, decision) = (None, forward.candidates.decision);
                let verdict = Verdict { complexity, decision, notice: funds.notice };
                alone(Self::Forward(verdict, funds.reserved))
            }
            Course::Unscored(Unscored::Estimate(_), _) => alone(Self::Answer),
            Course::Chat(Plan::Refuse(none), ..) | Course::Unscored(Unscored::Refuse(none), _) => {
                alone(Self::Refuse(none.reason()))
            }
            Course::Unscored(Unscored::NoSuchModel, _) => alone(Self::Refuse("no_such_model")),
            Course::NotCached => alone(Self::Refuse("only_if_cached")),
            Course::Exhausted(_) => alone(Self::Refuse("budget")),
        }
    }

    fn complexity(&self) -> Option<&Complexity> {
        match self {
            Self::Forward(verdict, _) => verdict.complexity.as_ref(),
            Self::Reply(_) | Self::Answer | Self::Refuse(_) => None,
        }
    }

    /// The same for the log, for a call of so many tokens that has cost so much, as far as that is known.
    fn counterfactual<'s>(
        &'s self,
        policy: &'s Policy,
        usage: Option<Usage>,
        paid: Option<NanoDollars>,
    ) -> Counterfactual<'s> {
        let free = |outcome| Counterfactual::new(outcome).costing(Some(NanoDollars(0)), paid);
        match self {
            Self::Forward(Verdict { decision, notice, .. }, _) => {
                let budget = notice.as_ref().map(|notice| notice.name.as_str());
                Counterfactual { budget, ..counterfactual::routed(policy, decision, (usage, paid)) }
            }
            Self::Reply(cache) => Counterfactual { cache: Some(cache), ..free(Outcome::Hit) },
            Self::Answer => free(Outcome::Answered),
            Self::Refuse(reason) => Counterfactual { reason: Some(reason), ..free(Outcome::Refused) },
        }
    }
}
