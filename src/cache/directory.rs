//! What is in the slots of one set, and who makes room for whom.

use std::time::Duration;

use super::milliseconds::milliseconds;
use super::tag::TenantTag;

/// Slots of a set.
pub const WAYS: u32 = 8;

/// First byte of every directory; another one means another format.
const FORMAT: u8 = 5;
/// Bytes before the slots in a directory: format, entries, bytes.
const HEAD: usize = 13;
/// Bytes of a slot in a directory: tag, tenant, time, length.
const SLOT: usize = 32;
/// Bytes of a whole directory.
pub(super) const DIRECTORY: usize = HEAD + SLOT * WAYS as usize;

/// Time that clocks may differ by. What was stored later than that from now on was stored under a clock that ran ahead.
pub(super) const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// How a directory is told from one that was written for other bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) entries: u32,
    pub(super) bytes: u64,
}

/// What a directory says about one slot; a length of 0 means that it is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Slot {
    /// The name of the key; the rest of it is checked in the payload.
    pub(super) tag: [u8; 16],
    /// Whose answer it is.
    pub(super) tenant: TenantTag,
    /// Milliseconds since the Unix epoch.
    pub(super) stored_at: u64,
    /// Length of the payload, in bytes.
    pub(super) length: u32,
}

impl Slot {
    pub(super) fn is_free(&self) -> bool {
        self.length == 0
    }
}

/// What a tenant may have of a set when others want room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) ways: usize,
    pub(super) bytes: u64,
}

/// How much room there is in a set, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Bytes in all.
    pub(super) bytes: u64,
    pub(super) share: Share,
    /// Milliseconds after which an answer is served no more.
    pub(super) ttl: u64,
}

/// Where a payload goes, and which others had to make room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) way: usize,
    pub(super) freed: Vec<usize>,
}

/// What is in the slots of one set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Directory {
    slots: [Slot; WAYS as usize],
    /// Whether the value that was read is of this format and stamp; payloads of another are still lying about.
    pub(super) foreign: bool,
}

impl Directory {
    pub(super) fn decode(value: &[u8], stamp: Stamp) -> Self {
        let empty = Self { slots: [Slot::default(); WAYS as usize], foreign: !value.is_empty() };
        let Some((head, slots)) = value.split_at_checked(HEAD) else { return empty };
        if head != encode_head(stamp) || value.len() != DIRECTORY {
            return empty;
        }
        let mut directory = Self { foreign: false, ..empty };
        for (slot, bytes) in directory.slots.iter_mut().zip(slots.chunks_exact(SLOT)) {
            if let Some((tag, rest)) = bytes.split_first_chunk()
                && let Some((tenant, rest)) = rest.split_first_chunk()
                && let Some((stored_at, rest)) = rest.split_first_chunk()
                && let Some((length, _)) = rest.split_first_chunk()
            {
                let (stored_at, length) = (u64::from_le_bytes(*stored_at), u32::from_le_bytes(*length));
                *slot = Slot { tag: *tag, tenant: TenantTag(*tenant), stored_at, length };
            }
        }
        directory
    }

    pub(super) fn encode(&self, stamp: Stamp) -> Vec<u8> {
        let mut value = Vec::with_capacity(DIRECTORY);
        value.extend_from_slice(&encode_head(stamp));
        for slot in &self.slots {
            value.extend_from_slice(&slot.tag);
            value.extend_from_slice(&slot.tenant.0);
            value.extend_from_slice(&slot.stored_at.to_le_bytes());
            value.extend_from_slice(&slot.length.to_le_bytes());
        }
        value
    }

    /// The slot of a tag, with its place.
    pub(super) fn find(&self, tag: &[u8; 16]) -> Option<(usize, &Slot)> {
        self.slots.iter().enumerate().find(|(_, slot)| slot.tag == *tag && !slot.is_free())
    }

