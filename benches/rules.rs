//! What holding a call to rules and budgets costs: fifty rules of which none holds, and a budget that is looked at, charged and settled, on a
//! host in memory.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a benchmark may panic"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use llm_arbiter::chat::request::{Canonical, Limits};
use llm_arbiter::chat::{Caller, ChatRequest, Operation};
use llm_arbiter::host::memory::MemoryHost;
use llm_arbiter::identity::Attribute;
use llm_arbiter::policy::Policy;
use llm_arbiter::routing::{Circumstances, Ruling};
use serde_json::{Value, json};

/// Time given to each figure; the least of its rounds counts, since noise only adds.
const TIME: Duration = Duration::from_millis(300);
/// Runs of a round: the clock is too coarse for one.
const RUNS: u32 = 50;
const NOW: Duration = Duration::from_secs(1_795_818_600);

fn main() {
    println!("| rules and budgets | microseconds |\n|---|---:|");
    let policy = policy(&rules(50));
    let request = request();
    let circumstances = Circumstances {
        path: "/v1/chat/completions".to_owned(),
        headers: vec![("x-team".to_owned(), "search".to_owned())],
        attributes: [("tenant".to_owned(), Attribute::Text("acme".to_owned()))].into(),
        ..Circumstances::default()
    };
    let call = (&request, &Operation::Chat);
    assert_eq!(Ruling::of(&policy, None, call, &circumstances, NOW).rule, None, "none holds");
    row("50 rules, none of which holds", || {
        drop(black_box(Ruling::of(&policy, None, black_box(call), &circumstances, NOW)));
    });
    let host = MemoryHost::default();
    let books = policy.books();
    let book = books.first().expect("a budget");
    row("a budget: look, reserve, settle", || {
        black_box(book.standing(&host, "acme", NOW));
        let (_, reservation) = book.reserve(&host, "acme", (1000, NOW)).expect("nobody else writes");
        book.settle(&host, &reservation.expect("it is not spent"), (10, NOW)).expect("nobody else writes");
    });
    row("reading a policy with 50 rules", || drop(black_box(self::policy(&rules(50)))));
}

/// Rules as teams write them.
fn rules(count: usize) -> Vec<Value> {
    let whens = [
        "identity.tenant == 'globex' && chat.model.startsWith('gpt-4')",
        "chat.tokens > 100000",
        "request.headers['x-team'] in ['ads', 'billing', 'growth']",
        "chat.tools > 5 && !chat.stream",
        "(now.hour >= 3 && now.hour < 4) || now.weekday > 6",
    ];
    let rule = |at: usize| {
        let when = whens.get(at % whens.len()).expect("a condition");
        json!({"name": format!("r{at}"), "when": when, "then": {"tier": "small"}})
    };
    (0..count).map(rule).collect()
}

fn policy(rules: &[Value]) -> Policy {
    let prices = json!({"input": 1, "output": 2});
    Policy::from_value(json!({
        "providers": {"one": {"host": "127.0.0.1", "port": 8080, "tls": false}},
        "models": {"mini": {"provider": "one", "prices": prices}, "grand": {"provider": "one", "prices": prices}},
        "tiers": [
            {"name": "small", "handles": "medium", "models": ["mini"]},
            {"name": "large", "handles": "high", "models": ["grand"]}
        ],
        "baseline": "grand",
        "rules": rules,
        "budgets": [{"name": "spend", "per": "tenant", "usd": 1_000_000, "window": "month"}]
    }))
    .expect("a policy")
}

fn request() -> ChatRequest {
    let words = "the quick brown fox jumps over the lazy dog ".repeat(40);
    let body = json!({"model": "auto", "messages": [{"role": "user", "content": words}]}).to_string();
    ChatRequest::parse(body.into_bytes(), Caller::OpenAi, Limits { max_depth: 64 }, Canonical::Skip)
        .expect("a request")
}

fn row(name: &str, mut run: impl FnMut()) {
    let began = Instant::now();
    let mut least = Duration::MAX;
    while began.elapsed() < TIME {
        let round = Instant::now();
        for _ in 0..RUNS {
            run();
        }
        least = least.min(round.elapsed() / RUNS);
    }
    println!("| {name} | {:.2} |", least.as_secs_f64() * 1e6);
}
