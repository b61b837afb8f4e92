//! A worker's own index of what is in the ring: vectors of small whole numbers, searched without a tree.

use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::super::tag::TenantTag;
use super::product::Factor;
use super::ring::{Context, Entry, Ring, Slot};
use crate::host::SharedData;

/// Messages that are taken in at once at most: a worker that has just started catches up over several requests.
const AT_ONCE: u64 = 64;
/// Numbers that were claimed but not written when they were looked at, and are looked at again.
const MOST_LATE: usize = 64;
/// How often such a number is looked at: its writer may be gone.
const PATIENCE: u8 = 100;

/// A message in the index.
#[derive(Debug, Clone, Copy)]
struct Place {
    number: u64,
    context: Context,
    stored_at: Duration,
    tenant: TenantTag,
    /// Where it stands among the places of its context; `None`: it is no candidate any more, but takes up its slot.
    rank: Option<usize>,
}

/// A message that may ask for the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// Its number in the ring.
    pub number: u64,
    /// Cosine.
    pub likeness: f32,
}

/// The index.
#[derive(Debug)]
pub(super) struct Index {
    ring: Ring,
    width: usize,
    /// The first number that has not been looked at.
    seen: u64,
    late: Vec<(u64, u8)>,
    /// `width` numbers for each slot of the ring.
    vectors: Vec<i8>,
    /// The length of each vector.
    lengths: Vec<f32>,
    places: Vec<Option<Place>>,
    /// Slots of the messages of a context.
    contexts: HashMap<Context, Vec<u32>, FixedState>,
    /// How many messages each tenant has.
    tenants: HashMap<TenantTag, u32, FixedState>,
}

impl Index {
    pub(super) fn new(ring: Ring, width: usize) -> Self {
        let contexts = HashMap::with_hasher(FixedState::with_seed(0));
        let tenants = HashMap::with_hasher(FixedState::with_seed(0));
        let (late, vectors, lengths, places) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { ring, width, seen: 0, late, vectors, lengths, places, contexts, tenants }
    }

    /// Takes in what has been entered since the last call. Returns whether all of it has been.
    pub(super) fn catch_up<H: SharedData>(&mut self, host: &H) -> bool {
        let next = self.ring.next(host);
        if next < self.seen {
            // The shared data are new.
            *self = Self::new(self.ring, self.width);
        }
        self.look_again(host);
        self.seen = self.seen.max(next.saturating_sub(self.ring.entries().into()));
        let end = next.min(self.seen.saturating_add(AT_ONCE));
        for number in self.seen..end {
            if !self.look(host, number) && self.late.len() < MOST_LATE {
                self.late.push((number, 0));
            }
        }
        self.seen = end;
        end == next
    }

    fn look_again<H: SharedData>(&mut self, host: &H) {
        for (number, times) in std::mem::take(&mut self.late) {
            if !self.look(host, number) && times < PATIENCE {
                self.late.push((number, times.saturating_add(1)));
            }
        }
    }

    /// Takes in one number. Returns whether that is settled.
    fn look<H: SharedData>(&mut self, host: &H, number: u64) -> bool {
        match self.ring.read(host, number) {
            Slot::Entry(entry) => {
                if entry.vector.len() == self.width {
                    self.insert(number, &entry);
                }
                true
            }
            Slot::Overwritten => true,
            Slot::NotYet => false,
        }
    }

    fn slot(&self, number: u64) -> u32 {
        u32::try_from(number.checked_rem(self.ring.entries().into()).unwrap_or_default()).unwrap_or_default()
    }