    /// Empties the slot of a tag. Returns its place and its tenant.
    pub(super) fn remove(&mut self, tag: &[u8; 16]) -> Option<(usize, TenantTag)> {
        let (way, Slot { tenant, .. }) = self.find(tag).map(|(way, slot)| (way, *slot))?;
        *self.slots.get_mut(way)? = Slot::default();
        Some((way, tenant))
    }

    /// Enters `new`. Room is made by what has expired, then by the new one's own tenant if it has more than its share, else by those
    /// that have more than theirs, else by the oldest. `None` when nobody has to.
    pub(super) fn place(&mut self, new: Slot, now: u64, room: Room) -> Option<Placed> {
        let mut freed = Vec::new();
        let own = self.find(&new.tag).map(|(way, _)| way);
        for (way, slot) in self.slots.iter_mut().enumerate() {
            let is_ahead = slot.stored_at > now.saturating_add(milliseconds(CLOCK_SKEW));
            let is_over = is_ahead || slot.stored_at.saturating_add(room.ttl) <= now;
            if own == Some(way) || (is_over && !slot.is_free()) {
                *slot = Slot::default();
                freed.push(way);
            }
        }
        while self.free_way().is_none() || self.used(|_| true).saturating_add(new.length.into()) > room.bytes
        {
            let way = self.victim(&new, room.share)?;
            *self.slots.get_mut(way)? = Slot::default();
            freed.push(way);
        }
        let way = own.or_else(|| self.free_way())?;
        *self.slots.get_mut(way)? = new;
        freed.retain(|other| *other != way);
        Some(Placed { way, freed })
    }

    fn free_way(&self) -> Option<usize> {
        self.slots.iter().position(Slot::is_free)
    }

    fn used(&self, is_counted: impl Fn(&Slot) -> bool) -> u64 {
        let lengths = self.slots.iter().filter(|slot| is_counted(slot)).map(|slot| u64::from(slot.length));
        lengths.fold(0, u64::saturating_add)
    }

    /// Whether a tenant has more than its share, with so many slots and bytes besides.
    fn exceeds(&self, tenant: TenantTag, share: Share, (ways, bytes): (usize, u64)) -> bool {
        let is_its = |slot: &Slot| !slot.is_free() && slot.tenant == tenant;
        let has = self.slots.iter().filter(|slot| is_its(slot)).count();
        has.saturating_add(ways) > share.ways || self.used(is_its).saturating_add(bytes) > share.bytes
    }

    fn victim(&self, new: &Slot, share: Share) -> Option<usize> {
        let oldest = |may_go: &dyn Fn(&Slot) -> bool| {
            let taken = self.slots.iter().enumerate().filter(|(_, slot)| !slot.is_free() && may_go(slot));
            taken.min_by_key(|(_, slot)| slot.stored_at).map(|(way, _)| way)
        };
        let exceeds_own = self.exceeds(new.tenant, share, (1, new.length.into()));
        let own = oldest(&|slot| slot.tenant == new.tenant).filter(|_| exceeds_own);
        let greedy = || oldest(&|slot| self.exceeds(slot.tenant, share, (0, 0)));
        let any = || oldest(&|_| true).filter(|_| !exceeds_own);
        own.or_else(greedy).or_else(any)
    }
}

