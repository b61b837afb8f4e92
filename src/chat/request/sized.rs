//! Strings and numbers in a canonical form: each with a tag and its length before it.

/// Bytes of a length.
const LENGTH: usize = 4;

/// A string or number as it stands in a canonical form.
pub(super) fn sized(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut sized = Vec::with_capacity(bytes.len().saturating_add(LENGTH + 1));
    push_sized(&mut sized, tag, bytes);
    sized
}

/// The string that a canonical form begins with, and the rest.
pub(super) fn unsized_string(canonical: &[u8]) -> Option<(&[u8], &[u8])> {
    let (value, rest) = unsized_value(canonical)?;
    Some((value.strip_prefix(b"s")?.get(LENGTH..)?, rest))
}

/// The string or number that a canonical form begins with, its tag and length included, and the rest.
pub(super) fn unsized_value(canonical: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, rest) = canonical.split_first().filter(|(tag, _)| matches!(**tag, b's' | b'd'))?;
    let length = usize::try_from(u32::from_le_bytes(*rest.first_chunk::<LENGTH>()?)).ok()?;
    canonical.split_at_checked(length.checked_add(LENGTH)?.checked_add(1)?)
}

pub(super) fn push_sized(canonical: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    canonical.push(tag);
    canonical.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    canonical.extend_from_slice(bytes);
}
