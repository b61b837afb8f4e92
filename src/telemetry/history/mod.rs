//! What was counted in each minute, hour and day, in shared data: the memory of the console.
//!
//! Three rings of periods: the last two hours by minute, the last 31 days by hour, the last 93 days by day of the policy's time zone. A period is one
//! value, the counters that grew in it with how much they grew; what a counter is called stands once, in a value of its own. Workers
//! add what they have counted a few times a second, by compare-and-swap. All of it is gone when Envoy restarts.

mod counts;
mod names;
mod ring;

pub use counts::Counts;
pub use ring::Grain;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use self::names::{Names, TRIES};
use self::ring::Place;
use crate::calendar::Zone;
use crate::host::SharedData;

/// What a value costs its host besides its bytes: its key, and a node of a table.
const VALUE_BYTES: u64 = 160;

/// The history, as one worker has it.
#[derive(Debug)]
pub struct History {
    zone: Zone,
    names: Names,
    /// What the periods of each grain have not been told yet, because other workers were quicker every time.
    pending: RefCell<BTreeMap<Place, Counts>>,
    is_prepared: Cell<bool>,
}

/// A period and what was counted in it, by the names of counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// When it began, in seconds since the Unix epoch.
    pub start: u64,
    /// What was counted.
    pub counts: BTreeMap<String, u64>,
}

impl History {
    /// A history whose days begin where a team lives.
    #[must_use]
    pub fn new(zone: Zone) -> Self {
        Self {
            zone,
            names: Names::default(),
            pending: RefCell::new(BTreeMap::new()),
            is_prepared: Cell::new(false),
        }
    }

    /// Most bytes of shared data that it takes, with what each value costs its host.
    #[must_use]
    pub fn bound() -> u64 {
        let periods: u64 = Grain::ALL.iter().map(|grain| grain.slots()).sum();
        let period = VALUE_BYTES.saturating_add(Counts::MOST_BYTES);
        periods.saturating_mul(period).saturating_add(VALUE_BYTES).saturating_add(Names::MOST_BYTES)
    }

    /// Adds what was counted up to `now`, by the names of counters.
    pub fn add<H: SharedData>(&self, host: &H, counted: &[(String, u64)], now: Duration) {
        self.prepare(host);
        let counts = self.names.numbered(host, counted);
        let mut pending = self.pending.borrow_mut();
        for grain in Grain::ALL {
            pending.entry(grain.place(&self.zone, now)).or_default().merge(&counts);
        }
        pending.retain(|place, counts| !add(host, place, counts));
    }

    /// The last periods of a grain, the one that is now last; those in which nothing was counted are there as well.
    pub fn last<H: SharedData>(&self, host: &H, grain: Grain, count: usize, now: Duration) -> Vec<Period> {
        let names = self.names.all(host);
        let mut periods = Vec::new();
        let mut at = now;
        for _ in 0..count.min(usize::try_from(grain.slots()).unwrap_or(usize::MAX)) {
            let place = grain.place(&self.zone, at);
            periods.push(Period { start: place.start, counts: read(host, &place).named(&names) });
            let Some(before) = Duration::from_secs(place.start).checked_sub(Duration::from_secs(1)) else {
                break;
            };
            at = before;
        }
        periods.reverse();
        periods
    }

    /// A key that has never been written has no version: two workers that write it at the same time would not notice.
    fn prepare<H: SharedData>(&self, host: &H) {
        if self.is_prepared.replace(true) {
            return;
        }
        let slots = Grain::ALL.iter().flat_map(|grain| (0..grain.slots()).map(|slot| grain.key(slot)));
        for key in slots.chain([names::KEY.to_owned()]) {
            if host.shared_data(&key).cas.is_none() {
                let _ = host.set_shared_data(&key, &[], None);
            }
        }
    }
}

/// All that was counted in some periods.
#[must_use]
pub fn sum(periods: &[Period]) -> BTreeMap<String, u64> {
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for (name, count) in periods.iter().flat_map(|period| &period.counts) {
        let sum = all.entry(name.clone()).or_default();
        *sum = sum.saturating_add(*count);
    }
    all
}

