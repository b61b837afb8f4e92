//! The shared store's words: commands of Redis in the paths that Webdis gives them.

use std::fmt::Write;
use std::time::Duration;

use crate::cache::CacheKey;
use crate::cache::exact::KeptAnswer;
use crate::cache::tag::ModelTag;
use crate::chat::Caller;

/// What a stored value begins with; another beginning means another format.
const FORMAT: &str = "arbiter 3 ";

/// Where answers are shared, and how long a caller may be kept waiting for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedStore {
    /// Host name or address of Webdis.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether to speak TLS.
    pub tls: bool,
    /// Longest time that a request waits for the store, in whole milliseconds.
    pub timeout: Duration,
}

/// A request for a stored answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Path of a GET.
    pub path: String,
}

/// A request to keep an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storing {
    /// Path of a PUT.
    pub path: String,
    /// Its body.
    pub value: Vec<u8>,
}

/// An answer that another instance has stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedAnswer {
    /// When, since the Unix epoch.
    pub stored_at: Duration,
    /// The model that gave it.
    pub model: ModelTag,
    /// Whose dialect it is in.
    pub dialect: Caller,
    /// The whole answer.
    pub body: Vec<u8>,
}

impl SharedStore {
    /// Asks for the answer of a key: `GET`, as text.
    #[must_use]
    pub fn question(&self, key: &CacheKey) -> Question {
        Question { path: format!("/GET/{}.txt", name(key)) }
    }

    /// Keeps an answer for `ttl`: `SETEX`, whose value is the body. `None` for less than a second.
    #[must_use]
    pub fn storing(
        &self,
        key: &CacheKey,
        answer: &KeptAnswer,
        now: Duration,
        ttl: Duration,
    ) -> Option<Storing> {
        let seconds = Some(ttl.as_secs()).filter(|seconds| *seconds > 0)?;
        let model = u64::from_be_bytes(answer.model.0);
        let dialect = answer.dialect.as_str();
        let mut value = format!("{FORMAT}{} {model:016x} {dialect}\n", now.as_secs()).into_bytes();
        value.extend_from_slice(&answer.body);
        Some(Storing { path: format!("/SETEX/{}/{seconds}", name(key)), value })
    }
}

impl SharedAnswer {
    /// Reads what the store has answered with; `None` when it has nothing, or nothing of ours.
    #[must_use]
    pub fn read(status: u16, body: &[u8]) -> Option<Self> {
        let rest = body.strip_prefix(FORMAT.as_bytes()).filter(|_| status == 200)?;
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (head, body) = rest.split_at_checked(end)?;
        let mut words = std::str::from_utf8(head).ok()?.split(' ');
        let (seconds, model, dialect) = (words.next()?, words.next()?, Caller::named(words.next()?)?);
        let model = ModelTag(u64::from_str_radix(model, 16).ok()?.to_be_bytes());
        let stored_at = Duration::from_secs(seconds.parse().ok()?);
        Some(Self { stored_at, model, dialect, body: body.get(1..)?.to_vec() })
    }
}

/// The name of a key in the store. It holds no `.`, where Webdis would see the beginning of a media type.
fn name(key: &CacheKey) -> String {
    let mut name = String::with_capacity(80);
    name.push_str("arbiter:exact:");
    for byte in key.bytes() {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Variant;
    use crate::chat::ChatRequest;
    use crate::chat::request::{Canonical, Limits};
    use crate::identity::Partition;

    fn store() -> SharedStore {
        SharedStore { host: "webdis.test".into(), port: 7379, tls: false, timeout: Duration::from_millis(20) }
    }

    fn answer(body: &str) -> KeptAnswer {
        KeptAnswer { body: body.into(), dialect: Caller::Anthropic, usage: None, model: ModelTag::of("mini") }
    }

    fn key() -> CacheKey {
        let body = r#"{"model":"auto","messages":[{"role":"user","content":"x"}]}"#;
        let limits = Limits { max_depth: 16 };
        let request = ChatRequest::parse(body.into(), Caller::OpenAi, limits, Canonical::Keep).unwrap();
        CacheKey::new(
            &Partition::of_header("x-tenant", Some(b"acme")),
            &[0; 32],
            &Variant::default(),
            &request,
        )
        .unwrap()
    }

    #[test]
    fn what_one_instance_stores_another_reads() {
        let (now, ttl) = (Duration::from_millis(1_700_000_000_900), Duration::from_secs(60));
        let storing = store().storing(&key(), &answer("{\n}"), now, ttl).unwrap();
        let shared = SharedAnswer {
            stored_at: Duration::from_secs(1_700_000_000),
            model: ModelTag::of("mini"),
            dialect: Caller::Anthropic,
            body: b"{\n}".to_vec(),
        };
        assert_eq!(SharedAnswer::read(200, &storing.value), Some(shared));
        let name = storing.path.strip_prefix("/SETEX/").unwrap().strip_suffix("/60").unwrap();
        assert_eq!(store().question(&key()).path, format!("/GET/{name}.txt"));
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b':'), "{name}");
    }

    #[test]
    fn what_is_not_ours_is_nothing() {
        let bodies: [&[u8]; 7] = [
            b"",
            b"{}",
            b"arbiter 3 ",
            b"arbiter 3 soon 0 openai\n{}",
            b"arbiter 3 7 0 klingon\n{}",
            b"arbiter 2 7 0\n{}",
            b"ERR unknown",
        ];
        for body in bodies {
            assert_eq!(SharedAnswer::read(200, body), None, "{body:?}");
        }
        assert_eq!(SharedAnswer::read(404, b"arbiter 3 7 0 openai\n{}"), None);
    }

    #[test]
    fn an_answer_that_expires_at_once_is_not_stored() {
        assert_eq!(store().storing(&key(), &answer("{}"), Duration::ZERO, Duration::from_millis(900)), None);
    }
}
