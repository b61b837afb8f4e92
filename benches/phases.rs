//! What the module itself costs, phase by phase: a call of 2 KB and its answer, on a host in memory. What crossing to a real host
//! costs comes on top.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a benchmark may panic"
)]

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use llm_arbiter::cache::exact::{Bounds, ExactCache};
use llm_arbiter::cache::recall::{Caching, Question, Recall};
use llm_arbiter::cache::semantic::{Accepts, Query, Ring, SemanticBounds, SemanticCache};
use llm_arbiter::cache::{CacheKey, Variant};
use llm_arbiter::chat::observe::{Observer, Wanted};
use llm_arbiter::chat::request::{Canonical, Limits};
use llm_arbiter::chat::{AnswerHead, Caller, ChatRequest, Operation, translate};
use llm_arbiter::complexity;
use llm_arbiter::embedding::{Encoders, bundled};
use llm_arbiter::filter::provider::{ProviderRole, ProviderStream};
use llm_arbiter::filter::router::{Router, RouterStream};
use llm_arbiter::filter::{Flow, Role};
use llm_arbiter::host::memory::{MemoryCall, MemoryHost, MemoryStream};
use llm_arbiter::identity::Partition;
use llm_arbiter::policy::Policy;
use llm_arbiter::routing::{Credentials, Premises, Ruling, plan};
use serde_json::{Value, json};

/// Time given to each figure; the least of its rounds counts, since noise only adds.
const TIME: Duration = Duration::from_millis(300);
/// Runs of a round: the clock is too coarse for one.
const RUNS: u32 = 50;
const LIMITS: Limits = Limits { max_depth: 64 };

fn main() {
    println!("| phase | microseconds |\n|---|---:|");
    let policy = policy("heuristic");
    let body = request(2048);
    let parse = |canonical| {
        ChatRequest::parse(black_box(body.clone()), Caller::OpenAi, LIMITS, canonical).expect("a request")
    };
    let asked = parse(Canonical::Keep);
    row("read", || drop(black_box(parse(Canonical::Skip))));
    row("read, with its canonical form", || drop(black_box(parse(Canonical::Keep))));
    let tenant = Partition::of_header("x-tenant", Some(b"acme"));
    row("hash the key", || {
        black_box(CacheKey::new(&tenant, &[0; 32], &Variant::default(), black_box(&asked)));
    });
    let text = asked.last_user_text().into_owned();
    row("score", || {
        drop(black_box(complexity::assess(&policy.classify, None, black_box(&text), &asked.shape)));
    });
    let learned = self::policy("learned");
    let encoder = complexity::encoder(&learned.classify).expect("an encoder");
    row("score, learned", || {
        drop(black_box(complexity::assess(
            &learned.classify,
            encoder.as_deref(),
            black_box(&text),
            &asked.shape,
        )));
    });
    let credentials = Credentials::all();
    let ruling = Ruling::default();
    row("plan, score included", || {
        let recall = Recall::Forward(Caching::Off);
        drop(black_box(plan(&policy, None, &credentials, black_box(&asked), Premises::of(&ruling), recall)));
    });
    row("look over for another dialect", || {
        drop(black_box(translate::survey(black_box(asked.body()), Caller::OpenAi)));
    });
    let answer = completion().into_bytes();
    row("observe an answer", || {
        let head = AnswerHead { status: 200, content_type: "application/json", ..AnswerHead::default() };
        let wanted = Wanted { strip_usage: false, keep_bytes: 65_536 };
        let mut observer = Observer::new(&head, Caller::OpenAi, &Operation::Chat, wanted);
        observer.feed(black_box(answer.clone()), true);
        drop(black_box(observer.finish()));
    });
    let router = Rc::new(Router::new(policy, |_| None));
    let provider = Rc::new(ProviderRole::new(self::policy("heuristic"), |_| None, Some(40)).expect("a role"));
    let script = Script::new();
    exchange("router role alone, miss", &script, &router, None);
    exchange("both roles, miss", &script, &router, Some(&provider));
    let vm = MemoryHost::default();
    let mut laps = Laps::new();
    ask(&script, &router, None, &vm, 0, &mut laps);
    row("router role, hit", || ask(&script, &router, None, &vm, 0, &mut laps));
    println!("\n| callback of a miss, in both roles | microseconds |\n|---|---:|");
    callbacks(&script, &router, &provider);
    println!("\n| tokens to embedding | microseconds |\n|---|---:|");
    embeddings();
    println!("\n| semantic cache | microseconds |\n|---|---:|");
    semantic();
    in_context();
}

