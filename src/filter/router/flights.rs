//! Requests that wait for the answer to the very same request, which is on its way to a provider: the flight.
//!
//! The first of them, the leader, goes like any other; at its end it wakes those that follow it, with its answer or without. They
//! are streams of the same worker: what wakes them acts on their streams from within the callback of another.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::apply::Applied;
use super::decide::decide;
use super::exchange::Asked;
use super::reading::Reading;
use super::role::RouterRole;
use crate::cache::CacheKey;
use crate::cache::exact::KeptAnswer;
use crate::cache::origin::Origin;
use crate::cache::recall::{Caching, Hit, Recall};
use crate::chat::ChatRequest;
use crate::host::{Host, StreamId};
use crate::telemetry::Metric;

/// Requests that may wait for one answer: they are all answered in one callback.
const MOST_FOLLOWERS: usize = 256;
/// Bytes of bodies that may wait on a worker.
const MOST_HELD: usize = 32 << 20;

/// The flights of a worker.
#[derive(Debug)]
pub(super) struct Flights(RefCell<State>);

#[derive(Debug)]
struct State {
    flights: HashMap<CacheKey, Flight, FixedState>,
    /// The number of the last flight.
    last: u64,
    /// Bytes of the bodies that wait.
    held: usize,
}

#[derive(Debug)]
struct Flight {
    /// Which one it is: another one may go by the same key when its time is over.
    number: u64,
    /// When nobody waits for it any longer.
    until: Duration,
    followers: Vec<Follower>,
}

#[derive(Debug)]
struct Follower {
    stream: StreamId,
    /// Length of its body, in bytes.
    size: usize,
    seat: Seat,
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Held {
    reading: Reading,
    request: ChatRequest,
    caching: Caching,
}

/// A leader at its end.
#[derive(Debug)]
pub(super) struct Landing {
    pub(super) key: CacheKey,
    /// The number of its flight.
    pub(super) number: u64,
    /// Its answer, if it may stand for others.
    pub(super) answer: Option<KeptAnswer>,
}

/// Where a stream that waits finds what has become of its request.
#[derive(Debug, Clone)]
pub(super) struct Seat(Rc<RefCell<Seated>>);

#[derive(Debug)]
pub(super) enum Seated {
    /// The request waits.
    Waiting(Box<Held>),
    /// It has been woken.
    Woken(Applied),
    /// Nothing is left to be done.
    Empty,
}

impl Seat {
    /// What has become of the request; whoever asks sees to the rest.
    pub(super) fn leave(&self) -> Seated {
        self.0
            .try_borrow_mut()
            .map_or(Seated::Empty, |mut seated| std::mem::replace(&mut seated, Seated::Empty))
    }

    fn take(&self, next: Seated) {
        if let Ok(mut seated) = self.0.try_borrow_mut() {
            *seated = next;
        }
    }
}

impl Held {
    /// What its caller asked for.
    pub(super) fn asked(self) -> Asked {
        Asked::of(self.request, &self.reading)
    }
}

impl Flights {
    pub(super) fn new() -> Self {
        let flights = HashMap::with_hasher(FixedState::with_seed(0));
        Self(RefCell::new(State { flights, last: 0, held: 0 }))
    }

    /// Lets a request wait, if there is a flight that it can wait for.
    ///
    /// # Errors
    /// What it came with, if there is none.
    #[expect(clippy::result_large_err, reason = "what was handed in is handed back")]
    pub(super) fn follow<H: Host>(
        &self,
        host: &H,
        stream: StreamId,
        (reading, request, recall): (Reading, ChatRequest, Recall),
    ) -> Result<Seat, (Reading, ChatRequest, Recall)> {
        let Recall::Forward(caching @ (Caching::Store(key) | Caching::Replace(key))) = recall else {
            return Err((reading, request, recall));
        };
        let Ok(mut state) = self.0.try_borrow_mut() else { return Err((reading, request, recall)) };
        let State { flights, held, .. } = &mut *state;
        let size = request.body().len();
        let flight = flights.get_mut(&key).filter(|flight| {
            let has_room = flight.followers.len() < MOST_FOLLOWERS && held.saturating_add(size) <= MOST_HELD;
            has_room && host.now() < flight.until && !reading.directives.only_if_cached
        });
        let Some(flight) = flight else { return Err((reading, request, recall)) };
        *held = held.saturating_add(size);
        let seat = Seat(Rc::new(RefCell::new(Seated::Waiting(Box::new(Held { reading, request, caching })))));
        flight.followers.push(Follower { stream, size, seat: seat.clone() });
        Ok(seat)
    }

