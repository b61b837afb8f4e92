//! Where strings stand in a body.

use std::borrow::Cow;
use std::ops::Range;

/// Where a string stands in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// Its bytes in the body, quotes included.
    pub(super) span: Range<usize>,
    /// Length once decoded, in bytes.
    pub(super) length: usize,
}

impl Text {
    /// Whether decoding changes it.
    pub(super) fn is_escaped(&self) -> bool {
        self.span.len() != self.length.saturating_add(2)
    }
}

/// A string of the body, unescaped.
pub(super) fn decode<'b>(body: &'b str, text: &Text) -> Cow<'b, str> {
    let Range { start, end } = text.span;
    if text.is_escaped() {
        let quoted = body.get(start..end).unwrap_or_default();
        Cow::Owned(serde_json::from_str(quoted).unwrap_or_default())
    } else {
        let inside = start.saturating_add(1)..end.saturating_sub(1);
        Cow::Borrowed(body.get(inside).unwrap_or_default())
    }
}
