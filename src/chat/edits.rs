//! Other texts in the place of some spans of a body: no other byte changes.

use std::ops::Range;

use serde_json::value::RawValue;

/// A body with other texts in the place of some of its spans, which do not overlap; `None` if one is not in it.
pub(super) fn replace(body: &[u8], mut changes: Vec<(Range<usize>, String)>) -> Option<Vec<u8>> {
    changes.sort_by_key(|(span, _)| span.start);
    let added: usize = changes.iter().map(|(_, text)| text.len()).sum();
    let mut edited = Vec::with_capacity(body.len().saturating_add(added));
    let mut copied = 0;
    for (span, text) in changes {
        edited.extend_from_slice(body.get(copied..span.start)?);
        edited.extend_from_slice(text.as_bytes());
        copied = span.end;
    }
    edited.extend_from_slice(body.get(copied..)?);
    Some(edited)
}

/// Where a value stands that was read from a body; `None` when it was not.
pub(super) fn span(body: &[u8], raw: &RawValue) -> Option<Range<usize>> {
    let start = raw.get().as_ptr().addr().checked_sub(body.as_ptr().addr())?;
    let end = start.checked_add(raw.get().len())?;
    (end <= body.len()).then_some(start..end)
}
