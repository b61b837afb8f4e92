//! What the prompts are about: spherical k-means over their embeddings (Dhillon and Modha, 2001).

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "native only, and every index is below the length that it was made from"
)]

use llm_arbiter::complexity::Ground;

use super::Example;

const CENTRES: usize = 8;
const ROUNDS: usize = 20;
/// One prompt in so many is further from all centres than `near` says.
const FAR: usize = 50;

/// The ground that the examples cover.
pub fn of(examples: &[Example]) -> Ground {
    let embeddings: Vec<&[f64]> = examples.iter().map(|example| example.inputs.embedding()).collect();
    let mut ground = Ground { centres: furthest_first(&embeddings), near: 1.0 };
    for _ in 0..ROUNDS {
        let mut sums = vec![vec![0.0; embeddings[0].len()]; ground.centres.len()];
        for embedding in &embeddings {
            let nearest = nearest(&ground.centres, embedding);
            sums[nearest].iter_mut().zip(*embedding).for_each(|(sum, x)| *sum += x);
        }
        for (centre, sum) in ground.centres.iter_mut().zip(&sums) {
            let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
            if length > 0.0 {
                *centre = sum.iter().map(|x| x / length).collect();
            }
        }
    }
    for x in ground.centres.iter_mut().flatten() {
        *x = (*x * 1e4).round() / 1e4;
    }
    let mut nearness: Vec<f64> = embeddings.iter().map(|embedding| ground.nearness(embedding)).collect();
    nearness.sort_by(f64::total_cmp);
    ground.near = (nearness[nearness.len() / FAR] * 1e4).round().clamp(1.0, 1e4) / 1e4;
    ground
}

/// The first embedding, and then each time the one that is furthest from all before.
fn furthest_first(embeddings: &[&[f64]]) -> Vec<Vec<f64>> {
    let mut centres = vec![embeddings[0].to_vec()];
    while centres.len() < CENTRES.min(embeddings.len()) {
        let ground = Ground { centres, near: 1.0 };
        let nearness = |embedding: &&&[f64]| ground.nearness(embedding);
        let furthest = embeddings.iter().min_by(|a, b| nearness(a).total_cmp(&nearness(b)));
        let furthest = furthest.map_or_else(Vec::new, |embedding| embedding.to_vec());
        centres = ground.centres;
        centres.push(furthest);
    }
    centres
}

fn nearest(centres: &[Vec<f64>], embedding: &[f64]) -> usize {
    let product = |centre: &Vec<f64>| centre.iter().zip(embedding).map(|(a, b)| a * b).sum::<f64>();
    let products = centres.iter().map(product).enumerate();
    products.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at)
}
