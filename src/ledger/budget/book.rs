//! The accounts of a budget in shared data: a fixed number of places, because nothing is ever deleted there.
//!
//! A holder's account stands at the place that its hash names, or at one of the next few. A place whose account counts for nothing any more is
//! given to another holder. Where there is none free, holders share one account for all of them: they are stopped too early, not too late.

use std::cell::Cell;
use std::time::Duration;

use thiserror::Error;

use super::account::{Account, Moment};
use super::{Budget, Period, Stage};
use crate::calendar::{Span, Window, Zone};
use crate::host::{HostError, SharedData};

/// Places for accounts of a budget that callers have one each of.
const PLACES: u32 = 2048;
/// What a value costs its host besides its bytes: its key, and a node of a table.
const PLACE_BYTES: u64 = 160;
/// Places that are looked at for an account.
const PROBES: u32 = 16;
/// How often a change is tried that other workers are quicker with.
const TRIES: usize = 32;
/// Shortest generation of reservations.
const MIN_GENERATION: Duration = Duration::from_secs(60);

/// A budget's accounts.
#[derive(Debug)]
pub struct Book {
    budget: Budget,
    zone: Zone,
    /// Longest time that a call takes.
    longest_call: Duration,
    prefix: String,
    places: u32,
    /// The window that now is in.
    span: Cell<Option<Span>>,
    is_prepared: Cell<bool>,
}

/// Other workers were quicker with every try to change an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("other workers were quicker every time")]
pub struct Contended;

/// What is set aside for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    holder: String,
    generation: u64,
    amount: u64,
}

/// How a holder stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What is used, reservations included.
    pub used: u64,
    /// How much there is.
    pub limit: u64,
    /// What follows.
    pub stage: Stage,
    /// Time until the window ends; of a rolling one, until so much is forgotten that a stage less strict holds.
    pub resets_in: Duration,
}

/// An account, where it stands, and its version.
struct Place {
    key: String,
    account: Account,
    cas: Option<u32>,
}

impl Book {
    /// The accounts of `budget`, whose windows begin where a team lives; calls take at most `longest_call`.
    #[must_use]
    pub fn new(budget: Budget, zone: Zone, longest_call: Duration) -> Self {
        let Budget { name, per, unit, window, .. } = &budget;
        let what = format!("{name}\n{per:?}\n{}\n{}", unit.as_str(), window.in_words());
        let hash = blake3::hash(what.as_bytes()).to_hex();
        let prefix = format!("arbiter.budget.{}.", hash.as_str().get(..16).unwrap_or_default());
        let places = if budget.per.is_some() { PLACES } else { 1 };
        Self {
            budget,
            zone,
            longest_call,
            prefix,
            places,
            span: Cell::new(None),
            is_prepared: Cell::new(false),
        }
    }

    /// The budget.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Most bytes of shared data that the accounts take, with what each costs its host.
    #[must_use]
    pub fn bound(&self) -> u64 {
        let account = PLACE_BYTES.saturating_add(Account::most_bytes(self.budget.window.slots()));
        u64::from(self.places).saturating_add(1).saturating_mul(account)
    }

    /// How a holder stands, `now` after the Unix epoch.
    pub fn standing<H: SharedData>(&self, host: &H, holder: &str, now: Duration) -> Standing {
        self.prepare(host);
        let account = self.place(host, holder, now).account;
        self.standing_of(&account, holder, now)
    }

    /// Sets an amount aside, unless the holder's budget is spent. How the holder stood before, and what is set aside.
    ///
    /// # Errors
    /// [`Contended`] when other workers were quicker every time.
    pub fn reserve<H: SharedData>(
        &self,
        host: &H,
        holder: &str,
        (amount, now): (u64, Duration),
    ) -> Result<(Standing, Option<Reservation>), Contended> {
        self.prepare(host);
        self.change(host, holder, now, |account| {
            let standing = self.standing_of(account, holder, now);
            if standing.stage == Stage::Reject {
                return (standing, None);
            }
            let generation = account.reserve(amount);
            let reservation = Reservation { holder: holder.to_owned(), generation, amount };
            (standing, Some(reservation))
        })
    }

    /// Gives back what was set aside, and books what was `spent`.
    ///
    /// # Errors
    /// [`Contended`] when other workers were quicker every time.
    pub fn settle<H: SharedData>(
        &self,
        host: &H,
        reservation: &Reservation,
        (spent, now): (u64, Duration),
    ) -> Result<(), Contended> {
        let Reservation { holder, generation, amount } = reservation;
        self.change(host, holder, now, |account| account.settle(*generation, *amount, spent))
    }

    /// All accounts that something counts in.
    pub fn accounts<H: SharedData>(&self, host: &H, now: Duration) -> Vec<(Account, Standing)> {
        let moment = self.moment(now);
        let places = (0..self.places).map(|place| self.key(place)).chain([self.shared_key()]);
        let accounts = places.filter_map(|key| {
            let mut account = Account::decode(&host.shared_data(&key).value)?;
            account.advance(moment);
            let standing = self.standing_of(&account, &account.name, now);
            (account.used() > 0).then_some((account, standing))
        });
        accounts.collect()
    }

