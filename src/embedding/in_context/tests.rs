use serde::Deserialize;

use super::*;
use crate::embedding::Encoders;

fn vectors(text: &str) -> TokenVectors {
    Encoders::bundled().unwrap().in_context.token_vectors(text).unwrap()
}

fn product(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn the_numbers_are_those_of_the_reference_engine() {
    #[derive(Deserialize)]
    struct Sample {
        text: String,
        states: Vec<Vec<f32>>,
    }
    let samples: Vec<Sample> =
        serde_json::from_str(include_str!("../../../model/student/expected.json")).unwrap();
    assert!(samples.len() > 2);
    for Sample { text, states } in samples {
        let ours = vectors(&text);
        let ours: Vec<_> = ours.directions().collect();
        assert_eq!(ours.len(), states.len(), "{text}");
        for (ours, theirs) in ours.iter().zip(&states) {
            let length = product(theirs, theirs).sqrt();
            assert!(product(ours, theirs) / length > 0.999_99, "{text}");
        }
    }
}

#[test]
fn a_word_means_something_else_in_other_company() {
    let bank = |text: &str, place: usize| vectors(text).directions().nth(place).unwrap().to_vec();
    let (money, loan) = (bank("the bank raised its interest", 1), bank("a bank lends money", 1));
    let river = bank("the bank of the river was muddy", 1);
    assert!(product(&money, &loan) > product(&money, &river));
}

#[test]
fn a_text_of_too_many_tokens_has_no_vectors() {
    let encoder = Encoders::bundled().unwrap().in_context;
    assert!(encoder.token_vectors(&"word ".repeat(62)).is_some());
    assert!(encoder.token_vectors(&"word ".repeat(63)).is_none());
    assert!(encoder.token_vectors("").is_some_and(|vectors| vectors.is_empty()));
}
