//! Any body is read without a panic, and what was read as a request can be written in every dialect that does not refuse it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_arbiter::chat::claude::Claude;
use llm_arbiter::chat::conversation::Addressee;
use llm_arbiter::chat::registry::DIALECTS;
use llm_arbiter::chat::request::{Canonical, Limits};
use llm_arbiter::chat::splice::{Edit, splice};
use llm_arbiter::chat::{Caller, ChatRequest, translate};

fuzz_target!(|body: &[u8]| {
    let target = Addressee { model: "m", max_output: Some(4096), reasoning: true, claude: Claude::named("m"), fetches_images: true };
    for caller in Caller::ALL {
        let parse = |body: &[u8]| {
            ChatRequest::parse(body.to_vec(), caller, Limits { max_depth: 64 }, Canonical::Keep)
        };
        if let Ok(request) = parse(body) {
            let edited = splice(&request, Edit { include_usage: true, ..Edit::naming("other") });
            let again = parse(edited.as_deref().unwrap_or(body)).expect("a splice stays a request");
            assert_eq!((&*again.model, again.canonical()), ("other", request.canonical()));
            let bounded = splice(&request, Edit { max_tokens: Some(9), ..Edit::naming("other") });
            let bounded = parse(bounded.as_deref().unwrap_or(body)).expect("a splice stays a request");
            assert!(bounded.shape.max_output_tokens.is_some_and(|tokens| tokens <= 9), "it is bounded");
        }
        let survey = translate::survey(body, caller);
        for dialect in DIALECTS.into_iter().filter(|dialect| !dialect.is_spoken_by(caller)) {
            if parse(body).is_ok() && survey.fits(caller, dialect, true).is_ok() {
                assert!(translate::request(body, caller, dialect, target).is_ok(), "what fits can be written");
            }
        }
        for dialect in DIALECTS {
            if let Ok(written) = translate::request(body, caller, dialect, target) {
                assert!(written.body.starts_with(b"{") && written.body.ends_with(b"}"));
            }
        }
    }
});
