//! Is this a chat call that we read, or do we stay out of its way?

mod inquiry;
mod path;

use thiserror::Error;

pub use self::inquiry::Inquiry;
use self::path::is_at;
pub use self::path::plain_path;
use crate::chat::request::RequestError;
use crate::chat::{Caller, Operation};

/// Which requests are read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Paths and the dialect of those who call them, matched exactly or as a suffix that starts at a `/`; a query string does
    /// not count, nor does how the path is spelled.
    pub paths: Vec<(String, Caller)>,
    /// Ends of paths in OpenAI's dialect whose calls go to the model that they name, unscored, for example `/embeddings`.
    pub direct: Vec<String>,
    /// Paths that are let through unread, each with all below it.
    pub pass_through: Vec<String>,
    /// Largest body that is read, in bytes.
    pub max_body_bytes: usize,
    /// Deepest JSON nesting that is accepted.
    pub max_depth: u16,
    /// What becomes of a chat call that cannot be read.
    pub unreadable: OnUnreadable,
}

/// What becomes of a chat call that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnreadable {
    /// It is refused: unread means that no policy holds for it.
    Refuse,
    /// It passes through, with the caller's own credentials, unless two readers could understand it differently.
    Pass,
}

/// A request that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// What its caller speaks.
    pub caller: Caller,
    /// What it asks for.
    pub operation: Operation,
}

/// Why a request is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declined {
    /// It is no chat call.
    NotOurs(NotOurs),
    /// It is one, but cannot be read.
    Unreadable(Caller, Unreadable),
}

/// Why a request is no chat call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOurs {
    /// Not a POST.
    Method,
    /// A path that the policy does not name.
    Path,
}

impl NotOurs {
    /// Its name in metrics and access logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Path => "path",
        }
    }
}

/// Why a chat call cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// No body.
    #[error("the request has no body")]
    Empty,
    /// A body that does not declare to be JSON.
    #[error("the body must be JSON, and say so: `content-type: application/json`")]
    ContentType,
    /// A compressed body.
    #[error("the body must not be compressed: send it without `content-encoding`")]
    ContentEncoding,
    /// A body over the policy's limit.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// [`Admission::max_body_bytes`].
        limit: usize,
    },
    /// A body that is no chat request.
    #[error(transparent)]
    Body(#[from] RequestError),
}

impl Unreadable {
    /// Its name in metrics and access logs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::ContentType => "content_type",
            Self::ContentEncoding => "content_encoding",
            Self::TooLarge { .. } => "too_large",
            Self::Body(error) => error.reason(),
        }
    }
}

impl Admission {
    /// Whether a chat call that cannot be read is refused. What two readers could understand differently always is.
    #[must_use]
    pub fn refuses(&self, unreadable: &Unreadable) -> bool {
        let is_ambiguous = matches!(unreadable, Unreadable::Body(error) if error.is_ambiguous());
        self.unreadable == OnUnreadable::Refuse || is_ambiguous
    }

    /// Whether what is no call of ours is let through to this path.
    #[must_use]
    pub fn passes(&self, path: &str) -> bool {
        let path = plain_path(path);
        let is_in = |open: &String| {
            let below = path.strip_prefix(open.trim_end_matches('/'));
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.pass_through.iter().any(is_in)
    }

    /// What a path asks for, and in whose dialect.
    fn operation_at(&self, path: &str) -> Option<Admitted> {
        let at =
            |path: &str| self.paths.iter().find(|(wanted, _)| is_at(path, wanted)).map(|(_, caller)| *caller);
        if let Some(caller) = at(path) {
            return Some(Admitted { caller, operation: Operation::Chat });
        }
        let counted = path.strip_suffix(COUNT_TOKENS).and_then(at);
        if let Some(caller) = counted.filter(|caller| *caller == Caller::Anthropic) {
            return Some(Admitted { caller, operation: Operation::Count });
        }
        let direct = self.direct.iter().find(|end| is_at(path, end))?;
        // The version belongs to the path of the provider.
        let end = direct.strip_prefix("/v1").unwrap_or(direct).to_owned();
        Some(Admitted { caller: Caller::OpenAi, operation: Operation::Direct(end) })
    }

    /// What those speak who call `path`, or something below it.
    #[must_use]
    pub fn dialect_at(&self, path: &str) -> Caller {
        let below = |wanted: &str| path.contains(wanted);
        let found = self.paths.iter().find(|(wanted, _)| below(wanted));
        found.map(|(_, caller)| *caller).unwrap_or_default()
    }
}

/// Request headers in which agents name their session. As of November 2026: Claude Code, Codex, and those who do as they do.
const SESSIONS: [&str; 4] = ["x-claude-code-session-id", "session-id", "session_id", "x-session-id"];

/// The request headers that matter to admission and to what comes after it, taken from the list in one pass. Where the
/// value must be text, another one counts as not there: it could only match nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestHead<'h> {
    /// `:method`.
    pub method: &'h str,
    /// `:path`, query included.
    pub path: &'h str,
    /// `content-type`.
    pub content_type: &'h str,
    /// `content-encoding`, whatever its bytes.
    pub content_encoding: &'h [u8],
    /// `content-length`.
    pub content_length: Option<&'h str>,
    /// Whether there is an `accept-encoding`.
    pub accepts_encoding: bool,
    /// `x-request-id`, which Envoy gives to a request that has none.
    pub request_id: &'h str,
    /// By which an agent tells its sessions apart, if it does.
    pub session: Option<&'h str>,
}

