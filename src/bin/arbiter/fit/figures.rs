//! How well scores tell which prompts need the strong model, as RouteLLM measures it (Ong et al., 2024).
//!
//! Prompts are sorted by score and the hardest share goes to the strong model, in eleven steps of 10 %; quality is the mean grade.
//! CPT(x) is the share at which x of the gap between the models is closed; APGR is the area under quality over share, 0 (always
//! weak) to 1 (always strong). Random is 50 / 80 / 0.5.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "native only, and every index is below the length that it was made from"
)]

use std::fmt;

use llm_arbiter::complexity::Judged;

const STEPS: usize = 10;
/// Resamples of which the intervals are made.
const RESAMPLES: usize = 500;

/// A figure and its 95 % interval, by the bootstrap.
struct Figure {
    value: f64,
    low: f64,
    high: f64,
}

/// The figures of one scorer.
pub struct Figures {
    name: &'static str,
    cpt_50: Figure,
    cpt_80: Figure,
    apgr: Figure,
}

impl Figures {
    /// The heading of a table of figures.
    pub const HEADING: &'static str =
        "scorer            strong calls for 50 %   for 80 % of the gap     APGR\n";

    /// The figures of a scorer that gave the judged prompts their needs.
    pub fn of(name: &'static str, judged: &[Judged]) -> Self {
        let mut sorted = judged.to_vec();
        sorted.sort_by(|a, b| b.need.total_cmp(&a.need));
        let values = measure(&sorted);
        let mut samples: [Vec<f64>; 3] = Default::default();
        let mut chance = Chance(1);
        while samples[0].len() < RESAMPLES {
            let mut drawn: Vec<usize> = (0..sorted.len()).map(|_| chance.below(sorted.len())).collect();
            drawn.sort_unstable();
            let resample: Vec<Judged> = drawn.into_iter().map(|at| sorted[at]).collect();
            // Without a gap there is no share of it. The sample itself has one, so this ends.
            if resample.iter().map(|judged| judged.strong - judged.weak).sum::<f64>() <= 0.0 {
                continue;
            }
            for (samples, value) in samples.iter_mut().zip(measure(&resample)) {
                samples.push(value);
            }
        }
        let mut figures = values.into_iter().zip(samples).map(|(value, mut samples)| {
            samples.sort_by(f64::total_cmp);
            let tail = samples.len() / 40;
            Figure { value, low: samples[tail], high: samples[samples.len() - 1 - tail] }
        });
        let mut next = || figures.next().unwrap_or(Figure { value: 0.0, low: 0.0, high: 0.0 });
        Self { name, cpt_50: next(), cpt_80: next(), apgr: next() }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, cpt_50, cpt_80, apgr } = self;
        write!(f, "{name:<18}")?;
        for share in [cpt_50, cpt_80] {
            let text = format!("{:.1} [{:.1}, {:.1}]", share.value, share.low, share.high);
            write!(f, "{text:<24}")?;
        }
        write!(f, "{:.3} [{:.3}, {:.3}]", apgr.value, apgr.low, apgr.high)
    }
}

/// CPT(50 %) and CPT(80 %) in per cent, and APGR, of prompts sorted hardest first. Equal scores share what they get.
fn measure(sorted: &[Judged]) -> [f64; 3] {
    let mut gains: Vec<f64> = Vec::with_capacity(sorted.len());
    for equal in sorted.chunk_by(|a, b| a.need.total_cmp(&b.need).is_eq()) {
        let mean = equal.iter().map(|judged| judged.strong - judged.weak).sum::<f64>() / equal.len() as f64;
        gains.extend(std::iter::repeat_n(mean, equal.len()));
    }
    let all: f64 = gains.iter().sum();
    let closed: Vec<f64> = (0..=STEPS)
        .map(|step| gains[..(gains.len() * step + STEPS / 2) / STEPS].iter().sum::<f64>() / all)
        .collect();
    let area = closed.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum::<f64>() / STEPS as f64;
    [cpt(&closed, 0.5), cpt(&closed, 0.8), area]
}

fn cpt(closed: &[f64], wanted: f64) -> f64 {
    let step = 100.0 / STEPS as f64;
    for (at, pair) in closed.windows(2).enumerate() {
        if pair[1] >= wanted {
            let within = (wanted - pair[0]) / (pair[1] - pair[0]);
            return (at as f64 + within) * step;
        }
    }
    100.0
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the same resamples every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}
