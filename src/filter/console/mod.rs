//! The `console` role: a downstream filter on a listener of the operators' own, which answers everything itself.

mod action;
mod budgets;
mod endpoint;
mod figures;
pub mod page;
mod refusal;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::rc::Rc;

use serde::Serialize;
use serde_json::{Value, json};

#[cfg(not(target_arch = "wasm32"))]
pub use self::figures::schema;
pub use self::figures::{Overview, Past};

use self::action::{Action, Report};
use self::endpoint::Endpoint;
use self::refusal::Refusal;
use super::{Flow, Role};
use crate::cache::exact::ExactCache;
use crate::cache::invalidation::Invalidated;
use crate::cache::semantic::Noted;
use crate::host::{Clock, Direction, Host, Metrics, SharedData};
use crate::ledger::budget::Book;
use crate::policy::{Mode, Policy, Reading};
use crate::telemetry::history::History;
use crate::telemetry::{Meters, Metric, Recent};

/// Longest body of an action, in bytes.
const MAX_BODY: usize = 4096;

/// A configured console.
#[derive(Debug)]
pub struct Console {
    policy: Policy,
    cache: Option<ExactCache>,
    budgets: Vec<Book>,
    /// The policy as it was written, without what is nobody's business.
    document: Value,
    /// The hash of the token that actions must come with; `None`: there are no actions.
    token: Option<blake3::Hash>,
    /// Whether the token is asked for by what only tells something, too.
    is_read_with_token: bool,
    history: History,
    meters: Meters,
    is_prepared: Cell<bool>,
}

impl Console {
    /// The console of a policy, which was written as `document`. `environment` looks up the environment variable that holds the token.
    #[must_use]
    pub fn new(policy: Policy, document: &Value, environment: impl Fn(&str) -> Option<String>) -> Self {
        let cache = policy.exact_cache.as_ref().map(ExactCache::new);
        let console = policy.console.as_ref();
        let is_read_with_token = console.is_none_or(|console| console.reading == Reading::Token);
        let variable = console.and_then(|console| console.token.as_deref());
        let token = variable.and_then(environment).filter(|token| !token.is_empty());
        if let (Some(variable), None) = (variable, &token) {
            log::warn!(
                "console.token: environment variable {variable} is not set, so that there are no actions; set it for Envoy"
            );
        }
        let token = token.map(|token| blake3::hash(token.as_bytes()));
        let budgets = policy.books();
        Self {
            history: History::new(policy.time_zone.clone()),
            document: shown(document),
            policy,
            cache,
            budgets,
            token,
            is_read_with_token,
            meters: Meters::new(true),
            is_prepared: Cell::new(false),
        }
    }

    /// Hands the counters to the host; to be called now and then.
    pub fn report<H: Metrics + SharedData + Clock>(&self, host: &H) {
        if !self.is_prepared.replace(true) {
            Invalidated::prepare(host);
        }
        self.meters.flush(host);
        let counted = self.meters.counted();
        if !counted.is_empty() {
            self.history.add(host, &counted, host.now());
        }
    }

    /// Whether a request is served, by its `authorization` header.
    fn admits(&self, endpoint: Endpoint, authorization: Option<&[u8]>) -> Result<(), Refusal> {
        if endpoint.is_public() || !(endpoint.is_action() || self.is_read_with_token) {
            return Ok(());
        }
        let Some(token) = &self.token else { return Err(Refusal::Off) };
        let given = authorization.and_then(|value| value.strip_prefix(b"Bearer ")).unwrap_or_default();
        // Hashes are compared in constant time.
        if blake3::hash(given) == *token { Ok(()) } else { Err(Refusal::Token) }
    }

    fn answer<H: Host>(&self, host: &H, endpoint: Endpoint, body: &[u8]) -> Result<Value, Refusal> {
        let cache = || self.cache.as_ref().ok_or(Refusal::NoCache);
        let now = host.now();
        match endpoint {
            Endpoint::Page(_) => Err(Refusal::NotFound),
            Endpoint::Overview => {
                let past = (&self.history, &self.policy.time_zone);
                let mode = in_words(self.policy.mode);
                let here = (mode.as_str(), self.token.is_some());
                Ok(as_json(&figures::overview(host, past, here, now)))
            }
            Endpoint::History(grain, count) => {
                Ok(as_json(&figures::past(host, &self.history, (grain, count), now)))
            }
            Endpoint::Decisions => Ok(json!({"decisions": Recent::all(host)})),
            Endpoint::Budgets => Ok(budgets::all(host, &self.budgets, now)),
            Endpoint::Policy => Ok(self.document.clone()),
            Endpoint::Invalidate => self.invalidate(host, cache()?, body),
            Endpoint::Report => self.report_wrong(host, cache()?, body),
        }
    }

    /// A wrong answer goes at once, and counts against its tenant's hits.
    fn report_wrong<H: Host>(&self, host: &H, cache: &ExactCache, body: &[u8]) -> Result<Value, Refusal> {
        let semantic = self.policy.semantic_cache.as_ref().ok_or(Refusal::NoSemanticCache)?;
        let name = Report::read(body).map_err(|error| Refusal::Action(error.to_string()))?;
        let tenant = cache.remove(host, name).map_err(|_| Refusal::Contended)?;
        let noted = tenant.map(|tenant| semantic.note(host, tenant, false));
        if tenant.is_some() {
            self.meters.add(Metric::Semantic, &["reported"], 1);
        }
        if noted == Some(Noted::Tightened) {
            self.meters.add(Metric::Semantic, &["tightened"], 1);
        }
        Ok(json!({"removed": u8::from(tenant.is_some()), "tightened": noted == Some(Noted::Tightened)}))
    }

