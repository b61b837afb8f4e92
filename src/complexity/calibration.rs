//! What a need means, by the prompts that a head was fitted to.

use serde::{Deserialize, Serialize};

/// Steps of the tables: per cents.
pub(super) const STEPS: usize = 100;

/// What the head does on the prompts that it was fitted to, each judged by a head that had not seen it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// How many prompts.
    pub prompts: u32,
    /// The need that 0, 1, ... 100 % of the prompts stay below or reach; ascending.
    needs: Vec<f64>,
    /// The mean grade when the hardest 0, 1, ... 100 % of the prompts get the strong model's answer, 0..=1.
    quality: Vec<f64>,
}

/// A prompt judged by a head that had not seen it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// The need.
    pub need: f64,
    /// The grade of the strong model's answer, 0..=1.
    pub strong: f64,
    /// The grade of the weak model's answer, 0..=1.
    pub weak: f64,
}

impl Calibration {
    /// The table of what a head does: `judged` has for each prompt its need and the two grades, 0..=1.
    #[must_use]
    pub fn of(judged: &[Judged]) -> Self {
        let mut sorted = judged.to_vec();
        sorted.sort_by(|a, b| a.need.total_cmp(&b.need));
        let prompts = sorted.len().max(1);
        let at = |step: usize| step.saturating_mul(prompts) / STEPS;
        let need =
            |step| sorted.get(at(step).min(prompts.saturating_sub(1))).map_or(0.0, |judged| judged.need);
        // What is equally hard shares what it gets, because it has one score.
        let gaps: Vec<f64> = sorted
            .chunk_by(|a, b| a.need.total_cmp(&b.need).is_eq())
            .flat_map(|equal| {
                let gap = mean(equal.iter().map(|judged| judged.strong - judged.weak));
                std::iter::repeat_n(gap, equal.len())
            })
            .collect();
        let weak = mean(sorted.iter().map(|judged| judged.weak));
        let quality = |share: usize| {
            let gained: f64 = gaps.iter().skip(at(STEPS.saturating_sub(share))).sum();
            let quality = weak + gained / f64::from(u32::try_from(prompts).unwrap_or(u32::MAX));
            (quality * 1e6).round().clamp(0.0, 1e6) / 1e6
        };
        Self {
            prompts: u32::try_from(sorted.len()).unwrap_or(u32::MAX),
            needs: (0..=STEPS).map(need).collect(),
            quality: (0..=STEPS).map(quality).collect(),
        }
    }

    pub(super) fn is_valid(&self) -> bool {
        let is_table =
            |table: &[f64]| table.len() == STEPS.saturating_add(1) && table.iter().all(|x| x.is_finite());
        self.prompts > 0
            && is_table(&self.needs)
            && is_table(&self.quality)
            && self.needs.is_sorted()
            && self.quality.iter().all(|quality| (0.0..=1.0).contains(quality))
    }

    /// The share of prompts with a smaller need, 0..=1; in proportion between two steps.
    #[must_use]
    pub fn share_below(&self, need: f64) -> f64 {
        let below = self.needs.partition_point(|step| *step < need);
        let (Some(upper), Some(lower)) =
            (self.needs.get(below), below.checked_sub(1).and_then(|at| self.needs.get(at)))
        else {
            return if below == 0 { 0.0 } else { 1.0 };
        };
        let within = if upper > lower { (need - lower) / (upper - lower) } else { 0.0 };
        let steps = u32::try_from(below.saturating_sub(1)).unwrap_or(u32::MAX);
        (f64::from(steps) + within) / 100.0
    }

    /// The mean grade when the hardest `share` of the prompts, 0..=1, get the strong model's answer.
    #[must_use]
    pub fn quality(&self, share: f64) -> f64 {
        let steps = (0..=STEPS)
            .take_while(|step| f64::from(u32::try_from(*step).unwrap_or(u32::MAX)) <= share * 100.0 + 1e-9);
        self.quality.get(steps.count().saturating_sub(1)).copied().unwrap_or_default()
    }

    /// The least share of strong answers, in whole per cents, with which the mean grade is at most `loss` (0..=1) of the strong
    /// model's below it.
    #[must_use]
    pub fn share_for(&self, loss: f64) -> f64 {
        let wanted = self.quality.last().copied().unwrap_or_default() * (1.0 - loss);
        let steps = self.quality.iter().take_while(|quality| **quality < wanted).count();
        f64::from(u32::try_from(steps).unwrap_or(u32::MAX)) / 100.0
    }
}

/// 0 of nothing.
fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = numbers.fold((0.0, 0.0), |(sum, count), number| (sum + number, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(needs: impl Iterator<Item = f64>) -> Vec<Judged> {
        needs.map(|need| Judged { need, strong: 1.0, weak: if need > 0.5 { 0.0 } else { 1.0 } }).collect()
    }

    fn evenly_hard() -> Calibration {
        Calibration::of(&judged((0..1000).map(|i| f64::from(i) / 1000.0)))
    }

    #[test]
    fn a_score_is_the_share_of_prompts_that_are_easier() {
        for (need, share) in [(-1.0, 0.0), (0.0, 0.0), (0.25, 0.25), (0.5, 0.5), (0.815, 0.815), (2.0, 1.0)] {
            let found = evenly_hard().share_below(need);
            assert!((found - share).abs() < 0.002, "{need}: {found}");
        }
    }

    #[test]
    fn the_tables_say_what_a_share_of_strong_answers_is_worth() {
        // The hardest half is beyond the weak model.
        let calibration = evenly_hard();
        for (share, quality) in [(0.0, 0.5), (0.25, 0.75), (0.5, 1.0), (1.0, 1.0)] {
            let found = calibration.quality(share);
            assert!((found - quality).abs() < 0.01, "{share}: {found}");
        }
        assert!((calibration.share_for(0.1) - 0.4).abs() < 0.011);
        assert!((calibration.share_for(0.0) - 0.5).abs() < 0.011);
        assert!(calibration.share_for(1.0) < 0.001);
    }

    #[test]
    fn what_is_equally_hard_has_one_score() {
        let calibration = Calibration::of(&judged([0.2, 0.2, 0.2, 0.2].into_iter()));
        assert!(calibration.share_below(0.2) < 0.001);
        assert!(calibration.share_below(0.3) > 0.999);
    }
}