    fn standing_of(&self, account: &Account, holder: &str, now: Duration) -> Standing {
        let (used, limit) = (account.used(), self.budget.limit_of(holder));
        let stage = self.budget.stages.at(used, limit);
        let resets_in = match self.budget.window {
            Period::Calendar(window) => self.span(window, now).end.saturating_sub(now),
            Period::Rolling(length) => self.eases_in(account, (used, limit, stage), length, now),
        };
        Standing { used, limit, stage, resets_in }
    }

    /// Time until so much is forgotten that a stage less strict holds.
    fn eases_in(
        &self,
        account: &Account,
        (used, limit, stage): (u64, u64, Stage),
        length: Duration,
        now: Duration,
    ) -> Duration {
        let mut left = used;
        let mut leaving = account.leaving().filter(|(spent, _)| {
            left = left.saturating_sub(*spent);
            self.budget.stages.at(left, limit) < stage
        });
        let eased = leaving.next().map(|(_, until)| until.saturating_mul(Period::slot(length)));
        eased.map_or(length, |at| Duration::from_secs(at).saturating_sub(now))
    }

    fn change<H: SharedData, T>(
        &self,
        host: &H,
        holder: &str,
        now: Duration,
        change: impl Fn(&mut Account) -> T,
    ) -> Result<T, Contended> {
        for _ in 0..TRIES {
            let Place { key, mut account, cas } = self.place(host, holder, now);
            let made = change(&mut account);
            match host.set_shared_data(&key, &account.encode(), cas) {
                Err(HostError::CasMismatch) => {}
                Ok(()) | Err(HostError::Status(_)) => return Ok(made),
            }
        }
        Err(Contended)
    }

    /// Where a holder's account stands, brought to this moment, or a new one.
    fn place<H: SharedData>(&self, host: &H, holder: &str, now: Duration) -> Place {
        let moment = self.moment(now);
        let (first, slots) = (self.first_place(holder), self.budget.window.slots());
        let mut free: Option<Place> = None;
        for probe in 0..PROBES.min(self.places) {
            let at = first.wrapping_add(probe).checked_rem(self.places).unwrap_or_default();
            let key = self.key(at);
            let shared = host.shared_data(&key);
            let found = Account::decode(&shared.value);
            match found {
                Some(mut account) if account.is_of(holder) => {
                    account.advance(moment);
                    return Place { key, account, cas: shared.cas };
                }
                Some(account) if !account.is_idle(moment) => {}
                other => {
                    let is_untouched = other.is_none();
                    free.get_or_insert_with(|| Place {
                        key,
                        account: Account::of(holder, slots),
                        cas: shared.cas,
                    });
                    if is_untouched {
                        break;
                    }
                }
            }
        }
        let mut place = free.unwrap_or_else(|| {
            let key = self.shared_key();
            let shared = host.shared_data(&key);
            let account = Account::decode(&shared.value)
                .unwrap_or_else(|| Account::of(OTHERS, self.budget.window.slots()));
            Place { key, account, cas: shared.cas }
        });
        place.account.advance(moment);
        place
    }

    fn first_place(&self, holder: &str) -> u32 {
        let hash: [u8; 32] = blake3::hash(holder.as_bytes()).into();
        let last = hash.last_chunk::<4>().copied().unwrap_or_default();
        u32::from_le_bytes(last).checked_rem(self.places).unwrap_or_default()
    }

    fn key(&self, place: u32) -> String {
        format!("{}{place}", self.prefix)
    }

    /// The account of those for whom there is no place.
    fn shared_key(&self) -> String {
        format!("{}others", self.prefix)
    }

    /// Lets later changes be told from each other: the first write to a value is not compared with anything.
    fn prepare<H: SharedData>(&self, host: &H) {
        if self.is_prepared.replace(true) {
            return;
        }
        for key in (0..self.places).map(|place| self.key(place)).chain([self.shared_key()]) {
            if host.shared_data(&key).cas.is_none() {
                // If it fails, the first two changes at a time may be one.
                let _ = host.set_shared_data(&key, &[], None);
            }
        }
    }

    fn span(&self, window: Window, now: Duration) -> Span {
        if let Some(span) = self.span.get().filter(|span| span.start <= now && now < span.end) {
            return span;
        }
        let span = self.zone.span(window, now);
        self.span.set(Some(span));
        span
    }

    fn moment(&self, now: Duration) -> Moment {
        let length = self.longest_call.max(MIN_GENERATION).as_secs();
        let generation = now.as_secs().checked_div(length).unwrap_or_default();
        let window = match self.budget.window {
            Period::Calendar(window) => self.span(window, now).start.as_secs(),
            Period::Rolling(length) => now.as_secs().checked_div(Period::slot(length)).unwrap_or_default(),
        };
        Moment { window, generation }
    }
}

/// Name of the account of those for whom there is no place.
const OTHERS: &str = "(others)";
