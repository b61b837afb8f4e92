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
}
