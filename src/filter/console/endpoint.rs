//! What is asked for: by POST what is to be done, by GET what is to be told.

use super::page::Asset;
use crate::telemetry::history::Grain;

/// Periods that are told where it is not said how many.
const PERIODS: usize = 48;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Page(Asset),
    Overview,
    /// How long each period is, and how many are wanted.
    History(Grain, usize),
    Decisions,
    Budgets,
    Policy,
    Invalidate,
    Report,
}

impl Endpoint {
    /// What a path asks for. Whatever stands before `/api/` is that of a proxy in front.
    pub(super) fn at(path: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(path).ok()?;
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let (_, name) = path.rsplit_once("/api/").unwrap_or_default();
        match name {
            "overview" => Some(Self::Overview),
            "history" => Some(history(query)),
            "decisions" => Some(Self::Decisions),
            "budgets" => Some(Self::Budgets),
            "policy" => Some(Self::Policy),
            "cache/invalidate" => Some(Self::Invalidate),
            "cache/report" => Some(Self::Report),
            _ => Asset::at(path).map(Self::Page),
        }
    }

    pub(super) fn method(self) -> &'static str {
        if self.is_action() { "POST" } else { "GET" }
    }

    /// Whether it changes something.
    pub(super) fn is_action(self) -> bool {
        matches!(self, Self::Invalidate | Self::Report)
    }

    /// Whether it tells nothing about anybody.
    pub(super) fn is_public(self) -> bool {
        matches!(self, Self::Page(_))
    }
}

/// What of the past is asked for: the last hours, unless the query says otherwise.
fn history(query: &str) -> Endpoint {
    let (mut grain, mut count) = (Grain::Hour, PERIODS);
    for (name, value) in query.split('&').filter_map(|part| part.split_once('=')) {
        match name {
            "grain" => grain = Grain::ALL.into_iter().find(|known| known.as_str() == value).unwrap_or(grain),
            "count" => count = value.parse().unwrap_or(count),
            _ => {}
        }
    }
    Endpoint::History(grain, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_of_a_proxy_changes_nothing() {
        for prefix in ["", "/arbiter", "/a/api/b"] {
            let at = |path: &str| Endpoint::at(format!("{prefix}{path}").as_bytes());
            assert_eq!(at("/"), Some(Endpoint::Page(Asset::Page)));
            assert_eq!(at("/?x=1"), Some(Endpoint::Page(Asset::Page)));
            assert_eq!(at("/console.js"), Some(Endpoint::Page(Asset::Script)));
            assert_eq!(at("/api/overview"), Some(Endpoint::Overview));
            assert_eq!(at("/api/history?count=3&grain=day"), Some(Endpoint::History(Grain::Day, 3)));
            assert_eq!(at("/api/history?count=-3&grain=week"), Some(Endpoint::History(Grain::Hour, PERIODS)));
            assert_eq!(at("/api/cache/report"), Some(Endpoint::Report));
            assert_eq!(at("/api/nothing"), None);
        }
        assert_eq!(Endpoint::at(b"/elsewhere"), None);
        assert_eq!(Endpoint::at(b"/\xff"), None);
    }
}
