//! One message, read for comparison with others.

use super::language::{Language, language};
use super::lexicon::{Found, Table, asks, find};
use super::question::{Question, question};
use super::words::{Kind, Word, words};

/// A message, or what of it differs from another one.
#[derive(Debug)]
pub(super) struct Message<'t> {
    pub text: &'t str,
    pub words: Vec<Word<'t>>,
    pub found: Vec<Found>,
    pub question: Option<Question>,
    pub language: Option<Language>,
}

impl<'t> Message<'t> {
    pub(super) fn read(text: &'t str) -> Self {
        let words = words(text);
        let found = find(&words);
        let question = question(&words);
        let language = language(text, &words);
        Self { text, words, found, question, language }
    }

    /// The words that say something, those aside that only ask.
    pub(super) fn content(&self) -> impl Iterator<Item = &Word<'t>> {
        self.words.iter().filter(|word| word.kind != Kind::Plain || !asks(&word.folded))
    }

    pub(super) fn has(&self, folded: &str) -> bool {
        self.words.iter().any(|word| *word.folded == *folded)
    }

    /// Whether it has the words of a phrase in a row.
    pub(super) fn says(&self, phrase: &str) -> bool {
        let parts: Vec<&str> = phrase.split(' ').collect();
        self.words
            .windows(parts.len())
            .any(|words| words.iter().zip(&parts).all(|(word, part)| *word.folded == **part))
    }

    pub(super) fn of(&self, table: Table) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(move |found| found.entry.table == table)
    }
}
