//! The router over a host in memory.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use llm_arbiter::admission::Admission;
use llm_arbiter::chat::Usage;
use llm_arbiter::envoy::RECORD_STATE;
use llm_arbiter::filter::router::{Router, RouterStream};
use llm_arbiter::filter::{Flow, Role};
use llm_arbiter::host::Clock;
use llm_arbiter::host::memory::{MemoryCall, MemoryHost, MemoryStream};
use llm_arbiter::policy::{Mode, Policy};
use llm_arbiter::telemetry::summary::Summary;
use serde_json::Value;

use super::replayed::{Details, Outcome, Replayed};
use super::trace::{Answer, Record};

/// The first moment, for a trace without times: caches take 0 for never.
const BEGINNING: Duration = Duration::from_secs(1);

/// An answer in the cache.
#[derive(Debug, Clone)]
struct Answered {
    /// The request's that it was given to.
    id: Value,
    is_estimate: bool,
}

/// A router and all that it remembers.
#[derive(Debug)]
pub struct Replay {
    admit: Admission,
    router: Rc<Router>,
    host: MemoryHost,
    /// What stands under a key of the cache.
    answered: Answers,
}

/// Whose answers stand under the keys of the cache: the last ones, as many as the cache holds, and no more than twice that.
#[derive(Debug, Default)]
struct Answers {
    most: usize,
    new: HashMap<String, Answered>,
    old: HashMap<String, Answered>,
}

impl Answers {
    fn new(most: usize) -> Self {
        Self { most: most.max(1), ..Self::default() }
    }

    fn get(&self, key: &str) -> Option<&Answered> {
        self.new.get(key).or_else(|| self.old.get(key))
    }

    fn insert(&mut self, key: String, answered: Answered) {
        if self.new.len() >= self.most {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(key, answered);
    }
}

impl Replay {
    /// A router that enforces `policy`, in whatever mode it stands, with nothing in its cache, with every credential, and with those
    /// keys of callers that stand in the environment.
    pub fn new(mut policy: Policy) -> Self {
        let host = MemoryHost::default();
        host.set_time(BEGINNING);
        let admit = policy.admit.clone();
        policy.mode = Mode::Enforce;
        let entries = policy.exact_cache.as_ref().map_or(0, |cache| cache.entries);
        let answered = Answers::new(usize::try_from(entries).unwrap_or(usize::MAX));
        let environment =
            |variable: &str| Some(std::env::var(variable).unwrap_or_else(|_| "credential".to_owned()));
        let router = Rc::new(Router::new(policy, environment));
        Self { admit, router, host, answered }
    }

    /// Lets a request through, with its answer.
    pub fn request(&mut self, record: &Record<'_>) -> Replayed {
        if let Some(time) = record.time {
            self.host.set_time(time.max(BEGINNING));
        }
        let body = record.body();
        let stream = MemoryStream::default();
        stream.refuses_callouts.set(true);
        let headers = record.headers(body.len());
        let path = headers.iter().find(|(name, _)| name == ":path").map_or("", |(_, path)| path);
        let answer = record.answer(self.admit.dialect_at(path));
        *stream.request_headers.borrow_mut() = headers;
        let call = MemoryCall::new(&self.host, stream);
        let log = exchange(&self.router, &call, body, &answer);
        drop(call);
        self.result(record, &answer, &log)
    }

    /// The figures of all requests so far.
    pub fn figures(&self) -> Summary {
        self.router.report(&self.host);
        Summary::of(&self.host.counters().into_iter().collect())
    }

