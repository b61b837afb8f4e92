//! Ridge regression of the need, `1 - weak`, on the inputs, its strength chosen by cross-validation.
//!
//! Hoerl and Kennard, "Ridge Regression", 1970: over standardised inputs, `(X'X / n + strength I) w = X'y / n`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "native only, and every index is below the length that it was made from"
)]

use std::collections::HashMap;

use nalgebra::{Cholesky, DMatrix, DVector};

use super::{Example, FitError};

/// Parts of the examples, each of which is judged by weights fitted to the others.
const FOLDS: usize = 10;
/// Strengths to choose from.
const STRENGTHS: [f64; 7] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

/// What was fitted.
pub struct Fit {
    /// Need where all inputs are 0.
    pub bias: f64,
    /// Need per unit of each input, to 7 significant digits.
    pub weights: Vec<f64>,
    /// For each example the need by weights that had not seen it.
    pub unseen: Vec<f64>,
}

/// Sums over examples of which the weights are made.
#[derive(Clone)]
struct Sums {
    count: f64,
    inputs: DVector<f64>,
    products: DMatrix<f64>,
    need: f64,
    needs: DVector<f64>,
}

impl Sums {
    fn of<'e>(examples: impl Iterator<Item = &'e Example>, width: usize) -> Self {
        let mut sums = Self {
            count: 0.0,
            inputs: DVector::zeros(width),
            products: DMatrix::zeros(width, width),
            need: 0.0,
            needs: DVector::zeros(width),
        };
        for example in examples {
            let x = DVector::from_column_slice(example.inputs.numbers());
            let need = 1.0 - example.weak;
            sums.count += 1.0;
            sums.products.syger(1.0, &x, &x, 1.0);
            sums.needs.axpy(need, &x, 1.0);
            sums.inputs += x;
            sums.need += need;
        }
        sums.products.fill_upper_triangle_with_lower_triangle();
        sums
    }

    fn without(&self, part: &Self) -> Self {
        Self {
            count: self.count - part.count,
            inputs: &self.inputs - &part.inputs,
            products: &self.products - &part.products,
            need: self.need - part.need,
            needs: &self.needs - &part.needs,
        }
    }

    /// The bias and the weights for one strength.
    fn solve(&self, strength: f64) -> Result<(f64, DVector<f64>), FitError> {
        let mean = &self.inputs / self.count;
        let mean_need = self.need / self.count;
        let mut spread = &self.products / self.count - &mean * mean.transpose();
        // An input that is nearly constant must not be blown up.
        let scale = spread.diagonal().map(|variance| variance.max(1e-6).sqrt());
        let towards = (&self.needs / self.count - &mean * mean_need).component_div(&scale);
        for ((row, column), value) in (0..scale.len())
            .flat_map(|column| (0..scale.len()).map(move |row| (row, column)))
            .zip(spread.iter_mut())
        {
            *value /= scale[row] * scale[column];
            if row == column {
                *value += strength;
            }
        }
        let weights = Cholesky::new(spread).ok_or(FitError::Singular)?.solve(&towards).component_div(&scale);
        Ok((mean_need - weights.dot(&mean), weights))
    }
}

/// Fits to all examples, with the strength whose weights judge unseen examples best.
pub fn fit(examples: &[Example]) -> Result<Fit, FitError> {
    let width = examples.first().map_or(0, |example| example.inputs.numbers().len());
    let folds = folds(examples);
    let all = Sums::of(examples.iter(), width);
    let of_fold =
        |fold: usize| examples.iter().zip(&folds).filter(move |(_, own)| **own == fold).map(|(e, _)| e);
    let rests: Vec<Sums> = (0..FOLDS).map(|fold| all.without(&Sums::of(of_fold(fold), width))).collect();
    let mut best: Option<(f64, f64, Vec<f64>)> = None;
    for strength in STRENGTHS {
        let fits = rests.iter().map(|rest| rest.solve(strength)).collect::<Result<Vec<_>, _>>()?;
        let unseen: Vec<f64> =
            examples.iter().zip(&folds).map(|(example, fold)| need(&fits[*fold], example)).collect();
        let error: f64 = examples.iter().zip(&unseen).map(|(e, need)| (1.0 - e.weak - need).powi(2)).sum();
        if best.as_ref().is_none_or(|(least, ..)| error < *least) {
            best = Some((error, strength, unseen));
        }
    }
    let (_, strength, unseen) = best.ok_or(FitError::Singular)?;
    let (bias, weights) = all.solve(strength)?;
    Ok(Fit { bias: rounded(bias), weights: weights.iter().map(|weight| rounded(*weight)).collect(), unseen })
}

fn need((bias, weights): &(f64, DVector<f64>), example: &Example) -> f64 {
    bias + weights.iter().zip(example.inputs.numbers()).map(|(weight, input)| weight * input).sum::<f64>()
}

/// The fold of each example: groups in order of appearance, dealt out in turn.
fn folds(examples: &[Example]) -> Vec<usize> {
    let mut groups: HashMap<&str, usize> = HashMap::new();
    let mut dealt = 0;
    let mut next = || {
        dealt += 1;
        (dealt - 1) % FOLDS
    };
    examples.iter().map(|example| *groups.entry(&example.group).or_insert_with(&mut next)).collect()
}

/// To 7 significant digits, which every reader of JSON reads alike.
pub fn rounded(number: f64) -> f64 {
    format!("{number:.6e}").parse().unwrap_or(number)
}