/// The time for a message that is looked at closely and was not before.
fn in_context() {
    let encoder = Encoders::bundled().expect("encoders").in_context;
    let words = "how do I compare the runtime behaviour of several services under load ";
    for tokens in [12, 24, 48] {
        let text: Vec<&str> = words.split(' ').cycle().take(tokens).collect();
        let text = text.join(" ");
        row(&format!("{tokens} words in context"), || {
            drop(black_box(encoder.token_vectors(black_box(&text))))
        });
    }
}

/// The semantic cache's time for a message, by how many others there are in its context.
fn semantic() {
    let exact = Bounds {
        ttl: Duration::from_secs(3600),
        entries: 8,
        bytes: 1 << 20,
        max_temperature: 1.0,
        max_choices: 1,
        tenant_share: 1.0,
        collapse: None,
    };
    let exact = ExactCache::new(&exact);
    for entries in [10_000, 100_000] {
        let host = MemoryHost::default();
        let bounds = SemanticBounds {
            max_false_hits: 0.005,
            ttl: Duration::from_secs(3600),
            ring: Ring::new(entries, u64::from(entries) * 512),
            max_time_share: 0.1,
            tenant_share: 1.0,
            serves: true,
            audit_share: 0.0,
            max_disagreement: 1.0,
        };
        let cache = SemanticCache::new(bounds, Encoders::bundled().expect("encoders")).expect("a cache");
        for number in 0..entries {
            let (query, key) = query(&cache, &format!("How do I repair part {number} of a bicycle?"));
            cache.remember(&host, query, key).expect("room");
        }
        let (far, _) = query(&cache, "What does photosynthesis produce in leaves?");
        let (near, _) = query(&cache, "How can I repair part 7 of the bicycle?");
        let recall = |query: &Query| drop(black_box(cache.recall(&host, &exact, query, Accepts::ANY)));
        // Until it has caught up.
        (0..entries / 32).for_each(|_| recall(&far));
        if entries == 10_000 {
            row("reading a message", || {
                drop(black_box(query(&cache, "How can I repair part 7 of the bicycle?")))
            });
        }
        row(&format!("{entries} messages, none of them like it"), || recall(&far));
        row(&format!("{entries} messages, four looked at closely"), || recall(&near));
    }
}

/// A message after one system prompt, as the cache looks for it, and the key of its answer.
fn query(cache: &SemanticCache, text: &str) -> (Query, CacheKey) {
    let messages = json!([{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}]);
    let body = json!({"model": "auto", "messages": messages}).to_string();
    let request =
        ChatRequest::parse(body.into(), Caller::OpenAi, LIMITS, Canonical::Keep).expect("a request");
    let (partition, variant) = (Partition::of_header("x-tenant", Some(b"acme")), Variant::default());
    let question =
        Question { partition: &partition, revision: &[0; 32], variant: &variant, request: &request };
    let key = CacheKey::new(&partition, &[0; 32], &variant, &request).expect("a key");
    (cache.query(&question, "small").expect("a query"), key)
}

