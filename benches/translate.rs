//! What translation costs: a request of 2 KB, and a streamed answer of 200 events fed event by event.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a benchmark may panic"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use llm_arbiter::chat::claude::Claude;
use llm_arbiter::chat::conversation::Addressee;
use llm_arbiter::chat::redress::Redress;
use llm_arbiter::chat::translate::{self, Given, StreamTranslator};
use llm_arbiter::chat::{Caller, Dialect, Format};
use serde_json::{Value, json};

const GIVEN: Given<'_> = Given { model: "m", at: Duration::from_secs(7), redress: &Redress::NONE };
const EVENTS: usize = 200;
const REQUEST_BYTES: usize = 2048;
/// Time given to each figure; the least of its rounds counts, since noise only adds.
const TIME: Duration = Duration::from_millis(300);

fn main() {
    let pairs = [
        (Caller::OpenAi, "anthropic"),
        (Caller::OpenAi, "gemini"),
        (Caller::OpenAi, "mistral"),
        (Caller::Anthropic, "openai"),
        (Caller::Anthropic, "gemini"),
        (Caller::Responses, "openai"),
        (Caller::Responses, "anthropic"),
        (Caller::Responses, "gemini"),
    ];
    println!("| caller → provider | request of 2 KB | per event of a stream |\n|---|---:|---:|");
    for (caller, name) in pairs {
        let dialect = Dialect::named(name).expect("a dialect of the table");
        let request = microseconds(|| translate_request(caller, dialect));
        let event = if dialect.format == caller.format() {
            "as it came".to_owned()
        } else {
            let events = stream(dialect.format);
            let whole = microseconds(|| translate_stream(caller, dialect.format, &events));
            format!("{:.2} µs", whole / events.len() as f64)
        };
        println!("| {} → {name} | {request:.1} µs | {event} |", caller.as_str());
    }
}

/// Least time of a round, in microseconds.
fn microseconds(mut round: impl FnMut()) -> f64 {
    let began = Instant::now();
    let mut least = Duration::MAX;
    while began.elapsed() < TIME {
        let start = Instant::now();
        round();
        least = least.min(start.elapsed());
    }
    least.as_secs_f64() * 1e6
}

fn translate_request(caller: Caller, dialect: &Dialect) {
    thread_local!(static BODIES: [(Caller, Vec<u8>); 3] = Caller::ALL.map(|caller| (caller, request(caller))));
    let target = Addressee {
        model: "target-model",
        max_output: None,
        reasoning: false,
        claude: Claude::named("target-model"),
        fetches_images: true,
    };
    BODIES.with(|bodies| {
        let (_, body) = bodies.iter().find(|(of, _)| *of == caller).expect("a body of every caller");
        black_box(
            translate::request(black_box(body), caller, dialect, target).expect("a request that can be said"),
        );
    });
}

/// A system prompt, some turns, a call of a tool and its result, and as much text as fills 2 KB.
fn request(caller: Caller) -> Vec<u8> {
    let text = |length: usize| "What a fox does is seldom what it says. ".repeat(length / 40 + 1);
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let question = json!({"role": "user", "content": "How is the weather in Bern?"});
    let with = |filler: &str| match caller {
        Caller::OpenAi => json!({
            "model": "auto", "temperature": 0.5, "max_completion_tokens": 500,
            "tools": [{"type": "function", "function": {"name": "weather", "parameters": schema}}],
            "messages": [
                {"role": "system", "content": "Be brief."},
                question,
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Bern\"}"}}
                ]},
                {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
                {"role": "user", "content": filler}
            ]
        }),
        Caller::Anthropic => json!({
            "model": "auto", "temperature": 0.5, "max_tokens": 500, "system": "Be brief.",
            "tools": [{"name": "weather", "input_schema": schema}],
            "messages": [
                question,
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Bern"}}
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": "sunny"},
                    {"type": "text", "text": filler}
                ]}
            ]
        }),
        Caller::Responses => json!({
            "model": "auto", "temperature": 0.5, "max_output_tokens": 500, "instructions": "Be brief.",
            "tools": [{"type": "function", "name": "weather", "parameters": schema}],
            "input": [
                question,
                {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{\"city\":\"Bern\"}"},
                {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
                {"role": "user", "content": filler}
            ]
        }),
    };
    let short = with("").to_string().len();
    let mut filler = text(REQUEST_BYTES);
    filler.truncate(REQUEST_BYTES.saturating_sub(short));
    with(&filler).to_string().into_bytes()
}

fn translate_stream(caller: Caller, format: Format, events: &[String]) {
    let mut translator = StreamTranslator::new(format, caller, GIVEN);
    for event in events {
        black_box(translator.feed(black_box(event.as_bytes()), false));
    }
}

/// A streamed answer of 200 events.
fn stream(format: Format) -> Vec<String> {
    let event = |data: Value| format!("data: {data}\n\n");
    (0..EVENTS)
        .map(|i| {
            event(match format {
                Format::OpenAi => json!({
                    "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "choices": [{"index": 0, "delta": {"content": " word"}, "logprobs": null, "finish_reason": null}]
                }),
                Format::Anthropic if i == 0 => json!({
                    "type": "message_start",
                    "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 9, "output_tokens": 1}}
                }),
                Format::Anthropic => json!({
                    "type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " word"}
                }),
                Format::Gemini => json!({
                    "responseId": "r", "modelVersion": "m",
                    "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": " word"}]}}]
                }),
                Format::Responses => json!({"type": "response.output_text.delta", "delta": " word"}),
            })
        })
        .collect()
}
