//! The vectors of a text's tokens.

/// The vectors of a text's tokens, each as a direction and a length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TokenVectors {
    width: usize,
    directions: Vec<f32>,
    weights: Vec<f32>,
}

impl TokenVectors {
    /// Makes them of rows of `width` numbers, one after the other. What is left of the last row is dropped.
    #[must_use]
    pub fn new(width: usize, mut rows: Vec<f32>) -> Self {
        let width = width.max(1);
        rows.truncate(rows.len().saturating_sub(rows.len().checked_rem(width).unwrap_or_default()));
        let weights = rows
            .chunks_exact_mut(width)
            .map(|row| {
                let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
                if length > 0.0 {
                    row.iter_mut().for_each(|x| *x /= length);
                }
                length
            })
            .collect();
        Self { width, directions: rows, weights }
    }

    /// Makes them of rows of `width` numbers, each with the weight at its place instead of its length. Rows without one are dropped.
    #[must_use]
    pub fn weighted(width: usize, rows: Vec<f32>, mut weights: Vec<f32>) -> Self {
        let mut vectors = Self::new(width, rows);
        weights.truncate(vectors.len());
        vectors.directions.truncate(weights.len().saturating_mul(vectors.width));
        vectors.weights = weights;
        vectors
    }

    /// How much memory they take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let numbers = self.directions.len().saturating_add(self.weights.len());
        numbers.saturating_mul(size_of::<f32>()).saturating_add(size_of::<Self>())
    }

    /// How many tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// Their directions, each of length 1 or nothing but zeros.
    pub fn directions(&self) -> impl Iterator<Item = &[f32]> {
        self.directions.chunks_exact(self.width.max(1))
    }

    /// Their lengths before they were made directions.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The direction of the sum of the vectors.
    #[must_use]
    pub fn sum(&self) -> Vec<f32> {
        let mut sum = vec![0.0_f32; self.width];
        for (row, weight) in self.directions().zip(&self.weights) {
            for (sum, x) in sum.iter_mut().zip(row) {
                *sum += x * weight;
            }
        }
        let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
        if length > 0.0 {
            sum.iter_mut().for_each(|x| *x /= length);
        }
        sum
    }
}
