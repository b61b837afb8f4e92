//! Periods and their places.

use std::time::Duration;

use crate::calendar::{Window, Zone};

/// Length of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grain {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day of the policy's time zone.
    Day,
}

/// Where a period stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Key in shared data.
    pub(super) key: String,
    /// When the period began, in seconds since the Unix epoch.
    pub(super) start: u64,
}

impl Grain {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// Its name in the console's API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// How many periods are kept.
    #[must_use]
    pub fn slots(self) -> u64 {
        match self {
            Self::Minute => 120,
            Self::Hour => 31 * 24,
            Self::Day => 93,
        }
    }

    /// The place of the period that a moment is in.
    pub(super) fn place(self, zone: &Zone, at: Duration) -> Place {
        let window = match self {
            Self::Minute => Window::Minute,
            Self::Hour => Window::Hour,
            Self::Day => Window::Day,
        };
        let start = zone.span(window, at).start.as_secs();
        let number = match self {
            Self::Minute => start / 60,
            Self::Hour => start / 3600,
            Self::Day => zone.day(at),
        };
        Place { key: self.key(number.checked_rem(self.slots()).unwrap_or_default()), start }
    }

    /// Key of a slot in shared data.
    pub(super) fn key(self, slot: u64) -> String {
        format!("arbiter.history.{}.{slot}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn neighbouring_days_have_places_of_their_own() {
        for name in ["UTC", "Europe/Berlin", "Pacific/Auckland", "America/Adak", "Asia/Kolkata"] {
            let zone = Zone::named(name).unwrap();
            let mut at = Duration::from_secs(1_767_268_800);
            for _ in 0..10 {
                let mut keys = BTreeSet::new();
                for _ in 0..93 {
                    keys.insert(Grain::Day.place(&zone, at).key);
                    at = zone.span(Window::Day, at).end;
                }
                assert_eq!(keys.len(), 93, "{name}");
            }
        }
    }
}
