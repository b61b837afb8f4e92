//! What the verifier weighs of two messages: how their tokens find each other, and what their words say.

use super::alignment::{Alignment, align, product};
use super::language::Language;
use super::message::Message;
use super::question::soft_conflict;
use crate::embedding::TokenVectors;

/// How many numbers words and their tokens give.
pub const WORD_INPUTS: usize = 26;
/// How many numbers tokens in context give.
const CONTEXT_INPUTS: usize = 13;
/// How many numbers the verifier weighs.
pub const INPUTS: usize = WORD_INPUTS + CONTEXT_INPUTS;

/// What can be had in microseconds.
pub type WordInputs = [f64; WORD_INPUTS];
/// The numbers that the verifier weighs.
pub type Inputs = [f64; INPUTS];

/// The numbers of two messages, with what their tokens in context add to those of their words.
pub(super) fn inputs(words: &WordInputs, answered: &TokenVectors, asked: &TokenVectors) -> Inputs {
    let (forth, back) = align(answered, asked);
    let all =
        |of: Alignment| [of.least, of.second, of.mean, of.weighted, of.lacking.ln_1p(), of.lost.ln_1p()];
    let context = all(forth).into_iter().chain(all(back)).chain([product(&answered.sum(), &asked.sum())]);
    let mut inputs = [0.0; INPUTS];
    for (input, number) in inputs.iter_mut().zip(words.iter().copied().chain(context)) {
        *input = number;
    }
    inputs
}

/// What the words of two messages give: the one that was answered and the one that is asked, each with its tokens as they are where
/// they stand alone.
pub(super) fn word_inputs(
    answered: (&Message<'_>, &TokenVectors),
    asked: (&Message<'_>, &TokenVectors),
    has_document: bool,
) -> WordInputs {
    let ((left, left_tokens), (right, right_tokens)) = (answered, asked);
    let (forth, back) = align(left_tokens, right_tokens);
    let [f1, f2, f3, f4] = numbers(forth);
    let [b1, b2, b3, b4] = numbers(back);
    let cosine = product(&left_tokens.sum(), &right_tokens.sum());
    let (left_stems, right_stems) = (stems(left), stems(right));
    let (left_content, right_content) = (content(left), content(right));
    let only_left = missing(&left_content, &right_content);
    let only_right = missing(&right_content, &left_content);
    let (left_length, right_length) = (count(left.words.len()), count(right.words.len()));
    let flag = |is: bool| if is { 1.0 } else { 0.0 };
    let is_foreign =
        |message: &Message<'_>| message.language.is_some_and(|language| language != Language::English);
    [
        cosine,
        f1,
        f2,
        f3,
        f4,
        b1,
        b2,
        b3,
        b4,
        shared(&left_stems, &right_stems),
        shared(&left_content, &right_content),
        common_in_order(&left_stems, &right_stems),
        count(only_left.len()).ln_1p(),
        count(only_right.len()).ln_1p(),
        spelled_alike(&only_left, &only_right),
        spelled_alike(&only_right, &only_left),
        left_length.ln_1p(),
        right_length.ln_1p(),
        (left_length - right_length).abs() / left_length.max(right_length).max(1.0),
        flag(soft_conflict(left.question, right.question)),
        flag(left.question.is_some() && left.question == right.question),
        flag(left_stems.first() == right_stems.first()),
        flag(left_stems == right_stems),
        flag(has_document),
        flag(is_foreign(left) || is_foreign(right)),
        inversions(&left_content, &right_content),
    ]
}

fn numbers(alignment: Alignment) -> [f64; 4] {
    [alignment.least, alignment.second, alignment.mean, alignment.weighted]
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn stems<'w>(message: &'w Message<'_>) -> Vec<&'w str> {
    message.words.iter().map(|word| &*word.stem).collect()
}

fn content<'w>(message: &'w Message<'_>) -> Vec<&'w str> {
    message.content().map(|word| &*word.stem).collect()
}

/// The words of `of` that `within` lacks.
fn missing<'w>(of: &[&'w str], within: &[&str]) -> Vec<&'w str> {
    of.iter().filter(|word| !within.contains(word)).copied().collect()
}

/// The share of all words that both have (Jaccard).
fn shared(left: &[&str], right: &[&str]) -> f64 {
    let both = left.len().saturating_sub(missing(left, right).len());
    let all = both.saturating_add(missing(left, right).len()).saturating_add(missing(right, left).len());
    if all == 0 { 0.0 } else { count(both) / count(all) }
}

/// The longest common subsequence, as a share of the longer text.
fn common_in_order(left: &[&str], right: &[&str]) -> f64 {
    let mut lengths = vec![0_u32; right.len().saturating_add(1)];
    for word in left {
        let mut diagonal = 0_u32;
        for (at, other) in right.iter().enumerate() {
            let before = lengths.get(at).copied().unwrap_or_default();
            if let Some(here) = lengths.get_mut(at.saturating_add(1)) {
                let above = *here;
                *here = if word == other { diagonal.saturating_add(1) } else { above.max(before) };
                diagonal = above;
            }
        }
    }
    f64::from(lengths.last().copied().unwrap_or_default()) / count(left.len().max(right.len()).max(1))
}

/// How much the words of one side are spelled like some of the other, on average; 1 where there are none.
fn spelled_alike(left: &[&str], right: &[&str]) -> f64 {
    if left.is_empty() {
        return 1.0;
    }
    let best = |word: &&str| {
        right.iter().map(|other| strsim::normalized_damerau_levenshtein(word, other)).fold(0.0, f64::max)
    };
    left.iter().map(best).sum::<f64>() / count(left.len())
}

/// The share of pairs of common words that stand in another order.
fn inversions(left: &[&str], right: &[&str]) -> f64 {
    let places: Vec<usize> =
        left.iter().filter_map(|word| right.iter().position(|other| other == word)).collect();
    let (mut turned, mut pairs) = (0.0, 0.0);
    for (at, place) in places.iter().enumerate() {
        for later in places.iter().skip(at.saturating_add(1)) {
            pairs += 1.0;
            turned += if later < place { 1.0 } else { 0.0 };
        }
    }
    if pairs > 0.0 { turned / pairs } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_both_have() {
        let (left, right) = (["a", "b", "c"], ["b", "c", "d"]);
        assert!((shared(&left, &right) - 0.5).abs() < 1e-9);
        assert!((common_in_order(&left, &right) - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(inversions(&["a", "b"], &["b", "a"]), 1.0);
        assert!(spelled_alike(&["recieve"], &["receive"]) > 0.8);
    }
}
