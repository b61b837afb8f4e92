//! What callers of the Responses API get, whoever answers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::chat::completion::Ending;
use crate::chat::conversation::{Content, Speaker};
use crate::chat::redress::{OwnTool, Redress};
use crate::chat::request::{Canonical, Limits, RequestError};
use crate::chat::responses::observe::ResponseObserver;
use crate::chat::responses::{replay, request};
use crate::chat::translate::{self, Given, Opening, StreamTranslator};
use crate::chat::usage::Usage;
use crate::chat::{Caller, ChatRequest, Format, whole};

const GIVEN: Given<'_> = Given { model: "m", at: Duration::from_secs(7), redress: &Redress::NONE };

fn parse(body: &Value) -> Result<ChatRequest, RequestError> {
    let limits = Limits { max_depth: 16 };
    ChatRequest::parse(body.to_string().into(), Caller::Responses, limits, Canonical::Keep)
}

/// The data of the events of a stream.
fn events(stream: &[u8]) -> Vec<Value> {
    let stream = std::str::from_utf8(stream).unwrap();
    let data = stream.split("\n\n").filter_map(|event| event.split_once("data: "));
    data.map(|(_, data)| serde_json::from_str(data).unwrap()).collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

fn openai_stream(deltas: &[Value], reason: &str) -> String {
    let chunk = |choice: Value| {
        let chunk = json!({"id": "chatcmpl-1", "model": "m", "choices": [choice],
                           "usage": {"prompt_tokens": 9, "completion_tokens": 3}});
        format!("data: {chunk}\n\n")
    };
    let said = deltas.iter().map(|delta| chunk(json!({"index": 0, "delta": delta})));
    let end = chunk(json!({"index": 0, "delta": {}, "finish_reason": reason}));
    said.collect::<String>() + &end + "data: [DONE]\n\n"
}

fn streamed(deltas: &[Value], reason: &str, own_tools: &[OwnTool]) -> Vec<Value> {
    let redress = Redress { own_tools: own_tools.to_vec(), ..Redress::default() };
    let given = Given { redress: &redress, ..GIVEN };
    let mut translator = StreamTranslator::new(Format::OpenAi, Caller::Responses, given);
    events(&translator.feed(openai_stream(deltas, reason).as_bytes(), true))
}

#[test]
fn a_call_is_seen_as_a_chat_request_is() {
    let request = parse(&json!({
        "model": "auto", "instructions": "be brief", "stream": true, "temperature": 0.5, "max_output_tokens": 7,
        "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}],
        "text": {"format": {"type": "json_schema", "schema": {}}},
        "input": [
            {"role": "developer", "content": "a rule"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "hi"}]},
            {"role": "user", "content": [{"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]},
            {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}], "encrypted_content": "x"},
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "a long listing"}
        ]
    }))
    .unwrap();
    assert_eq!((request.caller, request.model.as_str(), request.stream), (Caller::Responses, "auto", true));
    assert!(!request.must_ask_for_usage());
    assert_eq!(request.last_user_text(), "look");
    let shape = request.shape;
    assert_eq!((shape.messages, shape.user_messages, shape.tools), (7, 2, 2));
    assert_eq!((shape.system_bytes, shape.history_bytes, shape.images), (14, 7, 1));
    assert!(shape.structured_output && shape.media_bytes > 0);
    assert_eq!(shape.max_output_tokens, Some(7));
    assert_eq!(request.sampling.temperature, Some(0.5));
    assert_eq!(parse(&json!({"model": "m", "input": "hi"})).unwrap().only_user_text().unwrap(), "hi");
}

#[test]
fn what_is_no_call_names_its_input() {
    let wrong = |member| Err(RequestError::UnknownShape { member });
    for (body, member) in [
        (json!({"model": "m"}), "input"),
        (json!({"model": "m", "messages": [{"role": "user", "content": "x"}]}), "input"),
        (json!({"model": "m", "input": 1}), "input"),
        (json!({"model": "m", "input": []}), "input"),
        (json!({"model": "m", "input": ["x"]}), "input"),
        (json!({"model": "m", "input": [{"content": "x"}]}), "input"),
        (json!({"input": "x"}), "model"),
        (json!({"model": "m", "input": "x", "stream": "yes"}), "stream"),
    ] {
        assert_eq!(parse(&body), wrong(member), "{body}");
    }
    let alike = parse(&json!({"model": "m", "input": [{"Role": "user", "content": "x"}]}));
    assert_eq!(alike, Err(RequestError::Misspelled { member: "role" }));
}

