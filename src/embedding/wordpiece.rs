//! WordPiece, as BERT's uncased models read text.
//!
//! Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2019: control characters are dropped, Han characters
//! and punctuation stand alone, accents and case are removed, and each word becomes the longest pieces that the vocabulary has.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use thiserror::Error;
use unicode_categories::UnicodeCategories;
use unicode_normalization::UnicodeNormalization;

/// A longer word is unknown as a whole; in characters.
const LONGEST_WORD: usize = 100;
/// What a piece that continues a word begins with in the vocabulary.
const CONTINUES: &str = "##";
/// The token of a word that the vocabulary cannot spell.
const UNKNOWN: &str = "[UNK]";
const HASH: FixedState = FixedState::with_seed(0);

/// Bytes of most words.
const SHORT: usize = 8;
/// A token of [`SHORT`] bytes or fewer, the first byte lowest, then zeros.
type Short = u64;

/// Number of a token in its vocabulary.
pub type TokenId = u32;

/// A vocabulary that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum VocabularyError {
    /// It is not text.
    #[error("the vocabulary is not UTF-8")]
    NotText,
    /// No token for words that it cannot spell.
    #[error(
        "the vocabulary has no line `{UNKNOWN}`; it must be the vocab.txt of an uncased BERT model, one token a line"
    )]
    NoUnknown,
    /// More tokens than can be numbered.
    #[error("the vocabulary has more than {} lines", TokenId::MAX)]
    TooLong,
}

/// A tokenizer with its vocabulary.
#[derive(Debug)]
pub struct WordPiece {
    text: Box<str>,
    /// Where each token stands in `text`, without the mark of continuation.
    places: Vec<Place>,
    beginnings: HashTable<TokenId>,
    /// Of `beginnings` those of [`SHORT`] bytes or fewer, each found with one look at memory.
    short: HashTable<(Short, TokenId)>,
    continuations: HashTable<TokenId>,
    unknown: TokenId,
    /// Of any token, in bytes.
    longest: usize,
}

/// Bytes of one token.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: u32,
    len: u32,
}

/// What [`WordPiece::read`] needs on the way; kept from text to text to save allocations.
#[derive(Debug, Default)]
struct Scratch {
    /// The word being read, in lower case as far as it is ASCII.
    word: String,
    /// That word without accents and case.
    normal: String,
    is_ascii: bool,
}

impl WordPiece {
    /// Reads a vocabulary, one token a line; the line number, from 0, is the token's id.
    ///
    /// # Errors
    /// [`VocabularyError`] says what is wrong with it.
    pub fn new(vocabulary: &[u8]) -> Result<Self, VocabularyError> {
        let text: Box<str> = str::from_utf8(vocabulary).map_err(|_| VocabularyError::NotText)?.into();
        let mut wordpiece = Self {
            places: Vec::new(),
            beginnings: HashTable::new(),
            short: HashTable::new(),
            continuations: HashTable::new(),
            unknown: 0,
            longest: 0,
            text,
        };
        wordpiece.index()?;
        wordpiece.unknown = wordpiece.id(UNKNOWN).ok_or(VocabularyError::NoUnknown)?;
        Ok(wordpiece)
    }

