//! Where levels begin.

use super::Level;

/// Scores from which on a request is medium, and high. `0 < medium < high <= 1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Boundaries {
    /// Least score of [`Level::Medium`].
    pub medium: f64,
    /// Least score of [`Level::High`].
    pub high: f64,
}

impl Boundaries {
    /// For the score of the heuristic: no single signal makes a request high.
    pub const HEURISTIC: Self = Self { medium: 0.3, high: 0.6 };
    /// For the learned score, which is a share of the prompts that it was calibrated on.
    pub const LEARNED: Self = Self { medium: 0.5, high: 0.8 };

    /// A score on the scale of these boundaries, put on that of `other`: boundaries fall on boundaries.
    #[must_use]
    pub fn rescale(self, score: f64, other: Self) -> f64 {
        let between =
            |from: (f64, f64), to: (f64, f64)| to.0 + (score - from.0) / (from.1 - from.0) * (to.1 - to.0);
        if score < self.medium {
            between((0.0, self.medium), (0.0, other.medium))
        } else if score < self.high {
            between((self.medium, self.high), (other.medium, other.high))
        } else {
            between((self.high, 1.0), (other.high, 1.0))
        }
    }

    /// The level that a score falls into.
    #[must_use]
    pub fn level(self, score: f64) -> Level {
        if score >= self.high {
            Level::High
        } else if score >= self.medium {
            Level::Medium
        } else {
            Level::Low
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_fall_on_boundaries() {
        let (from, to) = (Boundaries { medium: 0.3, high: 0.6 }, Boundaries { medium: 0.5, high: 0.8 });
        for (score, rescaled) in
            [(0.0, 0.0), (0.15, 0.25), (0.3, 0.5), (0.45, 0.65), (0.6, 0.8), (0.8, 0.9), (1.0, 1.0)]
        {
            let found = from.rescale(score, to);
            assert!((found - rescaled).abs() < 1e-9, "{score}: {found}");
        }
    }
}
