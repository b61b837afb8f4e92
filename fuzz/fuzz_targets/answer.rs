//! Any answer or error is read without a panic, and what comes of it is one in the caller's dialect.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use llm_arbiter::chat::redress::Redress;
use llm_arbiter::chat::translate::Given;
use llm_arbiter::chat::{Caller, Format, translate, whole};

const GIVEN: Given<'_> = Given { model: "m", at: Duration::from_secs(7), redress: &Redress::NONE };

fuzz_target!(|body: &[u8]| {
    for caller in Caller::ALL {
        for format in [Format::OpenAi, Format::Anthropic, Format::Gemini] {
            if let Ok(answer) = translate::answer(body, format, caller, GIVEN) {
                assert!(
                    whole::read(&answer, caller).is_some(),
                    "an answer is one in the caller's dialect"
                );
            }
            let error = translate::read_error(500, body, format);
            assert!(translate::is_error(500, &translate::write_error(&error, caller), caller));
        }
        let _ = whole::read(body, caller);
        let _ = whole::as_stream(body, caller, true);
    }
});
