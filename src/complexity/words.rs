//! Words of any script, without allocation.

/// The longest word that a vocabulary knows, in bytes.
pub(super) const LONGEST: usize = 24;

/// A word under construction.
#[derive(Debug, Default)]
pub(super) struct Word {
    bytes: [u8; LONGEST],
    /// Characters so far; more than [`LONGEST`] once the word can no longer be a known one.
    len: usize,
}

impl Word {
    #[inline]
    pub(super) fn push(&mut self, c: char) {
        if let (Some(slot), Ok(byte @ 0..=127)) = (self.bytes.get_mut(self.len), u8::try_from(c)) {
            *slot = byte;
            self.len = self.len.saturating_add(1);
        } else {
            self.len = usize::MAX;
        }
    }

    /// Adds ASCII characters.
    #[inline]
    pub(super) fn push_ascii(&mut self, run: &[u8]) {
        let end = self.len.saturating_add(run.len());
        match self.bytes.get_mut(self.len..end) {
            Some(slots) => {
                for (slot, byte) in slots.iter_mut().zip(run) {
                    *slot = *byte;
                }
                self.len = end;
            }
            None => self.len = usize::MAX,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The word; empty when it is longer than any known word or not ASCII.
    pub(super) fn ascii(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Whether `c` is part of a word. Marks of scripts that write vowels above or below the line do not end a word.
#[inline]
pub(super) fn is_in_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    c.is_alphanumeric()
        || matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{900}'..='\u{dff}')
}

/// Quarters of a word that `c` stands for in scripts written without spaces: half a word for a Han or Kana character, a
/// quarter for a letter of Thai, Lao, Myanmar or Khmer; 0 for every other script.
pub(super) fn quarter_words(c: char) -> u32 {
    match c {
        '\0'..='\u{dff}' => 0,
        '\u{3040}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9d}'
        | '\u{20000}'..='\u{3ffff}' => 2,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Word {
        let mut word = Word::default();
        text.chars().for_each(|c| word.push(c));
        word
    }

    #[test]
    fn a_word_keeps_its_case() {
        assert_eq!(word("DeBug").ascii(), b"DeBug");
    }

    #[test]
    fn a_word_that_no_vocabulary_holds_is_a_word_but_matches_nothing() {
        for text in ["a".repeat(25).as_str(), "naïve", "Ω"] {
            assert!(!word(text).is_empty());
            assert_eq!(word(text).ascii(), b"");
        }
        assert_eq!(word(&"a".repeat(24)).ascii().len(), 24);
    }
}
