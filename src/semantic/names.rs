//! Names and quotations: what stands for one thing only.

use std::ops::Range;

use super::language::Language;
use super::lexicon::asks;
use super::message::Message;
use super::words::{Kind, Word};

/// Endings by which forms of a name differ.
const FORMS: [&str; 12] = ["", "s", "n", "an", "ian", "ese", "ish", "er", "al", "ic", "i", "es"];
/// Letters that forms of a name have in common at least.
const SHORTEST_NAME: usize = 4;

/// Whether one message names what the other does not.
pub(super) fn differ(one: &Message<'_>, other: &Message<'_>) -> bool {
    let (left, right) = (unmatched(one, other), unmatched(other, one));
    // In German every noun has a capital: only two names that stand against each other are names.
    if one.language == Some(Language::German) { left && right } else { left || right }
}

fn unmatched(one: &Message<'_>, other: &Message<'_>) -> bool {
    if is_shouted(one) {
        return false;
    }
    let is_known = |at: usize, name: &Word<'_>| {
        other.words.iter().any(|word| is_same(name, word))
            || spells(name, &other.words).is_some()
            || other
                .words
                .iter()
                .any(|acronym| spells(acronym, &one.words).is_some_and(|words| words.contains(&at)))
    };
    one.words.iter().enumerate().filter(|(_, word)| is_name(word)).any(|(at, name)| !is_known(at, name))
}

/// The words of which an acronym has the first letters, `WWW` those of `World Wide Web`.
fn spells(acronym: &Word<'_>, words: &[Word<'_>]) -> Option<Range<usize>> {
    let letters: Vec<char> = acronym.raw.chars().collect();
    if !(2..=5).contains(&letters.len()) || !letters.iter().all(|letter| letter.is_ascii_uppercase()) {
        return None;
    }
    let begins_with = |word: &Word<'_>, letter: &char| word.folded.starts_with(letter.to_ascii_lowercase());
    let start = words
        .windows(letters.len())
        .position(|words| words.iter().zip(&letters).all(|(word, letter)| begins_with(word, letter)))?;
    Some(start..start.saturating_add(letters.len()))
}

/// Whether capitals say nothing: most words have them.
fn is_shouted(message: &Message<'_>) -> bool {
    let plain = || message.content().filter(|word| word.kind == Kind::Plain);
    let capital = plain().filter(|word| begins_with_capital(word.raw)).count();
    let all = plain().count();
    all >= 3
        && message.language != Some(Language::German)
        && capital.saturating_mul(4) > all.saturating_mul(3)
}

fn begins_with_capital(raw: &str) -> bool {
    raw.chars().next().is_some_and(char::is_uppercase)
}

fn is_name(word: &Word<'_>) -> bool {
    if word.kind != Kind::Plain || !begins_with_capital(word.raw) {
        return false;
    }
    let mut letters = word.raw.chars();
    match (letters.next(), letters.next()) {
        (Some(only), None) => !word.is_first && only != 'I',
        _ => {
            let has_more_capitals = word.raw.chars().skip(1).any(char::is_uppercase);
            (!word.is_first || has_more_capitals) && !asks(&word.folded)
        }
    }
}

fn is_same(name: &Word<'_>, word: &Word<'_>) -> bool {
    if name.raw.chars().nth(1).is_none() {
        return name.raw == word.raw;
    }
    name.folded == word.folded || is_form(&name.folded, &word.folded)
}

/// Whether two words are forms of one name: `Africa`, `African`.
fn is_form(one: &str, other: &str) -> bool {
    let common = one
        .char_indices()
        .zip(other.chars())
        .find(|((_, a), b)| a != b)
        .map_or(one.len().min(other.len()), |((at, _), _)| at);
    let endings = (one.get(common..), other.get(common..));
    common >= SHORTEST_NAME
        && matches!(endings, (Some(left), Some(right)) if FORMS.contains(&left) && FORMS.contains(&right))
}

/// The quotation marks that are looked for, opening and closing.
const MARKS: [(char, char); 6] = [('"', '"'), ('“', '”'), ('„', '“'), ('«', '»'), ('`', '`'), ('\'', '\'')];

/// Whether one message quotes what the other does not say.
pub(super) fn quotations_differ(one: &Message<'_>, other: &Message<'_>) -> bool {
    let missing = |of: &str, within: &str| {
        let within = spoken(within);
        quotations(of).any(|quoted| !within.contains(spoken(quoted).trim_end_matches(' ')))
    };
    missing(one.text, other.text) || missing(other.text, one.text)
}

/// Words without case, white space and marks of the sentence, one space before and after each.
fn spoken(text: &str) -> String {
    let mut spoken = String::with_capacity(text.len());
    spoken.push(' ');
    for c in text.chars() {
        if c.is_whitespace()
            || matches!(
                c,
                '"' | '“' | '”' | '„' | '«' | '»' | '`' | '\'' | '’' | '.' | ',' | '?' | '!' | ':' | ';'
            )
        {
            if !spoken.ends_with(' ') {
                spoken.push(' ');
            }
        } else {
            spoken.extend(c.to_lowercase());
        }
    }
    spoken.push(' ');
    spoken
}

/// What stands between quotation marks.
fn quotations(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let mut before = ' ';
    std::iter::from_fn(move || {
        loop {
            let mut characters = rest.chars();
            let c = characters.next()?;
            let after = characters.as_str();
            let opens = !before.is_alphanumeric();
            before = c;
            rest = after;
            let Some((_, closing)) = MARKS.iter().find(|(opening, _)| *opening == c).filter(|_| opens) else {
                continue;
            };
            // An apostrophe within a word closes nothing.
            let end = after.char_indices().find(|(at, mark)| {
                let next =
                    after.get(at.saturating_add(mark.len_utf8())..).and_then(|rest| rest.chars().next());
                mark == closing && !next.is_some_and(char::is_alphanumeric)
            });
            if let Some((quoted, closed)) = end.and_then(|(at, _)| after.split_at_checked(at)) {
                rest = closed.get(closing.len_utf8()..).unwrap_or_default();
                before = *closing;
                return Some(quoted);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_differ(one: &str, other: &str) -> bool {
        differ(&Message::read(one), &Message::read(other))
    }

    #[test]
    fn another_name_is_another_question() {
        assert!(names_differ("When did Marie Curie die?", "When did Linus Pauling die?"));
        assert!(names_differ("A card for Anna, please", "A card for Hanna, please"));
        assert!(names_differ("What is hepatitis A?", "What is hepatitis B?"));
        assert!(names_differ("How do I log out of Netflix?", "How do I log out?"));
    }

    #[test]
    fn forms_and_cases_of_a_name_are_one() {
        assert!(!names_differ("The longest river in Africa", "Which African river is the longest?"));
        assert!(!names_differ("who was the first man on the moon", "WHO WAS THE FIRST MAN ON THE MOON"));
        assert!(!names_differ(
            "Was ist der Unterschied zwischen Miete und Pacht?",
            "Worin unterscheiden sich Miete und Pacht?"
        ));
    }

    #[test]
    fn quotations_are_found() {
        assert_eq!(quotations("Is \"a b\" or 'c' it's “d”").collect::<Vec<_>>(), ["a b", "c", "d"]);
        let differ = |one, other| quotations_differ(&Message::read(one), &Message::read(other));
        assert!(differ("Who said \"I'll be back\"?", "Who said \"I'll be right here\"?"));
        assert!(!differ("what’s the plot of 'the great gatsby'", "What's the plot of \"The Great Gatsby\"?"));
    }
}
