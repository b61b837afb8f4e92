//! What may be found by likeness, in shared data: a ring of slots that every worker reads in the order in which they were written.
//!
//! A writer claims the next number by compare-and-swap and writes the slot of that number, over what was there. A reader compares
//! one small value with the last number that it has seen, and reads only what is new to it.

use std::time::Duration;

use super::super::CacheKey;
use super::super::tag::TenantTag;
use crate::host::{HostError, SharedData};

/// The key of the number that is claimed next.
const NEXT: &str = "arbiter.semantic.next";
/// First byte of every value; another one means another format.
const FORMAT: u8 = 1;
/// Bytes of a value before its vector: format, entries, number, context, key, tenant, time, width.
const HEAD: usize = 1 + 4 + 8 + 16 + 32 + 4 + 8 + 2;
/// Bytes that shared data keeps beside a value: an estimate of key name, map node and token.
const VALUE_OVERHEAD: u64 = 128;
/// How often a number is claimed before a writer gives up.
const TRIES: usize = 3;

/// All that must be equal before two messages are compared.
pub type Context = [u8; 16];

/// A message whose answer is in the exact cache.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub context: Context,
    /// Under which its answer stands.
    pub key: CacheKey,
    /// Time since the Unix epoch, in whole seconds.
    pub stored_at: Duration,
    pub vector: Vec<i8>,
    pub text: String,
}

/// How many messages are kept, and how long one may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ring {
    entries: u32,
    bytes: u64,
}

/// Why a message was not entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unentered {
    /// It is longer than its share of the bytes.
    TooLarge,
    /// Other workers were quicker.
    Contended,
}

impl Ring {
    /// Room for `entries` messages of `bytes` in all, shared out evenly.
    #[must_use]
    pub fn new(entries: u32, bytes: u64) -> Self {
        Self { entries: entries.max(1), bytes }
    }

    /// How many messages are kept.
    #[must_use]
    pub fn entries(self) -> u32 {
        self.entries
    }

    /// The longest message that is kept with a vector of so many numbers, in bytes.
    #[must_use]
    pub fn longest(self, width: usize) -> usize {
        let each = self.bytes.checked_div(self.entries.into()).unwrap_or_default();
        let each = usize::try_from(each).unwrap_or(usize::MAX);
        each.saturating_sub(HEAD).saturating_sub(width)
    }

    /// Most bytes of shared data that the ring takes.
    #[must_use]
    pub fn bound(self) -> u64 {
        self.bytes.saturating_add(u64::from(self.entries.saturating_add(1)).saturating_mul(VALUE_OVERHEAD))
    }

    /// The number that is claimed next: how many have been entered so far.
    pub(super) fn next<H: SharedData>(self, host: &H) -> u64 {
        read_number(&host.shared_data(NEXT).value)
    }

    /// Enters a message. Returns its number.
    pub(super) fn enter<H: SharedData>(self, host: &H, entry: &Entry) -> Result<u64, Unentered> {
        if entry.text.len() > self.longest(entry.vector.len()) {
            return Err(Unentered::TooLarge);
        }
        let number = self.claim(host).ok_or(Unentered::Contended)?;
        let value = self.encode(number, entry);
        host.set_shared_data(&self.slot(number), &value, None).map_err(|_| Unentered::Contended)?;
        Ok(number)
    }

    fn claim<H: SharedData>(self, host: &H) -> Option<u64> {
        for _ in 0..TRIES {
            let next = host.shared_data(NEXT);
            let number = read_number(&next.value);
            match host.set_shared_data(NEXT, &number.wrapping_add(1).to_le_bytes(), next.cas) {
                Ok(()) => return Some(number),
                Err(HostError::CasMismatch) => {}
                Err(HostError::Status(_)) => return None,
            }
        }
        None
    }

    /// The message that the next one to be entered takes the place of.
    pub(super) fn oldest<H: SharedData>(self, host: &H) -> Option<Entry> {
        let number = self.next(host).checked_sub(self.entries.into())?;
        match self.read(host, number) {
            Slot::Entry(entry) => Some(*entry),
            Slot::Overwritten | Slot::NotYet => None,
        }
    }

    /// What stands in the slot of a number.
    pub(super) fn read<H: SharedData>(self, host: &H, number: u64) -> Slot {
        match self.decode(&host.shared_data(&self.slot(number)).value) {
            Some((found, entry)) if found == number => Slot::Entry(Box::new(entry)),
            Some((found, _)) if found > number => Slot::Overwritten,
            _ => Slot::NotYet,
        }
    }

