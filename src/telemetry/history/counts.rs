//! Counters by number and how much each grew, as bytes.

use std::collections::BTreeMap;

/// Most counters.
pub(super) const MOST_NAMES: usize = 1024;
/// Most bytes of a number as it is written.
const MOST_VARINT: u64 = 10;

/// How much counters grew, by their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts(BTreeMap<u16, u64>);

impl Counts {
    /// Most bytes of the encoding: two bytes for each step to the next number.
    pub(super) const MOST_BYTES: u64 = 8 + MOST_NAMES as u64 * (2 + MOST_VARINT);

    pub(super) fn add(&mut self, number: u16, by: u64) {
        let sum = self.0.entry(number).or_default();
        *sum = sum.saturating_add(by);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (number, by) in &other.0 {
            self.add(*number, *by);
        }
    }

    /// The same by names; a number without a name is left out.
    pub(super) fn named(&self, names: &[String]) -> BTreeMap<String, u64> {
        let named = self.0.iter().filter_map(|(number, count)| {
            let name = names.get(usize::from(*number))?;
            Some((name.clone(), *count))
        });
        named.collect()
    }

    /// The start of their period, then for each counter the step from the number before, and how much it grew.
    pub(super) fn encode(&self, start: u64) -> Vec<u8> {
        let mut bytes = start.to_le_bytes().to_vec();
        let mut before = 0;
        for (number, count) in &self.0 {
            push(&mut bytes, u64::from(number.saturating_sub(before)));
            push(&mut bytes, *count);
            before = *number;
        }
        bytes
    }

    /// From bytes: the start of their period, and the counts; `None` when they are none.
    pub(super) fn decode(bytes: &[u8]) -> Option<(u64, Self)> {
        let (start, mut rest) = bytes.split_first_chunk()?;
        let mut counts = Self::default();
        let mut number = 0_u16;
        while !rest.is_empty() {
            let step = u16::try_from(take(&mut rest)?).ok()?;
            number = number.checked_add(step)?;
            counts.add(number, take(&mut rest)?);
        }
        Some((u64::from_le_bytes(*start), counts))
    }
}

/// Seven bits a byte, the lowest first; the eighth says that more follow (LEB128).
fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or_default());
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(counts in prop::collection::btree_map(any::<u16>(), any::<u64>(), 0..40), start: u64) {
            let counts = Counts(counts);
            prop_assert_eq!(Counts::decode(&counts.encode(start)), Some((start, counts)));
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Counts::decode(&bytes);
        }
    }
}
