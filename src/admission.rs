//! Is this a chat call that we read, or do we stay out of its way?

use crate::chat::Caller;

/// Which requests are read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Paths and the dialect of those who call them, matched exactly or as a suffix that starts at a `/`; a query string does
    /// not count.
    pub paths: Vec<(String, Caller)>,
    /// Largest body that is read, in bytes.
    pub max_body_bytes: usize,
    /// Deepest JSON nesting that is accepted.
    pub max_depth: u16,
}

/// Why a request passes through untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PassReason {
    /// Not a POST.
    Method,
    /// A path that the policy does not name.
    Path,
    /// No body.
    Empty,
    /// A body that does not declare to be JSON.
    ContentType,
    /// A compressed body.
    ContentEncoding,
    /// A body over the policy's limit.
    TooLarge,
    /// A body that is not JSON.
    InvalidJson,
    /// JSON that is not a chat request.
    UnknownShape,
}

impl PassReason {
    /// Its name in metrics and access logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Path => "path",
            Self::Empty => "empty",
            Self::ContentType => "content_type",
            Self::ContentEncoding => "content_encoding",
            Self::TooLarge => "too_large",
            Self::InvalidJson => "invalid_json",
            Self::UnknownShape => "unknown_shape",
        }
    }
}

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
    /// `cache-control`, whatever its bytes.
    pub cache_control: &'h [u8],
    /// Whether there is an `accept-encoding`.
    pub accepts_encoding: bool,
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
                "cache-control" => head.cache_control = value,
                "accept-encoding" => head.accepts_encoding = true,
                _ => {}
            }
        }
        head
    }
}

/// Admits a request by its headers; says what its caller speaks.
///
/// # Errors
/// [`PassReason`] when it is not for us.
pub fn admit(
    admission: &Admission,
    head: &RequestHead<'_>,
    end_of_stream: bool,
) -> Result<Caller, PassReason> {
    if head.method != "POST" {
        return Err(PassReason::Method);
    }
    let path = admission.paths.iter().find(|(path, _)| path_matches(head.path, path));
    let (_, caller) = path.ok_or(PassReason::Path)?;
    if end_of_stream {
        return Err(PassReason::Empty);
    }
    if !is_json(head.content_type) {
        return Err(PassReason::ContentType);
    }
    if !matches!(head.content_encoding, b"" | b"identity") {
        return Err(PassReason::ContentEncoding);
    }
    let declared = head.content_length.and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
    if declared > admission.max_body_bytes {
        return Err(PassReason::TooLarge);
    }
    Ok(*caller)
}

/// Whether `path`, without its query, is `wanted` or ends in it; `wanted` starts with `/`.
fn path_matches(path: &str, wanted: &str) -> bool {
    path.split('?').next().is_some_and(|path| path.ends_with(wanted))
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
        Admission { paths, max_body_bytes: 100, max_depth: 64 }
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
            assert_eq!(admit(&policy(), &head, false), Ok(Caller::OpenAi), "{head:?}");
        }
        let message = RequestHead { path: "/v1/messages?beta=true", ..chat() };
        assert_eq!(admit(&policy(), &message, false), Ok(Caller::Anthropic));
    }

    #[test]
    fn everything_else_passes_and_says_why() {
        let cases = [
            (RequestHead { method: "GET", ..chat() }, PassReason::Method),
            (RequestHead { path: "/v1/embeddings", ..chat() }, PassReason::Path),
            (RequestHead { path: "/v1/messages/count_tokens", ..chat() }, PassReason::Path),
            (RequestHead { path: "/v1/chat/completions/abc", ..chat() }, PassReason::Path),
            (RequestHead { path: "/other?x=/v1/chat/completions", ..chat() }, PassReason::Path),
            (
                RequestHead { content_type: "multipart/form-data; boundary=x", ..chat() },
                PassReason::ContentType,
            ),
            (RequestHead { content_type: "", ..chat() }, PassReason::ContentType),
            (RequestHead { content_encoding: b"gzip", ..chat() }, PassReason::ContentEncoding),
            (RequestHead { content_encoding: b"\xff", ..chat() }, PassReason::ContentEncoding),
            (RequestHead { content_length: Some("101"), ..chat() }, PassReason::TooLarge),
        ];
        for (head, reason) in cases {
            assert_eq!(admit(&policy(), &head, false), Err(reason), "{head:?}");
        }
        assert_eq!(admit(&policy(), &chat(), true), Err(PassReason::Empty));
    }
}
