//! The `console` role: a downstream filter on a listener of the operators' own, which answers everything itself.

mod action;
mod budgets;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::rc::Rc;

use serde_json::{Value, json};

use self::action::{Action, Report};
use super::{Flow, Role};
use crate::cache::exact::ExactCache;
use crate::cache::invalidation::Invalidated;
use crate::cache::semantic::Noted;
use crate::host::{Direction, Host, Metrics, SharedData};
use crate::ledger::budget::Book;
use crate::policy::Policy;
use crate::telemetry::{Counters, Metric};

/// Longest body of an action, in bytes.
const MAX_BODY: usize = 4096;

/// A configured console.
#[derive(Debug)]
pub struct Console {
    policy: Policy,
    cache: Option<ExactCache>,
    budgets: Vec<Book>,
    /// The hash of the token that actions must come with; `None`: there are no actions.
    token: Option<blake3::Hash>,
    counters: Counters,
    is_prepared: Cell<bool>,
}

impl Console {
    /// The console of a policy. `environment` looks up the environment variable that holds the token.
    #[must_use]
    pub fn new(policy: Policy, environment: impl Fn(&str) -> Option<String>) -> Self {
        let cache = policy.exact_cache.as_ref().map(ExactCache::new);
        let variable = policy.console.as_ref().map(|console| console.token.as_str());
        let token = variable.and_then(environment).filter(|token| !token.is_empty());
        if let (Some(variable), None) = (variable, &token) {
            log::warn!(
                "console.token: environment variable {variable} is not set, so that the console does nothing; set it for Envoy"
            );
        }
        let token = token.map(|token| blake3::hash(token.as_bytes()));
        let budgets = policy.books();
        Self { policy, cache, budgets, token, counters: Counters::default(), is_prepared: Cell::new(false) }
    }

    /// Hands the counters to the host; to be called now and then.
    pub fn report<H: Metrics + SharedData>(&self, host: &H) {
        if !self.is_prepared.replace(true) {
            Invalidated::prepare(host);
        }
        self.counters.flush(host);
    }

    /// Whether a request may act, by its `authorization` header.
    fn admits(&self, authorization: Option<&[u8]>) -> Result<(), Refusal> {
        let Some(token) = &self.token else { return Err(Refusal::Off) };
        let given = authorization.and_then(|value| value.strip_prefix(b"Bearer ")).unwrap_or_default();
        // Hashes are compared in constant time.
        if blake3::hash(given) == *token { Ok(()) } else { Err(Refusal::Token) }
    }

    fn act<H: Host>(&self, host: &H, endpoint: Endpoint, body: &[u8]) -> Result<Value, Refusal> {
        let cache = || self.cache.as_ref().ok_or(Refusal::NoCache);
        match endpoint {
            Endpoint::Budgets => Ok(budgets::all(host, &self.budgets, host.now())),
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
            self.counters.add(Metric::Semantic, &["reported"], 1);
        }
        if noted == Some(Noted::Tightened) {
            self.counters.add(Metric::Semantic, &["tightened"], 1);
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
        self.counters.add(Metric::Cache, &["invalidated", name], 1);
        Ok(done)
    }
}

/// What is asked for: by POST what is to be done, by GET what is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Invalidate,
    Report,
    Budgets,
}

impl Endpoint {
    fn at(path: &[u8]) -> Option<Self> {
        match path.split(|byte| *byte == b'?').next() {
            Some(b"/api/cache/invalidate") => Some(Self::Invalidate),
            Some(b"/api/cache/report") => Some(Self::Report),
            Some(b"/api/budgets") => Some(Self::Budgets),
            _ => None,
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::Invalidate | Self::Report => "POST",
            Self::Budgets => "GET",
        }
    }
}

/// Why a request is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    NotFound,
    Method(&'static str),
    Off,
    Token,
    TooLarge,
    NoCache,
    NoSemanticCache,
    Action(String),
    Contended,
}

impl Refusal {
    fn status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Method(_) => 405,
            Self::Off => 403,
            Self::Token => 401,
            Self::TooLarge => 413,
            Self::NoCache | Self::NoSemanticCache | Self::Action(_) => 400,
            Self::Contended => 503,
        }
    }

    fn message(&self) -> &str {
        match self {
            Self::NotFound => {
                "there is nothing here; there are `POST /api/cache/invalidate`, `POST /api/cache/report` and `GET /api/budgets`"
            }
            Self::Method(method) => match *method {
                "GET" => "this is asked for by GET",
                _ => "this is asked for by POST",
            },
            Self::Off => "actions are off: the environment variable that `console.token` names is not set",
            Self::Token => "`authorization: Bearer TOKEN` is missing, or is another token",
            Self::TooLarge => "the body is longer than an action is",
            Self::NoCache => "the policy has no cache",
            Self::NoSemanticCache => {
                "the policy has no semantic cache; `/api/cache/invalidate` removes an answer"
            }
            Self::Action(message) => message,
            Self::Contended => "other workers were quicker every time; try again",
        }
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
        self.console.admits(one("authorization"))?;
        if end_of_stream && endpoint.method() == "POST" {
            Err(Refusal::Action("the body says what; it is empty".into()))
        } else {
            Ok(endpoint)
        }
    }

    fn finish<H: Host>(&mut self, host: &H) {
        if let Some((endpoint, size)) = self.body.take() {
            let result = if size > MAX_BODY {
                Err(Refusal::TooLarge)
            } else {
                self.console.act(host, endpoint, &host.body(Direction::Request, size))
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
