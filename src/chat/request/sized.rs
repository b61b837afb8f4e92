//! Strings and numbers in a canonical form: each with a tag and its length before it.

/// A string or number as it stands in a canonical form.
pub(super) fn sized(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut sized = Vec::with_capacity(bytes.len().saturating_add(5));
    push_sized(&mut sized, tag, bytes);
    sized
}

pub(super) fn push_sized(canonical: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    canonical.push(tag);
    canonical.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    canonical.extend_from_slice(bytes);
}
