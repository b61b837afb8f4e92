//! The Gaussian error linear unit (Hendrycks and Gimpel, 2016), four numbers at once.

use tract_core::internal::*;
use wide::f32x4;

use super::{by_rows, same_shape};

/// `x * Φ(x)`, Φ being the distribution function of the normal distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::embedding) struct Gelu;

/// Where the distribution function is as good as 0 or 1.
const FAR: f32 = 5.2;
/// `(Φ(x) - 1/2) / x` is nearly one of these divided by the other: polynomials in `x²`, highest power first. They were fitted by least
/// squares with weights that level the error of `x * Φ(x)`, which is at most 1.1e-6.
const ABOVE: [f32; 6] =
    [-1.950_330_6e-8, 6.708_726_2e-6, 0.000_515_442_2, 0.006_725_092, 0.069_751_7, 0.398_942_2];
const BELOW: [f32; 5] = [0.000_174_703_35, 0.003_841_104_7, 0.048_800_457, 0.341_495_57, 1.0];

fn gelu(x: f32x4) -> f32x4 {
    let x = x.fast_max(f32x4::splat(-FAR));
    let near = x.fast_min(f32x4::splat(FAR));
    let square = near * near;
    let value = |factors: &[f32]| {
        factors.iter().fold(f32x4::ZERO, |sum, factor| sum * square + f32x4::splat(*factor))
    };
    x * (f32x4::HALF + near * (value(&ABOVE) / value(&BELOW)))
}

fn all(numbers: &[[f32; 4]], made: &mut [[f32; 4]]) {
    for (made, x) in made.iter_mut().zip(numbers) {
        *made = gelu(f32x4::new(*x)).to_array();
    }
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
            all(fours, made);
            for (made, x) in made_rest.iter_mut().zip(rest) {
                let mut alone = [[*x; 4]];
                all(&[[*x; 4]], &mut alone);
                let [[first, ..]] = alone;
                *made = first;
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
            assert!((found - exact).abs() < 1.2e-6, "{x}: {found} {exact}");
        }
        let [far, ..] = gelu(f32x4::splat(1e30)).to_array();
        assert!((far / 1e30 - 1.0).abs() < 1e-6, "{far}");
        let [far, ..] = gelu(f32x4::splat(-1e30)).to_array();
        assert!(far.abs() < 1e-6, "{far}");
    }
}
