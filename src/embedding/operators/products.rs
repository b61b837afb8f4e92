//! Products of rows of 16-bit numbers with rows of 8-bit ones, exact but for the last addition: vector registers multiply eight of them and add up neighbours in one
//! instruction.

use wide::{f32x4, i16x8, i32x4};

pub(super) use crate::embedding::lanes::LANES;
use crate::embedding::lanes::{Words, widened};

/// Rows of each side that are multiplied at once: what keeps all vector registers busy.
pub(super) const ROWS: usize = 4;
pub(super) const COLUMNS: usize = 2;
/// Longest rows whose products cannot overflow: each of four lanes adds up a fourth of them.
pub(super) const LONGEST: usize = 2048;

/// [`ROWS`] rows, interleaved by [`LANES`].
pub(super) type Block = [Words; ROWS];

/// Numbers of a row in the order in which [`products`] needs them.
pub(super) fn words(numbers: [i16; LANES]) -> Words {
    let pairs: [[i16; 2]; LANES / 2] = bytemuck::cast(numbers);
    [i16x8::new(pairs.map(|[even, _]| even)), i16x8::new(pairs.map(|[_, odd]| odd))]
}

/// The products of the rows of a block, side by side, with each of two others, which have as many numbers.
pub(super) fn products(block: &[Block], weights: [&[[i8; LANES]]; COLUMNS]) -> [f32x4; COLUMNS] {
    let [first, second] = weights;
    let (mut first_sums, mut second_sums) = ([i32x4::ZERO; ROWS], [i32x4::ZERO; ROWS]);
    for ((rows, first), second) in block.iter().zip(first).zip(second) {
        let (first, second) = (widened(first), widened(second));
        for ((first_sum, second_sum), row) in first_sums.iter_mut().zip(&mut second_sums).zip(rows) {
            *first_sum += product(row, first);
            *second_sum += product(row, second);
        }
    }
    [first_sums, second_sums].map(totals)
}

/// The sum of the lanes of each row: as floats, since all lanes together may be more than 32 bits hold.
fn totals(sums: [i32x4; ROWS]) -> f32x4 {
    let [a, b, c, d] = f32x4::transpose(sums.map(f32x4::from_i32x4));
    (a + b) + (c + d)
}

fn product([even, odd]: &Words, [other_even, other_odd]: Words) -> i32x4 {
    even.dot(other_even) + odd.dot(other_odd)
}
