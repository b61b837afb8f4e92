//! The Gaussian error linear unit (Hendrycks and Gimpel, 2016), four numbers at once.

use tract_core::internal::*;
use wide::f32x4;

use super::{by_rows, same_shape};

/// `x * Φ(x)`, Φ being the distribution function of the normal distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::embedding) struct Gelu;

/// The error function for numbers of 0 and up, to 1.5e-7 (Abramowitz and Stegun, 7.1.26).
fn error_function(x: f32x4) -> f32x4 {
    let t = f32x4::ONE / (f32x4::ONE + f32x4::splat(0.327_591_1) * x);
    let factors = [1.061_405_4, -1.453_152, 1.421_413_8, -0.284_496_74, 0.254_829_6];
    let polynomial = factors.into_iter().fold(f32x4::ZERO, |sum, factor| (sum + f32x4::splat(factor)) * t);
    // Further out it is 1, and the exponential would not be exact.
    let x = x.min(f32x4::splat(8.0));
    f32x4::ONE - polynomial * (-x * x).exp()
}

fn gelu(x: f32x4) -> f32x4 {
    let half = f32x4::splat(0.5) * x;
    half + half.abs() * error_function(x.abs() * f32x4::splat(std::f32::consts::FRAC_1_SQRT_2))
}

impl Op for Gelu {
    fn name(&self) -> StaticName {
        "Gelu".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Gelu {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        by_rows(&inputs, None, |numbers, made| {
            let (fours, rest) = numbers.as_chunks();
            let (made, made_rest) = made.as_chunks_mut();
            for (made, x) in made.iter_mut().zip(fours) {
                *made = gelu(f32x4::new(*x)).to_array();
            }
            for (made, x) in made_rest.iter_mut().zip(rest) {
                let [made_here, ..] = gelu(f32x4::splat(*x)).to_array();
                *made = made_here;
            }
            Ok(())
        })
    }
}

impl TypedOp for Gelu {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        same_shape(inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_near_the_function_everywhere() {
        for step in -9_000..9_000_i16 {
            let x = f32::from(step) / 1_000.0;
            let exact = f64::from(x) * 0.5 * (1.0 + libm::erf(f64::from(x) / 2.0_f64.sqrt()));
            let found = f64::from(gelu(f32x4::splat(x)).to_array()[0]);
            assert!((found - exact).abs() < 3e-6, "{x}: {found} {exact}");
        }
        assert_eq!(gelu(f32x4::splat(1e30)).to_array(), [1e30; 4]);
        assert_eq!(gelu(f32x4::splat(-1e30)).to_array(), [0.0; 4]);
    }
}
