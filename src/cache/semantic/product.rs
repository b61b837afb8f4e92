//! The scalar product of vectors of 8-bit numbers, exact.

/// A vector that many others are multiplied with: its numbers in 16 bits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Factor(Vec<i16>);

/// Numbers that are multiplied side by side.
const LANES: usize = 16;

impl Factor {
    pub(super) fn new(vector: &[i8]) -> Self {
        Self(vector.iter().map(|x| i16::from(*x)).collect())
    }

    /// The product with another vector of the same width; numbers that only one of them has do not count.
    pub(super) fn times(&self, other: &[i8]) -> i32 {
        let ((own, own_rest), (other, other_rest)) = (self.0.as_chunks(), other.as_chunks());
        let rest = own_rest.iter().zip(other_rest).map(|(a, b)| i32::from(*a).wrapping_mul((*b).into()));
        rest.fold(sum_of_products(own, other), i32::wrapping_add)
    }
}

/// WebAssembly multiplies eight 16-bit numbers and adds up neighbours in one instruction, which the compiler does not find by itself.
#[cfg(target_arch = "wasm32")]
fn sum_of_products(a: &[[i16; LANES]], b: &[[i8; LANES]]) -> i32 {
    use core::arch::wasm32::{
        i16x8_extend_high_i8x16, i16x8_extend_low_i8x16, i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane,
        i32x4_splat, v128,
    };
    let (mut low, mut high) = (i32x4_splat(0), i32x4_splat(0));
    for (a, b) in a.iter().zip(b) {
        let [a_low, a_high]: [v128; 2] = bytemuck::cast(*a);
        let b: v128 = bytemuck::cast(*b);
        low = i32x4_add(low, i32x4_dot_i16x8(a_low, i16x8_extend_low_i8x16(b)));
        high = i32x4_add(high, i32x4_dot_i16x8(a_high, i16x8_extend_high_i8x16(b)));
    }
    let sums = i32x4_add(low, high);
    let lanes = [
        i32x4_extract_lane::<0>(sums),
        i32x4_extract_lane::<1>(sums),
        i32x4_extract_lane::<2>(sums),
        i32x4_extract_lane::<3>(sums),
    ];
    lanes.into_iter().fold(0, i32::wrapping_add)
}

#[cfg(not(target_arch = "wasm32"))]
fn sum_of_products(a: &[[i16; LANES]], b: &[[i8; LANES]]) -> i32 {
    let numbers = a.as_flattened().iter().zip(b.as_flattened());
    numbers.fold(0, |sum, (a, b)| sum.wrapping_add(i32::from(*a).wrapping_mul((*b).into())))
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
