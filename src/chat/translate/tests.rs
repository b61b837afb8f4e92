//! What survives between dialects, wherever bytes are split.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::chat::answer::Finish;
use crate::chat::claude::Claude;
use crate::chat::registry::DIALECTS;
use crate::chat::usage::Usage;

const FORMATS: [Format; 3] = [Format::OpenAi, Format::Anthropic, Format::Gemini];
const GIVEN: Given<'_> = Given { model: "m", at: Duration::from_secs(7), redress: &Redress::NONE };
const CALLERS: [Caller; 3] = Caller::ALL;

fn target() -> Addressee<'static> {
    Addressee {
        model: "m",
        max_output: None,
        reasoning: true,
        claude: Claude::named("m"),
        fetches_images: true,
    }
}

/// Something that a model says in one event.
#[derive(Debug, Clone)]
enum Said {
    Text(String),
    Call(String, Value),
}

fn said() -> impl Strategy<Value = Vec<Said>> {
    let text = "[a-z \"\\\\\né漢😀]{1,8}".prop_map(Said::Text);
    let call = ("[a-z]{1,5}", "[a-zé]{0,5}").prop_map(|(name, value)| Said::Call(name, json!({"x": value})));
    prop::collection::vec(prop_oneof![3 => text, 1 => call], 0..6)
}

fn has_calls(said: &[Said]) -> bool {
    said.iter().any(|said| matches!(said, Said::Call(..)))
}

/// A stream as a provider of this format would send it.
fn stream(format: Format, said: &[Said]) -> String {
    match format {
        Format::OpenAi => openai_stream(said),
        Format::Anthropic => anthropic_stream(said),
        Format::Gemini => gemini_stream(said),
        Format::Responses => String::new(),
    }
}

fn openai_stream(said: &[Said]) -> String {
    let chunk = |choices: Value, usage: Value| {
        format!("data: {}\n\n", json!({"id": "c1", "model": "m", "choices": choices, "usage": usage}))
    };
    let delta = |delta: Value, reason: Value| {
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": reason}]), Value::Null)
    };
    let mut stream = delta(json!({"role": "assistant", "content": ""}), Value::Null);
    let mut calls = 0;
    for said in said {
        match said {
            Said::Text(text) => stream += &delta(json!({"content": text}), Value::Null),
            Said::Call(name, arguments) => {
                let function = json!({"name": name, "arguments": ""});
                let call = json!({"index": calls, "id": format!("call_{calls}"), "function": function});
                stream += &delta(json!({"tool_calls": [call]}), Value::Null);
                let rest = json!({"index": calls, "function": {"arguments": arguments.to_string()}});
                stream += &delta(json!({"tool_calls": [rest]}), Value::Null);
                calls += 1;
            }
        }
    }
    stream += &delta(json!({}), if calls > 0 { json!("tool_calls") } else { json!("stop") });
    stream += &chunk(json!([]), json!({"prompt_tokens": 9, "completion_tokens": 3}));
    stream + "data: [DONE]\n\n"
}

fn anthropic_stream(said: &[Said]) -> String {
    let event = |data: Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    let usage = json!({"input_tokens": 9, "output_tokens": 1});
    let mut stream =
        event(json!({"type": "message_start", "message": {"id": "c1", "model": "m", "usage": usage}}));
    let mut calls = 0;
    for (index, said) in said.iter().enumerate() {
        let (block, delta) = match said {
            Said::Text(text) => {
                (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": text}))
            }
            Said::Call(name, arguments) => {
                calls += 1;
                let block = json!({"type": "tool_use", "id": format!("call_{}", calls - 1), "name": name});
                (block, json!({"type": "input_json_delta", "partial_json": arguments.to_string()}))
            }
        };
        stream += &event(json!({"type": "content_block_start", "index": index, "content_block": block}));
        stream += &event(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        stream += &event(json!({"type": "content_block_stop", "index": index}));
    }
    let delta = json!({"stop_reason": if calls > 0 { "tool_use" } else { "end_turn" }});
    stream += &event(json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 3}}));
    stream + &event(json!({"type": "message_stop"}))
}

