//! What the limit of a budget holds for: a window of the calendar, or so much time up to now.

use std::time::Duration;

use crate::calendar::Window;

/// Into how many slots the time up to now is cut.
const SLOTS: u64 = 24;

/// What the limit of a budget holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// A window of the calendar: at its end all is forgotten.
    Calendar(Window),
    /// The time up to now, of this length: what is older is forgotten, a 24th of the length at a time, rounded up to whole
    /// seconds.
    Rolling(Duration),
}

impl Period {
    /// In words, for example `day` or `3600 s`.
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Self::Calendar(window) => window.as_str().to_owned(),
            Self::Rolling(length) => format!("{} s", length.as_secs()),
        }
    }

    /// Sums that an account of it keeps.
    pub(super) fn slots(self) -> usize {
        match self {
            Self::Calendar(_) => 1,
            // The slot that has begun is no whole one yet.
            Self::Rolling(_) => 25,
        }
    }

    /// Length of a slot of a rolling period, in seconds.
    pub(super) fn slot(length: Duration) -> u64 {
        length.as_secs().div_ceil(SLOTS).max(1)
    }
}
