//! Any plugin configuration is accepted or refused without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_arbiter::filter::plugin::Plugin;

fuzz_target!(|text: &str| {
    let _ = Plugin::configure(text, |_| Some("key".to_owned()), Some(40));
});
