//! Requests that wait for the shared store.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Asked, ask, ask_on, completion, question, router, without_renewal};
use crate::filter::{Flow, Role};
use crate::host::memory::{Called, MemoryHost, MemoryStream};
use crate::host::{CalloutId, CalloutResponse};

fn shared() -> Value {
    json!({"cache": {"shared": {"host": "127.0.0.1", "port": 7379, "timeout": "20ms"}}})
}

impl Asked<'_> {
    /// Answers the callout that the request waits for.
    fn told(&mut self, response: Option<(u16, Vec<u8>)>) -> Flow {
        let response = response.map(|(status, body)| CalloutResponse { status, body });
        self.stream.on_callout(&self.call, CalloutId(0), response.as_ref())
    }

    fn called(&self) -> Vec<Called> {
        self.call.stream.callouts.borrow().clone()
    }
}

#[test]
fn what_one_instance_has_answered_another_serves() {
    let (here, there, router) = (MemoryHost::default(), MemoryHost::default(), router(shared()));
    here.set_time(Duration::from_secs(100));
    there.set_time(Duration::from_secs(107));
    let mut first = ask(&router, &here, &[], &question("auto", "hi"));
    assert_eq!(first.told(Some((404, Vec::new()))), Flow::Continue);
    first.answered_with("mini", "hello");
    let [asked, stored] = &first.called()[..] else { panic!("a question and a store: {:?}", first.called()) };
    assert_eq!((asked.method.as_str(), asked.timeout), ("GET", Duration::from_millis(20)));
    assert_eq!(stored.method, "PUT");

    let mut second = ask(&router, &there, &[], &question("auto", "hi"));
    assert!(second.call.stream.reply.borrow().is_none(), "it waits");
    assert_eq!(second.request_header("x-arbiter-cluster"), None, "it waits");
    second.told(Some((200, stored.body.clone())));
    assert_eq!(without_renewal(&second.reply().body), without_renewal(completion("hello").as_bytes()));
    assert!(second.reply().headers.contains(&("age".into(), "7".into())), "{:?}", second.reply().headers);

    let third = ask(&router, &there, &[], &question("auto", "hi"));
    assert_eq!(without_renewal(&third.reply().body), without_renewal(completion("hello").as_bytes()));
    assert!(third.called().is_empty(), "what was found once is asked for no more");
    router.report(&here);
    let counted = |result| here.counter(&format!("arbiter.shared;result={result}"));
    assert_eq!((counted("miss"), counted("stored"), counted("hit")), (1, 1, 1));
}

#[test]
fn a_request_goes_on_whatever_the_shared_store_says() {
    let expired = b"arbiter 2 0 0\n{}".to_vec();
    let cases = [
        ("no answer in time", None, "unavailable"),
        ("an error", Some((500, b"x".to_vec())), "unavailable"),
        ("nothing", Some((404, Vec::new())), "miss"),
        ("something else", Some((200, b"{}".to_vec())), "miss"),
        ("an answer that has expired", Some((200, expired)), "miss"),
    ];
    for (name, response, result) in cases {
        let (vm, router) = (MemoryHost::default(), router(shared()));
        vm.set_time(Duration::from_secs(1_000_000));
        let mut asked = ask(&router, &vm, &[], &question("auto", "hi"));
        assert_eq!(asked.told(response), Flow::Continue, "{name}");
        assert_eq!(
            asked.request_header("x-arbiter-cluster").as_deref(),
            Some("arbiter-tier-small"),
            "{name}"
        );
        assert!(asked.request_body().contains("mini-2026"), "{name}");
        router.report(&vm);
        assert_eq!(vm.counter(&format!("arbiter.shared;result={result}")), 1, "{name}");
    }
}

#[test]
fn a_request_that_nobody_can_be_asked_about_does_not_wait() {
    let (vm, router) = (MemoryHost::default(), router(shared()));
    let asked = ask(&router, &vm, &[("cache-control", "no-cache")], &question("auto", "hi"));
    assert_eq!(asked.request_header("x-arbiter-cluster").as_deref(), Some("arbiter-tier-small"));
    let deaf = MemoryStream::default();
    deaf.refuses_callouts.set(true);
    let refused = ask_on(deaf, &router, &vm, &[], &question("auto", "ho"));
    assert_eq!(refused.request_header("x-arbiter-cluster").as_deref(), Some("arbiter-tier-small"));
}

#[test]
fn a_caller_that_leaves_while_its_request_waits_is_reported() {
    let (vm, router) = (MemoryHost::default(), router(shared()));
    let mut asked = ask(&router, &vm, &[], &question("auto", "hi"));
    asked.stream.on_done(&asked.call);
    assert_eq!(asked.log()["outcome"], "abandoned");
    assert_eq!(asked.told(None), Flow::Pause, "there is nothing to go on with");
}