    /// What the log says of it.
    fn result(&mut self, record: &Record<'_>, answer: &Answer, log: &Value) -> Replayed {
        let text = |name: &str| log.get(name).and_then(Value::as_str).map(str::to_owned);
        let key = text("cache_key");
        let outcome = match (log["outcome"].as_str(), log["cache"].as_str()) {
            (Some("hit"), Some("semantic_hit")) => Outcome::SemanticHit,
            (Some("hit"), _) => Outcome::ExactHit,
            (Some("refused"), _) => Outcome::Rejected,
            (Some("passed"), _) => Outcome::Passed,
            _ => Outcome::Routed,
        };
        let given = Answered { id: record.id.clone(), is_estimate: answer.is_estimate };
        let served = match (outcome, key) {
            (Outcome::ExactHit | Outcome::SemanticHit, Some(key)) => self.answered.get(&key).cloned(),
            (_, Some(key)) => {
                self.answered.insert(key, given.clone());
                None
            }
            (_, None) => None,
        };
        let is_estimate = served.as_ref().unwrap_or(&given).is_estimate && log.get("cost_nanousd").is_some();
        let dollars = |name: &str| log.get(name).and_then(Value::as_f64).map(|nano| nano / 1e9);
        let is_veto = matches!(log["semantic"].as_str(), Some("vetoed" | "unfit"));
        Replayed {
            id: record.id.clone(),
            outcome,
            hit_id: served.map(|served| served.id),
            veto: text("semantic_reason").filter(|_| is_veto),
            likeness: log.get("likeness").and_then(Value::as_f64),
            tier: text("tier"),
            model: text("model"),
            reason: text("reason").or_else(|| text("cache")),
            cost_usd: dollars("cost_nanousd").or((outcome == Outcome::Rejected).then_some(0.0)),
            baseline_usd: dollars("baseline_nanousd"),
            saved_usd: dollars("saved_nanousd"),
            estimated: is_estimate || log["estimated"] == true,
            details: self.details(record, log),
        }
    }
}

impl Replay {
    fn details(&self, record: &Record<'_>, log: &Value) -> Details {
        let number = |name: &str| log.get(name).and_then(Value::as_u64);
        let usage = number("gen_ai.usage.input_tokens").zip(number("gen_ai.usage.output_tokens")).map(
            |(input, output)| Usage {
                input,
                output,
                cached_input: number("gen_ai.usage.cache_read.input_tokens").unwrap_or_default(),
                cache_write: number("gen_ai.usage.cache_write.input_tokens").unwrap_or_default(),
                reasoning: number("gen_ai.usage.reasoning.output_tokens").unwrap_or_default(),
                ..Usage::default()
            },
        );
        Details {
            time: self.host.now().as_secs(),
            rule: log.get("rule").and_then(Value::as_str).map(str::to_owned),
            score: log.get("score").and_then(Value::as_f64),
            is_by_complexity: log["reason"] == "complexity",
            usage,
            excerpt: record.excerpt(),
        }
    }
}

/// One call from its headers to its end; what the log says of it.
fn exchange(router: &Rc<Router>, call: &MemoryCall<'_>, body: Vec<u8>, answer: &Answer) -> Value {
    let mut stream = RouterStream::new(Rc::clone(router), call.id());
    let size = body.len();
    *call.stream.request_body.borrow_mut() = body;
    if stream.on_request_headers(call, size == 0) == Flow::Pause && size > 0 {
        stream.on_request_body(call, size, true);
    }
    if call.stream.reply.borrow().is_none() {
        call.stream.properties.borrow_mut().insert("response.code_details".into(), b"via_upstream".to_vec());
        *call.stream.response_headers.borrow_mut() = vec![
            (":status".into(), answer.status.to_string()),
            ("content-type".into(), answer.content_type.clone()),
        ];
        stream.on_response_headers(call, answer.body.is_empty());
        if !answer.body.is_empty() {
            call.stream.response_body.borrow_mut().clone_from(&answer.body);
            stream.on_response_body(call, answer.body.len(), true);
        }
    }
    stream.on_done(call);
    let state = call.stream.filter_state.borrow();
    state.get(RECORD_STATE).and_then(|record| serde_json::from_slice(record).ok()).unwrap_or_default()
}
