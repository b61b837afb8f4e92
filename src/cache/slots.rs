//! A bounded store over shared data, which has neither bound nor delete.
//!
//! Set-associative: a key belongs to one set of [`WAYS`] slots. Each set has one small directory value, which says what is
//! in its slots, and one payload value per slot. A miss costs one read, a hit two. A slot is claimed in the directory by
//! compare-and-swap before its payload is written; a payload repeats its key, so whatever interleaving there is, a reader
//! never takes one answer for another: it sees a mismatch, which is a miss.

use std::time::Duration;

use super::CacheKey;
use crate::chat::Usage;
use crate::host::{HostError, SharedData};

/// Slots of a set.
pub const WAYS: u32 = 8;

/// Bytes of the key, which a payload value begins with.
const KEY: usize = 32;
/// Bytes before an answer in a payload value: the key, whether its tokens are known, and five counts of them.
const PAYLOAD_HEAD: usize = KEY + 1 + 5 * 8;
/// First byte of every directory; another one means another format.
const FORMAT: u8 = 2;
/// Bytes before the slots in a directory: format, entries, bytes.
const DIRECTORY_HEAD: usize = 13;
/// Bytes of a slot in a directory: tag, time, length.
const SLOT: usize = 28;
/// Bytes that shared data keeps beside a value: an estimate of key name, map node and token.
const VALUE_OVERHEAD: u64 = 128;

/// How many answers are kept, and how many bytes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    entries: u32,
    bytes: u64,
}

impl Geometry {
    /// Room for `entries` answers of `bytes` in all; both are shared out evenly among the sets.
    #[must_use]
    pub fn new(entries: u32, bytes: u64) -> Self {
        Self { entries: entries.max(1), bytes }
    }

    fn sets(self) -> u32 {
        self.entries.div_ceil(WAYS)
    }

    fn set_bytes(self) -> u64 {
        self.bytes.checked_div(u64::from(self.sets())).unwrap_or(0)
    }

    /// Longest answer that can be kept, in bytes.
    #[must_use]
    pub fn largest_answer(self) -> usize {
        usize::try_from(self.set_bytes()).unwrap_or(usize::MAX).saturating_sub(PAYLOAD_HEAD)
    }

    /// Most bytes of shared data that the store takes, its own accounts included.
    #[must_use]
    pub fn bound(self) -> u64 {
        let sets = u64::from(self.sets());
        let directory = (DIRECTORY_HEAD as u64).saturating_add(u64::from(WAYS).saturating_mul(SLOT as u64));
        let values_per_set = u64::from(WAYS).saturating_add(1);
        let accounts = directory.saturating_add(values_per_set.saturating_mul(VALUE_OVERHEAD));
        self.bytes.saturating_add(sets.saturating_mul(accounts))
    }

    fn set_of(self, key: &CacheKey) -> u32 {
        let [a, b, c, d, ..] = *key.bytes();
        u32::from_le_bytes([a, b, c, d]).checked_rem(self.sets()).unwrap_or(0)
    }
}

/// An answer and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The whole answer, in the dialect of those who may ask for it.
    pub body: Vec<u8>,
    /// Its tokens, if the provider reported them.
    pub usage: Option<Usage>,
}

impl KeptAnswer {
    /// Reads a payload value; `None` when it is not that of `key`.
    fn decode(mut payload: Vec<u8>, key: &CacheKey) -> Option<Self> {
        let (found, rest) = payload.split_first_chunk::<KEY>()?;
        let (known, rest) = rest.split_first()?;
        if found != key.bytes() {
            return None;
        }
        let mut counts =
            rest.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok().map(u64::from_le_bytes));
        let mut count = || counts.next().unwrap_or(0);
        let usage = Usage {
            input: count(),
            cached_input: count(),
            cache_write: count(),
            output: count(),
            reasoning: count(),
        };
        let usage = (*known == 1).then_some(usage);
        payload.drain(..PAYLOAD_HEAD.min(payload.len()));
        Some(Self { body: payload, usage })
    }
}

