//! The same request, asked again before it is answered.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Asked, ask, completion, question, router, without_renewal};
use crate::filter::Role;
use crate::host::memory::MemoryHost;

fn collapsing() -> Value {
    json!({"cache": {"exact": {"collapse": "30s"}}})
}

impl Asked<'_> {
    /// Neither answered nor sent to a provider.
    fn waits(&self) -> bool {
        self.went_to_a_provider()
            && !self.call.stream.resumed.get()
            && self.request_header("x-arbiter-cluster").is_none()
    }

    /// Its provider answers, and Envoy is done with it.
    fn ends_with(&mut self, text: &str) {
        self.answered_with("mini", text);
        self.stream.on_done(&self.call);
    }

    fn was_sent_on(&self) -> bool {
        self.call.stream.resumed.get() && self.request_header("x-arbiter-cluster").is_some()
    }

    /// Envoy hands the router its own reply.
    fn replied(&mut self) {
        self.stream.on_response_headers(&self.call, false);
        self.stream.on_response_body(&self.call, 1, true);
        self.stream.on_done(&self.call);
    }
}

#[test]
fn the_same_requests_at_a_time_go_to_a_provider_once() {
    let (vm, router) = (MemoryHost::default(), router(collapsing()));
    vm.set_time(Duration::from_secs(100));
    let mut leader = ask(&router, &vm, &[], &question("auto", "hi"));
    let mut followers: Vec<Asked<'_>> =
        (0..3).map(|_| ask(&router, &vm, &[], &question("auto", "hi"))).collect();
    let other = ask(&router, &vm, &[], &question("auto", "ho"));
    assert!(followers.iter().all(Asked::waits));
    assert!(!other.waits(), "another question is another question");

    leader.ends_with("hello");
    assert_eq!(leader.log()["outcome"], "routed");
    for follower in &mut followers {
        follower.replied();
        assert_eq!(without_renewal(&follower.reply().body), without_renewal(completion("hello").as_bytes()));
        let status = ("cache-status".into(), "arbiter; fwd=miss; collapsed".into());
        assert!(follower.reply().headers.contains(&status), "{:?}", follower.reply().headers);
        let log = follower.log();
        assert_eq!(
            (&log["outcome"], &log["cache"], &log["cost_nanousd"]),
            (&json!("hit"), &json!("collapsed"), &json!(0))
        );
    }
    router.report(&vm);
    assert_eq!(vm.counter("arbiter.cache;result=collapsed"), 3);
    assert_eq!(vm.counter("arbiter.cache;result=stored"), 1);
}

