use serde_json::json;

use super::*;
use crate::cache::Variant;
use crate::cache::exact::{Bounds, KeptAnswer};
use crate::cache::tag::ModelTag;
use crate::chat::request::{Canonical, Limits};
use crate::chat::{Caller, ChatRequest};
use crate::embedding::Encoders;
use crate::host::memory::MemoryHost;
use crate::identity::Partition;

const EGG: &str = "How do I boil an egg?";
const EGG_AGAIN: &str = "how do i boil an egg";

/// A worker with both caches.
struct Worker {
    semantic: SemanticCache,
    exact: ExactCache,
}

/// A request of a tenant that goes to a tier: a message after a system prompt.
#[derive(Clone, Copy)]
struct Asked<'a> {
    tenant: &'a str,
    tier: &'a str,
    system: &'a str,
    message: &'a str,
}

const ASKED: Asked<'_> = Asked { tenant: "a", tier: "small", system: "Be kind.", message: EGG };

impl Worker {
    fn new() -> Self {
        Self::within(0.1, 1.0)
    }

    fn within(max_time_share: f64, max_false_hits: f64) -> Self {
        let ring = Ring::new(64, 64 * 4096);
        let bounds = SemanticBounds {
            max_false_hits,
            ttl: Duration::from_secs(60),
            ring,
            max_time_share,
            tenant_share: 0.5,
            serves: true,
            audit_share: 0.5,
            max_disagreement: 0.1,
        };
        let exact = ExactCache::new(&Bounds {
            ttl: Duration::from_secs(90),
            entries: 64,
            bytes: 1 << 20,
            max_temperature: 1.0,
            max_choices: 1,
            tenant_share: 0.5,
            collapse: None,
        });
        Self { semantic: SemanticCache::new(bounds, Encoders::bundled().unwrap()).unwrap(), exact }
    }

    fn with<T>(&self, asked: Asked<'_>, then: impl FnOnce(&Self, &Question<'_>) -> T) -> T {
        let body = json!({"model": "auto", "messages": [
            {"role": "system", "content": asked.system}, {"role": "user", "content": asked.message}
        ]});
        let limits = Limits { max_depth: 16 };
        let request =
            ChatRequest::parse(body.to_string().into(), Caller::OpenAi, limits, Canonical::Keep).unwrap();
        let partition = Partition::of_header("x-tenant", Some(asked.tenant.as_bytes()));
        let question = Question {
            partition: &partition,
            revision: &[0; 32],
            variant: &Variant::default(),
            request: &request,
        };
        then(self, &question)
    }

    fn query(&self, asked: Asked<'_>) -> Result<Query, Unfit> {
        self.with(asked, |worker, question| worker.semantic.query(question, asked.tier))
    }

    fn answered(&self, host: &MemoryHost, asked: Asked<'_>, answer: &[u8]) {
        self.with(asked, |worker, question| {
            let key =
                CacheKey::new(question.partition, question.revision, question.variant, question.request)
                    .unwrap();
            let answer = KeptAnswer {
                body: answer.to_vec(),
                dialect: Caller::OpenAi,
                usage: None,
                model: ModelTag::default(),
            };
            worker.exact.store(host, &key, &answer);
            let query = worker.semantic.query(question, asked.tier).unwrap();
            worker.semantic.remember(host, query, key).unwrap();
        });
    }

    fn ask(&self, host: &MemoryHost, asked: Asked<'_>) -> Found {
        self.semantic.recall(host, &self.exact, &self.query(asked).unwrap(), Accepts::ANY)
    }
}

fn host_at(seconds: u64) -> MemoryHost {
    let host = MemoryHost::default();
    host.set_time(Duration::from_secs(seconds));
    host
}

fn answer(found: &Found) -> Option<&[u8]> {
    match found {
        Found::Hit(hit) => Some(&hit.answer.body),
        Found::Miss(_) => None,
    }
}

#[test]
fn an_answer_serves_the_same_question_in_other_words_on_any_worker() {
    let (host, worker, other) = (host_at(100), Worker::new(), Worker::new());
    let again = Asked { message: EGG_AGAIN, ..ASKED };
    assert_eq!(other.ask(&host, again), Found::Miss(Missed::NoCandidate));
    worker.answered(&host, ASKED, b"six minutes");
    host.set_time(Duration::from_secs(130));
    let found = other.ask(&host, again);
    assert_eq!(answer(&found), Some(b"six minutes".as_slice()));
    let Found::Hit(hit) = found else { panic!("a hit") };
    assert_eq!((hit.age.as_secs(), hit.ttl_left.as_secs()), (30, 30));
    assert!(matches!(hit.origin, Origin::Likeness { score } if score > 0.5));
}