#[test]
fn what_a_provider_holds_is_known() {
    let stateful = |members: Value| {
        let mut body = json!({"model": "m", "input": "x"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        parse(&body).unwrap().sampling.stateful
    };
    for members in [
        json!({"previous_response_id": "resp_1"}),
        json!({"conversation": {"id": "conv_1"}}),
        json!({"prompt": {"id": "p"}}),
        json!({"store": true}),
        json!({"background": true}),
        json!({"input": [{"role": "user", "content": "x"}, {"type": "item_reference", "id": "msg_1"}]}),
    ] {
        assert!(stateful(members.clone()), "{members}");
    }
    for members in [json!({}), json!({"store": false, "background": false, "previous_response_id": null})] {
        assert!(!stateful(members.clone()), "{members}");
    }
}

#[test]
fn how_a_call_is_kept_changes_no_form_and_what_it_says_does() {
    let form = |members: Value| {
        let mut body = json!({"model": "m", "input": "x"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        parse(&body).unwrap().canonical().unwrap().1.to_vec()
    };
    let plain = form(json!({}));
    let item = |id: &str| {
        form(json!({"input": [{"role": "user", "content": "x", "id": id, "status": "completed"}]}))
    };
    assert_eq!(item("msg_1"), item("msg_2"));
    assert_eq!(plain, form(json!({"store": false, "prompt_cache_key": "a", "user": "b", "stream": true})));
    for members in [json!({"instructions": "i"}), json!({"metadata": {"a": "b"}}), json!({"include": ["x"]})]
    {
        assert_ne!(plain, form(members.clone()), "{members}");
    }
}

#[test]
fn instructions_stand_first_and_later_ones_where_they_were_given() {
    let body = json!({"model": "m", "input": [
        {"role": "developer", "content": "b"}, {"role": "user", "content": "x"},
        {"role": "developer", "content": "c"}, {"role": "user", "content": "y"}
    ], "instructions": "a"});
    let conversation = request::read(body.to_string().as_bytes()).unwrap();
    let system: Vec<&str> = conversation.system.iter().map(|text| text.text.as_str()).collect();
    assert_eq!(system, ["a", "b"]);
    let turns: Vec<_> = conversation.turns.iter().map(|turn| (turn.role, turn.text())).collect();
    let said = |role, text: &str| (role, text.to_owned());
    assert_eq!(turns, [said(Speaker::User, "x"), said(Speaker::System, "c"), said(Speaker::User, "y")]);
}

#[test]
fn a_tool_that_takes_a_text_is_a_function_to_others_and_itself_to_its_caller() {
    let body = json!({"model": "m", "input": [
        {"role": "user", "content": "patch it"},
        {"type": "custom_tool_call", "call_id": "1", "name": "patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "1", "output": "done"}
    ], "tools": [{"type": "custom", "name": "patch", "description": "Patches",
                  "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}}]});
    let conversation = request::read(body.to_string().as_bytes()).unwrap();
    assert_eq!(conversation.own_tools[0].name, "patch");
    assert!(conversation.tools[0].description.as_ref().unwrap().ends_with("(lark):\nstart: x"));
    let Content::ToolCall(call) = &conversation.turns[1].parts[0].content else { panic!("a call") };
    assert_eq!(call.arguments, json!({"input": "*** Begin"}));

    let call = json!({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "patch", "arguments": "{\"input\": \"*** "}}]});
    let rest = json!({"tool_calls": [{"index": 0, "function": {"arguments": "End\"}"}}]});
    let events = streamed(&[call, rest], "tool_calls", &conversation.own_tools);
    assert_eq!(
        kinds(&events),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.custom_tool_call_input.delta",
            "response.custom_tool_call_input.done",
            "response.output_item.done",
            "response.completed"
        ]
    );
    let item = &events.last().unwrap()["response"]["output"][0];
    assert_eq!((&item["type"], &item["call_id"]), (&json!("custom_tool_call"), &json!("c1")));
    assert_eq!(item["input"], "*** End");
}

#[test]
fn a_tool_of_a_group_keeps_its_name_and_its_group() {
    let long = "n".repeat(70);
    let body = json!({"model": "m", "input": [
        {"role": "user", "content": "close it"},
        {"type": "function_call", "call_id": "1", "namespace": "agents", "name": "close", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "done"}
    ], "tools": [
        {"type": "function", "name": "close"},
        {"type": "namespace", "name": "agents", "tools": [{"type": "function", "name": "close"}, {"type": "function", "name": long}]}
    ]});
    let conversation = request::read(body.to_string().as_bytes()).unwrap();
    let names: Vec<&str> = conversation.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names[..2], ["close", "agents__close"]);
    assert_eq!(names[2].len(), 64);
    let Content::ToolCall(call) = &conversation.turns[1].parts[0].content else { panic!("a call") };
    assert_eq!(call.name, "agents__close");
    let Content::ToolResult(result) = &conversation.turns[2].parts[0].content else { panic!("a result") };
    assert_eq!(result.name, "agents__close");

    for (function, namespace) in [("agents__close", json!("agents")), ("close", Value::Null)] {
        let call = json!({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": function, "arguments": "{}"}}]});
        let events = streamed(&[call], "tool_calls", &conversation.own_tools);
        let item = &events.last().unwrap()["response"]["output"][0];
        assert_eq!((&item["name"], &item["namespace"]), (&json!("close"), &namespace));
    }
}

#[test]
fn a_stream_tells_of_each_item_and_ends_with_all_of_them() {
    let deltas = [
        json!({"role": "assistant", "content": ""}),
        json!({"reasoning_content": "hm"}),
        json!({"content": "Let me "}),
        json!({"content": "look."}),
        json!({"tool_calls": [{"index": 0, "id": "c0", "function": {"name": "f", "arguments": ""}}]}),
        json!({"tool_calls": [{"index": 1, "id": "c1", "function": {"name": "g", "arguments": "{\"a\":"}}]}),
        json!({"tool_calls": [{"index": 1, "function": {"arguments": "1}"}}]}),
    ];
    let events = streamed(&deltas, "tool_calls", &[]);
    let numbers: Vec<u64> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq(0..events.len() as u64), "{numbers:?}");
    assert_eq!(
        kinds(&events),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed"
        ]
    );
    let response = &events.last().unwrap()["response"];
    assert_eq!(response["output"][0]["content"][0]["text"], "Let me look.");
    assert_eq!(response["output"][1]["arguments"], "{}");
    assert_eq!(response["output"][2]["arguments"], "{\"a\":1}");
    assert_eq!((&response["status"], &response["created_at"]), (&json!("completed"), &json!(7)));
    assert_eq!(response["usage"]["total_tokens"], 12);
    let added: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|e| &e["item"])
        .collect();
    assert_eq!(added, response["output"].as_array().unwrap().iter().collect::<Vec<_>>());
}

#[test]
fn what_says_nothing_begins_no_item() {
    let event = |data: Value| format!("data: {data}\n\n");
    let delta = |text: &str| {
        event(
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        )
    };
    let stream = event(json!({"type": "message_start", "message": {"id": "m1", "model": "m"}}))
        + &event(
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        )
        + &delta("")
        + &delta("hi")
        + &event(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}))
        + &event(json!({"type": "message_stop"}));
    let mut translator = StreamTranslator::new(Format::Anthropic, Caller::Responses, GIVEN);
    let streamed = events(&translator.feed(stream.as_bytes(), true));
    let added = streamed.iter().filter(|event| event["type"] == "response.content_part.added").count();
    assert_eq!(added, 1);

    let blocks =
        json!([{"type": "text", "text": ""}, {"type": "tool_use", "id": "t", "name": "f", "input": {}}]);
    let whole = json!({"type": "message", "content": blocks, "stop_reason": "tool_use"});
    let whole = translate::answer(whole.to_string().as_bytes(), Format::Anthropic, Caller::Responses, GIVEN);
    let whole: Value = serde_json::from_slice(&whole.unwrap()).unwrap();
    assert_eq!(whole["output"].as_array().unwrap().len(), 1);
    assert_eq!(whole["output"][0]["type"], "function_call");
}

#[test]
fn an_answer_that_was_cut_or_kept_back_is_incomplete() {
    for (reason, expected) in [("length", "max_output_tokens"), ("content_filter", "content_filter")] {
        let events = streamed(&[json!({"content": "a"})], reason, &[]);
        let last = events.last().unwrap();
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(last["response"]["incomplete_details"]["reason"], expected);
        let whole = json!({"id": "c", "model": "m", "choices": [{"message": {"content": "a"}, "finish_reason": reason}]});
        let whole = translate::answer(whole.to_string().as_bytes(), Format::OpenAi, Caller::Responses, GIVEN);
        let whole: Value = serde_json::from_slice(&whole.unwrap()).unwrap();
        assert_eq!(whole["incomplete_details"], last["response"]["incomplete_details"]);
    }
    let declined = streamed(&[json!({"refusal": "No."})], "stop", &[]);
    let part = &declined.last().unwrap()["response"]["output"][0]["content"][0];
    assert_eq!(part, &json!({"type": "refusal", "refusal": "No."}));
}

#[test]
fn what_ends_too_early_has_failed_and_says_so_where_programs_look() {
    let mut translator = StreamTranslator::new(Format::OpenAi, Caller::Responses, GIVEN);
    let broken = "data: {\"id\": \"c\", \"choices\": [{\"index\": 0, \"delta\": {\"content\": \"a\"}}]}\n\n";
    for out in [translator.feed(broken.as_bytes(), true), translate::interruption(Caller::Responses)] {
        let events = events(&out);
        let last = events.last().unwrap();
        assert_eq!(
            (&last["type"], &last["response"]["status"]),
            (&json!("response.failed"), &json!("failed"))
        );
        assert_eq!(last["error"]["message"], last["response"]["error"]["message"]);
        assert!(last["error"]["message"].as_str().unwrap().contains("ended before"));
    }
}

#[test]
fn a_stream_that_begins_with_an_error_is_one() {
    let opening =
        |event: Value| translate::opening(format!("data: {event}\n\n").as_bytes(), Format::Responses);
    assert_eq!(opening(json!({"type": "response.created", "response": {"id": "r"}})), Opening::Answer);
    let said = json!({"code": "rate_limit_exceeded", "message": "slow down"});
    for event in [
        json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow down"}),
        json!({"type": "error", "error": said}),
        json!({"type": "response.failed", "response": {"error": said}}),
    ] {
        let Opening::Error(error) = opening(event) else { panic!("an error") };
        assert_eq!(
            (error.message.as_str(), error.code.as_deref()),
            ("slow down", Some("rate_limit_exceeded"))
        );
    }
}

fn response() -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 7, "status": "completed", "model": "m", "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
             "content": [{"type": "output_text", "text": "line\n\"é\"", "annotations": [], "logprobs": []}]}
        ],
        "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 3,
                  "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 12},
        "service_tier": "flex"
    })
}

