//! A bounded store over shared data, which has neither bound nor delete.
//!
//! Set-associative: a key belongs to one set of [`WAYS`] slots. Each set has one small directory value, which says what is
//! in its slots, and one payload value per slot. A miss costs one read, a hit two. A slot is claimed in the directory by
//! compare-and-swap before its payload is written; a payload repeats its key, so whatever interleaving there is, a reader
//! never takes one answer for another: it sees a mismatch, which is a miss.

use std::time::Duration;

pub use super::directory::WAYS;
use super::directory::{DIRECTORY, Directory, Placed, Room, Share, Slot, Stamp};
use super::milliseconds::milliseconds;
use super::tag::{ModelTag, TenantTag};
use super::{CacheKey, KeyName};
use crate::chat::redress::Redress;
use crate::chat::translate::{self, Given};
use crate::chat::{Caller, Usage};
use crate::host::{HostError, SharedData};

/// Bytes of the key, which a payload value begins with.
const KEY: usize = 32;
/// Bytes before an answer in a payload value: the key, the time, the model, the dialect, whether its tokens are known, and their
/// numbers.
const PAYLOAD_HEAD: usize = KEY + 8 + 8 + 1 + 1 + Usage::NUMBERS * 8;
/// How often a removal is tried before it is given up.
const REMOVALS: usize = 8;
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
        let values_per_set = u64::from(WAYS).saturating_add(1);
        let accounts = (DIRECTORY as u64).saturating_add(values_per_set.saturating_mul(VALUE_OVERHEAD));
        self.bytes.saturating_add(sets.saturating_mul(accounts))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a part of a number of the same type"
    )]
    fn share(self, tenant_share: f64) -> Share {
        let part = tenant_share.clamp(0.0, 1.0);
        Share {
            ways: (f64::from(WAYS) * part).ceil() as usize,
            bytes: (self.set_bytes() as f64 * part).ceil() as u64,
        }
    }

    fn stamp(self) -> Stamp {
        Stamp { entries: self.entries, bytes: self.bytes }
    }

    fn set_of(self, name: KeyName) -> u32 {
        let [a, b, c, d, ..] = *name.bytes();
        u32::from_le_bytes([a, b, c, d]).checked_rem(self.sets()).unwrap_or(0)
    }
}

/// An answer and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The whole answer.
    pub body: Vec<u8>,
    /// Whose dialect it is in: that of the caller that it was given to.
    pub dialect: Caller,
    /// Its tokens, if the provider reported them.
    pub usage: Option<Usage>,
    /// The model that gave it.
    pub model: ModelTag,
}

impl KeptAnswer {
    /// The same answer to a `caller`; `None` when it cannot be said in the caller's dialect.
    #[must_use]
    pub fn spoken_to(self, caller: Caller) -> Option<Self> {
        if self.dialect == caller {
            return Some(self);
        }
        let given = Given { model: "", at: Duration::ZERO, redress: &Redress::NONE };
        let body = translate::answer(&self.body, self.dialect.format(), caller, given).ok()?;
        Some(Self { body, dialect: caller, ..self })
    }

    /// Reads a payload value; `None` when it is not that of `key`, or not the one that was stored at this time.
    fn decode(mut payload: Vec<u8>, key: &CacheKey, stored_at: Duration) -> Option<Self> {
        let (found, rest) = payload.split_first_chunk::<KEY>()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (model, rest) = rest.split_first_chunk()?;
        let model = ModelTag(*model);
        let (dialect, rest) = rest.split_first()?;
        let dialect = Caller::ALL.get(usize::from(*dialect)).copied()?;
        let (known, rest) = rest.split_first()?;
        if found != key.bytes() || u64::from_le_bytes(*time) != milliseconds(stored_at) {
            return None;
        }
        let mut numbers = [0; Usage::NUMBERS];
        for (number, bytes) in numbers.iter_mut().zip(rest.chunks_exact(8)) {
            *number = bytes.try_into().map_or(0, u64::from_le_bytes);
        }
        let usage = (*known == 1).then(|| Usage::from_numbers(numbers));
        payload.drain(..PAYLOAD_HEAD.min(payload.len()));
        Some(Self { body: payload, dialect, usage, model })
    }
}

/// A payload value.
fn encode(key: &CacheKey, answer: &KeptAnswer, stored_at: Duration) -> Vec<u8> {
    let KeptAnswer { body, dialect, usage, model } = answer;
    let mut payload = Vec::with_capacity(PAYLOAD_HEAD.saturating_add(body.len()));
    payload.extend_from_slice(key.bytes());
    payload.extend_from_slice(&milliseconds(stored_at).to_le_bytes());
    payload.extend_from_slice(&model.0);
    let place = Caller::ALL.iter().position(|known| known == dialect).unwrap_or(0);
    payload.push(u8::try_from(place).unwrap_or(0));
    payload.push(u8::from(usage.is_some()));
    for number in usage.unwrap_or_default().to_numbers() {
        payload.extend_from_slice(&number.to_le_bytes());
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
    /// It is larger than [`Geometry::largest_answer`], or than its tenant's share while others use theirs.
    TooLarge,
    /// Other workers were quicker, twice.
    Contended,
}

/// The store. It holds nothing itself: every worker that has one sees the same answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slots {
    geometry: Geometry,
    room: Room,
}