    fn insert(&mut self, number: u64, entry: &Entry) {
        let Entry { context, stored_at, ref vector, .. } = *entry;
        let tenant = entry.key.tenant();
        let slot = self.slot(number);
        self.remove_slot(slot);
        let Ok(at) = usize::try_from(slot) else { return };
        let start = at.saturating_mul(self.width);
        let end = start.saturating_add(self.width);
        if self.places.len() <= at {
            self.places.resize(at.saturating_add(1), None);
            self.vectors.resize(end, 0);
            self.lengths.resize(at.saturating_add(1), 0.0);
        }
        let slots = self.contexts.entry(context).or_default();
        let rank = slots.len();
        slots.push(slot);
        let room = (self.places.get_mut(at), self.vectors.get_mut(start..end), self.lengths.get_mut(at));
        if let (Some(place), Some(own), Some(own_length)) = room {
            own.copy_from_slice(vector);
            *own_length = length(vector);
            *place = Some(Place { number, context, stored_at, tenant, rank: Some(rank) });
            let count = self.tenants.entry(tenant).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// How many slots a tenant's messages take up.
    pub(super) fn count(&self, tenant: TenantTag) -> u32 {
        self.tenants.get(&tenant).copied().unwrap_or_default()
    }

    /// A message is no candidate any more. Until another one takes its slot, the slot is its tenant's.
    pub(super) fn remove(&mut self, number: u64) {
        let slot = self.slot(number);
        let is_it = |place: &Place| place.number == number;
        if self.place(slot).is_some_and(is_it) {
            self.leave_context(slot);
        }
    }

    fn place(&self, slot: u32) -> Option<&Place> {
        self.places.get(usize::try_from(slot).ok()?)?.as_ref()
    }

    fn place_mut(&mut self, slot: u32) -> Option<&mut Option<Place>> {
        self.places.get_mut(usize::try_from(slot).ok()?)
    }

    fn remove_slot(&mut self, slot: u32) {
        self.leave_context(slot);
        let Some(Place { tenant, .. }) = self.place_mut(slot).and_then(Option::take) else { return };
        if let Some(count) = self.tenants.get_mut(&tenant) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.tenants.remove(&tenant);
            }
        }
    }

    fn leave_context(&mut self, slot: u32) {
        let Some(Some(place)) = self.place_mut(slot) else { return };
        let (context, Some(rank)) = (place.context, place.rank.take()) else { return };
        let Some(slots) = self.contexts.get_mut(&context) else { return };
        if rank < slots.len() {
            slots.swap_remove(rank);
        }
        let moved = slots.get(rank).copied();
        if slots.is_empty() {
            self.contexts.remove(&context);
        }
        if let Some(Some(moved)) = moved.and_then(|moved| self.place_mut(moved)) {
            moved.rank = Some(rank);
        }
    }

    /// The `most` messages of a context that are nearest to a vector, and at least `least` like it, the nearest first; none that
    /// were stored before `since`.
    pub(super) fn nearest(
        &self,
        context: &Context,
        vector: &[i8],
        least: f32,
        most: usize,
        since: Duration,
    ) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = Vec::with_capacity(most.saturating_add(1));
        let (own, factor) = (length(vector), Factor::new(vector));
        if own <= 0.0 || vector.len() != self.width {
            return found;
        }
        let mut floor = least;
        for slot in self.contexts.get(context).into_iter().flatten() {
            let Some(likeness) = self.likeness(*slot, &factor, own) else { continue };
            if likeness < floor {
                continue;
            }
            let Some(place) = self.place(*slot).filter(|place| place.stored_at >= since) else { continue };
            let at = found.partition_point(|other| other.likeness >= likeness);
            found.insert(at, Candidate { number: place.number, likeness });
            if found.len() > most {
                found.pop();
                floor = found.last().map_or(least, |last| last.likeness);
            }
        }
        found
    }

    fn likeness(&self, slot: u32, factor: &Factor, own: f32) -> Option<f32> {
        let at = usize::try_from(slot).ok()?;
        let start = at.checked_mul(self.width)?;
        let other = self.vectors.get(start..start.checked_add(self.width)?)?;
        Some(number(factor.times(other)) / (own * self.lengths.get(at)?))
    }
}

