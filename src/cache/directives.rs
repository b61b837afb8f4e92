//! Request `cache-control` (RFC 9111, section 5.2.1) and response `cache-status` (RFC 9211).

use std::fmt;
use std::time::Duration;

use super::exact::Bypass;
use super::origin::Origin;

/// What the caller allows the cache to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestDirectives {
    /// Serve nothing that is stored; the fresh answer may be stored.
    pub no_cache: bool,
    /// Neither serve nor store.
    pub no_store: bool,
    /// Ask no provider.
    pub only_if_cached: bool,
    /// Serve nothing older.
    pub max_age: Option<Duration>,
}

impl RequestDirectives {
    /// Reads the header, line by line: they are one list. Directives that do not concern us are skipped; a `max-age` that is no number
    /// counts as 0, the strictest reading, and of several the strictest counts.
    #[must_use]
    pub fn of<'h>(lines: impl Iterator<Item = &'h [u8]>) -> Self {
        let mut directives = Self::default();
        lines.for_each(|line| directives.take(line));
        directives
    }

    fn take(&mut self, value: &[u8]) {
        let directives = self;
        // One directive that is no text takes nothing from the others.
        for directive in value.split(|byte| *byte == b',').filter_map(|part| std::str::from_utf8(part).ok()) {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-cache" => directives.no_cache = true,
                "no-store" => directives.no_store = true,
                "only-if-cached" => directives.only_if_cached = true,
                "max-age" => {
                    let seconds = argument.trim().trim_matches('"').parse().unwrap_or(0);
                    let max_age = Duration::from_secs(seconds);
                    directives.max_age = Some(directives.max_age.map_or(max_age, |other| other.min(max_age)));
                }
                _ => {}
            }
        }
    }
}

/// What the cache did with a request, as RFC 9211 says it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CacheStatus {
    /// Answered from the cache; fresh for so much longer.
    Hit {
        /// Time until the answer expires.
        ttl_left: Duration,
        /// What the answer was given to.
        origin: Origin,
    },
    /// Nothing was stored.
    Miss,
    /// What was stored is older than the caller accepts.
    Stale,
    /// The caller asked for a fresh answer.
    Request,
    /// The request cannot be served from a cache.
    Bypass(Bypass),
}

impl fmt::Display for CacheStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hit { origin: Origin::Collapsed, .. } => f.write_str("arbiter; fwd=miss; collapsed"),
            Self::Hit { ttl_left, origin } => {
                write!(f, "arbiter; hit; ttl={}", ttl_left.as_secs())?;
                match origin {
                    Origin::Likeness { score } => write!(f, "; detail=semantic; score={score:.3}"),
                    Origin::Stored | Origin::Collapsed => Ok(()),
                }
            }
            Self::Miss => f.write_str("arbiter; fwd=miss"),
            Self::Stale => f.write_str("arbiter; fwd=stale"),
            Self::Request => f.write_str("arbiter; fwd=request"),
            Self::Bypass(bypass) => write!(f, "arbiter; fwd=bypass; detail={}", bypass.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_directives_are_understood() {
        let none = RequestDirectives::default();
        let max_age = |seconds| RequestDirectives { max_age: Some(Duration::from_secs(seconds)), ..none };
        let cases = [
            ("", none),
            ("max-stale=5, private", none),
            ("no-cache", RequestDirectives { no_cache: true, ..none }),
            ("Only-If-Cached", RequestDirectives { only_if_cached: true, ..none }),
            ("No-Store", RequestDirectives { no_store: true, ..none }),
            ("no-cache,no-store", RequestDirectives { no_cache: true, no_store: true, ..none }),
            (" max-age = 60 , foo=1", max_age(60)),
            ("max-age=\"60\"", max_age(60)),
            ("max-age=soon", max_age(0)),
            ("max-age=-1", max_age(0)),
            ("max-age", max_age(0)),
        ];
        for (value, directives) in cases {
            assert_eq!(RequestDirectives::of([value.as_bytes()].into_iter()), directives, "{value}");
        }
        let no_store = RequestDirectives { no_store: true, ..none };
        assert_eq!(RequestDirectives::of([b"x=\xff, no-store".as_slice()].into_iter()), no_store);
        let lines = [b"no-store".as_slice(), b"max-age=60", b"max-age=5"];
        assert_eq!(
            RequestDirectives::of(lines.into_iter()),
            RequestDirectives { no_store: true, ..max_age(5) }
        );
    }

    #[test]
    fn the_cache_says_what_it_did() {
        let cases = [
            (
                CacheStatus::Hit { ttl_left: Duration::from_millis(61_900), origin: Origin::Stored },
                "arbiter; hit; ttl=61",
            ),
            (
                CacheStatus::Hit {
                    ttl_left: Duration::from_secs(5),
                    origin: Origin::Likeness { score: 0.98765 },
                },
                "arbiter; hit; ttl=5; detail=semantic; score=0.988",
            ),
            (
                CacheStatus::Hit { ttl_left: Duration::from_secs(5), origin: Origin::Collapsed },
                "arbiter; fwd=miss; collapsed",
            ),
            (CacheStatus::Miss, "arbiter; fwd=miss"),
            (CacheStatus::Stale, "arbiter; fwd=stale"),
            (CacheStatus::Request, "arbiter; fwd=request"),
            (CacheStatus::Bypass(Bypass::Temperature), "arbiter; fwd=bypass; detail=temperature"),
        ];
        for (status, text) in cases {
            assert_eq!(status.to_string(), text);
        }
    }
}
