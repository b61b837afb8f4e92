//! A linear layer whose weights are stored in 8 bits. Its input is rounded to 16 bits, row by row, so that whole numbers are multiplied: two
//! to three times as many in the same time as floats.

use std::sync::Arc;

use bytes::Bytes;
use tract_core::internal::*;
use wide::{f32x4, i16x8, i32x4, i32x8};

use super::products::{Block, COLUMNS, LANES, LONGEST, ROWS, WORDS, products, widened};
use super::{by_rows, greater};

/// The greatest number that 16 bits are used for.
const GREATEST: f32 = 32767.0;

/// A matrix in 8 bits.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::embedding) struct Matrix {
    /// int8 [to, from].
    weights: Bytes,
    from: usize,
    /// What a step of the weights is, by row.
    steps: Arc<[f32]>,
    /// What is added to each row; nothing, or as many numbers as it has.
    bias: Arc<[f32]>,
}

impl Matrix {
    /// A matrix [steps, from]. `None` if it does not have that many weights, or not whole blocks of them.
    pub(in crate::embedding) fn new(weights: Bytes, from: usize, steps: Vec<f32>) -> Option<Self> {
        let is_whole = !steps.is_empty()
            && from.checked_rem(LANES) == Some(0)
            && steps.len().checked_rem(ROWS) == Some(0);
        let is_fit = from.checked_mul(steps.len()) == Some(weights.len()) && (1..=LONGEST).contains(&from);
        (is_whole && is_fit).then(|| Self { weights, from, steps: steps.into(), bias: Arc::default() })
    }

    /// The same, with numbers to be added to each row. `None` if something is added already, or if they are not as many as a row has.
    pub(in crate::embedding) fn with_bias(&self, bias: Vec<f32>) -> Option<Self> {
        let is_fit = self.bias.is_empty() && bias.len() == self.to();
        is_fit.then(|| Self { bias: bias.into(), ..self.clone() })
    }

    /// Width of the rows that it makes.
    fn to(&self) -> usize {
        self.steps.len()
    }

    /// Multiplies each row of `from` numbers with it.
    fn times(&self, rows: &[f32], made: &mut [f32]) {
        let blocks: Vec<Rounded> =
            rows.chunks(self.from.saturating_mul(ROWS)).map(|rows| Rounded::of(rows, self.from)).collect();
        let weights: &[[i8; LANES]] = bytemuck::cast_slice(self.weights.as_chunks::<LANES>().0);
        let per_row = self.from / LANES;
        let columns =
            weights.chunks_exact(per_row.saturating_mul(COLUMNS)).zip(self.steps.as_chunks::<COLUMNS>().0);
        // By columns first, as they are made.
        let mut sums = vec![f32x4::ZERO; blocks.len().saturating_mul(self.to())];
        // Widened once for all blocks.
        let mut others: Vec<i16x8> = Vec::with_capacity(per_row.saturating_mul(COLUMNS * WORDS));
        for (column, (weights, weight_steps)) in columns.enumerate() {
            others.clear();
            others.extend(weights.iter().flat_map(widened));
            let (first, second) = others.split_at(per_row.saturating_mul(WORDS));
            let [first_step, second_step] = weight_steps.map(f32x4::splat);
            let [first_bias, second_bias] =
                self.bias.as_chunks().0.get(column).copied().unwrap_or_default().map(f32x4::splat);
            for (block, sums) in blocks.iter().zip(sums.chunks_exact_mut(self.to())) {
                let [first, second] = products(&block.numbers, [first, second]);
                if let Some(pair) = sums.as_chunks_mut::<COLUMNS>().0.get_mut(column) {
                    *pair = [
                        first * (block.steps * first_step) + first_bias,
                        second * (block.steps * second_step) + second_bias,
                    ];
                }
            }
        }
        for (sums, made) in sums.chunks_exact(self.to()).zip(made.chunks_mut(self.to().saturating_mul(ROWS)))
        {
            turn(sums, made, self.to());
        }
    }
}

/// Writes columns of [`ROWS`] numbers as rows of `width`.
fn turn(columns: &[f32x4], made: &mut [f32], width: usize) {
    for (place, columns) in columns.as_chunks::<ROWS>().0.iter().enumerate() {
        for (row, numbers) in made.chunks_exact_mut(width).zip(f32x4::transpose(*columns)) {
            if let Some(four) = row.as_chunks_mut::<ROWS>().0.get_mut(place) {
                *four = numbers.to_array();
            }
        }
    }
}

/// Up to [`ROWS`] rows in 16 bits.
struct Rounded {
    numbers: Vec<Block>,
    /// What a step of the numbers is, by row.
    steps: f32x4,
}

