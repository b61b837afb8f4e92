//! Plain requests: instructions, texts that take turns, and how long and how varied the answer may be. Both dialects ask for
//! these in nearly the same words, so that an answer to one may serve the other.
//!
//! An Anthropic request that is plain is written in OpenAI's words; OpenAI's stay as they are. What is not known to mean the same
//! in both is not plain: `stop` and `stop_sequences` end an answer in different words, and a last message of the assistant is
//! continued by one and answered by the other.

use super::sized::{push_sized, unsized_string, unsized_value};

/// The canonical form that an Anthropic request has when it is asked in OpenAI's words; `None` when it is not plain.
pub(super) fn in_openais_words(canonical: &[u8]) -> Option<Vec<u8>> {
    let mut rest = canonical.strip_prefix(b"{")?;
    let mut written = vec![b'{'];
    let (mut system, mut messages_at) = (None, None);
    while rest != b"}" {
        let name;
        (name, rest) = unsized_string(rest)?;
        let value;
        match name {
            b"messages" => {
                push_sized(&mut written, b's', name);
                written.push(b'[');
                messages_at = Some(written.len());
                rest = messages(rest, &mut written)?;
            }
            b"system" => {
                (value, rest) = content(rest)?;
                system = Some(message(b"system", value));
            }
            b"max_tokens" | b"temperature" | b"top_p" => {
                (value, rest) = unsized_value(rest).filter(|(value, _)| value.starts_with(b"d"))?;
                push_sized(&mut written, b's', name);
                written.extend_from_slice(value);
            }
            _ => return None,
        }
    }
    written.push(b'}');
    let messages_at = messages_at?;
    if let Some(system) = system {
        written.splice(messages_at..messages_at, system);
    }
    Some(written)
}

/// Writes the messages that `rest` begins with, up to the end of their array; returns what comes after it.
fn messages<'c>(mut rest: &'c [u8], written: &mut Vec<u8>) -> Option<&'c [u8]> {
    rest = rest.strip_prefix(b"[")?;
    let mut is_users = false;
    while let Some(members) = rest.strip_prefix(b"{") {
        let (mut role, mut said) = (None, None);
        rest = members;
        while !rest.starts_with(b"}") {
            let name;
            (name, rest) = unsized_string(rest)?;
            match name {
                b"role" => {
                    let value;
                    (value, rest) = unsized_string(rest)?;
                    role = Some(value);
                }
                b"content" => {
                    let value;
                    (value, rest) = content(rest)?;
                    said = Some(value);
                }
                _ => return None,
            }
        }
        rest = rest.strip_prefix(b"}")?;
        let role = role.filter(|role| matches!(*role, b"user" | b"assistant"))?;
        is_users = role == b"user";
        written.extend_from_slice(&message(role, said?));
    }
    written.push(b']');
    rest.strip_prefix(b"]").filter(|_| is_users)
}

/// A message: its members in the order of their keys.
fn message(role: &[u8], content: &[u8]) -> Vec<u8> {
    let mut message = vec![b'{'];
    push_sized(&mut message, b's', b"role");
    push_sized(&mut message, b's', role);
    push_sized(&mut message, b's', b"content");
    message.extend_from_slice(content);
    message.push(b'}');
    message
}

/// A text, or parts that are texts and nothing else; one part is the text in it. Returns also what comes after it.
fn content(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(mut parts) = rest.strip_prefix(b"[") else {
        return unsized_value(rest).filter(|(value, _)| value.starts_with(b"s"));
    };
    let (mut only, mut count) = (None, 0_u32);
    while parts.starts_with(b"{") {
        let text;
        (text, parts) = part(parts)?;
        only = Some(text);
        count = count.saturating_add(1);
    }
    let after = parts.strip_prefix(b"]")?;
    let whole = rest.get(..rest.len().checked_sub(after.len())?)?;
    let only = only?;
    Some((if count == 1 { only } else { whole }, after))
}

