//! Multi-head self-attention (Vaswani et al., 2017), as one operation.

use tract_core::internal::*;
use wide::f32x4;

use super::{by_rows, greater, same_shape, scalar_product};

/// Exponents below this one make shares that count for nothing.
const LEAST: f32 = -80.0;

/// `softmax(query · key / sqrt(width of a head)) · value` per head; query, key and value are float32 [1, tokens, heads * width].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::embedding) struct Attention {
    pub(in crate::embedding) heads: usize,
    /// `heads` times the width of a head.
    pub(in crate::embedding) width: usize,
}

impl Attention {
    /// The mixture for a token in a head: `keys` and `values` are those of all tokens, from the head's first number on.
    fn mix(&self, query: &[f32], keys: &[f32], values: &[f32], shares: &mut Vec<f32>, mixed: &mut [f32]) {
        let scale = 1.0 / f32::from(u16::try_from(query.len()).unwrap_or(u16::MAX)).sqrt();
        shares.clear();
        shares.extend(keys.chunks(self.width).map(|key| scalar_product(query, key) * scale));
        let most = shares.iter().copied().fold(f32::NEG_INFINITY, greater);
        let tokens = shares.len();
        // What is filled up with has no share.
        shares.resize(tokens.next_multiple_of(4), f32::NEG_INFINITY);
        let mut sums = f32x4::ZERO;
        for share in shares.as_chunks_mut::<4>().0 {
            let exponential = (f32x4::new(*share) - f32x4::splat(most)).max(f32x4::splat(LEAST)).exp();
            *share = exponential.to_array();
            sums += exponential;
        }
        shares.truncate(tokens);
        let factor = 1.0 / sums.reduce_add();
        for (share, value) in shares.iter().zip(values.chunks(self.width)) {
            let share = share * factor;
            for (mixed, x) in mixed.iter_mut().zip(value) {
                *mixed += share * x;
            }
        }
    }
}

impl Op for Attention {
    fn name(&self) -> StaticName {
        "Attention".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Attention {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [_, keys, values] = inputs.as_slice() else {
            return Err(TractError::msg("it needs three inputs"));
        };
        let (keys, values) = (keys.try_as_plain_ram()?, values.try_as_plain_ram()?);
        let (keys, values) = (keys.as_slice::<f32>()?, values.as_slice::<f32>()?);
        let of_head = self.width.checked_div(self.heads).unwrap_or_default().max(1);
        by_rows(&inputs, None, |queries, made| {
            let mut shares = Vec::new();
            for (query, made) in queries.chunks_exact(self.width).zip(made.chunks_exact_mut(self.width)) {
                let heads = query.chunks_exact(of_head).zip(made.chunks_exact_mut(of_head));
                for (head, (query, made)) in heads.enumerate() {
                    let from = head.saturating_mul(of_head);
                    let [keys, values] = [keys, values].map(|all| all.get(from..).unwrap_or_default());
                    self.mix(query, keys, values, &mut shares, made);
                }
            }
            Ok(())
        })
    }
}

impl TypedOp for Attention {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let is_fit = |fact: &&&TypedFact| {
            let [texts, _, width] = &*fact.shape else { return false };
            self.width > 0 && texts.is_one() && *width == self.width.to_dim()
        };
        if inputs.iter().filter(is_fit).count() != 3 || self.width.checked_rem(self.heads) != Some(0) {
            return Err(TractError::msg("its three inputs must be [1, tokens, heads * width of a head]"));
        }
        same_shape(inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(attention: &Attention, inputs: [&[f32]; 3]) -> Vec<f32> {
        let tensor = |numbers: &[f32]| {
            let tokens = numbers.len() / attention.width;
            Tensor::from_shape(&[1, tokens, attention.width], numbers).unwrap().into_tvalue()
        };
        let made = attention.eval_out_of_plan(inputs.map(tensor).into_iter().collect()).unwrap().unwrap();
        made[0].try_as_plain_ram().unwrap().as_slice().unwrap().to_vec()
    }

    #[test]
    fn a_token_gets_the_values_of_the_keys_that_it_asks_for_head_by_head() {
        let attention = Attention { heads: 2, width: 4 };
        // In the first head each token asks for the other one, in the second both ask for the first.
        let query = [0.0, 99.0, 99.0, 0.0, 99.0, 0.0, 99.0, 0.0];
        let key = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
        let value = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let mixed = run(&attention, [&query, &key, &value]);
        for (mixed, expected) in mixed.iter().zip([5.0, 6.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]) {
            assert!((mixed - expected).abs() < 1e-4, "{mixed} {expected}");
        }
        let even = run(&attention, [&[0.0; 8], &key, &value]);
        assert_eq!(even, [3.0, 4.0, 5.0, 6.0, 3.0, 4.0, 5.0, 6.0]);
    }
}
