//! The scalar product of vectors of 8-bit numbers, exact.

use wide::i32x4;

use crate::embedding::lanes::{Words, widened};

/// A vector that many others are multiplied with: its numbers in 16 bits, of each sixteen those at even places and those at odd ones.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Factor {
    words: Vec<Words>,
    rest: Vec<i8>,
}

impl Factor {
    pub(super) fn new(vector: &[i8]) -> Self {
        let (blocks, rest) = vector.as_chunks();
        Self { words: blocks.iter().map(widened).collect(), rest: rest.into() }
    }

    /// The product with another vector of the same width; numbers that only one of them has do not count.
    pub(super) fn times(&self, other: &[i8]) -> i32 {
        let (other, other_rest) = other.as_chunks();
        let mut sums = [i32x4::ZERO; 2];
        for ([even, odd], other) in self.words.iter().zip(other) {
            let ([even_sum, odd_sum], [other_even, other_odd]) = (sums, widened(other));
            sums = [even_sum + even.dot(other_even), odd_sum + odd.dot(other_odd)];
        }
        let [even, odd] = sums;
        let rest = self.rest.iter().zip(other_rest).map(|(a, b)| i32::from(*a).wrapping_mul((*b).into()));
        rest.fold((even + odd).reduce_add(), i32::wrapping_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_exact() {
        for width in [0, 1, 15, 16, 31, 128, 200] {
            let a: Vec<i8> = (0..width).map(|i| if i % 3 == 0 { 127 } else { -128 }).collect();
            let b: Vec<i8> = (0..width).map(|i| i8::try_from(i % 100).unwrap() - 50).collect();
            let slow: i32 = a.iter().zip(&b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
            assert_eq!(Factor::new(&a).times(&b), slow, "{width}");
        }
    }
}
