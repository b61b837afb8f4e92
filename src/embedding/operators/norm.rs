//! Layer normalisation (Ba, Kiros and Hinton, 2016) over the last dimension, as one operation.

use tract_core::internal::*;

use super::{LANES, by_rows, same_shape};

/// `(x - mean) / sqrt(variance + epsilon) * scale + shift`, where x is the sum of the inputs, one or two.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::embedding) struct Norm {
    pub(in crate::embedding) scale: Vec<f32>,
    pub(in crate::embedding) shift: Vec<f32>,
    pub(in crate::embedding) epsilon: f32,
}

impl Eq for Norm {}

impl Norm {
    #[allow(clippy::cast_precision_loss, reason = "rows are short")]
    fn row(&self, row: &[f32], made: &mut [f32]) {
        let count = row.len() as f32;
        let mean = sum(row, |x| x) / count;
        let variance = sum(row, |x| (x - mean) * (x - mean)) / count;
        let factor = 1.0 / (variance + self.epsilon).sqrt();
        for ((made, x), (scale, shift)) in made.iter_mut().zip(row).zip(self.scale.iter().zip(&self.shift)) {
            *made = (x - mean) * factor * scale + shift;
        }
    }
}

/// The sum of what `of` makes of the numbers.
fn sum(numbers: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (blocks, rest) = numbers.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for block in blocks {
        for (sum, x) in sums.iter_mut().zip(block) {
            *sum += of(*x);
        }
    }
    sums.into_iter().sum::<f32>() + rest.iter().map(|x| of(*x)).sum::<f32>()
}

impl Op for Norm {
    fn name(&self) -> StaticName {
        "LayerNormalization".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Norm {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let width = self.scale.len().max(1);
        let other = inputs.get(1).map(|other| other.try_as_plain_ram()).transpose()?;
        let other = other.as_ref().map(|other| other.as_slice::<f32>()).transpose()?;
        let mut sums = vec![0.0; width];
        by_rows(&inputs, None, |rows, made| {
            let others = other.into_iter().flat_map(|other| other.chunks_exact(width)).map(Some);
            let rows = rows.chunks_exact(width).zip(others.chain(std::iter::repeat(None)));
            for ((row, other), made) in rows.zip(made.chunks_exact_mut(width)) {
                match other {
                    None => self.row(row, made),
                    Some(other) => {
                        for (sum, (x, y)) in sums.iter_mut().zip(row.iter().zip(other)) {
                            *sum = x + y;
                        }
                        self.row(&sums, made);
                    }
                }
            }
            Ok(())
        })
    }
}

impl TypedOp for Norm {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let is_width = |fact: &&TypedFact| fact.shape.last() == Some(&self.scale.len().to_dim());
        let are_alike = matches!(inputs, [_]) || matches!(inputs, [one, other] if one.shape == other.shape);
        if !inputs.first().is_some_and(is_width) || !are_alike || self.scale.len() != self.shift.len() {
            return Err(TractError::msg(
                "its inputs must be of one shape, their last dimension that of its weights",
            ));
        }
        same_shape(inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gets_its_mean_and_its_deviation() {
        let norm = Norm { scale: vec![2.0; 11], shift: vec![1.0; 11], epsilon: 0.0 };
        let row: Vec<f32> = (0..11_u8).map(|x| f32::from(x) * 3.0).collect();
        let mut made = vec![0.0; 11];
        norm.row(&row, &mut made);
        // Of 0..=10 the mean is 5 and the variance 10.
        for (made, x) in made.iter().zip(0..11_u8) {
            assert!((made - (2.0 * (f32::from(x) - 5.0) / 10.0_f32.sqrt() + 1.0)).abs() < 1e-5);
        }
    }
}
