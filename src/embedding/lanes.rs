//! Sixteen 8-bit numbers as vector registers multiply them: eight 16-bit products at once, neighbours added up, in one instruction.

use wide::i16x8;

/// Numbers that are multiplied side by side.
pub(crate) const LANES: usize = 16;

/// Sixteen numbers: those at even places, and those at odd ones.
pub(crate) type Words = [i16x8; 2];

/// In each pair of bytes the even one comes first, in the lower half of a word.
pub(crate) fn widened(bytes: &[i8; LANES]) -> Words {
    let pairs = i16x8::new(bytemuck::cast::<_, [[u8; 2]; LANES / 2]>(*bytes).map(i16::from_le_bytes));
    [(pairs << 8) >> 8, pairs >> 8]
}
