//! Ids of calls for providers that take only nine letters or digits.
//!
//! An id of another form, which another provider's model has given, always becomes the same one of theirs: a call and its result keep each
//! other, in every request and after every failover. Theirs stay as they are.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chat::edits::{replace, span};

/// Characters of an id.
const LENGTH: usize = 9;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The id that such a provider is told.
pub(super) fn short(id: &str) -> Cow<'_, str> {
    if id.len() == LENGTH && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Cow::Borrowed(id);
    }
    let hash = blake3::hash(id.as_bytes());
    let mut rest = hash.as_bytes().first_chunk().copied().map_or(0, u64::from_le_bytes);
    let mut short = String::with_capacity(LENGTH);
    for _ in 0..LENGTH {
        let digit = usize::try_from(rest % 62).ok().and_then(|digit| DIGITS.get(digit));
        short.extend(digit.map(|digit| char::from(*digit)));
        rest /= 62;
    }
    Cow::Owned(short)
}

#[derive(Deserialize)]
struct Message<'m> {
    #[serde(borrow)]
    tool_calls: Option<Vec<Call<'m>>>,
    #[serde(borrow)]
    tool_call_id: Option<&'m RawValue>,
}

#[derive(Deserialize)]
struct Call<'m> {
    #[serde(borrow)]
    id: Option<&'m RawValue>,
}

/// The value of `messages` with such ids; `None` when it has no others.
pub(super) fn shortened(messages: &str) -> Option<String> {
    let read: Vec<Message<'_>> = serde_json::from_str(messages).ok()?;
    let ids = read.iter().flat_map(|message| {
        let calls = message.tool_calls.iter().flatten().filter_map(|call| call.id);
        calls.chain(message.tool_call_id)
    });
    let changes: Vec<_> = ids
        .filter_map(|raw| {
            let id: String = serde_json::from_str(raw.get()).ok()?;
            let Cow::Owned(short) = short(&id) else { return None };
            Some((span(messages.as_bytes(), raw)?, format!("\"{short}\"")))
        })
        .collect();
    if changes.is_empty() {
        return None;
    }
    String::from_utf8(replace(messages.as_bytes(), changes)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_and_its_result_keep_each_other() {
        let id = short("call_PTLP8xhu3uwZk4l3nlnrrJha");
        assert!(id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        assert_eq!(short("call_PTLP8xhu3uwZk4l3nlnrrJha"), id);
        assert_ne!(short("call_PTLP8xhu3uwZk4l3nlnrrJhb"), id);
        assert_eq!(short("aB3dE6gH9"), "aB3dE6gH9");
        assert_eq!(short("").len(), 9);
        assert_eq!((short("call_1"), short("call_2")), ("Hk59LCTYP".into(), "DwOLmIZ8C".into()));
        let messages =
            r#"[ {"tool_calls":[{"id":"call_1" ,"x":1.0},{"id":"aB3dE6gH9"}]},{"tool_call_id": "call_1"}]"#;
        let id = short("call_1");
        let expected = messages.replace("call_1", &id);
        assert_eq!(shortened(messages), Some(expected.clone()));
        assert_eq!(shortened(&expected), None);
        assert_eq!(shortened(r#"[{"content":"call_1","tool_calls":null}]"#), None);
        assert_eq!(shortened("{}"), None);
    }
}
