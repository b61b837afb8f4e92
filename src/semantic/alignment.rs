//! How well the tokens of one text find their like in another one.

use crate::embedding::TokenVectors;

/// The weight of a token that matters little.
const UNIT: f64 = 100.0;
/// Cosine below which nothing is like a token.
const UNLIKE: f64 = 0.6;

/// How the tokens of one text find their like in another one; cosines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Alignment {
    /// Of the token that finds it least.
    pub least: f64,
    /// Of the one after it.
    pub second: f64,
    pub mean: f64,
    /// By the tokens' weights.
    pub weighted: f64,
    /// How much is lacking to 1, by the tokens' weights in [`UNIT`]s.
    pub lacking: f64,
    /// The weight of the tokens that find nothing like them, in [`UNIT`]s.
    pub lost: f64,
}

/// The alignment of each text with the other one.
pub(super) fn align(one: &TokenVectors, other: &TokenVectors) -> (Alignment, Alignment) {
    let mut best_of_other = vec![-1.0_f64; other.len()];
    let best_of_one: Vec<f64> = one
        .directions()
        .map(|left| {
            let mut best = -1.0_f64;
            for (right, best_right) in other.directions().zip(&mut best_of_other) {
                let cosine = product(left, right);
                best = best.max(cosine);
                *best_right = best_right.max(cosine);
            }
            best
        })
        .collect();
    (summary(&best_of_one, one.weights()), summary(&best_of_other, other.weights()))
}

fn summary(best: &[f64], weights: &[f32]) -> Alignment {
    let (mut least, mut second) = (1.0_f64, 1.0_f64);
    let (mut sum, mut weighted, mut weight, mut count) = (0.0, 0.0, 0.0, 0.0);
    let (mut lacking, mut lost) = (0.0, 0.0);
    for (cosine, own) in best.iter().zip(weights) {
        if *cosine < least {
            second = least;
            least = *cosine;
        } else {
            second = second.min(*cosine);
        }
        sum += cosine;
        weighted += cosine * f64::from(*own);
        weight += f64::from(*own);
        lacking += (1.0 - cosine) * f64::from(*own) / UNIT;
        lost += if *cosine < UNLIKE { f64::from(*own) / UNIT } else { 0.0 };
        count += 1.0;
    }
    let mean = |sum: f64, of: f64| if of > 0.0 { sum / of } else { 0.0 };
    Alignment { least, second, mean: mean(sum, count), weighted: mean(weighted, weight), lacking, lost }
}

/// The scalar product, as eight sums side by side, of which none waits for another.
pub(super) fn product(a: &[f32], b: &[f32]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0_f32; 8];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest = a_rest.iter().zip(b_rest).fold(0.0, |sum, (a, b)| sum + a * b);
    f64::from(sums.iter().sum::<f32>() + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_without_its_like_is_seen_from_its_side() {
        let one = TokenVectors::new(2, vec![1.0, 0.0, 0.0, 3.0]);
        let other = TokenVectors::new(2, vec![2.0, 0.0]);
        let (left, right) = align(&one, &other);
        assert_eq!((left.least, left.second, left.mean), (0.0, 1.0, 0.5));
        assert!((left.weighted - 0.25).abs() < 1e-6);
        assert_eq!((right.least, right.mean), (1.0, 1.0));
    }
}
