//! The order of words, where it decides what is asked: from A to B, A before B, more A than B.

use super::lexicon::has_content;
use super::message::Message;
use super::words::{Kind, Word};

/// Words after which the other end of a relation stands.
const TOWARDS: [&str; 9] = ["from", "to", "into", "than", "by", "of", "before", "after", "over"];
/// Words between whose sides the order does not matter.
const EVEN: [&str; 6] = ["and", "or", "between", "vs", "versus", "nor"];

/// Whether both messages name the same things in another direction.
pub(super) fn differs(one: &Message<'_>, other: &Message<'_>) -> bool {
    swaps_after_a_marker(&one.words, &other.words)
        || swaps_words(one, other)
        || swaps_sides(one, other)
        || turns_a_cause(one, other)
        || reorders_code(one, other)
}

/// Whether what stands after `from`, `to`, `than` and their like in one message stands elsewhere in the other.
fn swaps_after_a_marker(one: &[Word<'_>], other: &[Word<'_>]) -> bool {
    TOWARDS.iter().any(|marker| {
        let (left, right) = (after(one, marker), after(other, marker));
        !left.is_empty()
            && !right.is_empty()
            && !left.iter().any(|word| right.contains(word))
            && left.iter().all(|word| has(other, word))
            && right.iter().all(|word| has(one, word))
    })
}

fn has(words: &[Word<'_>], stem: &str) -> bool {
    words.iter().any(|word| *word.stem == *stem)
}

/// The first words with content after each `marker`.
fn after<'w>(words: &'w [Word<'_>], marker: &str) -> Vec<&'w str> {
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if *word.folded == *marker {
            let rest = words.get(at.saturating_add(1)..).unwrap_or_default();
            found.extend(rest.iter().find(|word| has_content(word)).map(|word| &*word.stem));
        }
    }
    found
}

/// Whether the messages are the same but for words that have changed places.
fn swaps_words(one: &Message<'_>, other: &Message<'_>) -> bool {
    if one.words.len() != other.words.len() || is_even(one) || is_even(other) {
        return false;
    }
    let moved = one.words.iter().zip(&other.words).filter(|(left, right)| left.stem != right.stem);
    let (left, right): (Vec<&str>, Vec<&str>) =
        moved.map(|(left, right)| (&*left.stem, &*right.stem)).unzip();
    (2..=4).contains(&left.len()) && same_words(&left, &right)
}

/// Whether the sides of a word have changed places: whether A affects B, and whether B affects A. Where one says it with `by`, it may
/// be the same.
fn swaps_sides(one: &Message<'_>, other: &Message<'_>) -> bool {
    if is_even(one) || is_even(other) || one.has("by") != other.has("by") {
        return false;
    }
    let content = |message: &Message<'_>| message.content().map(|word| word.stem.clone()).collect::<Vec<_>>();
    let (left, right) = (content(one), content(other));
    let (left, right) = without_common_ends(&left, &right);
    if left.len() != right.len() {
        return false;
    }
    left.iter().enumerate().any(|(at, middle)| {
        let mirrored = left.len().saturating_sub(at).saturating_sub(1);
        let sides = |words: &[Box<str>], at: usize| {
            Some((words.get(..at)?.to_vec(), words.get(at.saturating_add(1)..)?.to_vec()))
        };
        let (Some((before, after)), Some((other_before, other_after))) =
            (sides(left, at), sides(right, mirrored))
        else {
            return false;
        };
        let is_inside = !before.is_empty() && !after.is_empty() && right.get(mirrored) == Some(middle);
        is_inside && same_words(&before, &other_after) && same_words(&after, &other_before)
    })
}

/// What is left of two lists without the words that both begin with, and those that both end with.
fn without_common_ends<'w, W: PartialEq>(left: &'w [W], right: &'w [W]) -> (&'w [W], &'w [W]) {
    let begin = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    let (left, right) = (left.get(begin..).unwrap_or_default(), right.get(begin..).unwrap_or_default());
    let end = left.iter().rev().zip(right.iter().rev()).take_while(|(left, right)| left == right).count();
    let cut = |words: &'w [W]| words.get(..words.len().saturating_sub(end)).unwrap_or_default();
    (cut(left), cut(right))
}

/// Whether one asks what causes something and the other what it causes.
fn turns_a_cause(one: &Message<'_>, other: &Message<'_>) -> bool {
    let ends_with_it = |message: &Message<'_>| {
        let at = message.words.iter().position(|word| *word.stem == *"caus")?;
        Some(!message.words.iter().skip(at.saturating_add(1)).any(has_content))
    };
    matches!((ends_with_it(one), ends_with_it(other)), (Some(one), Some(other)) if one != other)
}

/// Whether two lists hold the same words, in any order.
fn same_words<W: Ord + Clone>(left: &[W], right: &[W]) -> bool {
    let (mut left, mut right) = (left.to_vec(), right.to_vec());
    left.sort_unstable();
    right.sort_unstable();
    left == right
}

fn is_even(message: &Message<'_>) -> bool {
    EVEN.iter().any(|word| message.has(word))
}

/// Whether identifiers or numbers stand in another order.
fn reorders_code(one: &Message<'_>, other: &Message<'_>) -> bool {
    let exact = |message: &Message<'_>| -> Vec<Box<str>> {
        message.words.iter().filter(|word| word.kind != Kind::Plain).map(|word| word.folded.clone()).collect()
    };
    let (left, right) = (exact(one), exact(other));
    left != right && same_words(&left, &right) && !is_even(one) && !is_even(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swapped(one: &str, other: &str) -> bool {
        differs(&Message::read(one), &Message::read(other))
    }

    #[test]
    fn a_direction_is_told_from_its_opposite() {
        assert!(swapped(
            "Translate from German into English: Haus",
            "Translate from English into German: Haus"
        ));
        assert!(swapped("Convert this YAML to JSON: a: 1", "Convert this JSON to YAML: a: 1"));
        assert!(swapped("Is every square a rectangle?", "Is every rectangle a square?"));
        assert!(swapped("What is 30 of 120?", "What is 120 of 30?"));
        assert!(swapped("Does lack of sleep cause weight gain?", "Does weight gain cause lack of sleep?"));
        assert!(swapped(
            "How do interest rates affect inflation?",
            "How does inflation affect interest rates?"
        ));
        assert!(swapped("Why is Rust safer than C?", "Why is C faster to learn than Rust?"));
    }

    #[test]
    fn an_order_that_says_nothing_is_none() {
        assert!(!swapped("How do I freeze rows in Excel?", "In Excel, how do I freeze rows?"));
        assert!(!swapped("The difference between cats and dogs", "The difference between dogs and cats"));
        assert!(!swapped("Does sleep affect weight?", "Is weight affected by sleep?"));
        assert!(!swapped("What do flights to Rome cost in May?", "In May, what do flights to Rome cost?"));
        assert!(!swapped("tea or coffee for breakfast", "coffee or tea for breakfast"));
    }
}