/// A payload value.
fn encode(key: &CacheKey, body: &[u8], usage: Option<Usage>) -> Vec<u8> {
    let mut payload = Vec::with_capacity(PAYLOAD_HEAD.saturating_add(body.len()));
    payload.extend_from_slice(key.bytes());
    payload.push(u8::from(usage.is_some()));
    let Usage { input, cached_input, cache_write, output, reasoning } = usage.unwrap_or_default();
    for count in [input, cached_input, cache_write, output, reasoning] {
        payload.extend_from_slice(&count.to_le_bytes());
    }
    payload.extend_from_slice(body);
    payload
}

/// What the directory says of a key's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    set: u32,
    way: usize,
    pub(super) stored_at: Duration,
}

/// What became of an answer that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is kept.
    Stored,
    /// It is larger than [`Geometry::largest_answer`].
    TooLarge,
    /// Other workers were quicker, twice.
    Contended,
}

/// What a directory says about one slot; a length of 0 means that it is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Slot {
    tag: [u8; 16],
    stored_at: u64,
    length: u32,
}

impl Slot {
    fn is_free(&self) -> bool {
        self.length == 0
    }
}

/// What is in the slots of one set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Directory {
    slots: [Slot; WAYS as usize],
    /// Whether the value that was read is of this format and geometry; payloads of another are still lying about.
    foreign: bool,
}

impl Directory {
    fn decode(value: &[u8], geometry: Geometry) -> Self {
        let empty = Self { slots: [Slot::default(); WAYS as usize], foreign: !value.is_empty() };
        let Some((head, slots)) = value.split_at_checked(DIRECTORY_HEAD) else { return empty };
        if head != directory_head(geometry) || slots.len() != SLOT.saturating_mul(WAYS as usize) {
            return empty;
        }
        let mut directory = Self { foreign: false, ..empty };
        for (slot, bytes) in directory.slots.iter_mut().zip(slots.chunks_exact(SLOT)) {
            if let Some((tag, rest)) = bytes.split_first_chunk()
                && let Some((stored_at, rest)) = rest.split_first_chunk()
                && let Some((length, _)) = rest.split_first_chunk()
            {
                let (stored_at, length) = (u64::from_le_bytes(*stored_at), u32::from_le_bytes(*length));
                *slot = Slot { tag: *tag, stored_at, length };
            }
        }
        directory
    }

    fn encode(&self, geometry: Geometry) -> Vec<u8> {
        let mut value = directory_head(geometry).to_vec();
        for slot in &self.slots {
            value.extend_from_slice(&slot.tag);
            value.extend_from_slice(&slot.stored_at.to_le_bytes());
            value.extend_from_slice(&slot.length.to_le_bytes());
        }
        value
    }

    fn used(&self) -> u64 {
        self.slots.iter().map(|slot| u64::from(slot.length)).fold(0, u64::saturating_add)
    }

    /// The slot for a new payload: its own old one, else a free one, else the oldest.
    fn choose(&self, tag: &[u8; 16]) -> usize {
        let rank = |slot: &Slot| match slot {
            slot if slot.is_free() => (1, 0),
            slot if slot.tag == *tag => (0, 0),
            slot => (2, slot.stored_at),
        };
        self.slots.iter().enumerate().min_by_key(|(_, slot)| rank(slot)).map_or(0, |(way, _)| way)
    }

    /// Frees the oldest slots but `keep` until `length` more bytes fit; returns which.
    fn make_room(&mut self, keep: usize, length: u32, budget: u64) -> Vec<usize> {
        let mut freed = Vec::new();
        while self.used().saturating_add(u64::from(length)) > budget {
            let taken =
                self.slots.iter_mut().enumerate().filter(|(way, slot)| *way != keep && !slot.is_free());
            let Some((way, slot)) = taken.min_by_key(|(_, slot)| slot.stored_at) else { break };
            *slot = Slot::default();
            freed.push(way);
        }
        freed
    }
}

