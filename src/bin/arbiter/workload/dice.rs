//! Numbers that look drawn by lot, from a seed.

/// A source of numbers (SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number, 0..1.
    pub(super) fn part(&mut self) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or_default();
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }

    /// A whole number, 0..`end`; 0 if there is none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a part of a small number"
    )]
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((self.part() * end as f64) as usize).min(end.saturating_sub(1))
    }

    /// A place among `count`, the first ones far oftener than the last; `None` if there is none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a part of a small number"
    )]
    pub(super) fn frequent(&mut self, count: usize) -> Option<usize> {
        let place = (count as f64).powf(self.part()) as usize;
        place.min(count).checked_sub(1)
    }

    pub(super) fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> Option<&'a T> {
        all.get(self.below(all.len())).copied()
    }

    /// One of these names, each as often as its parts say; the first if there are no parts.
    pub(super) fn weighted(&mut self, names: &[(&'static str, u32)]) -> &'static str {
        let all: u32 = names.iter().map(|(_, parts)| parts).sum();
        let mut drawn = self.part() * f64::from(all);
        for (name, parts) in names {
            drawn -= f64::from(*parts);
            if drawn < 0.0 {
                return name;
            }
        }
        names.first().map_or("", |(name, _)| name)
    }
}
