//! What a text contains, counted in one pass.

use super::vocabulary::{Topic, topic};
use super::words::{LONGEST, Word, is_in_word, quarter_words};

/// A longer text is read in part: its first 16 KiB and its last 4 KiB, where instructions stand. Every signal that
/// counts is at its greatest well before.
const HEAD_BYTES: usize = 16 * 1024;
const TAIL_BYTES: usize = 4 * 1024;

/// Counts over one text. None depends on ASCII case, on how much whitespace stands between words or of which kind, or on
/// words of courtesy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Features {
    /// Quarters of words; see [`quarter_words`].
    pub quarter_words: u32,
    /// Words that ask for judgement, design or repair.
    pub demanding: u32,
    /// Terms of software, data or operations.
    pub technical: u32,
    /// Keywords of programming languages.
    pub code_words: u32,
    /// Punctuation that is common in code and rare in prose.
    pub code_symbols: u32,
    /// Fences of code blocks.
    pub fences: u32,
    /// Announcements of stack traces, named exceptions, positions such as `main.rs:42`.
    pub traces: u32,
    /// Words of sequence.
    pub sequence: u32,
    /// Items numbered 1, 2, 3.
    pub items: u32,
    /// Conditions on the answer.
    pub constraints: u32,
    /// Terms and commands of mathematics.
    pub math: u32,
    /// Words that ask for a proof.
    pub proof: u32,
    /// Whole numbers.
    pub numbers: u32,
    /// Question marks, a run of them as one.
    pub questions: u32,
    /// Wording that asks for a long or thorough answer.
    pub thorough: u32,
    /// Words of how many and how much.
    pub quantity: u32,
    /// Numbers with a decimal point.
    pub decimals: u32,
    /// Digits of the longest whole number.
    pub longest_number: u32,
    /// Words of ASCII letters and digits but those of courtesy, and how many characters they have together.
    pub spelled: u32,
    pub letters: u32,
}

impl Features {
    /// Reads `text`, or the two ends of a huge one.
    pub(super) fn of(text: &str) -> Self {
        let mut scanner = Scanner::default();
        if text.len() <= HEAD_BYTES.saturating_add(TAIL_BYTES) {
            scanner.read(text);
        } else {
            let head = text.floor_char_boundary(HEAD_BYTES);
            let tail = text.ceil_char_boundary(text.len().saturating_sub(TAIL_BYTES));
            scanner.read(text.get(..head).unwrap_or_default());
            scanner.read(text.get(tail..).unwrap_or_default());
        }
        scanner.features
    }

    fn count(&mut self, topic: Topic) {
        add(
            match topic {
                Topic::Courtesy => return,
                Topic::Demanding => &mut self.demanding,
                Topic::Technical => &mut self.technical,
                Topic::Code => &mut self.code_words,
                Topic::Trace => &mut self.traces,
                Topic::Sequence => &mut self.sequence,
                Topic::Constraint => &mut self.constraints,
                Topic::Math => &mut self.math,
                Topic::Proof => &mut self.proof,
                Topic::Thorough => &mut self.thorough,
                Topic::Quantity => &mut self.quantity,
            },
            1,
        );
    }
}

fn add(count: &mut u32, more: u32) {
    *count = count.saturating_add(more);
}

/// What the word before means for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Before {
    #[default]
    Nothing,
    /// `thank`, which makes a `you` courtesy.
    Thank,
    /// A number of so many digits.
    Number { digits: usize },
}

#[derive(Debug, Default)]
struct Scanner {
    features: Features,
    word: Word,
    before: Before,
    /// The character before.
    previous: Option<char>,
    /// How often `previous` stands there in a row.
    run: u32,
    /// The word under construction follows a backslash, as commands of LaTeX do.
    is_command: bool,
    /// The number that a full stop or a bracket has just closed.
    item: Option<u32>,
}

impl Scanner {
    fn read(&mut self, text: &str) {
        let mut rest = text;
        loop {
            rest = self.read_plain_words(rest);
            rest = self.read_ascii_run(rest);
            let mut characters = rest.chars();
            let Some(c) = characters.next() else { break };
            rest = characters.as_str();
            let unspaced = if c.is_ascii() { 0 } else { quarter_words(c) };
            if unspaced == 0 && is_in_word(c) {
                if self.word.is_empty() {
                    self.start_word(c);
                }
                self.word.push(c);
            } else if c == '\'' || c == '\u{2019}' {
                // An apostrophe is part of its word; a closing quotation mark has a blank after it, which ends the word.
            } else {
                let number = self.end_word();
                add(&mut self.features.quarter_words, unspaced);
                self.punctuation(c, number);
            }
            self.previous = Some(c);
        }
        self.end_word();
        self.previous = None;
    }