fn gemini_stream(said: &[Said]) -> String {
    let piece = |parts: Value, rest: Value| {
        let mut candidate = json!({"content": {"parts": parts}});
        candidate.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        json!({"responseId": "c1", "modelVersion": "m", "candidates": [candidate]})
    };
    let mut stream = String::new();
    let mut calls = 0;
    for said in said {
        let part = match said {
            Said::Text(text) => json!({"text": text}),
            Said::Call(name, arguments) => {
                calls += 1;
                json!({"functionCall": {"id": format!("call_{}", calls - 1), "name": name, "args": arguments}})
            }
        };
        stream += &format!("data: {}\r\n\r\n", piece(json!([part]), json!({})));
    }
    let mut last = piece(json!([]), json!({"finishReason": "STOP"}));
    last["usageMetadata"] = json!({"promptTokenCount": 9, "candidatesTokenCount": 3});
    stream + &format!("data: {last}\r\n\r\n")
}

/// Translates `stream`, cut at the given places.
fn translated(from: Format, to: Caller, stream: &str, cuts: &[usize]) -> String {
    let mut translator = StreamTranslator::new(from, to, GIVEN);
    let mut bounds: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    bounds.extend([0, stream.len()]);
    bounds.sort_unstable();
    let mut out = Vec::new();
    for pair in bounds.windows(2) {
        out.extend(translator.feed(&stream.as_bytes()[pair[0]..pair[1]], false));
    }
    out.extend(translator.feed(&[], true));
    String::from_utf8(out).unwrap()
}

/// What a caller makes of a stream: text, calls, usage, why it ended.
fn understood(caller: Caller, stream: &str) -> (String, Vec<(String, String, Value)>, Usage, Finish) {
    let mut reader = match caller {
        Caller::OpenAi => Reader::OpenAi(openai::stream::Reader::default()),
        Caller::Anthropic => Reader::Anthropic(anthropic::stream::Reader::default()),
        Caller::Responses => Reader::Responses(responses::stream::Reader::default()),
    };
    let mut events = Vec::new();
    EventReader::default().feed(stream.as_bytes(), |event| reader.read(event.data, &mut events).unwrap());
    let (mut text, mut calls, mut usage, mut finish) = (String::new(), Vec::new(), Usage::default(), None);
    for event in events {
        match event {
            StreamEvent::Text(more) => text += &more,
            StreamEvent::ToolCall { id, name, .. } => calls.push((id, name, String::new())),
            StreamEvent::Arguments { index, json } => calls[index as usize].2 += &json,
            StreamEvent::Usage(counted) => usage = counted,
            StreamEvent::Finish(reason) => finish = Some(reason),
            _ => {}
        }
    }
    let calls = calls.into_iter().map(|(id, name, json)| (id, name, serde_json::from_str(&json).unwrap()));
    (text, calls.collect(), usage, finish.expect("a stream says why it ended"))
}

proptest! {
    #[test]
    fn a_stream_says_the_same_in_every_dialect(said in said(), cuts in prop::collection::vec(any::<usize>(), 0..8)) {
        let texts: String =
            said.iter().filter_map(|said| if let Said::Text(text) = said { Some(text.as_str()) } else { None }).collect();
        let calls: Vec<_> = said
            .iter()
            .filter_map(|said| if let Said::Call(name, arguments) = said { Some((name, arguments)) } else { None })
            .enumerate()
            .map(|(i, (name, arguments))| (format!("call_{i}"), name.clone(), arguments.clone()))
            .collect();
        let finish = if has_calls(&said) { Finish::ToolCalls } else { Finish::Stop };
        for from in FORMATS {
            for to in CALLERS {
                let whole = translated(from, to, &stream(from, &said), &[]);
                prop_assert_eq!(&translated(from, to, &stream(from, &said), &cuts), &whole, "{:?} to {:?}", from, to);
                let usage = Usage { input: 9, output: 3, ..Usage::default() };
                let expected = (texts.clone(), calls.clone(), usage, finish.clone());
                prop_assert_eq!(understood(to, &whole), expected, "{:?} to {:?}", from, to);
            }
        }
    }

    #[test]
    fn any_bytes_are_survived_and_end_in_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for from in FORMATS {
            for to in CALLERS {
                let mut translator = StreamTranslator::new(from, to, GIVEN);
                let mut out = translator.feed(&bytes, false);
                out.extend(translator.feed(&[], true));
                prop_assert!(String::from_utf8(out).unwrap().contains("error"));
            }
        }
    }

    #[test]
    fn any_body_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        for caller in CALLERS {
            for dialect in DIALECTS {
                let _ = request(&bytes, caller, dialect, target());
                let _ = answer(&bytes, dialect.format, caller, GIVEN);
                let _ = read_error(500, &bytes, dialect.format);
            }
        }
    }
}

