use std::cell::RefCell;

use proptest::prelude::*;

use super::*;
use crate::cache::tag::ModelTag;
use crate::chat::usage::ServiceTier;
use crate::chat::{Caller, Usage};
use crate::host::memory::MemoryHost;
use crate::host::{HostError, Shared};

fn bounds(entries: u32, bytes: u64) -> Bounds {
    let ttl = Duration::from_secs(60);
    Bounds { ttl, entries, bytes, max_temperature: 1.0, max_choices: 1, tenant_share: 0.5, collapse: None }
}

#[test]
fn an_answer_is_put_into_the_words_of_whoever_gets_it() {
    let message = br#"{"id":"msg_1","type":"message","model":"m","content":[{"type":"text","text":"yes"}],"stop_reason":"end_turn"}"#;
    let stored = kept(message);
    assert_eq!(stored.clone().spoken_to(Caller::Anthropic), Some(stored.clone()));
    let spoken = stored.clone().spoken_to(Caller::OpenAi).unwrap();
    assert_eq!(spoken, KeptAnswer { body: spoken.body.clone(), dialect: Caller::OpenAi, ..stored });
    let body: serde_json::Value = serde_json::from_slice(&spoken.body).unwrap();
    assert_eq!(body["choices"][0]["message"]["content"], "yes");
    assert_eq!(kept(b"{").spoken_to(Caller::OpenAi), None);
}

fn key(name: &str) -> CacheKey {
    CacheKey::named(name)
}

const USAGE: Usage = Usage {
    input: 9,
    cached_input: 4,
    cache_write: 2,
    cache_write_1h: 1,
    output: u64::MAX,
    reasoning: 1,
    service_tier: Some(ServiceTier::Flex),
};

