//! Products of rows of 16-bit numbers with rows of 8-bit ones, exact but for the last addition: vector registers multiply eight of them and add up neighbours in one
//! instruction.

use wide::{f32x4, i16x8, i32x4};

/// Numbers that are multiplied side by side.
pub(super) const LANES: usize = 16;
/// Rows of each side that are multiplied at once: what keeps all vector registers busy.
pub(super) const ROWS: usize = 4;
pub(super) const COLUMNS: usize = 2;
/// Longest rows whose products cannot overflow: each of four lanes adds up a fourth of them.
pub(super) const LONGEST: usize = 2048;

/// Sixteen numbers of a row: those at even places, and those at odd ones.
pub(super) type Words = [i16x8; 2];
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

/// In each pair of bytes the even one comes first, in the lower half of a word.
fn widened(bytes: &[i8; LANES]) -> Words {
    let pairs = i16x8::new(bytemuck::cast::<_, [[u8; 2]; LANES / 2]>(*bytes).map(i16::from_le_bytes));
    [(pairs << 8) >> 8, pairs >> 8]
}