    fn slot(self, number: u64) -> String {
        format!("arbiter.semantic.{}", number.checked_rem(u64::from(self.entries)).unwrap_or_default())
    }

    fn encode(self, number: u64, entry: &Entry) -> Vec<u8> {
        let mut value =
            Vec::with_capacity(HEAD.saturating_add(entry.vector.len()).saturating_add(entry.text.len()));
        value.push(FORMAT);
        value.extend_from_slice(&self.entries.to_le_bytes());
        value.extend_from_slice(&number.to_le_bytes());
        value.extend_from_slice(&entry.context);
        value.extend_from_slice(entry.key.bytes());
        value.extend_from_slice(&entry.key.tenant().0);
        value.extend_from_slice(&entry.stored_at.as_secs().to_le_bytes());
        value.extend_from_slice(&u16::try_from(entry.vector.len()).unwrap_or_default().to_le_bytes());
        value.extend_from_slice(bytemuck::cast_slice(&entry.vector));
        value.extend_from_slice(entry.text.as_bytes());
        value
    }

    fn decode(self, value: &[u8]) -> Option<(u64, Entry)> {
        let (format, rest) = value.split_first()?;
        let (entries, rest) = rest.split_first_chunk()?;
        if *format != FORMAT || u32::from_le_bytes(*entries) != self.entries {
            return None;
        }
        let (number, rest) = rest.split_first_chunk()?;
        let (context, rest) = rest.split_first_chunk()?;
        let (hash, rest) = rest.split_first_chunk()?;
        let (tenant, rest) = rest.split_first_chunk()?;
        let (stored_at, rest) = rest.split_first_chunk()?;
        let (width, rest) = rest.split_first_chunk()?;
        let (vector, text) = rest.split_at_checked(u16::from_le_bytes(*width).into())?;
        let entry = Entry {
            context: *context,
            key: CacheKey::of_parts(*hash, TenantTag(*tenant)),
            stored_at: Duration::from_secs(u64::from_le_bytes(*stored_at)),
            vector: bytemuck::cast_slice(vector).to_vec(),
            text: String::from_utf8(text.to_vec()).ok()?,
        };
        Some((u64::from_le_bytes(*number), entry))
    }
}

/// What a reader finds in a slot.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Slot {
    /// The message of that number.
    Entry(Box<Entry>),
    /// A later one.
    Overwritten,
    /// The number is claimed, but not written.
    NotYet,
}

fn read_number(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::MemoryHost;

    fn entry(text: &str) -> Entry {
        Entry {
            context: [1; 16],
            key: CacheKey::named(text),
            stored_at: Duration::from_secs(7),
            vector: vec![1, -2, 3],
            text: text.into(),
        }
    }

    #[test]
    fn a_message_is_read_as_it_was_entered() {
        let (host, ring) = (MemoryHost::default(), Ring::new(4, 4096));
        assert_eq!(ring.enter(&host, &entry("a")), Ok(0));
        assert_eq!(ring.read(&host, 0), Slot::Entry(Box::new(entry("a"))));
        assert_eq!((ring.next(&host), ring.read(&host, 1)), (1, Slot::NotYet));
    }

    #[test]
    fn the_oldest_message_makes_room() {
        let (host, ring) = (MemoryHost::default(), Ring::new(2, 4096));
        for text in ["a", "b", "c"] {
            ring.enter(&host, &entry(text)).unwrap();
        }
        assert_eq!(ring.read(&host, 0), Slot::Overwritten);
        assert_eq!(ring.read(&host, 2), Slot::Entry(Box::new(entry("c"))));
    }

    #[test]
    fn what_was_written_for_other_bounds_is_not_read() {
        let host = MemoryHost::default();
        Ring::new(2, 4096).enter(&host, &entry("a")).unwrap();
        assert_eq!(Ring::new(3, 4096).read(&host, 0), Slot::NotYet);
    }

    #[test]
    fn memory_stays_within_its_bound() {
        let (host, ring) = (MemoryHost::default(), Ring::new(64, 64 * 1024));
        let longest = ring.longest(3);
        assert_eq!(ring.enter(&host, &entry(&"x".repeat(longest + 1))), Err(Unentered::TooLarge));
        for i in 0..1_000_000_usize {
            let length = i.wrapping_mul(2_654_435_761) % (longest + 1);
            let text = if i % 1000 == 0 { "x".repeat(length) } else { String::new() };
            ring.enter(&host, &entry(&text)).unwrap();
        }
        let used = u64::try_from(host.shared_bytes()).unwrap();
        assert!(used <= ring.bound(), "{used} bytes, bound {}", ring.bound());
    }
}