impl<'h> RequestHead<'h> {
    /// Picks them out of `headers`, whose names are in lower case.
    #[must_use]
    pub fn of(headers: impl Iterator<Item = (&'h str, &'h [u8])>) -> Self {
        let mut head = Self::default();
        for (name, value) in headers {
            let text = || std::str::from_utf8(value).unwrap_or_default();
            match name {
                ":method" => head.method = text(),
                ":path" => head.path = text(),
                "content-type" => head.content_type = text(),
                "content-encoding" => head.content_encoding = value,
                "content-length" => head.content_length = Some(text()),
                "accept-encoding" => head.accepts_encoding = true,
                "x-request-id" => head.request_id = text(),
                name if SESSIONS.contains(&name) => head.session = head.session.or(Some(text())),
                _ => {}
            }
        }
        head
    }
}

/// Where Anthropic's callers have tokens counted, below the path of their messages.
const COUNT_TOKENS: &str = "/count_tokens";

/// Admits a request by its headers; says what its caller speaks, and asks for.
///
/// # Errors
/// [`Declined`] when it is not for us, or cannot be read.
pub fn admit(
    admission: &Admission,
    head: &RequestHead<'_>,
    end_of_stream: bool,
) -> Result<Admitted, Declined> {
    if head.method != "POST" {
        return Err(Declined::NotOurs(NotOurs::Method));
    }
    let admitted = admission.operation_at(&plain_path(head.path));
    let Some(admitted) = admitted else { return Err(Declined::NotOurs(NotOurs::Path)) };
    let declared = head.content_length.and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
    let limit = admission.max_body_bytes;
    let unreadable = if end_of_stream {
        Unreadable::Empty
    } else if !is_json(head.content_type) {
        Unreadable::ContentType
    } else if !matches!(head.content_encoding, b"" | b"identity") {
        Unreadable::ContentEncoding
    } else if declared > limit {
        Unreadable::TooLarge { limit }
    } else {
        return Ok(admitted);
    };
    Err(Declined::Unreadable(admitted.caller, unreadable))
}

