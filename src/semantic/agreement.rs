//! Whether two answers say the same, as far as that can be seen without a model that reads them.

use super::message::Message;
use super::vetoes;
use crate::embedding::{Embedding, Sieve};

/// Cosine of two answers below which they are about different things.
const LEAST_COSINE: f64 = 0.8;
/// Words of an answer that is short enough for each of them to matter.
const SHORT: usize = 24;

/// Whether two answers say the same: they are about the same things, and where both are short, nothing that sets messages apart sets
/// them apart. An estimate: that a long answer is wrong in one word is not seen.
#[must_use]
pub fn agree(sieve: &Sieve, one: &str, other: &str) -> bool {
    if one.split_whitespace().eq(other.split_whitespace()) {
        return true;
    }
    let (left, right) = (Message::read(one), Message::read(other));
    let is_short = |message: &Message<'_>| message.words.len() <= SHORT;
    if is_short(&left) && is_short(&right) && vetoes::between(&left, &right).is_some() {
        return false;
    }
    match (sieve.embed(one), sieve.embed(other)) {
        (Some(left), Some(right)) => cosine(&left, &right) >= LEAST_COSINE,
        _ => false,
    }
}

/// Embeddings have length 1.
fn cosine(left: &Embedding, right: &Embedding) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedding::Encoders;

    const EGG: &str = "Place the egg in boiling water and cook it for seven to ten minutes, then cool it under cold water before you peel it.";
    const EGG_AGAIN: &str = "To boil an egg, bring a pot of water to a boil, lower the egg in gently, let it cook 8-10 minutes and cool it in cold water. Then peel it.";
    const STAIN: &str = "Blot the stain with a clean cloth, then apply a mixture of dish soap and vinegar and rinse it with cold water until the colour is gone.";

    #[test]
    fn answers_agree_that_say_the_same() {
        let sieve = Encoders::bundled().unwrap().sieve;
        let cases = [
            (EGG, EGG, true),
            (EGG, EGG_AGAIN, true),
            (EGG, STAIN, false),
            ("Paris.", "Paris.\n", true),
            ("The capital of France is Paris.", "Paris is the capital of France.", true),
            ("The capital of France is Paris.", "The capital of Spain is Madrid.", false),
            ("It boils at 100 degrees.", "It boils at 90 degrees.", false),
            ("Yes, you can eat it raw.", "No, you cannot eat it raw.", false),
            ("", "Paris", false),
            ("Paris", "", false),
        ];
        for (one, other, expected) in cases {
            assert_eq!(agree(&sieve, one, other), expected, "{one} / {other}");
        }
    }
}
