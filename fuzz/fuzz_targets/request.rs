//! Any body is read without a panic, and what was read as a request can be written in every dialect that does not refuse it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_arbiter::chat::conversation::Target;
use llm_arbiter::chat::dialect::DIALECTS;
use llm_arbiter::chat::request::Limits;
use llm_arbiter::chat::splice::{Edit, splice};
use llm_arbiter::chat::{Caller, ChatRequest, translate};

fuzz_target!(|body: &[u8]| {
    let target = Target { model: "m", max_output: 4096, reasoning: true };
    for caller in [Caller::OpenAi, Caller::Anthropic] {
        if let Ok(request) = ChatRequest::parse(body, caller, Limits { max_depth: 64 }) {
            let edited = splice(body, &request, Edit { model: "other", include_usage: true });
            let edited = edited.as_deref().unwrap_or(body);
            let again = ChatRequest::parse(edited, caller, Limits { max_depth: 64 })
                .expect("a splice stays a request");
            assert_eq!((&*again.model, again.digest), ("other", request.digest));
        }
        for dialect in DIALECTS {
            if let Ok(written) = translate::request(body, caller, dialect, target) {
                assert!(written.body.starts_with(b"{") && written.body.ends_with(b"}"));
            }
        }
    }
});