    fn index(&mut self) -> Result<(), VocabularyError> {
        let mut start = 0;
        let lines = self.text.split_terminator('\n').count();
        self.places.reserve_exact(lines);
        for (id, line) in (0..).zip(self.text.split_terminator('\n')) {
            let token = line.strip_suffix('\r').unwrap_or(line);
            let (table, token, skipped) = match token.strip_prefix(CONTINUES) {
                Some(rest) if !rest.is_empty() => (&mut self.continuations, rest, CONTINUES.len()),
                _ => (&mut self.beginnings, token, 0),
            };
            self.longest = self.longest.max(token.len());
            let place = (u32::try_from(usize::saturating_add(start, skipped)), u32::try_from(token.len()));
            let (Ok(at), Ok(len)) = place else { return Err(VocabularyError::TooLong) };
            self.places.push(Place { start: at, len });
            let (text, places) = (&self.text, &self.places);
            let hash = |id: &TokenId| HASH.hash_one(token_at(text, places, *id));
            table.insert_unique(HASH.hash_one(token), id, hash);
            if skipped == 0 && (1..=SHORT).contains(&token.len()) {
                let short = short(token.as_bytes());
                self.short.insert_unique(hash_short(short), (short, id), |(short, _)| hash_short(*short));
            }
            start = start.saturating_add(line.len()).saturating_add(1);
        }
        Ok(())
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether the vocabulary is empty, which [`Self::new`] excludes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The id of a token that begins a word.
    #[must_use]
    pub fn id(&self, token: &str) -> Option<TokenId> {
        self.find(&self.beginnings, token)
    }

    /// The tokens of `text`, without special ones, at most `limit`. `[SEP]` and the like in a text are text.
    pub fn read(&self, text: &str, limit: usize) -> Vec<TokenId> {
        let mut tokens = Vec::with_capacity(limit.min(text.len()));
        let mut scratch = Scratch { is_ascii: true, ..Scratch::default() };
        let mut rest = text;
        while tokens.len() < limit {
            if scratch.word.is_empty() {
                rest = self.read_short_words(rest, limit, &mut tokens);
            }
            rest = scratch.add_ascii(rest);
            let mut characters = rest.chars();
            let Some(c) = characters.next() else { break };
            rest = characters.as_str();
            if c.is_ascii_punctuation() {
                self.end_word(&mut scratch, &mut tokens);
                let mut buffer = [0; 4];
                self.spell(c.encode_utf8(&mut buffer), &mut tokens);
            } else if matches!(c, ' ' | '\t' | '\n' | '\r') {
                self.end_word(&mut scratch, &mut tokens);
            } else if c == '\u{fffd}' || c.is_other() {
                // Dropped without ending the word.
            } else if c.is_whitespace() {
                self.end_word(&mut scratch, &mut tokens);
            } else if is_han(c) {
                self.end_word(&mut scratch, &mut tokens);
                scratch.add(c);
                self.end_word(&mut scratch, &mut tokens);
            } else {
                scratch.add(c);
            }
        }
        self.end_word(&mut scratch, &mut tokens);
        tokens.truncate(limit);
        tokens
    }

    /// Reads the words that `text` begins with as long as they are short, of ASCII letters and digits and tokens as a whole, which
    /// most of most texts are, without copying them. Returns the rest.
    fn read_short_words<'t>(&self, text: &'t str, limit: usize, tokens: &mut Vec<TokenId>) -> &'t str {
        let bytes = text.as_bytes();
        let mut at = 0_usize;
        while tokens.len() < limit {
            let rest = bytes.get(at..).unwrap_or_default();
            let (length, word) = first_word(rest);
            let after = rest.get(length);
            let is_blank = after == Some(&b' ');
            let is_whole =
                is_blank || after.is_none_or(|c| c.is_ascii_punctuation() || b"\t\r\n".contains(c));
            if length == 0 || !is_whole {
                break;
            }
            let Some(id) = self.find_short(word) else { break };
            tokens.push(id);
            at = at.saturating_add(length).saturating_add(usize::from(is_blank));
        }
        text.get(at..).unwrap_or_default()
    }

    fn find_short(&self, short: Short) -> Option<TokenId> {
        self.short.find(hash_short(short), |(known, _)| *known == short).map(|(_, id)| *id)
    }

    fn end_word(&self, scratch: &mut Scratch, tokens: &mut Vec<TokenId>) {
        if scratch.is_ascii {
            self.spell(&scratch.word, tokens);
        } else {
            let plain = scratch.word.nfd().filter(|c| !c.is_mark_nonspacing()).flat_map(char::to_lowercase);
            scratch.normal.clear();
            scratch.normal.extend(plain);
            let mut rest = scratch.normal.as_str();
            while let Some(at) = rest.find(|c: char| c.is_ascii_punctuation() || c.is_punctuation()) {
                let (word, after) = rest.split_at(at);
                let mark = after.chars().next().map_or(0, char::len_utf8);
                let (mark, after) = after.split_at(mark);
                self.spell(word, tokens);
                self.spell(mark, tokens);
                rest = after;
            }
            self.spell(rest, tokens);
        }
        scratch.word.clear();
        scratch.is_ascii = true;
    }

    /// Adds the longest pieces that spell `word`; if there are none for a part of it, one unknown token for all of it.
    fn spell(&self, word: &str, tokens: &mut Vec<TokenId>) {
        if word.is_empty() {
            return;
        }
        if word.len() <= SHORT
            && let Some(id) = self.find_short(short(word.as_bytes()))
        {
            tokens.push(id);
            return;
        }
        let before = tokens.len();
        let mut rest = word;
        let mut table = &self.beginnings;
        let is_too_long = word.len() > LONGEST_WORD && word.chars().count() > LONGEST_WORD;
        while !rest.is_empty() {
            let longest = if is_too_long { None } else { self.longest_piece(table, rest) };
            let Some((id, after)) = longest else {
                tokens.truncate(before);
                tokens.push(self.unknown);
                return;
            };
            tokens.push(id);
            rest = after;
            table = &self.continuations;
        }
    }

    /// The longest token of `table` that `text` begins with, and what comes after it.
    fn longest_piece<'t>(&self, table: &HashTable<TokenId>, text: &'t str) -> Option<(TokenId, &'t str)> {
        let mut end = text.floor_char_boundary(self.longest.min(text.len()));
        while end > 0 {
            let (piece, after) = text.split_at_checked(end)?;
            if let Some(id) = self.find(table, piece) {
                return Some((id, after));
            }
            end = text.floor_char_boundary(end.saturating_sub(1));
        }
        None
    }

    fn find(&self, table: &HashTable<TokenId>, token: &str) -> Option<TokenId> {
        table.find(HASH.hash_one(token), |id| token_at(&self.text, &self.places, *id) == token).copied()
    }
}