#[test]
fn after_an_error_nothing_more_is_said() {
    let error = "data: {\"error\":{\"message\":\"boom\"}}\n\n";
    let whole = translated(Format::OpenAi, Caller::Anthropic, &(error.to_owned() + &openai_stream(&[])), &[]);
    assert_eq!(whole.matches("event: ").count(), 1);
    assert!(whole.contains("boom"));
}

#[test]
fn memory_does_not_grow_with_a_stream() {
    let mut translator = StreamTranslator::new(Format::OpenAi, Caller::Anthropic, GIVEN);
    let chunk = openai_stream(&[Said::Text("x".repeat(100))]);
    let event = chunk.split("\n\n").nth(1).unwrap().to_owned() + "\n\n";
    let mut written = 0;
    for _ in 0..100_000 {
        written += translator.feed(event.as_bytes(), false).len();
    }
    assert!(written > 10_000_000);
    assert!(size_of_val(&translator) < 1000);
    assert!(format!("{translator:?}").len() < 5000, "what it holds is small");
}

fn written(dialect: &str, caller: Caller, body: &Value) -> Result<(Value, Vec<&'static str>), Unsupported> {
    let dialect = Dialect::named(dialect).unwrap();
    let written = request(body.to_string().as_bytes(), caller, dialect, target())?;
    Ok((serde_json::from_slice(&written.body).unwrap(), written.dropped))
}

#[test]
fn what_anthropic_would_refuse_is_not_sent_to_it() {
    let user = |content: Value| json!({"role": "user", "content": content});
    let call = |id: &str, arguments: &str| json!({"role": "assistant", "tool_calls": [{"id": id, "function": {"name": "f", "arguments": arguments}}]});
    let messages = |messages: Value| json!({"model": "x", "messages": messages, "reasoning_effort": "high"});
    let (sent, _) =
        written("anthropic", Caller::OpenAi, &messages(json!([user(json!("")), user(json!("a"))]))).unwrap();
    assert_eq!(
        sent["messages"],
        json!([{"role": "user", "content": [{"type": "text", "text": "a"}]}]),
        "empty text"
    );
    let tool = json!({"role": "tool", "tool_call_id": "call:1/x", "content": ""});
    let (sent, dropped) = written(
        "anthropic",
        Caller::OpenAi,
        &messages(json!([user(json!("a")), call("call:1/x", ""), tool])),
    )
    .unwrap();
    assert_eq!(sent["messages"][1]["content"][0]["id"], "call_1_x", "other characters in identifiers");
    assert_eq!(sent["messages"][2]["content"][0]["tool_use_id"], "call_1_x");
    assert_eq!(sent["messages"][1]["content"][0]["input"], json!({}), "arguments that are no object");
    assert_eq!((sent.get("thinking"), dropped.as_slice()), (None, &["reasoning"][..]), "thinking amid calls");
    let broken = written("anthropic", Caller::OpenAi, &messages(json!([call("1", "{")])));
    assert_eq!(broken, Err(Unsupported::new("arguments of a tool call that are not JSON")));
}

#[test]
fn results_of_tools_come_before_what_the_user_adds() {
    let body = json!({"model": "x", "max_tokens": 10, "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
        {"role": "user", "content": [
            {"type": "text", "text": "look"},
            {"type": "tool_result", "tool_use_id": "1", "content": [
                {"type": "text", "text": "r"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}
            ]}
        ]}
    ]});
    let (sent, _) = written("openai", Caller::Anthropic, &body).unwrap();
    let roles: Vec<&str> = sent["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["user", "assistant", "tool", "user"]);
    assert_eq!(sent["messages"][3]["content"][1]["image_url"]["url"], "data:image/png;base64,AA");
}

