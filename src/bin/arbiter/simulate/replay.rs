//! The router over a host in memory.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use llm_arbiter::admission::Admission;
use llm_arbiter::envoy::RECORD_STATE;
use llm_arbiter::filter::router::{Router, RouterStream};
use llm_arbiter::filter::{Flow, Role};
use llm_arbiter::host::memory::{MemoryCall, MemoryHost, MemoryStream};
use llm_arbiter::policy::{Mode, Policy};
use serde_json::Value;

use super::report::{Outcome, Replayed};
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
    answered: HashMap<String, Answered>,
}

impl Replay {
    /// A router that enforces `policy`, in whatever mode it stands, with nothing in its cache and with every credential.
    pub fn new(mut policy: Policy) -> Self {
        let host = MemoryHost::default();
        host.set_time(BEGINNING);
        let admit = policy.admit.clone();
        policy.mode = Mode::Enforce;
        let router = Rc::new(Router::new(policy, |_| Some("credential".to_owned())));
        Self { admit, router, host, answered: HashMap::new() }
    }

    /// Lets a request through, with its answer.
    pub fn request(&mut self, record: &Record<'_>) -> Replayed {
        if let Some(time) = record.time() {
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