/// Whether the media type is JSON (`application/json` or a `+json` suffix, RFC 6839).
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is = |wanted: &str| essence.eq_ignore_ascii_case(wanted);
    is("application/json")
        || essence
            .len()
            .checked_sub(5)
            .and_then(|at| essence.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Admission {
        let paths =
            vec![("/v1/chat/completions".into(), Caller::OpenAi), ("/v1/messages".into(), Caller::Anthropic)];
        Admission {
            paths,
            direct: vec!["/embeddings".into(), "/v1/completions".into()],
            pass_through: vec!["/v1/files".into()],
            max_body_bytes: 100,
            max_depth: 64,
            unreadable: OnUnreadable::Refuse,
        }
    }

    fn chat() -> RequestHead<'static> {
        RequestHead {
            method: "POST",
            path: "/v1/chat/completions",
            content_type: "application/json",
            content_length: Some("100"),
            ..RequestHead::default()
        }
    }

    #[test]
    fn chat_calls_are_admitted() {
        let cases = [
            chat(),
            RequestHead { path: "/openai/v1/chat/completions?api-version=1", ..chat() },
            RequestHead { content_type: "Application/JSON; charset=utf-8", ..chat() },
            RequestHead { content_type: "application/vnd.acme+json", ..chat() },
            RequestHead { content_encoding: b"identity", ..chat() },
            RequestHead { content_length: None, ..chat() },
        ];
        for head in cases {
            let admitted = Admitted { caller: Caller::OpenAi, operation: Operation::Chat };
            assert_eq!(admit(&policy(), &head, false), Ok(admitted), "{head:?}");
        }
        let direct = |end: &str| Operation::Direct(end.to_owned());
        for (path, caller, operation) in [
            ("/v1/messages?beta=true", Caller::Anthropic, Operation::Chat),
            ("/v1/messages/count_tokens?beta=true", Caller::Anthropic, Operation::Count),
            ("/v1/embeddings", Caller::OpenAi, direct("/embeddings")),
            ("/openai/deployments/e/embeddings?api-version=1", Caller::OpenAi, direct("/embeddings")),
            ("/v1/completions", Caller::OpenAi, direct("/completions")),
        ] {
            let head = RequestHead { path, ..chat() };
            assert_eq!(admit(&policy(), &head, false), Ok(Admitted { caller, operation }), "{path}");
        }
    }

    #[test]
    fn what_is_no_chat_call_is_not_ours() {
        let cases = [
            (RequestHead { method: "GET", ..chat() }, NotOurs::Method),
            (RequestHead { path: "/v1/files", ..chat() }, NotOurs::Path),
            (RequestHead { path: "/v1/chat/completions/count_tokens", ..chat() }, NotOurs::Path),
            (RequestHead { path: "/v1/chat/completions/abc", ..chat() }, NotOurs::Path),
            (RequestHead { path: "/other?x=/v1/chat/completions", ..chat() }, NotOurs::Path),
            (RequestHead { path: "", ..chat() }, NotOurs::Path),
            (RequestHead { path: "/%", ..chat() }, NotOurs::Path),
        ];
        for (head, reason) in cases {
            assert_eq!(admit(&policy(), &head, false), Err(Declined::NotOurs(reason)), "{head:?}");
        }
        assert_eq!(policy().dialect_at("/v1/messages/count_tokens"), Caller::Anthropic);
        assert_eq!(policy().dialect_at("/v1/models"), Caller::OpenAi);
    }

    #[test]
    fn only_what_the_policy_names_passes_with_all_below_it() {
        let files = policy();
        for path in ["/v1/files", "/v1/files/", "/v1/files/abc?x=1", "/v1/x/../files"] {
            assert!(files.passes(path), "{path}");
        }
        for path in ["/", "/v1", "/v1/filesystem", "/v1/files/../models", "/x/v1/files"] {
            assert!(!files.passes(path), "{path}");
        }
        let all = Admission { pass_through: vec!["/".into()], ..policy() };
        assert!(all.passes("/") && all.passes("/anything") && all.passes(""));
    }

    #[test]
    fn a_chat_call_that_cannot_be_read_says_why() {
        let cases = [
            (
                RequestHead { content_type: "multipart/form-data; boundary=x", ..chat() },
                Unreadable::ContentType,
            ),
            (RequestHead { content_type: "", ..chat() }, Unreadable::ContentType),
            (RequestHead { content_encoding: b"gzip", ..chat() }, Unreadable::ContentEncoding),
            (RequestHead { content_encoding: b"\xff", ..chat() }, Unreadable::ContentEncoding),
            (RequestHead { content_length: Some("101"), ..chat() }, Unreadable::TooLarge { limit: 100 }),
        ];
        for (head, why) in cases {
            let declined = Declined::Unreadable(Caller::OpenAi, why);
            assert_eq!(admit(&policy(), &head, false), Err(declined), "{head:?}");
        }
        let empty = Declined::Unreadable(Caller::OpenAi, Unreadable::Empty);
        assert_eq!(admit(&policy(), &chat(), true), Err(empty));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused_even_where_the_unreadable_passes() {
        let watching = Admission { unreadable: OnUnreadable::Pass, ..policy() };
        let ambiguous = Unreadable::Body(RequestError::Misspelled { member: "model" });
        assert!(watching.refuses(&ambiguous) && policy().refuses(&ambiguous));
        assert!(!watching.refuses(&Unreadable::Empty) && policy().refuses(&Unreadable::Empty));
    }
}