#[test]
fn settings_of_reasoning_go_only_to_models_that_know_them() {
    let body = json!({"model": "x", "reasoning_effort": "low", "max_tokens": 9000, "messages": [{"role": "user", "content": "a"}]});
    let conversation = read_request(body.to_string().as_bytes(), Caller::OpenAi).unwrap();
    for name in ["openai", "anthropic", "gemini"] {
        let dialect = Dialect::named(name).unwrap();
        let ask =
            |reasoning| write_request(&conversation, dialect, Addressee { reasoning, ..target() }).unwrap();
        assert_eq!(ask(true).dropped, Vec::<&str>::new(), "{name}");
        assert_eq!(ask(false).dropped, ["reasoning"], "{name}");
        let sent = |reasoning| String::from_utf8(ask(reasoning).body).unwrap();
        assert!(sent(true).contains("thinking") || sent(true).contains("reasoning_effort"), "{name}");
        assert!(!sent(false).contains("thinking") && !sent(false).contains("reasoning_effort"), "{name}");
    }
}

#[test]
fn nobody_is_asked_for_a_longer_answer_than_it_can_give() {
    let body = json!({"model": "x", "max_tokens": 9000, "messages": [{"role": "user", "content": "a"}]});
    let conversation = read_request(body.to_string().as_bytes(), Caller::OpenAi).unwrap();
    for dialect in DIALECTS {
        let ask = |max_output| {
            let written =
                write_request(&conversation, dialect, Addressee { max_output, ..target() }).unwrap();
            (String::from_utf8(written.body).unwrap(), written.dropped)
        };
        let ((free, none), (cut, dropped)) = (ask(None), ask(Some(8192)));
        assert!(free.contains("9000") && none.is_empty(), "{}", dialect.name);
        assert!(cut.contains("8192") && !cut.contains("9000"), "{}", dialect.name);
        assert_eq!(dropped, ["max_tokens"], "{}", dialect.name);
    }
}

#[test]
fn a_prompt_that_is_too_long_is_recognized_in_every_dialect() {
    let cases = [
        (Format::OpenAi, json!({"error": {"message": "x", "code": "context_length_exceeded"}})),
        (
            Format::OpenAi,
            json!({"error": {"message": "This model's maximum context length is 8192 tokens."}}),
        ),
        (
            Format::Anthropic,
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 300000 tokens > 200000 maximum"}}),
        ),
        (
            Format::Gemini,
            json!({"error": {"code": 400, "message": "The input token count (2000000) exceeds the maximum number of tokens allowed (1048575).", "status": "INVALID_ARGUMENT"}}),
        ),
    ];
    for (format, body) in cases {
        assert!(read_error(400, body.to_string().as_bytes(), format).is_context_length(), "{body}");
    }
    let other = json!({"error": {"message": "temperature must be at most 2"}});
    assert!(!read_error(400, other.to_string().as_bytes(), Format::OpenAi).is_context_length());
}