fn kept(body: &[u8]) -> KeptAnswer {
    KeptAnswer {
        body: body.to_vec(),
        dialect: Caller::Anthropic,
        usage: Some(USAGE),
        model: ModelTag::of("mini"),
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn store_at(cache: &ExactCache, host: &MemoryHost, key: &CacheKey, answer: &[u8], time: Duration) -> Stored {
    host.set_time(time);
    cache.store(host, key, &kept(answer))
}

fn lookup_at(
    cache: &ExactCache,
    host: &MemoryHost,
    key: &CacheKey,
    time: Duration,
    max_age: Option<Duration>,
) -> Lookup {
    host.set_time(time);
    cache.lookup(host, key, max_age)
}

fn is_hit(lookup: &Lookup) -> bool {
    matches!(lookup, Lookup::Hit { .. })
}

#[test]
fn an_answer_is_served_until_it_expires() {
    let (host, cache) = (MemoryHost::default(), ExactCache::new(&bounds(8, 8192)));
    assert_eq!(lookup_at(&cache, &host, &key("a"), at(0), None), Lookup::Miss);
    assert_eq!(store_at(&cache, &host, &key("a"), b"answer", at(100)), Stored::Stored);
    let hit = Lookup::Hit { answer: kept(b"answer"), age: at(59), ttl_left: at(1) };
    assert_eq!(lookup_at(&cache, &host, &key("a"), at(159), None), hit);
    assert_eq!(lookup_at(&cache, &host, &key("a"), at(160), None), Lookup::TooOld);
    assert_eq!(lookup_at(&cache, &host, &key("b"), at(100), None), Lookup::Miss);
}

#[test]
fn a_caller_may_accept_less_than_the_policy() {
    let (host, cache) = (MemoryHost::default(), ExactCache::new(&bounds(8, 8192)));
    store_at(&cache, &host, &key("a"), b"answer", at(100));
    assert!(is_hit(&lookup_at(&cache, &host, &key("a"), at(105), Some(at(5)))));
    assert_eq!(lookup_at(&cache, &host, &key("a"), at(106), Some(at(5))), Lookup::TooOld);
}

#[test]
fn what_was_stored_under_a_clock_that_ran_ahead_is_not_served() {
    let (host, cache) = (MemoryHost::default(), ExactCache::new(&bounds(8, 8192)));
    store_at(&cache, &host, &key("a"), b"answer", at(1_000_000));
    assert_eq!(lookup_at(&cache, &host, &key("a"), at(100), None), Lookup::TooOld);
    store_at(&cache, &host, &key("a"), b"newer", at(100));
    assert!(is_hit(&lookup_at(&cache, &host, &key("a"), at(101), None)));
}

#[test]
fn between_claim_and_payload_an_old_answer_does_not_look_new() {
    let (host, cache) = (MemoryHost::default(), ExactCache::new(&bounds(WAYS, 8192)));
    store_at(&cache, &host, &key("a"), b"old", at(0));
    let seen = RefCell::new(None);
    let reader = |host: &MemoryHost| *seen.borrow_mut() = Some(cache.lookup(host, &key("a"), None));
    // The first write claims the slot, the second brings the payload.
    let raced = Raced { host: &host, before_write: RefCell::new(Some((1, reader))) };
    host.set_time(at(59));
    cache.store(&raced, &key("a"), &kept(b"new"));
    assert_eq!(seen.into_inner(), Some(Lookup::Miss));
}

#[test]
fn what_is_invalidated_is_not_served_and_what_is_stored_later_is() {
    let (host, cache) = (MemoryHost::default(), ExactCache::new(&bounds(8, 8192)));
    let scopes = [Scope::Everything, Scope::Tenant(key("a").tenant()), Scope::Model(ModelTag::of("mini"))];
    for (round, scope) in (1..).zip(scopes) {
        let now = at(round * 1000);
        store_at(&cache, &host, &key("a"), b"old", now);
        cache.invalidate(&host, scope, now).unwrap();
        assert_eq!(lookup_at(&cache, &host, &key("a"), now, None), Lookup::TooOld, "{scope:?}");
        store_at(&cache, &host, &key("a"), b"new", now + at(1));
        assert!(is_hit(&lookup_at(&cache, &host, &key("a"), now + at(1), None)), "{scope:?}");
    }
    assert!(
        !cache.adopt(&host, &key("b"), &kept(b"theirs"), at(1)),
        "nor what another instance has of before"
    );
    assert!(cache.adopt(&host, &key("b"), &kept(b"theirs"), at(3001)));
}

#[test]
fn one_answer_is_removed_by_the_name_of_its_key() {
    let (host, cache) = (MemoryHost::default(), ExactCache::new(&bounds(8, 8192)));
    for name in ["a", "b"] {
        store_at(&cache, &host, &key(name), name.as_bytes(), at(10));
    }
    let name = key("a").name().to_string().parse().unwrap();
    assert_eq!(cache.remove(&host, name), Ok(Some(key("a").tenant())));
    assert_eq!(cache.remove(&host, name), Ok(None));
    assert_eq!(lookup_at(&cache, &host, &key("a"), at(11), None), Lookup::Miss);
    assert!(!cache.adopt(&host, &key("a"), &kept(b"a"), at(10)), "another instance still has it");
    assert!(is_hit(&lookup_at(&cache, &host, &key("b"), at(11), None)));
    for no_name in ["", "1", "+0000000000000000000000000000001", &"g".repeat(32), &"1".repeat(33)] {
        assert!(no_name.parse::<KeyName>().is_err(), "{no_name}");
    }
}

#[test]
fn the_oldest_answer_makes_room() {
    let (host, cache) = (MemoryHost::default(), ExactCache::new(&bounds(WAYS, 8192)));
    let names: Vec<String> = (0..9).map(|i| i.to_string()).collect();
    for (time, name) in (0..).zip(&names) {
        store_at(&cache, &host, &key(name), name.as_bytes(), at(time));
    }
    assert_eq!(lookup_at(&cache, &host, &key("0"), at(9), None), Lookup::Miss);
    for name in names.iter().skip(1) {
        assert!(is_hit(&lookup_at(&cache, &host, &key(name), at(9), None)), "{name}");
    }
}

#[test]
fn a_newer_answer_replaces_the_one_of_the_same_key() {
    let (host, cache) = (MemoryHost::default(), ExactCache::new(&bounds(WAYS, 8192)));
    store_at(&cache, &host, &key("a"), b"old", at(0));
    let before = host.shared_bytes();
    store_at(&cache, &host, &key("a"), b"new", at(50));
    let hit = Lookup::Hit { answer: kept(b"new"), age: at(10), ttl_left: at(50) };
    assert_eq!(lookup_at(&cache, &host, &key("a"), at(60), None), hit);
    assert_eq!(host.shared_bytes(), before);
}

#[test]
fn an_answer_larger_than_its_share_is_not_kept() {
    let (host, cache) = (MemoryHost::default(), ExactCache::new(&bounds(16, 2048)));
    let largest = cache.geometry().largest_answer();
    assert_eq!(store_at(&cache, &host, &key("a"), &vec![0; largest], at(0)), Stored::Stored);
    assert_eq!(store_at(&cache, &host, &key("b"), &vec![0; largest + 1], at(0)), Stored::TooLarge);
}

#[test]
fn memory_stays_within_its_bound() {
    let (host, cache) = (MemoryHost::default(), ExactCache::new(&bounds(64, 65_536)));
    let bound = usize::try_from(cache.geometry().bound()).unwrap();
    let mut most = 0;
    for i in 0..100_000_u32 {
        let length = usize::try_from(i.wrapping_mul(2_654_435_761) % 8000).unwrap();
        store_at(&cache, &host, &key(&i.to_string()), &vec![0; length], at(u64::from(i)));
        if i % 97 == 0 {
            most = most.max(host.shared_bytes());
        }
    }
    assert!(most <= bound, "{most} bytes, bound {bound}");
    assert!(most > 60_000, "the budget is used: {most}");
}

#[test]
fn another_geometry_neither_serves_nor_keeps_what_the_old_one_left() {
    let (host, old) = (MemoryHost::default(), ExactCache::new(&bounds(8, 8192)));
    for i in 0..8_u64 {
        store_at(&old, &host, &key(&i.to_string()), &[7; 900], at(i));
    }
    let new = ExactCache::new(&bounds(8, 1024));
    assert_eq!(lookup_at(&new, &host, &key("1"), at(8), None), Lookup::Miss);
    store_at(&new, &host, &key("1"), &[7; 900], at(8));
    assert!(host.shared_bytes() <= usize::try_from(new.geometry().bound()).unwrap());
}

/// Shared data in which another worker acts just before one of this worker's writes.
struct Raced<'h, F> {
    host: &'h MemoryHost,
    before_write: RefCell<Option<(usize, F)>>,
}

impl<F: FnOnce(&MemoryHost)> SharedData for Raced<'_, F> {
    fn shared_data(&self, key: &str) -> Shared {
        self.host.shared_data(key)
    }

    fn set_shared_data(&self, key: &str, value: &[u8], cas: Option<u32>) -> Result<(), HostError> {
        let turn = self.before_write.borrow_mut().take();
        match turn {
            Some((0, act)) => act(self.host),
            Some((turns, act)) => *self.before_write.borrow_mut() = Some((turns - 1, act)),
            None => {}
        }
        self.host.set_shared_data(key, value, cas)
    }
}