#[test]
fn a_replayed_stream_is_the_stored_response() {
    let stored = response().to_string();
    let stream = replay::as_stream(stored.as_bytes()).unwrap();
    for at in 0..stream.len() {
        let mut observer = ResponseObserver::new(2000);
        observer.feed(&stream[..at]);
        observer.feed(&stream[at..]);
        let summary = observer.finish();
        assert_eq!(serde_json::from_slice::<Value>(&summary.answer.unwrap()).unwrap(), response());
        let usage = summary.usage.unwrap();
        assert_eq!((usage.input, usage.cached_input, usage.output, usage.reasoning), (9, 4, 3, 1));
        assert!(usage.service_tier.is_some() && summary.said > 0);
    }
    assert_eq!(whole::text(stored.as_bytes(), Caller::Responses).unwrap(), "line\n\"é\"");
    let events = events(&stream);
    assert_eq!(events.iter().filter(|event| event["type"] == "response.output_text.delta").count(), 1);
    assert_eq!(events[0]["response"]["status"], "in_progress");
    for body in ["", "{}", "[]"] {
        assert_eq!(replay::as_stream(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn how_a_stream_ended_is_told_apart() {
    let created = json!({"type": "response.created", "response": {}});
    let delta = json!({"type": "response.output_text.delta", "delta": "abcd"});
    let usage = json!({"input_tokens": 9, "output_tokens": 3});
    let end = |kind: &str| json!({"type": format!("response.{kind}"), "response": {"usage": usage}});
    for (last, ending, tokens) in [
        (Some(end("completed")), Ending::Complete, Some(9)),
        (Some(end("incomplete")), Ending::Complete, Some(9)),
        (Some(end("failed")), Ending::Failed, Some(9)),
        (Some(json!({"type": "error", "message": "x"})), Ending::Failed, None),
        (None, Ending::Cut, None),
    ] {
        let mut observer = ResponseObserver::new(100);
        for event in [&created, &delta].into_iter().chain(&last) {
            observer.feed(format!("data: {event}\n\n").as_bytes());
        }
        assert_eq!(observer.ending(), (ending, true), "{last:?}");
        let summary = observer.finish();
        assert_eq!(summary.usage.map(|usage: Usage| usage.input), tokens, "{last:?}");
        assert_eq!((summary.said, summary.answer), (4, None), "{last:?}");
    }
}