impl Scratch {
    /// Adds the ASCII letters and digits that `text` begins with. Returns the rest.
    fn add_ascii<'t>(&mut self, text: &'t str) -> &'t str {
        let length = text.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let Some((run, rest)) = text.split_at_checked(length) else { return text };
        let start = self.word.len();
        self.word.push_str(run);
        if let Some(added) = self.word.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        rest
    }

    fn add(&mut self, c: char) {
        self.is_ascii = self.is_ascii && c.is_ascii();
        self.word.push(c);
    }
}

/// The first eight bytes.
fn short(bytes: &[u8]) -> Short {
    if let Some(first) = bytes.first_chunk() {
        return Short::from_le_bytes(*first);
    }
    bytes.iter().rev().fold(0, |short, byte| short << 8 | Short::from(*byte))
}

/// How many ASCII letters and digits `bytes` begins with, at most [`SHORT`], and those in lower case.
fn first_word(bytes: &[u8]) -> (usize, Short) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    let word = short(bytes);
    // Of digits the bit that makes letters small is set anyway.
    let small = word | (0x20 * EACH);
    // The highest bit of each byte says whether the lower seven are at least `least`: no sum reaches the next byte.
    let at_least = |word: u64, least: u8| {
        (word & !HIGH).wrapping_add(u64::from(0x80_u8.wrapping_sub(least)).wrapping_mul(EACH))
    };
    let letter = at_least(small, b'a') & !at_least(small, b'z' + 1);
    let digit = at_least(word, b'0') & !at_least(word, b'9' + 1);
    let other = !(letter | digit) | word;
    let length = (other & HIGH).trailing_zeros() / 8;
    let beyond = u64::MAX.checked_shl(length.saturating_mul(8)).unwrap_or_default();
    (usize::try_from(length).unwrap_or_default(), small & !beyond)
}

/// Knuth's multiplicative hash; its upper half is the well mixed one.
fn hash_short(short: Short) -> u64 {
    short.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}

fn token_at<'t>(text: &'t str, places: &[Place], id: TokenId) -> &'t str {
    let Some(place) = usize::try_from(id).ok().and_then(|id| places.get(id)) else { return "" };
    let (start, len) = (place.start as usize, place.len as usize);
    text.get(start..start.saturating_add(len)).unwrap_or_default()
}

/// Han characters, each of which is a word; not Hangul, Hiragana or Katakana. The blocks are the reference implementation's, which
/// begins Extension E 256 characters late.
fn is_han(c: char) -> bool {
    matches!(c,
        '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}' | '\u{2b920}'..='\u{2ceaf}' | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests;