/// The encoder's time, tokenizer included, by the length of the text.
fn embeddings() {
    let sieve = bundled().expect("encoders");
    let words = "please compare the runtime behaviour of seventeen microservices under unpredictable load and latency ";
    for tokens in [8, 32, 128, 512] {
        let mut text = words.repeat(tokens / 8);
        while sieve.length(&text) > tokens {
            text.pop();
        }
        row(&format!("{tokens} tokens"), || drop(black_box(sieve.embed(black_box(&text)))));
    }
}

/// What is asked and answered, made once: making it costs more than some phases.
struct Script {
    body: Vec<u8>,
    /// Where the number of the question stands in the body.
    number_at: usize,
    answer: Vec<u8>,
}

impl Script {
    fn new() -> Self {
        let body = request(2048);
        let mark = b"Question ";
        let at = body.windows(mark.len()).position(|window| window == mark).expect("a question");
        Self { body, number_at: at + mark.len(), answer: completion().into_bytes() }
    }

    /// A body that no other number has, of the same length.
    fn body(&self, number: u32) -> Vec<u8> {
        let mut body = self.body.clone();
        let mut rest = number;
        for place in body.iter_mut().skip(self.number_at).take(5) {
            *place = b'a' + u8::try_from(rest % 26).unwrap_or_default();
            rest /= 26;
        }
        body
    }
}

fn exchange(name: &str, script: &Script, router: &Rc<Router>, provider: Option<&Rc<ProviderRole>>) {
    let (vm, mut number) = (MemoryHost::default(), 0);
    row(name, || {
        number += 1;
        ask(script, router, provider, &vm, number, &mut Laps::new());
    });
}

/// Prints the least time of a run, if the phase's name holds the argument of the command.
fn row(name: &str, mut run: impl FnMut()) {
    if std::env::args().nth(1).is_some_and(|wanted| !name.contains(&wanted)) {
        return;
    }
    let began = Instant::now();
    let mut least = Duration::MAX;
    while began.elapsed() < TIME {
        let start = Instant::now();
        (0..RUNS).for_each(|_| run());
        least = least.min(start.elapsed());
    }
    println!("| {name} | {:.2} |", least.as_secs_f64() * 1e6 / f64::from(RUNS));
}

/// What the module does in each callback of a call that both roles see.
const CALLBACKS: [&str; 6] = [
    "router, request headers: admit",
    "router, request body: read, recall, plan, apply",
    "provider, request: address",
    "provider, answer: check, tell the router",
    "router, answer headers: announce",
    "router, answer body and end: observe, settle, remember",
];

/// Time spent in each of [`CALLBACKS`].
struct Laps {
    began: Instant,
    spent: [Duration; CALLBACKS.len()],
}

impl Laps {
    fn new() -> Self {
        Self { began: Instant::now(), spent: [Duration::ZERO; CALLBACKS.len()] }
    }

    /// What comes now counts.
    fn begin(&mut self) {
        self.began = Instant::now();
    }

    /// What has come since counts for this callback.
    fn end(&mut self, callback: usize) {
        if let Some(spent) = self.spent.get_mut(callback) {
            *spent += self.began.elapsed();
        }
        self.begin();
    }
}

/// Prints the least time of each callback.
fn callbacks(script: &Script, router: &Rc<Router>, provider: &Rc<ProviderRole>) {
    let (vm, mut number) = (MemoryHost::default(), 0);
    let mut least = [Duration::MAX; CALLBACKS.len()];
    let began = Instant::now();
    while began.elapsed() < TIME {
        let mut laps = Laps::new();
        for _ in 0..RUNS {
            number += 1;
            ask(script, router, Some(provider), &vm, number, &mut laps);
        }
        for (least, spent) in least.iter_mut().zip(laps.spent) {
            *least = spent.min(*least);
        }
    }
    for (name, least) in CALLBACKS.iter().zip(least) {
        println!("| {name} | {:.2} |", least.as_secs_f64() * 1e6 / f64::from(RUNS));
    }
}