fn read<H: SharedData>(host: &H, place: &Place) -> Counts {
    let value = host.shared_data(&place.key).value;
    Counts::decode(&value)
        .filter(|(found, _)| *found == place.start)
        .map(|(_, counts)| counts)
        .unwrap_or_default()
}

/// Adds to a period; whether other workers have let it.
fn add<H: SharedData>(host: &H, place: &Place, counts: &Counts) -> bool {
    for _ in 0..TRIES {
        let found = host.shared_data(&place.key);
        let mut sum = match Counts::decode(&found.value) {
            Some((start, sum)) if start == place.start => sum,
            // A later period has its place by now.
            Some((start, _)) if start > place.start => return true,
            _ => Counts::default(),
        };
        sum.merge(counts);
        if host.set_shared_data(&place.key, &sum.encode(place.start), found.cas).is_ok() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::MemoryHost;

    const MINUTE: Duration = Duration::from_secs(60);
    const NOON: Duration = Duration::from_secs(1_767_268_800);

    fn counted(name: &str, by: u64) -> Vec<(String, u64)> {
        vec![(name.to_owned(), by)]
    }

    fn counts(history: &History, host: &MemoryHost, grain: Grain, count: usize, now: Duration) -> Vec<u64> {
        let periods = history.last(host, grain, count, now);
        periods.iter().map(|period| period.counts.get("a").copied().unwrap_or_default()).collect()
    }

    #[test]
    fn what_workers_count_adds_up() {
        let host = MemoryHost::default();
        let (one, other) = (History::new(Zone::default()), History::new(Zone::default()));
        one.add(&host, &counted("a", 3), NOON);
        other.add(&host, &counted("a", 4), NOON);
        other.add(&host, &counted("b", 1), NOON + MINUTE);
        one.add(&host, &counted("a", 5), NOON + MINUTE);
        let now = NOON + MINUTE;
        assert_eq!(counts(&other, &host, Grain::Minute, 3, now), [0, 7, 5]);
        assert_eq!(counts(&one, &host, Grain::Hour, 1, now), [12]);
        assert_eq!(counts(&one, &host, Grain::Day, 2, now), [0, 12]);
        let all = sum(&one.last(&host, Grain::Minute, 2, now));
        assert_eq!(all, BTreeMap::from([("a".into(), 12), ("b".into(), 1)]));
    }

    #[test]
    fn a_day_is_one_where_the_team_lives() {
        let host = MemoryHost::default();
        let history = History::new(Zone::named("Pacific/Auckland").unwrap());
        // 11:59 and 12:00 UTC in January are 00:59 and 01:00 there; 10:30 is 23:30 of the day before.
        history.add(&host, &counted("a", 1), NOON - Duration::from_secs(5400));
        history.add(&host, &counted("a", 2), NOON);
        assert_eq!(counts(&history, &host, Grain::Day, 2, NOON), [1, 2]);
    }

    #[test]
    fn a_slot_is_used_again_when_its_period_is_long_over() {
        let host = MemoryHost::default();
        let history = History::new(Zone::default());
        history.add(&host, &counted("a", 1), NOON);
        let later = NOON + MINUTE * 120;
        assert_eq!(counts(&history, &host, Grain::Minute, 1, later), [0]);
        history.add(&host, &counted("a", 2), later);
        assert_eq!(counts(&history, &host, Grain::Minute, 1, later), [2]);
        assert_eq!(counts(&history, &host, Grain::Minute, 1, NOON), [0]);
        assert_eq!(counts(&history, &host, Grain::Hour, 3, later), [1, 0, 2]);
    }

    #[test]
    fn a_month_of_hours_stays_within_the_bound() {
        let host = MemoryHost::default();
        let history = History::new(Zone::default());
        let many: Vec<(String, u64)> =
            (0..2000).map(|n| (format!("arbiter.requests;team={n:060}"), u64::MAX)).collect();
        for hour in 0..50_u32 {
            history.add(&host, &many, NOON + MINUTE * 60 * hour);
        }
        let values = u64::try_from(host.shared_bytes()).unwrap();
        assert!(values < History::bound(), "{values}");
        assert_eq!(history.last(&host, Grain::Hour, 1, NOON + MINUTE * 60 * 49).len(), 1);
    }
}