/// Calls of the Responses API that say something special, each in one way.
fn special_responses() -> Vec<Value> {
    let function = json!({"type": "function", "name": "f", "parameters": {}});
    let call = |arguments: &str| json!({"type": "function_call", "call_id": "1", "name": "f", "arguments": arguments});
    let result = |output: Value| json!({"type": "function_call_output", "call_id": "1", "output": output});
    let members = [
        json!({}),
        json!({"instructions": "s", "max_output_tokens": 7, "temperature": 0.5, "top_p": 0.5}),
        json!({"instructions": [{"role": "user"}]}),
        json!({"tools": [function]}),
        json!({"tools": [function], "parallel_tool_calls": false}),
        json!({"tools": [{"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}}]}),
        json!({"tools": [function, {"type": "web_search"}]}),
        json!({"tools": [{"type": "web_search"}]}),
        json!({"tools": [function, {"type": "mcp"}]}),
        json!({"tools": [function], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"name": "f"}]}}),
        json!({"tools": [function], "tool_choice": {"type": "function", "name": "f"}}),
        json!({"tools": [function], "tool_choice": {"type": "web_search"}}),
        json!({"text": {"format": {"type": "json_object"}}}),
        json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"}}),
        json!({"text": {"format": {"type": "grammar"}}}),
        json!({"reasoning": {"effort": "high", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}),
        json!({"include": ["message.output_text.logprobs"]}),
        json!({"store": false, "background": false, "metadata": {"a": "b"}, "truncation": "auto", "top_logprobs": 0}),
        json!({"store": true}),
        json!({"background": true}),
        json!({"previous_response_id": "resp_1"}),
        json!({"conversation": "conv_1"}),
        json!({"prompt": {"id": "p"}}),
        json!({"stranger": 1}),
        json!({"input": [call("{}"), result(json!("42"))]}),
        json!({"input": [call("{"), result(json!("42"))]}),
        json!({"input": [call(""), result(json!([{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "https://x.test/a.png"}]))]}),
        json!({"input": [result(json!("42"))]}),
        json!({"input": [{"type": "custom_tool_call", "call_id": "1", "name": "patch", "input": "x"}, {"type": "custom_tool_call_output", "call_id": "1", "output": "ok"}]}),
        json!({"input": [{"role": "user", "content": "a"}, {"role": "developer", "content": "b"}, {"role": "user", "content": "c"}]}),
        json!({"input": [{"role": "developer", "content": [{"type": "input_image", "image_url": "https://x.test/a.png"}]}, {"role": "user", "content": "c"}]}),
        json!({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"}]}]}),
        json!({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}),
        json!({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}),
        json!({"input": [{"type": "item_reference", "id": "msg_1"}]}),
        json!({"input": [{"type": "reasoning", "summary": [], "encrypted_content": "x"}, {"role": "user", "content": "c"}]}),
        json!({"input": [{"type": "web_search_call"}, {"role": "user", "content": "c"}]}),
        json!({"input": [{"type": "local_shell_call"}, {"role": "user", "content": "c"}]}),
        json!({"input": [{"role": "critic", "content": "c"}]}),
    ];
    members
        .into_iter()
        .map(|members| {
            let mut body = json!({"model": "m", "input": "x"});
            body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            body
        })
        .collect()
}

/// Requests of a caller that say something special, each in one way.
fn special_requests(caller: Caller) -> Vec<Value> {
    let openai = |members: Value, messages: Value| {
        let mut body = json!({"model": "m", "messages": messages});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body
    };
    let user = json!({"role": "user", "content": "x"});
    let parts = |parts: Value| json!([{"role": "user", "content": parts}]);
    let call = |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    let calling = |calls: Value| json!({"role": "assistant", "content": null, "tool_calls": calls});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "42"});
    let function = json!({"type": "function", "function": {"name": "f"}});
    let mut requests: Vec<Value> = match caller {
        Caller::Responses => return special_responses(),
        Caller::OpenAi => [
            json!({}),
            json!({"n": 1}),
            json!({"n": 2}),
            json!({"logprobs": false}),
            json!({"logprobs": true, "top_logprobs": 2}),
            json!({"modalities": ["text"]}),
            json!({"modalities": ["text", "audio"]}),
            json!({"logit_bias": {"1": 2}}),
            json!({"logit_bias": null}),
            json!({"functions": [{}]}),
            json!({"stop": ["a", "b", "c", "d", "e"]}),
            json!({"stop": ["a", "b", "c", "d", "e", "f"]}),
            json!({"stop": "a"}),
            json!({"tools": [function]}),
            json!({"tools": [{"type": "custom", "custom": {}}]}),
            json!({"tools": [function], "parallel_tool_calls": false}),
            json!({"parallel_tool_calls": false}),
            json!({"tool_choice": "auto"}),
            json!({"tool_choice": "some"}),
            json!({"tool_choice": {"type": "function", "function": {"name": "f"}}}),
            json!({"tool_choice": {"type": "allowed_tools"}}),
            json!({"response_format": {"type": "json_object"}}),
            json!({"response_format": {"type": "json_schema"}}),
            json!({"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}),
            json!({"response_format": {"type": "grammar"}}),
            json!({"user": "u", "store": true, "verbosity": "low", "seed": 1}),
            json!({"stranger": 1}),
        ]
        .into_iter()
        .map(|members| openai(members, json!([user])))
        .collect(),
        Caller::Anthropic => [
            json!({}),
            json!({"system": "s"}),
            json!({"system": [{"type": "text", "text": "s"}]}),
            json!({"system": [{"type": "image"}]}),
            json!({"stop_sequences": ["a", "b", "c", "d", "e"]}),
            json!({"stop_sequences": [1]}),
            json!({"tools": [{"name": "f", "input_schema": {}}]}),
            json!({"tools": [{"type": "custom", "name": "f"}]}),
            json!({"tools": [{"type": "web_search_20250305", "name": "s"}]}),
            json!({"tools": [{"name": "f"}], "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}),
            json!({"tool_choice": {"type": "some"}}),
            json!({"output_config": {"effort": "low"}}),
            json!({"output_config": {"format": {"type": "json_schema", "schema": {}}}}),
            json!({"output_config": {"format": {"type": "grammar"}}}),
            json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}),
            json!({"service_tier": "auto", "container": null}),
            json!({"container": "c"}),
        ]
        .into_iter()
        .map(|members| openai(members, json!([user])))
        .collect(),
    };
    let conversations: Vec<Value> = match caller {
        Caller::Responses => Vec::new(),
        Caller::OpenAi => vec![
            parts(json!([{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}])),
            parts(json!([{"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}])),
            parts(json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}])),
            parts(json!([{"type": "image_url"}])),
            parts(
                json!([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": "https://x.test/a.png"}]),
            ),
            parts(json!([{"type": "image_url", "image_url": {"url": "data:application/pdf;base64,AAAA"}}])),
            parts(json!([{"type": "image_url", "image_url": {"url": 1}}])),
            parts(json!([{"type": "input_audio", "input_audio": {}}])),
            parts(json!([{"text": "no type"}])),
            json!([{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, user]),
            json!([{"role": "developer", "content": [{"type": "text", "text": "a"}]}, user]),
            json!([{"role": "function", "name": "f", "content": "x"}]),
            json!([{"role": "critic", "content": "x"}]),
            json!([user, calling(json!([call("1", "f", "{}")])), result("1")]),
            json!([user, calling(json!([call("1", "f", "{")])), result("1")]),
            json!([user, calling(json!([call("1", "f", " ")])), result("1")]),
            json!([user, calling(json!([call("1", "", "{}")])), result("1")]),
            json!([user, calling(json!([call("1", "f", "{}"), call("1", "", "{}")])), result("1")]),
            json!([user, calling(json!([{"id": "1", "type": "custom", "custom": {}}]))]),
            json!([user, result("1")]),
            json!([user, result("1"), calling(json!([call("1", "f", "{}")]))]),
            json!([user, {"role": "assistant", "content": "", "function_call": {"name": "f"}}]),
            json!([user, {"role": "assistant", "content": null, "function_call": null, "tool_calls": null}]),
        ],
        Caller::Anthropic => {
            let call = json!({"type": "tool_use", "id": "1", "name": "f", "input": {}});
            let result =
                |content: Value| json!({"type": "tool_result", "tool_use_id": "1", "content": content});
            let image =
                |kind: &str| json!({"type": "image", "source": {"type": kind, "url": "x", "data": "AA"}});
            vec![
                parts(json!([{"type": "text", "text": "a"}, image("base64")])),
                parts(json!([image("url")])),
                parts(json!([image("file")])),
                parts(json!([{"type": "document", "source": {"type": "text"}}])),
                parts(json!([call])),
                parts(json!([result(json!("42"))])),
                json!([user, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result(json!("42"))]}]),
                json!([user, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result(json!([image("url")]))]}]),
                json!([user, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result(json!([{"type": "search_result"}]))]}]),
                json!([user, {"role": "assistant", "content": [call, result(json!("42"))]}]),
                json!([user, {"role": "assistant", "content": [image("base64")]}]),
                json!([user, {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}]}]),
                json!([{"role": "system", "content": "x"}, user]),
            ]
        }
    };
    requests.extend(conversations.into_iter().map(|messages| openai(json!({}), messages)));
    requests
}