    /// Opens the flight of a request that goes to a provider. Returns its number; `None` if nobody may wait for it.
    fn open<H: Host>(&self, host: &H, longest: Duration, caching: &Caching) -> Option<u64> {
        let (Caching::Store(key) | Caching::Replace(key)) = caching else { return None };
        let mut state = self.0.try_borrow_mut().ok()?;
        let State { flights, last, .. } = &mut *state;
        let Entry::Vacant(vacant) = flights.entry(*key) else { return None };
        *last = last.wrapping_add(1);
        let until = host.now().saturating_add(longest);
        vacant.insert(Flight { number: *last, until, followers: Vec::new() });
        Some(*last)
    }

    /// Lets others wait for the answer, if the request goes to a provider and the policy allows it.
    pub(super) fn lead<H: Host>(&self, role: &RouterRole, host: &H, applied: &mut Applied) {
        let longest = role.policy.exact_cache.as_ref().and_then(|bounds| bounds.collapse);
        if let (Applied::Forwarded(forwarded), Some(longest)) = (applied, longest) {
            forwarded.flight = self.open(host, longest, &forwarded.caching);
        }
    }

    /// Wakes the followers of a leader that is at its end, with its answer if they may have it.
    pub(super) fn land<H: Host>(&self, role: &RouterRole, host: &H, landing: &Landing) {
        let Landing { key, number, answer } = landing;
        let flight = match self.0.try_borrow_mut() {
            // Who leads the next one will wake those who wait for that.
            Ok(mut state) => match state.flights.entry(*key) {
                Entry::Occupied(flight) if flight.get().number == *number => Some(flight.remove()),
                _ => None,
            },
            Err(_) => None,
        };
        let followers = flight.map(|flight| flight.followers).unwrap_or_default();
        self.left(&followers);
        for follower in followers {
            self.wake(role, host, follower, answer.as_ref());
        }
    }

    /// These wait no longer.
    fn left(&self, followers: &[Follower]) {
        if let Ok(mut state) = self.0.try_borrow_mut() {
            state.held =
                followers.iter().fold(state.held, |held, follower| held.saturating_sub(follower.size));
        }
    }

    /// Wakes those who have waited long enough.
    pub(super) fn release_overdue<H: Host>(&self, role: &RouterRole, host: &H) {
        let now = host.now();
        let followers: Vec<Follower> = match self.0.try_borrow_mut() {
            Ok(mut state) => {
                let overdue = state.flights.extract_if(|_, flight| flight.until <= now);
                overdue.flat_map(|(_, flight)| flight.followers).collect()
            }
            Err(_) => return,
        };
        self.left(&followers);
        for follower in followers {
            self.wake(role, host, follower, None);
        }
    }

    fn wake<H: Host>(
        &self,
        role: &RouterRole,
        host: &H,
        Follower { stream, seat, .. }: Follower,
        answer: Option<&KeptAnswer>,
    ) {
        let Seated::Waiting(held) = seat.leave() else { return };
        // A stream that is gone has said so.
        if host.turn_to(stream).is_err() {
            return;
        }
        let Held { reading, request, caching } = *held;
        let (bounds, key) = (role.policy.exact_cache.as_ref(), caching.key());
        let recall = match (answer, bounds, key) {
            (Some(answer), Some(bounds), Some(key)) => Recall::Hit(Hit {
                key: *key,
                answer: answer.clone(),
                age: Duration::ZERO,
                ttl_left: bounds.ttl,
                origin: Origin::Collapsed,
            }),
            _ => {
                role.meters.add(Metric::Cache, &["released"], 1);
                Recall::Forward(caching)
            }
        };
        let mut applied = decide(role, host, reading, request, recall);
        self.lead(role, host, &mut applied);
        if !matches!(applied, Applied::Replied) {
            host.resume_request();
        }
        seat.take(Seated::Woken(applied));
    }
}