impl Rounded {
    fn of(rows: &[f32], width: usize) -> Self {
        let mut numbers: Vec<Block> = vec![[i16x8::ZERO; ROWS]; (width / LANES).saturating_mul(WORDS)];
        let mut steps = [0.0; ROWS];
        for (place, (row, step)) in rows.chunks_exact(width).zip(&mut steps).enumerate() {
            let fours = row.as_chunks::<4>().0.iter();
            let greatest = fours.fold(f32x4::ZERO, |greatest, x| greatest.fast_max(f32x4::new(*x).abs()));
            let greatest = greatest.to_array().into_iter().fold(0.0, greater);
            *step = greatest / GREATEST;
            let factor = if greatest > 0.0 { GREATEST / greatest } else { 0.0 };
            let pairs = numbers.as_chunks_mut::<WORDS>().0.iter_mut();
            for (pair, lanes) in pairs.zip(row.as_chunks::<LANES>().0) {
                for (block, words) in pair.iter_mut().zip(rounded(lanes, factor)) {
                    if let Some(numbers) = block.get_mut(place) {
                        *numbers = words;
                    }
                }
            }
        }
        Self { numbers, steps: f32x4::new(steps) }
    }
}

/// The numbers times `factor`, to the next whole ones, which are at most [`GREATEST`] away from 0: a float that is this much greater
/// than its neighbours are apart has them in its last bits.
fn rounded(numbers: &[f32; LANES], factor: f32) -> [i16x8; WORDS] {
    const ABOVE: f32 = 1.5 * 8_388_608.0;
    let quarters: [[f32; 4]; LANES / 4] = bytemuck::cast(*numbers);
    let whole = quarters.map(|quarter| {
        let bits: i32x4 = bytemuck::cast(f32x4::new(quarter) * f32x4::splat(factor) + f32x4::splat(ABOVE));
        bits - i32x4::splat(ABOVE.to_bits().cast_signed())
    });
    bytemuck::cast::<_, [i32x8; WORDS]>(whole).map(i16x8::from_i32x8_saturate)
}

/// Multiplies rows with a matrix: float32 [.., from] -> float32 [.., to].
#[derive(Debug, Clone, PartialEq)]
pub(in crate::embedding) struct Linear(pub(in crate::embedding) Matrix);

impl Eq for Linear {}

impl Op for Linear {
    fn name(&self) -> StaticName {
        "Linear".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Linear {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        by_rows(&inputs, Some(self.0.to()), |rows, made| {
            self.0.times(rows, made);
            Ok(())
        })
    }
}

impl TypedOp for Linear {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut fact = super::same_shape(inputs)?;
        let fault = || TractError::msg(format!("its input must be {} wide", self.0.from));
        let output = fact.first_mut().ok_or_else(fault)?;
        let last = output
            .rank()
            .checked_sub(1)
            .filter(|last| output.shape.get(*last) == Some(&self.0.from.to_dim()));
        output.shape.set(last.ok_or_else(fault)?, self.0.to().to_dim());
        Ok(fact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_multiplied_as_floats_would_be() {
        let (from, to) = (48, 8);
        let weights: Vec<i8> = (0..from * to).map(|i| i8::try_from(i * 37 % 255 - 127).unwrap()).collect();
        let steps: Vec<f32> = (1..=to).map(|i| i as f32 / 1000.0).collect();
        let bytes: Vec<u8> = weights.iter().map(|weight| weight.cast_unsigned()).collect();
        let matrix = Matrix::new(bytes.into(), 48, steps.clone()).unwrap();
        for tokens in [1, 3, 4, 9] {
            let rows: Vec<f32> =
                (0..tokens * from).map(|i| ((i * 7919) % 1000 - 500) as f32 / 100.0).collect();
            let mut made = vec![0.0; usize::try_from(tokens * to).unwrap()];
            matrix.times(&rows, &mut made);
            for (row, made) in rows.chunks(48).zip(made.chunks(8)) {
                for ((weights, step), made) in weights.chunks(48).zip(&steps).zip(made) {
                    let exact: f32 = row.iter().zip(weights).map(|(x, w)| x * f32::from(*w) * step).sum();
                    assert!((made - exact).abs() < 0.002 * step.mul_add(1000.0, 1.0), "{made} {exact}");
                }
            }
        }
    }

    #[test]
    fn what_is_added_is_added_to_each_row() {
        let matrix = Matrix::new(vec![0; 64].into(), 16, vec![1.0; 4]).unwrap();
        assert_eq!(matrix.with_bias(vec![1.0; 3]), None);
        let matrix = matrix.with_bias(vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let mut made = [0.0; 8];
        matrix.times(&[1.0; 32], &mut made);
        assert_eq!(made, [1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(matrix.with_bias(vec![1.0; 4]), None);
    }

    #[test]
    fn the_greatest_numbers_do_not_overflow() {
        let matrix = Matrix::new(vec![0x81; LONGEST * 4].into(), LONGEST, vec![1.0; 4]).unwrap();
        let mut made = [0.0; 4];
        matrix.times(&[-1.0; LONGEST], &mut made);
        for made in made {
            assert!((made / (127.0 * 2048.0) - 1.0).abs() < 1e-4, "{made}");
        }
    }

    #[test]
    fn a_matrix_of_another_size_is_refused() {
        assert_eq!(Matrix::new(Bytes::new(), 16, Vec::new()), None);
        assert_eq!(Matrix::new(vec![0; 32].into(), 16, vec![1.0; 3]), None);
        assert_eq!(Matrix::new(vec![0; 60].into(), 15, vec![1.0; 4]), None);
    }
}