#[test]
fn only_messages_in_the_same_context_are_compared() {
    let (host, worker) = (host_at(100), Worker::new());
    worker.answered(&host, ASKED, b"six minutes");
    let again = Asked { message: EGG_AGAIN, ..ASKED };
    for elsewhere in [
        Asked { tenant: "b", ..again },
        Asked { tier: "large", ..again },
        Asked { system: "Be rude.", ..again },
    ] {
        assert_eq!(worker.ask(&host, elsewhere), Found::Miss(Missed::NoCandidate));
    }
    assert!(answer(&worker.ask(&host, again)).is_some());
}

#[test]
fn one_tenant_cannot_push_out_what_others_have_asked() {
    let (host, worker) = (host_at(100), Worker::new());
    let others = ["b", "c", "d"];
    for tenant in others {
        worker.answered(&host, Asked { tenant, ..ASKED }, b"six minutes");
    }
    let flood = |from: u32, to: u32| {
        for number in from..to {
            let message = format!("How do I cook number {number}?");
            worker.answered(&host, Asked { tenant: "a", message: &message, ..ASKED }, b"so");
        }
    };
    let is_answered =
        |tenant| answer(&worker.ask(&host, Asked { tenant, message: EGG_AGAIN, ..ASKED })).is_some();
    flood(0, 500);
    assert_eq!(others.map(is_answered), [true; 3]);
    // What has expired makes room for everybody.
    host.set_time(Duration::from_secs(170));
    flood(500, 600);
    let next = worker.semantic.bounds.ring.next(&host);
    flood(600, 700);
    assert_eq!(worker.semantic.bounds.ring.next(&host) - next, 100, "nobody is spared");
}

#[test]
fn alone_a_tenant_may_have_all_places() {
    let (host, worker) = (host_at(100), Worker::new());
    worker.answered(&host, ASKED, b"six minutes");
    for number in 1..64 {
        let message = format!("How do I cook number {number}?");
        worker.answered(&host, Asked { message: &message, ..ASKED }, b"so");
    }
    assert!(answer(&worker.ask(&host, Asked { message: EGG_AGAIN, ..ASKED })).is_some());
}

#[test]
fn what_is_refused_is_named() {
    let (host, worker) = (host_at(100), Worker::new());
    worker.answered(&host, Asked { message: "How do I boil 2 eggs?", ..ASKED }, b"six minutes");
    let more = Asked { message: "How do I boil 12 eggs?", ..ASKED };
    assert_eq!(worker.ask(&host, more), Found::Miss(Missed::Vetoed(Veto::Number)));
    for (message, veto) in [
        ("Where is my order?", Veto::Personal),
        ("Why?", Veto::Short),
        ("Tell me another joke", Veto::FollowUp),
    ] {
        assert_eq!(worker.query(Asked { message, ..ASKED }), Err(Unfit::Vetoed(veto)), "{message}");
    }
}

#[test]
fn an_answer_that_is_gone_or_expired_serves_nobody() {
    let (host, worker) = (host_at(100), Worker::new());
    worker.answered(&host, ASKED, b"six minutes");
    let again = Asked { message: EGG_AGAIN, ..ASKED };
    let query = worker.query(again).unwrap();
    host.set_time(Duration::from_secs(130));
    let recall =
        |max_age| worker.semantic.recall(&host, &worker.exact, &query, Accepts { max_age, ..Accepts::ANY });
    assert_eq!(recall(Some(Duration::from_secs(29))), Found::Miss(Missed::NoCandidate));
    // What one caller finds too old is still there for the next.
    assert!(answer(&recall(Some(Duration::from_secs(30)))).is_some());
    host.set_time(Duration::from_secs(161));
    assert_eq!(recall(None), Found::Miss(Missed::NoCandidate));
}

#[test]
fn a_caller_may_only_be_stricter_than_the_policy() {
    let (host, worker, strict) = (host_at(100), Worker::new(), Worker::within(0.1, 0.0));
    worker.answered(&host, ASKED, b"six minutes");
    let query = worker.query(Asked { message: EGG_AGAIN, ..ASKED }).unwrap();
    let recall = |worker: &Worker, max_false_hits| {
        worker.semantic.recall(&host, &worker.exact, &query, Accepts { max_false_hits, ..Accepts::ANY })
    };
    assert!(answer(&recall(&worker, 1.0)).is_some());
    assert_eq!(recall(&worker, 0.0), Found::Miss(Missed::Unlikely));
    assert_eq!(recall(&strict, 1.0), Found::Miss(Missed::Unlikely));
}

#[test]
fn a_worker_without_time_does_not_look() {
    let (host, worker) = (host_at(100), Worker::within(0.0, 1.0));
    worker.answered(&host, ASKED, b"six minutes");
    assert_eq!(worker.ask(&host, Asked { message: EGG_AGAIN, ..ASKED }), Found::Miss(Missed::Busy));
}