fn length(vector: &[i8]) -> f32 {
    number(Factor::new(vector).times(vector)).sqrt()
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^24, and of rounded numbers anyway")]
fn number(product: i32) -> f32 {
    product as f32
}

/// A direction in whole numbers, the largest of them 127.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "numbers between -127 and 127")]
pub(super) fn rounded(direction: &[f64]) -> Vec<i8> {
    let largest = direction.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    let scale = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    direction.iter().map(|x| (x * scale).round() as i8).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::CacheKey;
    use super::*;
    use crate::host::memory::MemoryHost;

    const HERE: Context = [1; 16];

    fn enter(ring: Ring, host: &MemoryHost, context: Context, vector: Vec<i8>, stored_at: u64) -> u64 {
        let stored_at = Duration::from_secs(stored_at);
        ring.enter(
            host,
            &Entry { context, key: CacheKey::named("k"), stored_at, vector, text: String::new() },
        )
        .unwrap()
    }

    fn found(index: &Index, vector: &[i8]) -> Vec<u64> {
        index
            .nearest(&HERE, vector, 0.1, 2, Duration::ZERO)
            .iter()
            .map(|candidate| candidate.number)
            .collect()
    }

    #[test]
    fn the_nearest_of_the_same_context_are_found() {
        let (host, ring) = (MemoryHost::default(), Ring::new(8, 8192));
        let mut index = Index::new(ring, 2);
        for vector in [vec![100, 0], vec![0, 100], vec![90, 30], vec![-100, 0]] {
            enter(ring, &host, HERE, vector, 5);
        }
        enter(ring, &host, [2; 16], vec![100, 0], 5);
        assert!(index.catch_up(&host));
        assert_eq!(found(&index, &[50, 0]), [0, 2]);
        assert_eq!(index.nearest(&HERE, &[50, 0], 0.99, 9, Duration::ZERO).len(), 1);
        assert!(index.nearest(&HERE, &[50, 0], 0.0, 9, Duration::from_secs(6)).is_empty());
        index.remove(0);
        assert_eq!(found(&index, &[50, 0]), [2]);
    }

    #[test]
    fn what_is_no_candidate_takes_up_its_slot_until_it_is_overwritten() {
        let (host, ring) = (MemoryHost::default(), Ring::new(3, 8192));
        let mut index = Index::new(ring, 2);
        let tenant = CacheKey::named("k").tenant();
        for x in [100, 90, 80] {
            enter(ring, &host, HERE, vec![x, 0], 5);
        }
        index.catch_up(&host);
        index.remove(0);
        index.remove(0);
        assert_eq!((found(&index, &[50, 0]).len(), index.count(tenant)), (2, 3));
        enter(ring, &host, [2; 16], vec![100, 0], 5);
        index.catch_up(&host);
        assert_eq!((found(&index, &[50, 0]).len(), index.count(tenant)), (2, 3));
    }

    #[test]
    fn what_is_overwritten_is_forgotten() {
        let (host, ring) = (MemoryHost::default(), Ring::new(2, 8192));
        let mut index = Index::new(ring, 2);
        for _ in 0..5 {
            enter(ring, &host, HERE, vec![100, 0], 5);
            index.catch_up(&host);
        }
        enter(ring, &host, [2; 16], vec![100, 0], 5);
        index.catch_up(&host);
        assert_eq!(found(&index, &[50, 0]), [4]);
    }

    #[test]
    fn a_worker_that_starts_late_catches_up_in_pieces() {
        let (host, ring) = (MemoryHost::default(), Ring::new(150, 150 * 256));
        for _ in 0..170 {
            enter(ring, &host, HERE, vec![100, 0], 5);
        }
        let mut index = Index::new(ring, 2);
        assert_eq!(
            [index.catch_up(&host), index.catch_up(&host), index.catch_up(&host)],
            [false, false, true]
        );
        assert_eq!(index.nearest(&HERE, &[1, 0], 0.1, 1000, Duration::ZERO).len(), 150);
    }

    #[test]
    fn a_number_that_is_written_late_is_still_taken_in() {
        let (host, ring) = (MemoryHost::default(), Ring::new(8, 8192));
        let mut index = Index::new(ring, 2);
        enter(ring, &host, HERE, vec![100, 0], 5);
        let written = host.shared_data("arbiter.semantic.0").value;
        host.set_shared_data("arbiter.semantic.0", &[], None).unwrap();
        index.catch_up(&host);
        assert!(found(&index, &[1, 0]).is_empty());
        host.set_shared_data("arbiter.semantic.0", &written, None).unwrap();
        index.catch_up(&host);
        assert_eq!(found(&index, &[1, 0]), [0]);
    }

    #[test]
    fn it_stays_as_large_as_the_ring_over_a_million_messages() {
        let (host, ring) = (MemoryHost::default(), Ring::new(64, 64 * 512));
        let mut index = Index::new(ring, 2);
        for number in 0..1_000_000_u32 {
            let context = [u8::try_from(number % 100).unwrap(); 16];
            enter(ring, &host, context, vec![100, 0], 5);
            index.catch_up(&host);
        }
        let slots: usize = index.contexts.values().map(Vec::len).sum();
        assert_eq!((index.places.len(), index.vectors.len(), slots), (64, 128, 64));
        assert!(index.contexts.len() <= 64 && index.late.is_empty());
        assert_eq!(index.tenants.values().sum::<u32>(), 64);
        assert!(u64::try_from(host.shared_bytes()).unwrap() <= ring.bound());
    }

    #[test]
    fn directions_are_rounded() {
        assert_eq!(rounded(&[0.5, -1.0, 0.0]), [64, -127, 0]);
        assert_eq!(rounded(&[0.0]), [0]);
    }
}
