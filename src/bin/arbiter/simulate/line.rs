//! The shapes that a line of a trace may have: ours, a line of the access log with bodies, or one of an OpenAI-style log of requests.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Error, IgnoredAny};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::trace::Record;

/// What a line looks like.
pub const EXPECTED: &str = r#"{"id": ..., "time": SECONDS or RFC 3339, "headers": {...}, "body": CHAT REQUEST, "response": ANSWER}, or {"request": CHAT REQUEST, "response": ANSWER, "created": TIME}, or a chat request itself"#;

/// Numbers from here on are milliseconds: as seconds they would lie past the year 5000.
const MILLISECONDS_FROM: f64 = 1e11;

/// All members that are read; others are not.
#[derive(Debug, Deserialize)]
struct Line<'l> {
    #[serde(default)]
    id: Value,
    /// The caller's own name for a request, in OpenAI's batches.
    custom_id: Option<Value>,
    time: Option<Moment>,
    timestamp: Option<Moment>,
    created_at: Option<Moment>,
    created: Option<Moment>,
    path: Option<String>,
    /// The path, or all of the address.
    url: Option<String>,
    #[serde(default)]
    headers: Map<String, Value>,
    /// HTTP status, in a line of the access log.
    status: Option<u16>,
    #[serde(borrow)]
    body: Option<&'l RawValue>,
    /// Beside a body what the access log says of the request, without one the body itself.
    #[serde(borrow)]
    request: Option<&'l RawValue>,
    messages: Option<IgnoredAny>,
    input: Option<IgnoredAny>,
    #[serde(default)]
    response: Value,
}

/// A time since 1970.
#[derive(Debug, Clone, Copy)]
struct Moment(Duration);

impl<'d> Deserialize<'d> for Moment {
    fn deserialize<D: serde::Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        let since_1970 = match Value::deserialize(deserializer)? {
            Value::Number(number) => number.as_f64().and_then(|number| {
                let seconds = if number >= MILLISECONDS_FROM { number / 1000.0 } else { number };
                Duration::try_from_secs_f64(seconds).ok()
            }),
            Value::String(text) => {
                text.parse::<jiff::Timestamp>().ok().and_then(|time| time.as_duration().try_into().ok())
            }
            _ => None,
        };
        since_1970
            .map(Self)
            .ok_or_else(|| D::Error::custom("`time` must be seconds since 1970, or as in RFC 3339"))
    }
}

/// What the access log says of a request.
#[derive(Debug, Deserialize)]
struct Logged {
    path: Option<String>,
}

impl<'l> Record<'l> {
    /// Reads a line.
    ///
    /// # Errors
    /// The line is no JSON, or has no chat request in any of the places where one may stand.
    pub fn read(text: &'l str) -> Result<Self, serde_json::Error> {
        let line: Line<'l> = serde_json::from_str(text)?;
        let is_request = line.messages.is_some() || line.input.is_some();
        let body = match (line.body, line.request) {
            (Some(body), _) => body,
            (None, Some(request)) => request,
            (None, None) if is_request => serde_json::from_str(text)?,
            (None, None) => return Err(serde_json::Error::custom("missing field `body`")),
        };
        let logged = line.request.filter(|_| line.body.is_some());
        let logged = logged.and_then(|request| serde_json::from_str::<Logged>(request.get()).ok());
        let time = line.time.or(line.timestamp).or(line.created_at).or(line.created);
        let path = line.path.or_else(|| line.url.as_deref().map(path_of));
        Ok(Self {
            id: line.custom_id.unwrap_or(line.id),
            time: time.map(|Moment(time)| time),
            path: path.or_else(|| logged.and_then(|logged| logged.path)),
            headers: line.headers,
            body,
            status: line.status,
            response: line.response,
        })
    }
}

/// The path of an address, or what is none as it stands.
fn path_of(url: &str) -> String {
    let Some((_, rest)) = url.split_once("://") else { return url.to_owned() };
    rest.find('/').and_then(|start| rest.get(start..)).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use llm_arbiter::chat::Caller;
    use serde_json::json;

    use super::*;

    const ASKED: &str = r#"{"model":"auto","messages":[{"role":"user","content":"Hi"}]}"#;

    fn read(line: &Value) -> (Value, Option<Duration>, String, String) {
        let text = line.to_string();
        let record = Record::read(&text).unwrap();
        let body: Value = serde_json::from_slice(&record.body()).unwrap();
        let path = record.headers(1).into_iter().find(|(name, _)| name == ":path").unwrap().1;
        assert_eq!(body["messages"][0]["content"], "Hi", "{line}");
        let answer = record.answer(Caller::OpenAi);
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        (record.id.clone(), record.time, path, answer["choices"][0]["message"]["content"].to_string())
    }

    #[test]
    fn a_call_is_found_in_every_shape_of_log() {
        let asked: Value = serde_json::from_str(ASKED).unwrap();
        let answer = json!({"choices": [{"message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]});
        let at = Some(Duration::from_secs(1_700_000_000));
        let chat = "/v1/chat/completions";
        for (line, expected) in [
            (
                json!({"id": 7, "time": 1_700_000_000, "body": asked, "response": answer}),
                (json!(7), at, chat, "\"Yes.\""),
            ),
            // The access log, with bodies.
            (
                json!({
                    "time": "2023-11-14T22:13:20.000Z", "method": "POST", "status": 200,
                    "request": {"path": "/openai/v1/chat/completions"}, "arbiter": {"outcome": "routed"},
                    "body": asked, "response": "Yes."
                }),
                (Value::Null, at, "/openai/v1/chat/completions", "\"Yes.\""),
            ),
            // OpenAI's batches.
            (
                json!({
                    "id": "batch_req_1", "custom_id": "mine", "method": "POST", "url": chat, "body": asked,
                    "response": {"status_code": 200, "request_id": "r", "body": answer}
                }),
                (json!("mine"), None, chat, "\"Yes.\""),
            ),
            // Request and response, as proxies and SDKs log them.
            (
                json!({"created": 1_700_000_000, "url": "https://api.openai.com/v1/chat/completions", "request": asked, "response": answer}),
                (Value::Null, at, chat, "\"Yes.\""),
            ),
            // The request alone.
            (asked.clone(), (Value::Null, None, chat, "\"\"")),
        ] {
            let (id, time, path, text) = expected;
            assert_eq!(read(&line), (id, time, path.to_owned(), text.to_owned()), "{line}");
        }
    }

    #[test]
    fn a_status_of_the_log_is_that_of_the_answer() {
        let line = format!(r#"{{"status": 503, "body": {ASKED}, "response": "overloaded"}}"#);
        assert_eq!(Record::read(&line).unwrap().answer(Caller::OpenAi).status, 503);
    }

    #[test]
    fn a_line_without_a_request_says_what_is_missing() {
        let fault = Record::read(r#"{"id": 1, "time": 5}"#).unwrap_err();
        assert!(fault.to_string().contains("missing field `body`"), "{fault}");
        let fault = Record::read(&format!(r#"{{"time": "noon", "body": {ASKED}}}"#)).unwrap_err();
        assert!(fault.to_string().contains("`time` must be seconds since 1970"), "{fault}");
    }
}
