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