#[test]
fn whom_a_request_can_be_told_to_is_known_without_writing_it() {
    for caller in CALLERS {
        for request in special_requests(caller) {
            let body = request.to_string().into_bytes();
            let survey = survey(&body, caller);
            for dialect in DIALECTS.into_iter().filter(|dialect| !dialect.is_spoken_by(caller)) {
                for fetches_images in [true, false] {
                    let target = Addressee { fetches_images, ..target() };
                    let written = super::request(&body, caller, dialect, target);
                    let fits = survey.fits(caller, dialect, fetches_images);
                    assert_eq!(fits.err(), written.err(), "{caller:?} to {}: {request}", dialect.name);
                }
            }
        }
    }
}

#[test]
fn what_is_not_as_its_dialect_has_it_is_told_to_nobody_else() {
    let odd =
        json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": ["f"]}).to_string();
    for caller in CALLERS {
        let survey = survey(odd.as_bytes(), caller);
        for dialect in DIALECTS {
            assert_eq!(
                survey.fits(caller, dialect, true).is_ok(),
                dialect.is_spoken_by(caller),
                "{}",
                dialect.name
            );
        }
    }
}

#[test]
fn what_an_answer_does_not_say_it_is_given() {
    let bodies = [
        (Format::OpenAi, r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}"#),
        (
            Format::Anthropic,
            r#"{"type":"message","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn"}"#,
        ),
        (
            Format::Gemini,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]},"finishReason":"STOP"}]}"#,
        ),
    ];
    for (format, body) in bodies {
        for caller in CALLERS.into_iter().filter(|caller| caller.format() != format) {
            let answer: Value =
                serde_json::from_slice(&answer(body.as_bytes(), format, caller, GIVEN).unwrap()).unwrap();
            let given = (answer["id"].as_str().unwrap(), answer["model"].as_str().unwrap());
            assert_eq!(given, ("arbiter-1a13b8600", "m"), "{format:?}");
            if (format, caller) == (Format::Gemini, Caller::OpenAi) {
                let call = &answer["choices"][0]["message"]["tool_calls"][0];
                assert_eq!(call["id"], "call_arbiter-1a13b8600_0");
            }
        }
    }
}