    fn invalidate<H: Host>(&self, host: &H, cache: &ExactCache, body: &[u8]) -> Result<Value, Refusal> {
        let action = Action::read(body, &self.policy).map_err(|error| Refusal::Action(error.to_string()))?;
        let name = action.name();
        let done = match action {
            Action::Remove(name) => {
                cache.remove(host, name).map(|tenant| json!({"removed": u8::from(tenant.is_some())}))
            }
            Action::Invalidate(scopes, age) => {
                let until = host.now().saturating_sub(age);
                let mut scopes = scopes.into_iter();
                scopes
                    .try_for_each(|scope| cache.invalidate(host, scope, until))
                    .map(|()| json!({"invalidated_until": until.as_secs_f64()}))
            }
        };
        let done = done.map_err(|_| Refusal::Contended)?;
        self.meters.add(Metric::Cache, &["invalidated", name], 1);
        Ok(done)
    }
}

/// The sections of a policy that operators are shown: not who holds which key.
const SHOWN: [&str; 12] = [
    "mode",
    "baseline",
    "requested_model",
    "tiers",
    "models",
    "rules",
    "budgets",
    "cache",
    "conversations",
    "failover",
    "telemetry",
    "time_zone",
];

fn shown(document: &Value) -> Value {
    let section = |name: &&str| Some(((*name).to_owned(), document.get(*name)?.clone()));
    Value::Object(SHOWN.iter().filter_map(section).collect())
}

fn as_json(figures: &impl Serialize) -> Value {
    serde_json::to_value(figures).unwrap_or_default()
}

fn in_words(mode: Mode) -> String {
    match mode {
        Mode::Enforce => "enforced".to_owned(),
        Mode::Shadow => "shadow".to_owned(),
        Mode::Share(share) => format!("{} % enforced", share * 100.0),
    }
}

/// One request of an operator.
#[derive(Debug)]
pub struct ConsoleStream {
    console: Rc<Console>,
    /// What is asked for, and how much of its body has come, in bytes; `None`: nothing is awaited.
    body: Option<(Endpoint, usize)>,
}

impl ConsoleStream {
    /// A stream at its start.
    #[must_use]
    pub fn new(console: Rc<Console>) -> Self {
        Self { console, body: None }
    }

    fn head<H: Host>(&self, host: &H, end_of_stream: bool) -> Result<Endpoint, Refusal> {
        let headers = host.headers(Direction::Request);
        let one = |name| headers.all(name).next();
        let path = one(":path").unwrap_or_default();
        let endpoint = Endpoint::at(path).ok_or(Refusal::NotFound)?;
        if one(":method") != Some(endpoint.method().as_bytes()) {
            return Err(Refusal::Method(endpoint.method()));
        }
        self.console.admits(endpoint, one("authorization"))?;
        if end_of_stream && endpoint.is_action() {
            Err(Refusal::Action("the body says what; it is empty".into()))
        } else {
            Ok(endpoint)
        }
    }

    fn finish<H: Host>(&mut self, host: &H) {
        if let Some((Endpoint::Page(asset), _)) = self.body {
            self.body = None;
            host.reply(200, &asset.headers(), asset.body());
        } else if let Some((endpoint, size)) = self.body.take() {
            let result = if size > MAX_BODY {
                Err(Refusal::TooLarge)
            } else {
                self.console.answer(host, endpoint, &host.body(Direction::Request, size))
            };
            answer(host, result);
        }
    }
}

fn answer<H: Host>(host: &H, result: Result<Value, Refusal>) {
    let (status, body) = match result {
        Ok(body) => (200, body),
        Err(refusal) => (refusal.status(), json!({"error": {"message": refusal.message()}})),
    };
    let headers = [("content-type", "application/json"), ("cache-control", "no-store")];
    host.reply(status, &headers, body.to_string().as_bytes());
}

impl Role for ConsoleStream {
    fn on_request_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow {
        match self.head(host, end_of_stream) {
            Ok(endpoint) => {
                self.body = Some((endpoint, 0));
                if end_of_stream {
                    self.finish(host);
                }
            }
            Err(refusal) => answer(host, Err(refusal)),
        }
        Flow::Pause
    }

    fn on_request_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow {
        self.body = self.body.map(|(endpoint, _)| (endpoint, size));
        if end_of_stream || size > MAX_BODY {
            self.finish(host);
        }
        Flow::Pause
    }

    fn on_request_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.finish(host);
        Flow::Pause
    }

    fn on_response_headers<H: Host>(&mut self, _host: &H, _end_of_stream: bool) -> Flow {
        Flow::Continue
    }

    fn on_response_body<H: Host>(&mut self, _host: &H, _size: usize, _end_of_stream: bool) -> Flow {
        Flow::Continue
    }

    fn on_response_trailers<H: Host>(&mut self, _host: &H) -> Flow {
        Flow::Continue
    }

    fn on_done<H: Host>(&mut self, _host: &H) {}
}
