//! Tables of words that tell apart what embeddings take for the same.
//!
//! A line of a table is a group of alternatives that exclude each other, `|` between them; commas stand between phrases of one
//! meaning. A group that begins with `!` must have the same alternatives in both messages.

use std::sync::LazyLock;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::words::{Kind, Word, stem};

/// Words in the longest phrase of a table.
const LONGEST_PHRASE: usize = 6;

/// What a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Antonyms,
    Quantifiers,
    Units,
    Dates,
    Languages,
    Formats,
    Lengths,
    Personal,
    FollowUps,
    Current,
    Random,
}

/// A phrase's place in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub table: Table,
    pub group: u16,
    pub alternative: u16,
    /// Whether the group must be the same in both messages.
    pub is_strict: bool,
}

/// A phrase of the tables in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub entry: Entry,
    /// Where it begins, in words.
    pub at: usize,
}

struct Lexicon {
    phrases: HashMap<String, Vec<Entry>, FixedState>,
    requests: HashSet<&'static str, FixedState>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let mut lexicon = Lexicon {
        phrases: HashMap::with_hasher(FixedState::with_seed(0)),
        requests: HashSet::with_hasher(FixedState::with_seed(0)),
    };
    for (table, text) in [
        (Table::Antonyms, include_str!("lexicon/antonyms.txt")),
        (Table::Quantifiers, include_str!("lexicon/quantifiers.txt")),
        (Table::Units, include_str!("lexicon/units.txt")),
        (Table::Dates, include_str!("lexicon/dates.txt")),
        (Table::Languages, include_str!("lexicon/languages.txt")),
        (Table::Formats, include_str!("lexicon/formats.txt")),
        (Table::Lengths, include_str!("lexicon/lengths.txt")),
        (Table::Personal, include_str!("lexicon/personal.txt")),
        (Table::FollowUps, include_str!("lexicon/follow_ups.txt")),
        (Table::Current, include_str!("lexicon/current.txt")),
        (Table::Random, include_str!("lexicon/random.txt")),
    ] {
        lexicon.add(table, text);
    }
    for line in lines(include_str!("lexicon/requests.txt")) {
        lexicon.requests.extend(line.split(',').map(str::trim));
    }
    lexicon
});

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

impl Lexicon {
    fn add(&mut self, table: Table, text: &'static str) {
        for (group, line) in (0..).zip(lines(text)) {
            let (is_strict, line) = line.strip_prefix('!').map_or((false, line), |line| (true, line));
            for (alternative, phrases) in (0..).zip(line.split('|')) {
                let entry = Entry { table, group, alternative, is_strict };
                for phrase in phrases.split(',') {
                    let stems: Vec<&str> = phrase.split_whitespace().map(stem).collect();
                    let entries = self.phrases.entry(stems.join(" ")).or_default();
                    if !entries.contains(&entry) {
                        entries.push(entry);
                    }
                }
            }
        }
    }
}

/// Whether a word says that something is asked or has no content of its own.
pub(super) fn asks(folded: &str) -> bool {
    LEXICON.requests.contains(folded)
}

/// Whether a word says something, not only that something is asked.
pub(super) fn has_content(word: &Word<'_>) -> bool {
    word.kind != Kind::Plain || !asks(&word.folded)
}

/// What the tables know of the words: of phrases that begin at one word the longest counts, and none within it.
pub(super) fn find(words: &[Word<'_>]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut phrase = String::new();
    let mut at = 0_usize;
    while let Some(rest) = words.get(at..).filter(|rest| !rest.is_empty()) {
        let known = longest_phrase(rest, &mut phrase);
        if let Some((_, entries)) = known {
            found.extend(entries.iter().map(|entry| Found { entry: *entry, at }));
        }
        at = at.saturating_add(known.map_or(1, |(length, _)| length));
    }
    found
}

/// The longest phrase of the tables that `words` begin with: its words, and its places.
fn longest_phrase(words: &[Word<'_>], phrase: &mut String) -> Option<(usize, &'static [Entry])> {
    phrase.clear();
    let mut ends = [0_usize; LONGEST_PHRASE];
    let mut count = 0_usize;
    for (word, end) in words.iter().zip(&mut ends) {
        if count > 0 {
            phrase.push(' ');
        }
        phrase.push_str(&word.stem);
        *end = phrase.len();
        count = count.saturating_add(1);
    }
    (1..=count).rev().find_map(|length| {
        let end = ends.get(length.saturating_sub(1)).copied()?;
        let entries = phrase.get(..end).and_then(|phrase| LEXICON.phrases.get(phrase))?;
        Some((length, entries.as_slice()))
    })
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    #[test]
    fn the_longest_phrase_counts() {
        let found = find(&words("at least ten users"));
        assert_eq!(found.iter().map(|found| found.entry.table).collect::<Vec<_>>(), [Table::Quantifiers]);
    }

    #[test]
    fn forms_of_a_word_are_found() {
        assert_eq!(find(&words("increasing")), find(&words("increase")));
        assert!(find(&words("xylophone")).is_empty());
    }

    #[test]
    fn no_phrase_is_longer_than_what_is_looked_for() {
        assert!(LEXICON.phrases.keys().all(|phrase| phrase.split(' ').count() <= LONGEST_PHRASE));
    }
}
