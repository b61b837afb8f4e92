//! What callers ask of us rather than of a provider: whether we are there, and which models they may name.

use super::RequestHead;
use super::path::{is_at, plain_path};

/// Where models are listed, in OpenAI's dialect and in Anthropic's.
const MODELS: &str = "/v1/models";

/// Something that the policy answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inquiry {
    /// Is somebody there? Claude Code asks before its first call.
    Alive,
    /// Which models are there?
    Models,
    /// Is there a model of this name?
    Model(String),
}

impl Inquiry {
    /// What a request asks of us, if it does.
    #[must_use]
    pub fn of(head: &RequestHead<'_>) -> Option<Self> {
        if !matches!(head.method, "GET" | "HEAD") {
            return None;
        }
        let path = plain_path(head.path);
        if head.method == "HEAD" && matches!(&*path, "" | "/") {
            return Some(Self::Alive);
        }
        if is_at(&path, MODELS) {
            return Some(Self::Models);
        }
        let (before, name) =
            path.split_at_checked(path.find("/v1/models/")?)?.1.split_at_checked(MODELS.len())?;
        (before == MODELS).then(|| Self::Model(name.trim_start_matches('/').to_owned()))
    }

    /// Its name in metrics and access logs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Models | Self::Model(_) => "models",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_read_can_be_an_inquiry() {
        let of = |method, path| Inquiry::of(&RequestHead { method, path, ..RequestHead::default() });
        let model = |name: &str| Some(Inquiry::Model(name.to_owned()));
        for (method, path, expected) in [
            ("HEAD", "/", Some(Inquiry::Alive)),
            ("GET", "/", None),
            ("GET", "/v1/models?limit=1000", Some(Inquiry::Models)),
            ("GET", "/openai/v1/models/", Some(Inquiry::Models)),
            ("HEAD", "/v1/models", Some(Inquiry::Models)),
            ("GET", "/v1/models/gpt-4o", model("gpt-4o")),
            ("GET", "/v1/models/org%2Fa:1", model("org/a:1")),
            ("DELETE", "/v1/models/gpt-4o", None),
            ("POST", "/v1/models", None),
            ("GET", "/v1beta/models", None),
            ("GET", "/v1/chat/completions", None),
        ] {
            assert_eq!(of(method, path), expected, "{method} {path}");
        }
    }
}
