//! A stored answer as a new one: callers tell answers apart by their ids, and see when they were given.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::edits::{replace, span};

/// What a stored answer is given anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// What its id ends in.
    pub id: [u8; 12],
    /// When it is given, in seconds since the Unix epoch.
    pub created: u64,
}

#[derive(Deserialize)]
struct Head<'b> {
    #[serde(borrow)]
    id: Option<&'b RawValue>,
    #[serde(borrow)]
    created: Option<&'b RawValue>,
    #[serde(borrow)]
    created_at: Option<&'b RawValue>,
    #[serde(borrow)]
    completed_at: Option<&'b RawValue>,
}

/// Puts another id in the place of an answer's own, which keeps its beginning (`chatcmpl-`), and the time of now in the place of
/// `created` or what a response has in its stead, if it has them; no other byte changes. `None` if it is no answer.
#[must_use]
pub fn renew(body: &[u8], renewal: Renewal) -> Option<Vec<u8>> {
    let Head { id, created, created_at, completed_at } = serde_json::from_slice(body).ok()?;
    let id = id.and_then(|raw| Some((span(body, raw)?, renewed_id(raw, renewal.id)?)));
    let times = [created, created_at, completed_at].into_iter().flatten();
    let times = times.filter_map(|raw| Some((span(body, raw)?, renewal.created.to_string())));
    replace(body, id.into_iter().chain(times).collect())
}

/// `chatcmpl-` of `"chatcmpl-123"` and the end, as a JSON string.
fn renewed_id(raw: &RawValue, end: [u8; 12]) -> Option<String> {
    let old: String = serde_json::from_str(raw.get()).ok()?;
    let mut id = old.find(['-', '_']).and_then(|at| old.get(..=at)).unwrap_or_default().to_owned();
    for byte in end {
        let _ = write!(id, "{byte:02x}");
    }
    serde_json::to_string(&id).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENEWAL: Renewal = Renewal { id: [0xab; 12], created: 1_700_000_000 };

    fn renewed(body: &str) -> Option<String> {
        renew(body.as_bytes(), RENEWAL).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn only_id_and_time_change() {
        let id = "ab".repeat(12);
        let cases = [
            (
                r#"{ "id":"chatcmpl-1" ,"x": 1.50, "created":7}"#,
                format!(r#"{{ "id":"chatcmpl-{id}" ,"x": 1.50, "created":1700000000}}"#),
            ),
            (
                r#"{"created":7,"y":{"id":"z"},"id":"7"}"#,
                format!(r#"{{"created":1700000000,"y":{{"id":"z"}},"id":"{id}"}}"#),
            ),
            (r#"{"type":"message","id":"msg_1"}"#, format!(r#"{{"type":"message","id":"msg_{id}"}}"#)),
            (r#"{"id":null}"#, r#"{"id":null}"#.to_owned()),
            (r#"{"id":5}"#, r#"{"id":5}"#.to_owned()),
            (r#"{"id":"é\"-x"}"#, format!(r#"{{"id":"é\"-{id}"}}"#)),
        ];
        for (body, expected) in cases {
            assert_eq!(renewed(body), Some(expected), "{body}");
        }
    }

    #[test]
    fn what_is_no_answer_stays_as_it_is() {
        for body in ["", "[]", "{", r#"{"id":"a","id":"b"}"#] {
            assert_eq!(renewed(body), None, "{body}");
        }
    }
}
