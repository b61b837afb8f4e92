//! Products of rows of 16-bit numbers with rows of 8-bit ones, exact but for the last addition: vector registers multiply eight of them and add up neighbours in one
//! instruction.

use wide::{f32x4, i8x16, i16x8, i16x16, i32x4};

/// Numbers of a row that are taken from memory at once.
pub(super) const LANES: usize = 16;
/// Vector registers that hold [`LANES`] numbers in 16 bits.
pub(super) const WORDS: usize = LANES / 8;
/// Rows of each side that are multiplied at once: what keeps all vector registers busy.
pub(super) const ROWS: usize = 4;
pub(super) const COLUMNS: usize = 2;
/// Longest rows whose products cannot overflow: each of four lanes adds up a fourth of them.
pub(super) const LONGEST: usize = 2048;

/// Eight numbers of each of [`ROWS`] rows.
pub(super) type Block = [i16x8; ROWS];

/// The numbers in 16 bits.
pub(super) fn widened(numbers: &[i8; LANES]) -> [i16x8; WORDS] {
    bytemuck::cast(i16x16::from_i8x16(i8x16::new(*numbers)))
}

/// The products of the rows of a block, side by side, with each of two others, which have as many numbers. Eight numbers of each row at a
/// time: with more, there are not registers enough.
pub(super) fn products(block: &[Block], others: [&[i16x8]; COLUMNS]) -> [f32x4; COLUMNS] {
    let [first, second] = others;
    let (mut first_sums, mut second_sums) = ([i32x4::ZERO; ROWS], [i32x4::ZERO; ROWS]);
    for ((rows, first), second) in block.iter().zip(first).zip(second) {
        for ((first_sum, second_sum), row) in first_sums.iter_mut().zip(&mut second_sums).zip(rows) {
            *first_sum += row.dot(*first);
            *second_sum += row.dot(*second);
        }
    }
    [first_sums, second_sums].map(totals)
}

/// The sum of the lanes of each row: as floats, since all lanes together may be more than 32 bits hold.
fn totals(sums: [i32x4; ROWS]) -> f32x4 {
    let [a, b, c, d] = f32x4::transpose(sums.map(f32x4::from_i32x4));
    (a + b) + (c + d)
}
