//! Operations of the engine that an encoder of tokens in context needs: made for few tokens, and for weights in 8 bits.
//!
//! All of them add up in an order that does not depend on the processor, so that one text has one meaning everywhere.

mod attention;
mod gelu;
mod linear;
mod norm;
mod products;

pub(super) use attention::Attention;
pub(super) use gelu::Gelu;
pub(super) use linear::{Linear, Matrix};
pub(super) use norm::Norm;

use tract_core::internal::*;

/// Numbers that are added up side by side: as many as two vector registers of WebAssembly hold.
const LANES: usize = 8;

/// The sum of the products of numbers at the same place.
fn scalar_product(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let [a0, a1, a2, a3, b0, b1, b2, b3] = sums;
    ((a0 + b0) + (a1 + b1))
        + ((a2 + b2) + (a3 + b3))
        + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// The greater of two numbers. `f32::max` also minds what is not a number, which costs a call in WebAssembly.
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// What `of` makes of the numbers of the first input, in its shape but for the last dimension, which becomes `width`.
fn by_rows(
    inputs: &TVec<TValue>,
    width: Option<usize>,
    of: impl FnOnce(&[f32], &mut [f32]) -> TractResult<()>,
) -> TractResult<TVec<TValue>> {
    let input = inputs.first().ok_or_else(|| TractError::msg("an input is missing"))?;
    let mut shape: TVec<usize> = input.shape().into();
    if let (Some(last), Some(width)) = (shape.last_mut(), width) {
        *last = width;
    }
    let mut made = Tensor::zero::<f32>(&shape)?;
    of(input.try_as_plain_ram()?.as_slice()?, made.try_as_plain_ram_mut()?.as_slice_mut()?)?;
    Ok(tvec![made.into_tvalue()])
}

/// The fact of an output with the shape of the first input.
fn same_shape(inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
    let input = inputs.first().ok_or_else(|| TractError::msg("an input is missing"))?;
    if input.datum_type != f32::datum_type() {
        return Err(TractError::msg("its input must be float32"));
    }
    Ok(tvec![f32::fact(input.shape.clone())])
}