impl<F> Clock for Raced<'_, F> {
    fn now(&self) -> Duration {
        self.host.now()
    }
}

#[test]
fn however_two_workers_interleave_no_key_gets_the_answer_of_another() {
    for turn in 0..3 {
        let (host, cache) = (MemoryHost::default(), ExactCache::new(&bounds(WAYS, 1024)));
        for i in 0..WAYS {
            store_at(&cache, &host, &key(&i.to_string()), &[0; 80], at(u64::from(i)));
        }
        let other = |host: &MemoryHost| {
            cache.store(host, &key("theirs"), &kept(b"theirs"));
        };
        let raced = Raced { host: &host, before_write: RefCell::new(Some((turn, other))) };
        host.set_time(at(20));
        cache.store(&raced, &key("ours"), &kept(b"ours"));
        for (name, answer) in [("ours", b"ours".as_slice()), ("theirs", b"theirs")] {
            if let Lookup::Hit { answer: found, .. } = lookup_at(&cache, &host, &key(name), at(21), None) {
                assert_eq!(found.body, answer, "turn {turn}");
            }
        }
    }
}

#[test]
fn requests_that_want_variety_bypass_the_cache() {
    let plain = Sampling::default();
    let cases = [
        (plain, Ok(())),
        (Sampling { temperature: Some(1.0), ..plain }, Ok(())),
        (Sampling { temperature: Some(1.1), ..plain }, Err(Bypass::Temperature)),
        (Sampling { choices: Some(1), ..plain }, Ok(())),
        (Sampling { choices: Some(2), ..plain }, Err(Bypass::Choices)),
        (Sampling { logprobs: true, ..plain }, Err(Bypass::Logprobs)),
        (Sampling { audio: true, ..plain }, Err(Bypass::Audio)),
        (Sampling { stateful: true, ..plain }, Err(Bypass::State)),
    ];
    for (sampling, admitted) in cases {
        assert_eq!(ExactCache::new(&bounds(8, 8192)).admits(&sampling), admitted, "{sampling:?}");
    }
    let strict = Bounds { max_temperature: 0.5, ..bounds(8, 8192) };
    assert_eq!(ExactCache::new(&strict).admits(&plain), Err(Bypass::Temperature), "providers default to 1");
}

proptest! {
    #[test]
    fn whatever_lies_in_shared_data_is_survived(directory in prop::collection::vec(any::<u8>(), 0..300)) {
        let (host, cache) = (MemoryHost::default(), ExactCache::new(&bounds(WAYS, 8192)));
        host.set_shared_data("arbiter.exact.0", &directory, None).unwrap();
        prop_assert_eq!(lookup_at(&cache, &host, &key("a"), at(0), None), Lookup::Miss);
        prop_assert_eq!(store_at(&cache, &host, &key("a"), b"answer", at(0)), Stored::Stored);
        prop_assert!(is_hit(&lookup_at(&cache, &host, &key("a"), at(0), None)));
    }
}