#[test]
fn a_stream_begins_with_what_its_later_chunks_say_and_says_once_why_it_ended() {
    let azure = "data: {\"id\":\"\",\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[]}\n\n\
                 data: {\"id\":\"c1\",\"model\":\"gpt\",\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n\
                 data: {\"id\":\"c1\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let told = translated(Format::OpenAi, Caller::Anthropic, azure, &[]);
    assert!(told.contains(r#""id":"c1""#) && told.contains(r#""model":"gpt""#), "{told}");
    let twice = "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\"}}\n\n\
                 data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":16,\"output_tokens_details\":{\"thinking_tokens\":4}}}\n\n\
                 data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n";
    let told = translated(Format::Anthropic, Caller::OpenAi, twice, &[]);
    assert_eq!(told.matches(r#""finish_reason":"stop""#).count(), 1, "{told}");
    assert!(told.contains(r#""reasoning_tokens":4"#), "{told}");
}

#[test]
fn the_last_event_of_a_stream_need_not_be_closed() {
    let piece = r#"data: {"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}]}"#;
    let told = translated(Format::Gemini, Caller::OpenAi, piece, &[40]);
    assert!(told.contains(r#""content":"hi""#) && told.ends_with("data: [DONE]\n\n"), "{told}");
    let told = translated(Format::Gemini, Caller::OpenAi, &piece[..60], &[]);
    assert!(told.contains(TOO_EARLY), "{told}");
}

#[test]
fn content_in_parts_is_said_part_by_part() {
    let content = json!([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "4"}]);
    let body = json!({"id": "a", "model": "m", "choices": [{"message": {"content": content}, "finish_reason": "stop"}]});
    let whole = answer(body.to_string().as_bytes(), Format::OpenAi, Caller::Anthropic, GIVEN).unwrap();
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(whole["content"], json!([{"type": "text", "text": "4"}]));
    let chunk = json!({"id": "a", "choices": [{"delta": {"content": content}, "finish_reason": "stop"}]});
    let told =
        translated(Format::OpenAi, Caller::Anthropic, &format!("data: {chunk}\n\ndata: [DONE]\n\n"), &[]);
    assert!(told.contains(r#""text":"4""#) && !told.contains("hm"), "{told}");
}

#[test]
fn an_error_in_words_keeps_them() {
    for (body, message) in [
        (&b"Some text\n"[..], "Some text"),
        (br#"{"detail":"no such model"}"#, r#"{"detail":"no such model"}"#),
        (b"<html>Bad Gateway</html>", "the provider answered with status 502"),
        (b" ", "the provider answered with status 502"),
        (b"\x1f\x8b\xff", "the provider answered with status 502"),
    ] {
        for format in FORMATS {
            assert_eq!(read_error(502, body, format).message, message);
        }
    }
    let long = "é".repeat(5000);
    assert_eq!(read_error(502, long.as_bytes(), Format::OpenAi).message, "é".repeat(1024));
}
