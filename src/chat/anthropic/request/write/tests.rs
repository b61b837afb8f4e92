use super::*;
use crate::chat::claude::Claude;

fn told(model: &str, members: &Value) -> (Value, Vec<&'static str>) {
    let mut body = json!({"model": "x", "messages": [{"role": "user", "content": "a"}], "max_completion_tokens": 20_000});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let conversation =
        crate::chat::translate::read_request(body.to_string().as_bytes(), crate::chat::Caller::OpenAi);
    let target = Addressee {
        model,
        max_output: None,
        reasoning: true,
        claude: Claude::named(model),
        fetches_images: false,
    };
    let written = write(&conversation.unwrap(), target).unwrap();
    (serde_json::from_slice(&written.body).unwrap(), written.dropped)
}

#[test]
fn each_model_is_told_to_think_as_it_takes_it() {
    let cases = [
        ("claude-haiku-4-5", "high", json!({"type": "enabled", "budget_tokens": 10_000}), Value::Null),
        ("claude-opus-4-6", "high", json!({"type": "adaptive"}), json!({"effort": "high"})),
        ("claude-opus-4-6", "xhigh", json!({"type": "adaptive"}), json!({"effort": "high"})),
        ("claude-opus-5", "xhigh", json!({"type": "adaptive"}), json!({"effort": "xhigh"})),
        ("claude-sonnet-5", "minimal", json!({"type": "adaptive"}), json!({"effort": "low"})),
        ("claude-opus-5-5", "max", json!({"type": "adaptive"}), json!({"effort": "max"})),
        ("claude-haiku-4-5", "none", json!({"type": "disabled"}), Value::Null),
        ("claude-opus-4-8", "none", Value::Null, Value::Null),
        ("claude-sonnet-5", "none", json!({"type": "disabled"}), Value::Null),
        ("claude-opus-5-5", "none", Value::Null, json!({"effort": "low"})),
    ];
    for (model, effort, thinking, config) in cases {
        let (sent, dropped) = told(model, &json!({"reasoning_effort": effort}));
        assert_eq!((&sent["thinking"], &sent["output_config"]), (&thinking, &config), "{model} {effort}");
        assert_eq!(dropped, Vec::<&str>::new(), "{model} {effort}");
    }
}

#[test]
fn a_model_that_must_call_a_tool_is_not_told_to_think() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    for model in ["claude-haiku-4-5", "claude-opus-4-8"] {
        let members = json!({"reasoning_effort": "high", "tools": tools, "tool_choice": "required"});
        let (sent, dropped) = told(model, &members);
        assert_eq!((sent.get("thinking"), sent.get("output_config")), (None, None), "{model}");
        assert_eq!(dropped, ["reasoning"], "{model}");
    }
}

#[test]
fn sampling_is_left_out_where_the_model_refuses_it() {
    let members = json!({"temperature": 1.5, "top_p": 0.5});
    let (sent, dropped) = told("claude-haiku-4-5", &members);
    assert_eq!((&sent["temperature"], &sent["top_p"]), (&json!(1.0), &json!(0.5)));
    assert_eq!(dropped, ["temperature"]);
    let (sent, dropped) = told("claude-opus-4-8", &members);
    assert_eq!((sent.get("temperature"), sent.get("top_p")), (None, None));
    assert_eq!(dropped, ["temperature", "top_p"]);
}
