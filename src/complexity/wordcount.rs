//! The `wordcount` preset: a rule that a person can check by hand.
//!
//! - high: more than 200 words, or at least two of the keywords;
//! - medium: more than 50 words, or one of the keywords;
//! - low: everything else.
//!
//! Words are what whitespace separates, as `wc -w` counts them; scripts without spaces count by
//! characters ([`quarter_words`]). The keywords are analyze, debug, architecture, refactor and optimize, in any case, as
//! whole words. The whole text counts, however long.

use super::words::{Word, is_in_word, quarter_words};
use super::{Complexity, Level, Signal};

const MEDIUM_ABOVE_WORDS: usize = 50;
const HIGH_ABOVE_WORDS: usize = 200;
const HIGH_FROM_KEYWORDS: usize = 2;

pub(super) fn assess(text: &str) -> Complexity {
    let keywords = distinct_keywords(text);
    let words = count_words(text);
    let (level, score) = if words > HIGH_ABOVE_WORDS || keywords >= HIGH_FROM_KEYWORDS {
        (Level::High, 1.0)
    } else if words > MEDIUM_ABOVE_WORDS || keywords > 0 {
        (Level::Medium, 0.5)
    } else {
        (Level::Low, 0.0)
    };
    let mut reasons = Vec::new();
    if keywords > 0 {
        reasons.push(Signal::Keywords);
    }
    if words > MEDIUM_ABOVE_WORDS {
        reasons.push(Signal::Length);
    }
    Complexity { score, level, reasons }
}

fn count_words(text: &str) -> usize {
    let mut words = 0_usize;
    let mut quarters = 0_usize;
    let mut in_word = false;
    for c in text.chars() {
        let unspaced = quarter_words(c);
        if unspaced > 0 {
            quarters = quarters.saturating_add(usize::try_from(unspaced).unwrap_or_default());
            in_word = false;
        } else if c.is_whitespace() {
            in_word = false;
        } else if !in_word && (c.is_ascii() || is_in_word(c)) {
            words = words.saturating_add(1);
            in_word = true;
        }
    }
    words.saturating_add(quarters.div_ceil(4))
}

/// Words that make a request harder, each counted once.
const KEYWORDS: [&str; 5] = ["analyze", "debug", "architecture", "refactor", "optimize"];

fn distinct_keywords(text: &str) -> usize {
    let mut found = [false; KEYWORDS.len()];
    let mut word = Word::default();
    // The space ends the last word.
    for c in text.chars().chain(" ".chars()) {
        if is_in_word(c) || c == '_' {
            word.push(c);
            continue;
        }
        let ended = std::mem::take(&mut word);
        for (found, keyword) in found.iter_mut().zip(KEYWORDS) {
            *found |= ended.ascii().eq_ignore_ascii_case(keyword.as_bytes());
        }
    }
    found.into_iter().filter(|found| *found).count()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn level(text: &str) -> Level {
        assess(text).level
    }

    #[test]
    fn length_alone_decides_at_50_and_200_words() {
        for (words, expected) in [
            (0, Level::Low),
            (1, Level::Low),
            (50, Level::Low),
            (51, Level::Medium),
            (200, Level::Medium),
            (201, Level::High),
            (100_000, Level::High),
        ] {
            assert_eq!(level(&"word ".repeat(words)), expected, "{words} words");
        }
    }

    #[test]
    fn distinct_whole_keywords_in_any_case_decide() {
        for (text, expected) in [
            ("debug this", Level::Medium),
            ("DEBUG, then Refactor!", Level::High),
            ("debug debug debug", Level::Medium),
            ("(analyze) the \"architecture\"", Level::High),
            ("debugging and refactored, unoptimize", Level::Low),
            ("debug_flag analyze2", Level::Low),
            ("optimize", Level::Medium),
            ("please\nanalyze\tand\u{a0}optimize", Level::High),
        ] {
            assert_eq!(level(text), expected, "{text}");
        }
    }

    #[test]
    fn a_keyword_after_any_length_of_text_counts() {
        let text = format!("{}debug the architecture", " ".repeat(100_000));
        assert_eq!(level(&text), Level::High);
    }

    #[test]
    fn words_of_unspaced_scripts_count_two_characters_each() {
        assert_eq!(count_words("你好世界"), 2);
        assert_eq!(count_words("请用 Rust 写一个函数。"), 1 + 4);
        assert_eq!(level(&"字".repeat(100)), Level::Low);
        assert_eq!(level(&"字".repeat(102)), Level::Medium);
        assert_eq!(level(&"字".repeat(402)), Level::High);
    }

    #[test]
    fn the_reasons_say_which_rule_held() {
        assert_eq!(assess("debug it").reasons, [Signal::Keywords]);
        assert_eq!(assess(&"word ".repeat(51)).reasons, [Signal::Length]);
        assert_eq!(assess("hello").reasons, []);
        assert_eq!(
            [assess("hi").score, assess("debug").score, assess("debug optimize").score],
            [0.0, 0.5, 1.0]
        );
    }

    proptest! {
        #[test]
        fn ascii_words_count_as_wc_counts_them(text in "[ -~\\n\\t]{0,400}") {
            prop_assert_eq!(count_words(&text), text.split_whitespace().count());
        }
    }
}
