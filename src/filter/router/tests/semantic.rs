//! The semantic cache in a stream of the router.

use std::time::Duration;

use serde_json::json;

use super::{Asked, MemoryHost, Rc, Router, ask, completion, router};

const EGG: &str = "How do I boil an egg?";
const EGG_AGAIN: &str = "how do i boil an egg";

fn semantic_router() -> Rc<Router> {
    router(json!({"cache": {"exact": {"max_choices": 2}, "semantic": {"max_false_hits": "10%"}}}))
}

fn request(message: &str, stream: bool) -> String {
    json!({"model": "auto", "stream": stream, "messages": [{"role": "user", "content": message}]}).to_string()
}

fn asked<'vm>(router: &Rc<Router>, vm: &'vm MemoryHost, message: &str, stream: bool) -> Asked<'vm> {
    ask(router, vm, &[], &request(message, stream))
}

/// Puts what cannot be streamed in the place of the answer that is stored.
fn spoil(vm: &MemoryHost, answer: &str) {
    use crate::host::SharedData;
    let broken = completion("x").replace("choices", "chances");
    assert_eq!(broken.len(), answer.len(), "the directory says how long it is");
    let names = (0..8192).map(|number| format!("arbiter.exact.{number}"));
    let keys = names.flat_map(|set| (0..8).map(move |way| format!("{set}.{way}")));
    for key in keys {
        let mut value = vm.shared_data(&key).value;
        if let Some(at) = value.len().checked_sub(answer.len()).filter(|_| value.ends_with(answer.as_bytes()))
        {
            value.truncate(at);
            value.extend_from_slice(broken.as_bytes());
            vm.set_shared_data(&key, &value, None).unwrap();
            return;
        }
    }
    panic!("nothing is stored");
}

#[test]
fn an_answer_that_cannot_be_streamed_stays_with_its_own_request() {
    let (router, vm) = (semantic_router(), MemoryHost::default());
    vm.set_time(Duration::from_secs(1000));
    asked(&router, &vm, EGG, false).answered_with("mini", "x");
    spoil(&vm, &completion("x"));

    let mut again = asked(&router, &vm, EGG_AGAIN, true);
    router.report(&vm);
    assert_eq!(vm.counter("arbiter.semantic;result=unstreamable"), 1);
    assert!(again.went_to_a_provider());
    let event = |choice| {
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]});
        format!("data: {chunk}\n\n")
    };
    let text =
        event(json!({"index": 0, "delta": {"role": "assistant", "content": "y"}, "finish_reason": null}));
    let end = event(json!({"index": 0, "delta": {}, "finish_reason": "stop"}));
    again.answered("mini", 200, "text/event-stream", &[&text, &end, "data: [DONE]\n\n"]);
    assert_eq!(again.log()["cache"], "stored");

    // Under the key of the first request the first answer still stands, whatever became of it.
    assert!(asked(&router, &vm, EGG, false).reply().body.windows(7).any(|bytes| bytes == b"chances"));
}

/// A router that asks a provider again for a share of its hits.
fn auditing(semantic: &serde_json::Value) -> Rc<Router> {
    router(json!({"cache": {"semantic": semantic}}))
}

#[test]
fn a_share_of_the_hits_goes_to_a_provider_whose_answer_is_compared() {
    let (router, vm) =
        (auditing(&json!({"max_false_hits": "10%", "audit_share": "50%"})), MemoryHost::default());
    vm.set_time(Duration::from_secs(1000));
    asked(&router, &vm, EGG, false).answered_with("mini", "Boil it for eight minutes.");
    let again =
        ["Hello, how do I boil an egg?", "how do i boil an egg please", "Please tell me how to boil an egg"];
    let fresh = ["Boil it for eight minutes.", "Blot the stain with a cloth."];
    let mut audited = 0;
    for message in again.iter().chain([&EGG_AGAIN]) {
        let mut call = asked(&router, &vm, message, false);
        if call.went_to_a_provider() {
            call.answered_with("mini", fresh[audited]);
            assert_eq!(call.log()["semantic"], "audited");
            audited += 1;
        }
    }
    assert_eq!(audited, 2);
    router.report(&vm);
    let counted = |result| vm.counter(&format!("arbiter.semantic;result={result}"));
    assert_eq!((counted("hit"), counted("audited")), (2, 2));
    assert_eq!((counted("agreed"), counted("disagreed")), (1, 1));
    assert!(vm.counter("arbiter.semantic_foregone_nanousd;tier=small") > 0);
}

#[test]
fn when_too_many_answers_differ_fewer_are_served() {
    let (router, vm) =
        (auditing(&json!({"max_false_hits": "10%", "audit_share": "100%"})), MemoryHost::default());
    vm.set_time(Duration::from_secs(1000));
    let words = ["egg", "potato", "carrot", "noodle", "dumpling", "lobster", "chestnut", "cabbage"];
    let mut outcomes = Vec::new();
    for round in 0..3 {
        for word in words {
            vm.advance(Duration::from_secs(10));
            let context = format!("In kitchen {round}, ");
            let say = |message: String| {
                let messages =
                    json!([{"role": "system", "content": context}, {"role": "user", "content": message}]);
                ask(&router, &vm, &[], &json!({"model": "auto", "messages": messages}).to_string())
            };
            say(format!("How do I boil one {word}?")).answered_with("mini", "Boil it for eight minutes.");
            let mut again = say(format!("Hello, how do I boil one {word}, please?"));
            again.answered_with("mini", "Blot the stain with a clean cloth and rinse it.");
            outcomes.push(again.log()["semantic"].as_str().unwrap_or_default().to_owned());
        }
    }
    router.report(&vm);
    assert_eq!(outcomes.first().map(String::as_str), Some("audited"));
    assert_eq!(outcomes.last().map(String::as_str), Some("unlikely"), "{outcomes:?}");
    assert_eq!(vm.counter("arbiter.semantic;result=tightened"), 5);
}

#[test]
fn in_shadow_every_hit_is_compared_and_what_it_would_have_saved_is_counted() {
    let (router, vm) = (auditing(&json!({"max_false_hits": "10%", "shadow": true})), MemoryHost::default());
    vm.set_time(Duration::from_secs(1000));
    asked(&router, &vm, EGG, false).answered_with("mini", "Boil it for eight minutes.");
    let mut again = asked(&router, &vm, EGG_AGAIN, false);
    again.answered_with("mini", "Boil it for eight minutes.");
    assert_eq!(again.log()["semantic"], "shadow_hit");
    router.report(&vm);
    assert_eq!(vm.counter("arbiter.semantic;result=agreed"), 1);
    assert_eq!(
        Some(vm.counter("arbiter.semantic_foregone_nanousd;tier=small")),
        again.log()["cost_nanousd"].as_u64()
    );
}