/// `{"text": ..., "type": "text"}`: the text, and what comes after the part.
fn part(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = unsized_string(rest.strip_prefix(b"{")?)?;
    let (text, rest) = unsized_value(rest).filter(|(text, _)| name == b"text" && text.starts_with(b"s"))?;
    let (name, rest) = unsized_string(rest)?;
    let (value, rest) = unsized_string(rest)?;
    let is_text = name == b"type" && value == b"text";
    Some((text, rest.strip_prefix(b"}").filter(|_| is_text)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use crate::chat::request::{Canonical, Limits};
    use crate::chat::{Caller, ChatRequest};

    fn form(body: &Value, caller: Caller) -> (Caller, Vec<u8>) {
        let limits = Limits { max_depth: 16 };
        let request = ChatRequest::parse(body.to_string().into(), caller, limits, Canonical::Keep).unwrap();
        let (caller, bytes) = request.canonical().unwrap();
        (caller, bytes.to_vec())
    }

    fn is_same(anthropic: &Value, openai: &Value) -> bool {
        form(anthropic, Caller::Anthropic) == form(openai, Caller::OpenAi)
    }

    fn said(content: &Value) -> Value {
        json!({"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": content}]})
    }

    #[test]
    fn what_both_dialects_can_say_is_the_same_in_both() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let turns = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": [text("b")]},
                           {"content": [text("c"), text("d")], "role": "user"}]);
        let asked = json!({"model": "auto", "max_tokens": 9, "temperature": 0, "top_p": 0.5, "stream": true,
                           "metadata": {"user_id": "u"}, "messages": turns, "system": "be brief"});
        let expected = json!({"model": "auto", "top_p": 0.50, "temperature": 0, "max_tokens": 9, "user": "u", "messages": [
            {"role": "system", "content": "be brief"}, {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"}, {"role": "user", "content": [text("c"), text("d")]}
        ]});
        assert!(is_same(&asked, &expected));
        let system = json!([text("be brief")]);
        assert!(is_same(
            &json!({"system": system, "max_tokens": 9, "model": "auto", "temperature": 0, "top_p": 0.5, "messages": turns}),
            &expected
        ));
        for (path, value) in [
            ("/max_tokens", json!(8)),
            ("/temperature", json!(1)),
            ("/messages/0/content", json!("be long")),
            ("/messages/0/role", json!("user")),
            ("/messages/2/content", json!("B")),
            ("/messages/3/content/1/text", json!("D")),
        ] {
            let mut other = expected.clone();
            *other.pointer_mut(path).unwrap() = value;
            assert!(!is_same(&asked, &other), "{path}");
        }
    }

    #[test]
    fn what_only_one_dialect_can_say_is_its_own() {
        let cached = json!([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]);
        let image = json!([{"type": "image", "source": {"type": "url", "url": "https://a.test"}}]);
        let mut bodies = vec![said(&cached), said(&image), said(&json!(null)), said(&json!([]))];
        for (member, value) in [
            ("stop_sequences", json!(["x"])),
            ("top_k", json!(1)),
            ("tools", json!([])),
            ("thinking", json!({"type": "disabled"})),
            ("system", json!(null)),
            ("system", cached.clone()),
            ("temperature", json!(null)),
        ] {
            let mut body = said(&json!("a"));
            body[member] = value;
            bodies.push(body);
        }
        let prefilled = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]);
        bodies.push(json!({"model": "auto", "max_tokens": 9, "messages": prefilled}));
        let named = json!([{"role": "user", "name": "n", "content": "a"}]);
        bodies.push(json!({"model": "auto", "max_tokens": 9, "messages": named}));
        for body in bodies {
            assert_eq!(form(&body, Caller::Anthropic).0, Caller::Anthropic, "{body}");
        }
        assert_eq!(form(&said(&json!("a")), Caller::Anthropic).0, Caller::OpenAi);
    }

    #[test]
    fn the_last_user_text_is_where_openais_callers_have_it() {
        let limits = Limits { max_depth: 16 };
        let read = |body: Value, caller| {
            let request =
                ChatRequest::parse(body.to_string().into(), caller, limits, Canonical::Keep).unwrap();
            let (before, after) = request.around_user_text().unwrap();
            (before.to_vec(), after.to_vec())
        };
        let turn = json!({"role": "user", "content": "why"});
        let asked = json!({"model": "m", "system": "why", "max_tokens": 9, "messages": [turn]});
        let system = json!({"role": "system", "content": "why"});
        let expected = json!({"model": "m", "max_tokens": 9, "messages": [system, turn]});
        assert_eq!(read(asked, Caller::Anthropic), read(expected, Caller::OpenAi));
    }

    fn text() -> impl Strategy<Value = String> {
        "[a{}\\[\\]sdé\"\\\\\u{0}-\u{7}]{0,12}"
    }

    proptest! {
        #[test]
        fn any_text_is_carried_over(system in prop::option::of(text()), turns in prop::collection::vec(text(), 1..4), limit in 1..500_u32) {
            let message = |(at, said): (usize, &String)| {
                let is_users = (turns.len() - at) % 2 == 1;
                json!({"role": if is_users { "user" } else { "assistant" }, "content": said})
            };
            let messages: Vec<Value> = turns.iter().enumerate().map(message).collect();
            let mut asked = json!({"model": "m", "max_tokens": limit, "messages": messages});
            let mut expected = asked.clone();
            if let Some(system) = &system {
                asked["system"] = system.as_str().into();
                expected["messages"].as_array_mut().unwrap().insert(0, json!({"role": "system", "content": system}));
            }
            prop_assert!(is_same(&asked, &expected));
        }
    }
}
