//! The head of an answer, as far as it decides how the body is read.

/// Status and headers that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnswerHead<'h> {
    /// HTTP status; 0 when there is none.
    pub status: u16,
    /// `content-type`.
    pub content_type: &'h str,
    /// Whether the body is compressed (`content-encoding`).
    pub is_encoded: bool,
    /// `content-length`; 0 when it is not said.
    pub length: usize,
}

impl<'h> AnswerHead<'h> {
    /// Picks it out of `headers`. A value that is no text counts as not there.
    #[must_use]
    pub fn of(headers: impl Iterator<Item = (&'h str, &'h [u8])>) -> Self {
        let mut head = Self::default();
        for (name, value) in headers {
            let text = || std::str::from_utf8(value).unwrap_or_default();
            match name {
                ":status" => head.status = text().parse().unwrap_or(0),
                "content-type" => head.content_type = text(),
                "content-encoding" => head.is_encoded = !matches!(value, b"" | b"identity"),
                "content-length" => head.length = text().parse().unwrap_or(0),
                _ => {}
            }
        }
        head
    }

    /// Whether the body is a stream of server-sent events.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.is("text/event-stream")
    }

    /// Whether the body is one JSON value.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.is("application/json")
    }

    fn is(&self, media_type: &str) -> bool {
        let essence = self.content_type.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(media_type)
    }
}
