//! Local time: in which hour, on which day something happens, where a team lives.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A time zone of the IANA's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A moment where a team lives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Local {
    /// Hour of the day, 0..=23.
    pub hour: u8,
    /// Day of the week, 1 (Monday) to 7 (Sunday) (ISO 8601).
    pub weekday: u8,
    /// Date, for example `2026-11-27` (ISO 8601).
    pub date: String,
}

/// Stretches of time that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Whole minutes.
    Minute,
    /// Whole hours of UTC.
    Hour,
    /// Days where a team lives.
    Day,
    /// Weeks from Monday.
    Week,
    /// Months.
    Month,
}

impl Window {
    /// All of them, by their names in policies.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("minute", Self::Minute),
        ("hour", Self::Hour),
        ("day", Self::Day),
        ("week", Self::Week),
        ("month", Self::Month),
    ];

    /// Its name in policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(_, window)| *window == self);
        named.map_or("", |(name, _)| name)
    }
}

/// One of them: from its start, its end excluded, both after the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its start.
    pub start: Duration,
    /// Its end.
    pub end: Duration,
}

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Zone {
    /// The zone of this name, for example `Europe/Berlin`; `None` when there is none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().map(Self)
    }

    /// The window that a moment is in, so long after the Unix epoch.
    #[must_use]
    pub fn span(&self, window: Window, since_epoch: Duration) -> Span {
        match window {
            Window::Minute => span_of_seconds(60, since_epoch),
            Window::Hour => span_of_seconds(3600, since_epoch),
            Window::Day | Window::Week | Window::Month => self
                .span_of_days(window, since_epoch)
                // Beyond all calendars a day has as many seconds as usual.
                .unwrap_or_else(|| span_of_seconds(86_400, since_epoch)),
        }
    }

    fn span_of_days(&self, window: Window, since_epoch: Duration) -> Option<Span> {
        let seconds = i64::try_from(since_epoch.as_secs()).ok()?;
        let today = Timestamp::from_second(seconds).ok()?.to_zoned(self.0.clone()).date();
        let (first, length) = match window {
            Window::Month => (today.first_of_month(), jiff::Span::new().months(1)),
            Window::Week => {
                let since_monday = i64::from(today.weekday().to_monday_zero_offset());
                (today.checked_sub(jiff::Span::new().days(since_monday)).ok()?, jiff::Span::new().weeks(1))
            }
            Window::Minute | Window::Hour | Window::Day => (today, jiff::Span::new().days(1)),
        };
        let start_of = |date: jiff::civil::Date| {
            let midnight = date.to_zoned(self.0.clone()).ok()?;
            u64::try_from(midnight.timestamp().as_second()).ok().map(Duration::from_secs)
        };
        Some(Span { start: start_of(first)?, end: start_of(first.checked_add(length).ok()?)? })
    }

    /// The number of the day that a moment is in, where a team lives: 0 for the first of 1970.
    #[must_use]
    pub fn day(&self, since_epoch: Duration) -> u64 {
        let seconds = i64::try_from(since_epoch.as_secs()).ok();
        let timestamp = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_default();
        let today = timestamp.to_zoned(self.0.clone()).date();
        let midnight = today.to_zoned(TimeZone::UTC).map_or(0, |midnight| midnight.timestamp().as_second());
        u64::try_from(midnight).unwrap_or_default() / 86_400
    }

    /// The moment so long after the Unix epoch; that of the epoch if it is beyond all calendars.
    #[must_use]
    pub fn local(&self, since_epoch: Duration) -> Local {
        let timestamp = i64::try_from(since_epoch.as_secs())
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok());
        let zoned = timestamp.unwrap_or_default().to_zoned(self.0.clone());
        let (hour, weekday) = (zoned.hour(), zoned.weekday().to_monday_one_offset());
        Local { hour: hour.unsigned_abs(), weekday: weekday.unsigned_abs(), date: zoned.date().to_string() }
    }
}

fn span_of_seconds(length: u64, since_epoch: Duration) -> Span {
    let seconds = since_epoch.as_secs();
    let start = seconds.saturating_sub(seconds.checked_rem(length).unwrap_or_default());
    Span { start: Duration::from_secs(start), end: Duration::from_secs(start.saturating_add(length)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_where_a_team_lives() {
        // 2026-03-29 00:59:59 UTC: a second before summer begins in Berlin.
        let moment = Duration::from_secs(1_774_745_999);
        let local = |name: &str, moment| Zone::named(name).unwrap().local(moment);
        let of = |hour, weekday, date: &str| Local { hour, weekday, date: date.to_owned() };
        assert_eq!(local("UTC", moment), of(0, 7, "2026-03-29"));
        assert_eq!(local("Europe/Berlin", moment), of(1, 7, "2026-03-29"));
        assert_eq!(local("Europe/Berlin", moment + Duration::from_secs(1)), of(3, 7, "2026-03-29"));
        assert_eq!(local("America/New_York", moment), of(20, 6, "2026-03-28"));
        assert_eq!(Zone::default().local(Duration::MAX), of(0, 4, "1970-01-01"));
        assert_eq!(Zone::named("Europe/Atlantis"), None);
    }

    #[test]
    fn windows_begin_where_a_team_lives() {
        let at =
            |text: &str| Duration::from_secs(text.parse::<Timestamp>().unwrap().as_second().unsigned_abs());
        let cases = [
            (Window::Minute, "UTC", "2026-11-27T22:30:59Z", "2026-11-27T22:30:00Z", "2026-11-27T22:31:00Z"),
            (
                Window::Hour,
                "Europe/Berlin",
                "2026-11-27T22:59:59Z",
                "2026-11-27T22:00:00Z",
                "2026-11-27T23:00:00Z",
            ),
            (Window::Day, "UTC", "2026-11-27T22:30:59Z", "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"),
            (
                Window::Day,
                "Europe/Berlin",
                "2026-11-27T23:30:00Z",
                "2026-11-27T23:00:00Z",
                "2026-11-28T23:00:00Z",
            ),
            // A day of 23 hours, and one of 25.
            (
                Window::Day,
                "Europe/Berlin",
                "2026-03-29T12:00:00Z",
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                Window::Day,
                "Europe/Berlin",
                "2026-10-25T12:00:00Z",
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
            ),
            (
                Window::Week,
                "America/New_York",
                "2026-11-29T12:00:00Z",
                "2026-11-23T05:00:00Z",
                "2026-11-30T05:00:00Z",
            ),
            (Window::Week, "UTC", "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
            (Window::Month, "UTC", "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
            (
                Window::Month,
                "Asia/Kolkata",
                "2026-12-31T18:30:00Z",
                "2026-12-31T18:30:00Z",
                "2027-01-31T18:30:00Z",
            ),
        ];
        for (window, zone, moment, start, end) in cases {
            let span = Zone::named(zone).unwrap().span(window, at(moment));
            assert_eq!(span, Span { start: at(start), end: at(end) }, "{window:?} {zone} {moment}");
        }
    }

    #[test]
    fn every_moment_is_in_its_window() {
        let moments =
            [0, 1, 1_795_818_600, 253_402_300_799, 253_402_300_800, u64::MAX / 2, u64::MAX - 86_400];
        for (_, window) in Window::NAMES {
            for moment in moments.map(Duration::from_secs) {
                let span = Zone::default().span(window, moment);
                assert!(span.start <= moment && moment < span.end, "{window:?} {moment:?} {span:?}");
            }
        }
    }
}
