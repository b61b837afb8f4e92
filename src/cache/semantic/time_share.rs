//! A share of a worker's time, so that what is slow cannot take all of it.

use std::time::Duration;

use crate::host::Clock;

/// Time that may be saved up: what a worker that was idle may spend at once.
const MOST_SAVED: Duration = Duration::from_millis(200);

/// A share of the time that passes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TimeShare {
    /// 0..=1.
    share: f64,
    /// Seconds that may be spent; below 0 after something took longer.
    left: f64,
    /// When that was so, since the Unix epoch.
    at: Duration,
}

impl TimeShare {
    pub(super) fn new(share: f64) -> Self {
        Self { share, left: 0.0, at: Duration::ZERO }
    }

    /// Whether there is time left to spend.
    fn allows(&mut self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.at);
        self.at = now;
        self.left = (self.left + passed.as_secs_f64() * self.share).min(MOST_SAVED.as_secs_f64());
        self.left > 0.0
    }

    /// Does `work` if there is time left, and counts how long it takes.
    pub(super) fn spent_on<H: Clock, T>(&mut self, host: &H, work: impl FnOnce() -> T) -> Option<T> {
        let begun = host.now();
        if !self.allows(begun) {
            return None;
        }
        let done = work();
        self.spend(host.now().saturating_sub(begun));
        Some(done)
    }

    fn spend(&mut self, spent: Duration) {
        self.left -= spent.as_secs_f64();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_comes_back_with_time() {
        let mut share = TimeShare::new(0.1);
        let at = Duration::from_millis;
        assert!(share.allows(at(1_000_000)));
        share.spend(at(300));
        assert!(!share.allows(at(1_000_500)));
        assert!(share.allows(at(1_001_100)));
        assert!(!TimeShare::new(0.0).allows(at(1_000_000)));
    }
}