/// One call through the role or roles, answered by a provider if the cache has nothing.
fn ask(
    script: &Script,
    router: &Rc<Router>,
    provider: Option<&Rc<ProviderRole>>,
    vm: &MemoryHost,
    number: u32,
    laps: &mut Laps,
) {
    let body = script.body(number);
    let size = body.len();
    let call = MemoryCall::new(vm, MemoryStream::default());
    let headers = |headers: &[(&str, &str)]| {
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    *call.stream.request_headers.borrow_mut() = headers(&[
        (":authority", "127.0.0.1:10000"),
        (":path", "/v1/chat/completions"),
        (":method", "POST"),
        (":scheme", "http"),
        ("content-type", "application/json"),
        ("content-length", "2048"),
        ("x-forwarded-proto", "http"),
        ("x-request-id", "5f1c3a1e-5d0e-4d0b-9d0c-1f2e3d4c5b6a"),
    ]);
    *call.stream.request_body.borrow_mut() = body;
    let mut stream = RouterStream::new(Rc::clone(router), call.id());
    laps.begin();
    stream.on_request_headers(&call, false);
    laps.end(0);
    let flow = stream.on_request_body(&call, size, true);
    laps.end(1);
    if flow == Flow::Continue {
        let mut attempt = provider.map(|role| ProviderStream::new(Rc::clone(role)));
        if let Some(attempt) = &mut attempt {
            let model = "xds.upstream_host_metadata.filter_metadata.llm_arbiter.model";
            call.stream.properties.borrow_mut().insert(model.into(), b"mini".to_vec());
            laps.begin();
            attempt.on_request_headers(&call, false);
            attempt.on_request_body(&call, size, true);
            laps.end(2);
        }
        *call.stream.response_headers.borrow_mut() = headers(&[
            (":status", "200"),
            ("content-type", "application/json"),
            ("content-length", "706"),
            ("date", "Tue, 24 Nov 2026 10:00:00 GMT"),
        ]);
        call.stream.response_body.borrow_mut().clone_from(&script.answer);
        laps.begin();
        if let Some(attempt) = &mut attempt {
            attempt.on_response_headers(&call, false);
            attempt.on_response_body(&call, script.answer.len(), true);
            attempt.on_done(&call);
            laps.end(3);
        }
        stream.on_response_headers(&call, false);
        laps.end(4);
        stream.on_response_body(&call, script.answer.len(), true);
    }
    stream.on_done(&call);
    laps.end(5);
    black_box(call);
}

fn policy(scorer: &str) -> Policy {
    let prices = json!({"input": 1, "output": 2});
    let provider = json!({"host": "127.0.0.1", "port": 8080, "tls": false});
    Policy::from_value(json!({
        "providers": {"one": provider, "two": provider},
        "models": {
            "mini": {"provider": "one", "upstream_name": "mini-2024-07-18", "prices": prices},
            "spare": {"provider": "two", "prices": prices},
            "grand": {"provider": "two", "prices": prices}
        },
        "tiers": [
            {"name": "small", "handles": "medium", "models": ["mini", "spare"]},
            {"name": "large", "handles": "high", "models": ["grand"]}
        ],
        "baseline": "grand",
        "classify": {"scorer": scorer}
    }))
    .expect("a policy")
}

/// A system prompt and a question, filled up to `bytes`.
fn request(bytes: usize) -> Vec<u8> {
    let words = "the quick brown fox jumps over the lazy dog ".repeat(bytes / 44 - 4);
    let body: Value = json!({
        "model": "auto",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": format!("Question 00000: {words}")}
        ],
        "temperature": 0.7,
        "max_tokens": 256,
        "user": "bench"
    });
    body.to_string().into_bytes()
}

fn completion() -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "mini-2024-07-18",
        "choices": [{
            "index": 0, "message": {"role": "assistant", "content": "word ".repeat(80), "refusal": null},
            "logprobs": null, "finish_reason": "stop"
        }],
        "usage": {"prompt_tokens": 500, "completion_tokens": 100, "total_tokens": 600}
    })
    .to_string()
}
