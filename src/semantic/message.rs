//! One message, read for comparison with others.

use super::language::{Language, language};
use super::lexicon::{Found, Table, find, has_content};
use super::question::{Question, question};
use super::words::{Word, begins, words};

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
        self.words.iter().filter(|word| has_content(word))
    }

    pub(super) fn has(&self, folded: &str) -> bool {
        self.words.iter().any(|word| *word.folded == *folded)
    }

    /// Whether it has the words of a phrase in a row.
    pub(super) fn says(&self, phrase: &str) -> bool {
        (0..self.words.len()).any(|at| self.words.get(at..).is_some_and(|rest| begins(rest, phrase)))
    }

    pub(super) fn of(&self, table: Table) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(move |found| found.entry.table == table)
    }
}