fn directory_head(geometry: Geometry) -> [u8; DIRECTORY_HEAD] {
    let [a, b, c, d] = geometry.entries.to_le_bytes();
    let [e, f, g, h, i, j, k, l] = geometry.bytes.to_le_bytes();
    [FORMAT, a, b, c, d, e, f, g, h, i, j, k, l]
}

/// The store. It holds nothing itself: every worker that has one sees the same answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slots {
    geometry: Geometry,
}

impl Slots {
    pub(super) fn new(geometry: Geometry) -> Self {
        Self { geometry }
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Looks a key up in its directory; the answer itself is not read.
    pub(super) fn find<H: SharedData>(&self, host: &H, key: &CacheKey) -> Option<Entry> {
        let set = self.geometry.set_of(key);
        let directory = Directory::decode(&host.shared_data(&directory_name(set)).value, self.geometry);
        let tag = tag_of(key);
        let is_ours = |(_, slot): &(usize, &Slot)| slot.tag == tag && !slot.is_free();
        let (way, slot) = directory.slots.iter().enumerate().find(is_ours)?;
        Some(Entry { set, way, stored_at: Duration::from_secs(slot.stored_at) })
    }

    /// Reads the answer of a key that was found; `None` when another one has taken its slot since.
    pub(super) fn read<H: SharedData>(&self, host: &H, key: &CacheKey, entry: &Entry) -> Option<KeptAnswer> {
        KeptAnswer::decode(host.shared_data(&payload_name(entry.set, entry.way)).value, key)
    }

    /// Keeps an answer; the oldest of its set make room.
    pub(super) fn put<H: SharedData>(
        &self,
        host: &H,
        key: &CacheKey,
        answer: &[u8],
        usage: Option<Usage>,
        now: Duration,
    ) -> Stored {
        let length = PAYLOAD_HEAD.saturating_add(answer.len());
        let Some(length) = u32::try_from(length).ok().filter(|l| u64::from(*l) <= self.geometry.set_bytes())
        else {
            return Stored::TooLarge;
        };
        for _ in 0..2 {
            match self.claim(host, key, length, now) {
                Ok(way) => {
                    let payload = encode(key, answer, usage);
                    let name = payload_name(self.geometry.set_of(key), way);
                    let written = host.set_shared_data(&name, &payload, None);
                    return if written.is_ok() { Stored::Stored } else { Stored::Contended };
                }
                Err(HostError::CasMismatch) => {}
                Err(HostError::Status(_)) => break,
            }
        }
        Stored::Contended
    }

    /// Enters a payload of `length` into the directory and empties the slots that had to make room.
    fn claim<H: SharedData>(
        &self,
        host: &H,
        key: &CacheKey,
        length: u32,
        now: Duration,
    ) -> Result<usize, HostError> {
        let set = self.geometry.set_of(key);
        let name = directory_name(set);
        let read = host.shared_data(&name);
        let mut directory = Directory::decode(&read.value, self.geometry);
        let tag = tag_of(key);
        let way = directory.choose(&tag);
        if let Some(slot) = directory.slots.get_mut(way) {
            *slot = Slot::default();
        }
        let freed = directory.make_room(way, length, self.geometry.set_bytes());
        if let Some(slot) = directory.slots.get_mut(way) {
            *slot = Slot { tag, stored_at: now.as_secs(), length };
        }
        host.set_shared_data(&name, &directory.encode(self.geometry), read.cas)?;
        let stale = if directory.foreign { (0..WAYS as usize).collect() } else { freed };
        for other in stale.into_iter().filter(|other| *other != way) {
            host.set_shared_data(&payload_name(set, other), &[], None)?;
        }
        Ok(way)
    }
}

/// The part of a key that a directory keeps; the rest is checked in the payload.
fn tag_of(key: &CacheKey) -> [u8; 16] {
    key.bytes().last_chunk().copied().unwrap_or_default()
}

fn directory_name(set: u32) -> String {
    format!("arbiter.exact.{set}")
}

fn payload_name(set: u32, way: usize) -> String {
    format!("arbiter.exact.{set}.{way}")
}