#[test]
fn a_follower_gets_the_answer_in_the_form_that_it_asked_for() {
    let (vm, router) = (MemoryHost::default(), router(collapsing()));
    vm.set_time(Duration::from_secs(100));
    let mut leader = ask(&router, &vm, &[], &question("auto", "hi"));
    let streamed = json!({"model": "auto", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let follower = ask(&router, &vm, &[], &streamed.to_string());
    assert!(follower.waits());
    leader.ends_with("hello");
    let body = String::from_utf8(follower.reply().body).unwrap();
    assert!(body.starts_with("data: ") && body.ends_with("data: [DONE]\n\n"), "{body}");
}

#[test]
fn a_leader_without_an_answer_lets_its_followers_go() {
    type End = fn(&mut Asked<'_>);
    let endings: [(&str, End); 3] = [
        ("it failed", |leader| {
            leader.answered("mini", 500, "application/json", &["{}"]);
            leader.stream.on_done(&leader.call);
        }),
        ("its caller left", |leader| leader.stream.on_done(&leader.call)),
        ("its answer may not stand for others", |leader| {
            leader.answered("mini", 200, "application/json", &[&completion("hel").replace("stop", "length")]);
            leader.stream.on_done(&leader.call);
        }),
    ];
    for (why, end) in endings {
        let (vm, router) = (MemoryHost::default(), router(collapsing()));
        vm.set_time(Duration::from_secs(100));
        let mut leader = ask(&router, &vm, &[], &question("auto", "hi"));
        let mut followers = [(); 2].map(|()| ask(&router, &vm, &[], &question("auto", "hi")));
        end(&mut leader);
        assert!(followers.iter().all(Asked::was_sent_on), "{why}");
        let late = ask(&router, &vm, &[], &question("auto", "hi"));
        assert!(late.waits(), "the first of those who were let go leads now: {why}");
        for follower in &mut followers {
            follower.ends_with("hello");
            assert_eq!(follower.log()["outcome"], "routed", "{why}");
        }
        assert_eq!(
            without_renewal(&late.reply().body),
            without_renewal(completion("hello").as_bytes()),
            "{why}"
        );
        router.report(&vm);
        assert_eq!(vm.counter("arbiter.cache;result=released"), 2, "{why}");
    }
}

#[test]
fn nobody_waits_longer_than_the_policy_says() {
    let (vm, router) = (MemoryHost::default(), router(collapsing()));
    vm.set_time(Duration::from_secs(100));
    let leader = ask(&router, &vm, &[], &question("auto", "hi"));
    let follower = ask(&router, &vm, &[], &question("auto", "hi"));
    vm.advance(Duration::from_millis(29_900));
    router.release_overdue(&leader.call);
    assert!(follower.waits());
    vm.advance(Duration::from_millis(200));
    let late = ask(&router, &vm, &[], &question("auto", "hi"));
    assert!(!late.waits(), "it does not begin to wait for what takes too long");
    router.release_overdue(&leader.call);
    assert!(follower.was_sent_on());
}

#[test]
fn a_caller_that_leaves_while_it_waits_is_reported_and_not_answered() {
    let (vm, router) = (MemoryHost::default(), router(collapsing()));
    let mut leader = ask(&router, &vm, &[], &question("auto", "hi"));
    let mut follower = ask(&router, &vm, &[], &question("auto", "hi"));
    follower.stream.on_done(&follower.call);
    assert_eq!(follower.log()["outcome"], "abandoned");
    leader.ends_with("hello");
    assert!(follower.went_to_a_provider(), "there is nobody to answer");
    assert_eq!(follower.log()["outcome"], "abandoned");
}

#[test]
fn who_must_not_wait_does_not() {
    let plain = || question("auto", "hi");
    let by_tenant =
        json!({"cache": {"exact": {"collapse": "30s"}}, "identity": {"headers": {"tenant": "x-tenant"}}});
    let cases = [
        ("a policy that does not say so", json!({}), vec![], plain()),
        ("a caller that wants a fresh answer", collapsing(), vec![("cache-control", "no-cache")], plain()),
        ("a caller that wants nothing stored", collapsing(), vec![("cache-control", "no-store")], plain()),
        ("another tenant", by_tenant, vec![("x-tenant", "other")], plain()),
    ];
    for (name, policy, headers, body) in cases {
        let (vm, router) = (MemoryHost::default(), router(policy));
        vm.set_time(Duration::from_secs(100));
        let _leader = ask(&router, &vm, &[], &plain());
        assert!(!ask(&router, &vm, &headers, &body).waits(), "{name}");
    }
}

#[test]
fn a_leader_that_was_waited_for_too_long_does_not_end_the_next_flight() {
    let (vm, router) = (MemoryHost::default(), router(collapsing()));
    vm.set_time(Duration::from_secs(100));
    let mut slow = ask(&router, &vm, &[], &question("auto", "hi"));
    let mut released = ask(&router, &vm, &[], &question("auto", "hi"));
    vm.advance(Duration::from_secs(31));
    router.release_overdue(&slow.call);
    assert!(released.was_sent_on());
    let late = ask(&router, &vm, &[], &question("auto", "hi"));
    slow.stream.on_done(&slow.call);
    assert!(late.waits(), "for who leads now");
    released.ends_with("hello");
    assert_eq!(without_renewal(&late.reply().body), without_renewal(completion("hello").as_bytes()));
}

#[test]
fn only_so_many_wait_at_a_time() {
    let (vm, router) = (MemoryHost::default(), router(collapsing()));
    vm.set_time(Duration::from_secs(100));
    let mut leader = ask(&router, &vm, &[], &question("auto", "hi"));
    let followers: Vec<Asked<'_>> =
        (0..257).map(|_| ask(&router, &vm, &[], &question("auto", "hi"))).collect();
    assert_eq!(followers.iter().filter(|follower| follower.waits()).count(), 256);
    leader.ends_with("hello");

    let long = "x".repeat(5 << 20);
    let _leader = ask(&router, &vm, &[], &question("auto", &long));
    let followers: Vec<Asked<'_>> =
        (0..8).map(|_| ask(&router, &vm, &[], &question("auto", &long))).collect();
    assert_eq!(followers.iter().filter(|follower| follower.waits()).count(), 6, "bodies of 32 MiB in all");
}

#[test]
fn an_answer_that_was_void_before_it_came_is_neither_stored_nor_given_to_others() {
    use crate::cache::invalidation::{Invalidated, Scope};
    let (vm, router) = (MemoryHost::default(), router(collapsing()));
    vm.set_time(Duration::from_secs(100));
    let mut leader = ask(&router, &vm, &[], &question("auto", "hi"));
    let follower = ask(&router, &vm, &[], &question("auto", "hi"));
    vm.advance(Duration::from_secs(5));
    Invalidated::add(&vm, Scope::Everything, Duration::from_secs(105), Duration::ZERO).unwrap();
    vm.advance(Duration::from_secs(5));
    leader.ends_with("hello");
    assert!(follower.was_sent_on());
    assert!(ask(&router, &vm, &[], &question("auto", "hi")).waits(), "it is not stored");
}