/// When an answer was stored, and what time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) stored_at: Duration,
    pub(super) now: Duration,
}

/// Why an answer was not entered.
enum Unplaced {
    NoRoom,
    Host(HostError),
}

impl From<HostError> for Unplaced {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl Slots {
    /// Slots of which a tenant may have `tenant_share`, between 0 and 1, when others want room; what is older than `ttl` makes it first.
    pub(super) fn new(geometry: Geometry, tenant_share: f64, ttl: Duration) -> Self {
        let room = Room {
            bytes: geometry.set_bytes(),
            share: geometry.share(tenant_share),
            ttl: milliseconds(ttl).max(1),
        };
        Self { geometry, room }
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Looks a key up in its directory; the answer itself is not read.
    pub(super) fn find<H: SharedData>(&self, host: &H, key: &CacheKey) -> Option<Entry> {
        let set = self.geometry.set_of(key.name());
        let value = host.shared_data(&directory_name(set)).value;
        let directory = Directory::decode(&value, self.geometry.stamp());
        let (way, slot) = directory.find(key.name().bytes())?;
        Some(Entry { set, way, stored_at: Duration::from_millis(slot.stored_at) })
    }

    /// Reads the answer of a key that was found; `None` when another one has taken its slot since, or its own is not there yet.
    pub(super) fn read<H: SharedData>(&self, host: &H, key: &CacheKey, entry: &Entry) -> Option<KeptAnswer> {
        let payload = host.shared_data(&payload_name(entry.set, entry.way)).value;
        KeptAnswer::decode(payload, key, entry.stored_at)
    }

    /// Keeps an answer; others of its set make room.
    pub(super) fn put<H: SharedData>(
        &self,
        host: &H,
        key: &CacheKey,
        answer: &KeptAnswer,
        times: Times,
    ) -> Stored {
        let length = PAYLOAD_HEAD.saturating_add(answer.body.len());
        let Some(length) = u32::try_from(length).ok().filter(|l| u64::from(*l) <= self.geometry.set_bytes())
        else {
            return Stored::TooLarge;
        };
        let (tag, set) = (*key.name().bytes(), self.geometry.set_of(key.name()));
        let new = Slot { tag, tenant: key.tenant(), stored_at: milliseconds(times.stored_at), length };
        for _ in 0..2 {
            match self.claim(host, set, new, times.now) {
                Ok(way) => {
                    let payload = encode(key, answer, times.stored_at);
                    let name = payload_name(set, way);
                    let written = host.set_shared_data(&name, &payload, None);
                    return if written.is_ok() { Stored::Stored } else { Stored::Contended };
                }
                Err(Unplaced::NoRoom) => return Stored::TooLarge,
                Err(Unplaced::Host(HostError::CasMismatch)) => {}
                Err(Unplaced::Host(HostError::Status(_))) => break,
            }
        }
        Stored::Contended
    }

    /// Empties the slot of a key. Returns whose answer stood there; `None` when none did.
    pub(super) fn remove<H: SharedData>(
        &self,
        host: &H,
        name: KeyName,
    ) -> Result<Option<TenantTag>, HostError> {
        let set = self.geometry.set_of(name);
        let directory_name = directory_name(set);
        let mut refused = HostError::CasMismatch;
        for _ in 0..REMOVALS {
            let read = host.shared_data(&directory_name);
            let mut directory = Directory::decode(&read.value, self.geometry.stamp());
            let Some((way, tenant)) = directory.remove(name.bytes()) else { return Ok(None) };
            let payload = host.shared_data(&payload_name(set, way));
            match host.set_shared_data(&directory_name, &directory.encode(self.geometry.stamp()), read.cas) {
                Ok(()) => {
                    // What the directory does not name is not read; another answer may have its place by now.
                    let _ = host.set_shared_data(&payload_name(set, way), &[], payload.cas);
                    return Ok(Some(tenant));
                }
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Enters a payload into the directory and empties the slots that had to make room; returns its place.
    fn claim<H: SharedData>(&self, host: &H, set: u32, new: Slot, now: Duration) -> Result<usize, Unplaced> {
        let name = directory_name(set);
        let read = host.shared_data(&name);
        let stamp = self.geometry.stamp();
        let mut directory = Directory::decode(&read.value, stamp);
        let placed = directory.place(new, milliseconds(now), self.room);
        let Placed { way, freed } = placed.ok_or(Unplaced::NoRoom)?;
        host.set_shared_data(&name, &directory.encode(stamp), read.cas)?;
        let stale = if directory.foreign { (0..WAYS as usize).collect() } else { freed };
        for other in stale.into_iter().filter(|other| *other != way) {
            host.set_shared_data(&payload_name(set, other), &[], None)?;
        }
        Ok(way)
    }
}

fn directory_name(set: u32) -> String {
    format!("arbiter.exact.{set}")
}

fn payload_name(set: u32, way: usize) -> String {
    format!("arbiter.exact.{set}.{way}")
}