fn encode_head(Stamp { entries, bytes }: Stamp) -> [u8; HEAD] {
    let [a, b, c, d] = entries.to_le_bytes();
    let [e, f, g, h, i, j, k, l] = bytes.to_le_bytes();
    [FORMAT, a, b, c, d, e, f, g, h, i, j, k, l]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STAMP: Stamp = Stamp { entries: 8, bytes: 800 };
    const HALF: Room = Room { bytes: 800, share: Share { ways: 4, bytes: 400 }, ttl: 1_000_000 };

    fn slot(tag: u8, tenant: u8, stored_at: u64, length: u32) -> Slot {
        Slot { tag: [tag; 16], tenant: TenantTag([tenant; 4]), stored_at, length }
    }

    fn empty() -> Directory {
        Directory::decode(&[], STAMP)
    }

    /// Enters slots one after the other; returns the tags that are there at the end.
    fn tags(slots: &[Slot]) -> Vec<u8> {
        let mut directory = empty();
        for slot in slots {
            directory.place(*slot, slot.stored_at, HALF);
        }
        let mut tags: Vec<u8> =
            directory.slots.iter().filter(|slot| !slot.is_free()).map(|slot| slot.tag[0]).collect();
        tags.sort_unstable();
        tags
    }

    fn flood(tenant: u8, tags: std::ops::Range<u8>, length: u32) -> Vec<Slot> {
        tags.map(|tag| slot(tag, tenant, 100 + u64::from(tag), length)).collect()
    }

    #[test]
    fn alone_a_tenant_may_have_it_all() {
        assert_eq!(tags(&flood(1, 0..20, 50)), (12..20).collect::<Vec<u8>>());
    }

    #[test]
    fn one_tenant_cannot_evict_the_others() {
        let others = [slot(100, 2, 1, 50), slot(101, 2, 2, 50), slot(102, 3, 3, 50)];
        let kept = tags(&[others.to_vec(), flood(1, 0..50, 50)].concat());
        assert!(kept.ends_with(&[100, 101, 102]), "{kept:?}");
        let kept = tags(&[others.to_vec(), flood(1, 0..50, 300)].concat());
        assert!(kept.ends_with(&[100, 101, 102]), "bytes count as well: {kept:?}");
    }

    #[test]
    fn who_has_more_than_its_share_makes_room_for_who_has_less() {
        let newcomer = slot(100, 2, 200, 50);
        let kept = tags(&[flood(1, 0..8, 50), vec![newcomer]].concat());
        assert_eq!(kept, [1, 2, 3, 4, 5, 6, 7, 100]);
    }

    #[test]
    fn what_is_larger_than_a_share_does_not_evict_others() {
        let mut directory = empty();
        for tag in 0..4 {
            directory.place(slot(tag, tag, 1, 100), 1, HALF);
        }
        assert_eq!(directory.place(slot(9, 9, 2, 500), 2, HALF), None);
        assert!(directory.place(slot(9, 9, 2, 400), 2, HALF).is_some());
    }

    #[test]
    fn what_has_expired_makes_room_first() {
        let mut directory = empty();
        for tag in 0..8 {
            directory.place(slot(tag, tag / 4, 100 + u64::from(tag), 50), 107, HALF);
        }
        let placed = directory.place(slot(9, 9, 300, 50), 300, Room { ttl: 197, ..HALF });
        assert_eq!(placed, Some(Placed { way: 0, freed: vec![1, 2, 3] }));
    }

    #[test]
    fn what_was_stored_under_a_clock_that_ran_ahead_makes_room_first() {
        let mut directory = empty();
        for tag in 0..8 {
            directory.place(slot(tag, 1, 10_000, 50), 10_000, HALF);
        }
        directory.place(slot(9, 1, 100, 50), 100, HALF);
        assert_eq!(directory.used(|_| true), 50);
    }

    proptest! {
        #[test]
        fn what_is_entered_is_found_and_the_budget_holds(
            slots in prop::collection::vec((0..30_u8, 0..4_u8, 0..50_u64, 1..700_u32), 0..60),
        ) {
            let mut directory = empty();
            for (tag, tenant, time, length) in slots {
                let new = slot(tag, tenant, time, length);
                let placed = directory.place(new, time, HALF);
                prop_assert!(directory.used(|_| true) <= 800);
                if let Some(Placed { way, freed }) = placed {
                    prop_assert_eq!(directory.find(&new.tag), Some((way, &new)));
                    prop_assert!(!freed.contains(&way));
                }
                let read = Directory::decode(&directory.encode(STAMP), STAMP);
                prop_assert_eq!(read, directory);
            }
        }
    }
}