    /// Reads words of ASCII letters with one blank after each, which is most of most texts, without copying them. Returns the
    /// rest.
    fn read_plain_words<'t>(&mut self, text: &'t str) -> &'t str {
        let mut rest = text;
        while self.word.is_empty() {
            let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let Some((word, after)) = rest.split_at_checked(length) else { break };
            let (Some(after), 1..=LONGEST) = (after.strip_prefix(' '), length) else { break };
            self.start_word('a');
            self.count_word(word.as_bytes());
            self.punctuation(' ', None);
            self.previous = Some(' ');
            rest = after;
        }
        rest
    }

    /// Reads the ASCII letters and digits that `text` begins with in one go. Returns the rest.
    fn read_ascii_run<'t>(&mut self, text: &'t str) -> &'t str {
        let length = text.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let Some((run, rest)) = text.split_at_checked(length) else { return text };
        if let (Some(first), Some(last)) = (run.bytes().next(), run.bytes().next_back()) {
            if self.word.is_empty() {
                self.start_word(char::from(first));
            }
            self.word.push_ascii(run.as_bytes());
            self.previous = Some(char::from(last));
        }
        rest
    }

    fn start_word(&mut self, c: char) {
        self.item = None;
        self.is_command = self.previous == Some('\\');
        if c.is_ascii_digit() {
            match (self.before, self.previous) {
                // `main.rs:42` is a position in a file, `10:30` a time.
                (Before::Nothing, Some(':')) => add(&mut self.features.traces, 1),
                (Before::Number { .. }, Some('.')) => add(&mut self.features.decimals, 1),
                _ => {}
            }
        }
    }

    fn punctuation(&mut self, c: char, number: Option<u32>) {
        self.run = if self.previous == Some(c) { self.run.saturating_add(1) } else { 1 };
        match c {
            '?' | '\u{ff1f}' | '\u{61f}' if self.run == 1 => add(&mut self.features.questions, 1),
            '`' | '~' if self.run == 3 => add(&mut self.features.fences, 1),
            '{' | '}' | ';' | '=' | '<' | '>' | '[' | ']' | '\\' | '|' | '&' | '_' | '`' => {
                add(&mut self.features.code_symbols, 1);
            }
            '.' | ')' if number.is_some() => self.item = number,
            c if c.is_whitespace() => {
                if self.item.is_some_and(|item| item == self.features.items.saturating_add(1)) {
                    add(&mut self.features.items, 1);
                }
                self.item = None;
            }
            _ => {}
        }
    }

    /// Counts the word that ends here, if one does; its value if it is a number of one or two digits.
    fn end_word(&mut self) -> Option<u32> {
        if self.word.is_empty() {
            return None;
        }
        let word = std::mem::take(&mut self.word);
        self.count_word(word.ascii())
    }

    /// Counts a word, in any case; an empty one is a word that no vocabulary knows. Its value if it is a number of one or two
    /// digits.
    fn count_word(&mut self, word: &[u8]) -> Option<u32> {
        let before = std::mem::take(&mut self.before);
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        let is_number = word.first().is_some_and(u8::is_ascii_digit) && word.iter().all(u8::is_ascii_digit);
        let topic = if is_number { None } else { topic(word) };
        let is_courtesy = topic == Some(Topic::Courtesy) || before == Before::Thank && is("you");
        let features = &mut self.features;
        let letters = u32::try_from(word.len()).unwrap_or(u32::MAX);
        if !is_courtesy {
            add(&mut features.quarter_words, 4);
            add(&mut features.spelled, letters.min(1));
            add(&mut features.letters, letters);
        }
        if self.is_command {
            add(&mut features.math, 1);
        } else if is_number {
            add(&mut features.numbers, 1);
            features.longest_number = features.longest_number.max(letters);
        } else if let Some(topic) = topic {
            features.count(topic);
        }
        if let Before::Number { digits } = before
            && (digits >= 3 && (is("words") || is("word")) || is("pages") || is("chapters"))
        {
            add(&mut features.thorough, 2);
        }
        if is_number {
            self.before = Before::Number { digits: word.len() };
            return small_number(word);
        }
        if topic == Some(Topic::Courtesy) && is("thank") {
            self.before = Before::Thank;
        }
        None
    }
}

/// The value of one or two digits.
fn small_number(word: &[u8]) -> Option<u32> {
    let text = str::from_utf8(word).ok()?;
    if text.len() <= 2 { text.parse().ok() } else { None }
}
