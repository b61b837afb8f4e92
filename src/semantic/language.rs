//! Which language a message is written in, as far as its commonest words say.

use super::words::{Word, words};

/// A language, or a script that few languages share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    German,
    French,
    Spanish,
    Italian,
    Portuguese,
    Dutch,
    Cyrillic,
    Greek,
    Arabic,
    Hebrew,
    Devanagari,
    Thai,
    Hangul,
    Kana,
    Han,
}

/// Words that are common in one language and in hardly another one.
const COMMON: [(Language, &[&str]); 7] = [
    (
        Language::English,
        &[
            "the", "a", "in", "do", "have", "not", "is", "are", "of", "and", "to", "what", "how", "which",
            "why", "when", "who", "does", "did", "my", "with", "this", "for", "can", "it", "you", "i",
            "give", "write", "explain", "by", "from", "be",
        ],
    ),
    (
        Language::German,
        &[
            "der", "die", "das", "ist", "und", "wie", "ich", "ein", "eine", "einen", "nicht", "mit", "für",
            "wer", "warum", "wo", "wann", "auf", "von", "zu", "den", "dem", "bitte", "sich", "mein", "meine",
            "welche", "kann", "im",
        ],
    ),
    (
        Language::French,
        &[
            "le", "les", "des", "est", "et", "une", "pour", "dans", "que", "qui", "comment", "pourquoi",
            "quel", "quelle", "je", "il", "sur", "avec", "mon", "du", "au", "sont", "quoi",
        ],
    ),
    (
        Language::Spanish,
        &[
            "el", "los", "las", "es", "cómo", "qué", "cuál", "para", "una", "por", "del", "con", "dónde",
            "cuándo", "quién", "mi", "son", "puedo", "hay",
        ],
    ),
    (
        Language::Italian,
        &["il", "gli", "è", "che", "perché", "di", "della", "una", "sono", "quale", "posso", "chi", "nel"],
    ),
    (
        Language::Portuguese,
        &["os", "é", "não", "uma", "para", "qual", "quais", "posso", "são", "um", "eu", "meu", "você"],
    ),
    (
        Language::Dutch,
        &[
            "het", "een", "hoe", "wat", "ik", "niet", "voor", "van", "waarom", "mijn", "zijn", "kan",
            "welke", "naar",
        ],
    ),
];

/// Most characters of a message that are looked at for its language.
const LOOKED_AT: usize = 2000;

/// The language of a message as a tag (BCP 47), as far as its beginning says: `en`, `de`, `fr`, `es`, `it`, `pt`, `nl`, `el`, `he`, `th`, `ko`, `ja`, `zh`; a
/// script that several languages share is `und-Cyrl`, `und-Arab` or `und-Deva`; what is none of them is `und`.
#[must_use]
pub fn language_tag(text: &str) -> &'static str {
    let end = text.char_indices().nth(LOOKED_AT).map_or(text.len(), |(end, _)| end);
    let text = text.get(..end).unwrap_or(text);
    match language(text, &words(text)) {
        Some(Language::English) => "en",
        Some(Language::German) => "de",
        Some(Language::French) => "fr",
        Some(Language::Spanish) => "es",
        Some(Language::Italian) => "it",
        Some(Language::Portuguese) => "pt",
        Some(Language::Dutch) => "nl",
        Some(Language::Cyrillic) => "und-Cyrl",
        Some(Language::Greek) => "el",
        Some(Language::Arabic) => "und-Arab",
        Some(Language::Hebrew) => "he",
        Some(Language::Devanagari) => "und-Deva",
        Some(Language::Thai) => "th",
        Some(Language::Hangul) => "ko",
        Some(Language::Kana) => "ja",
        Some(Language::Han) => "zh",
        None => "und",
    }
}

/// The language of a message; nothing when its words leave it open.
pub(super) fn language(text: &str, words: &[Word<'_>]) -> Option<Language> {
    if let Some(script) = script(text) {
        return Some(script);
    }
    let count = |common: &[&str]| words.iter().filter(|word| common.contains(&&*word.folded)).count();
    let mut counts: Vec<(usize, Language)> =
        COMMON.iter().map(|(language, common)| (count(common), *language)).collect();
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    match counts.as_slice() {
        [(most, language), (second, _), ..] if most > second => Some(*language),
        _ => None,
    }
}

/// The script of most letters, where it is not Latin.
fn script(text: &str) -> Option<Language> {
    let mut counts = [0_usize; 9];
    let mut letters = 0_usize;
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        letters = letters.saturating_add(1);
        let slot = match c {
            '\u{370}'..='\u{3ff}' => 1,
            '\u{400}'..='\u{52f}' => 0,
            '\u{590}'..='\u{5ff}' => 3,
            '\u{600}'..='\u{6ff}' => 2,
            '\u{900}'..='\u{97f}' => 4,
            '\u{e00}'..='\u{e7f}' => 5,
            '\u{ac00}'..='\u{d7af}' => 6,
            '\u{3040}'..='\u{30ff}' => 7,
            '\u{3400}'..='\u{9fff}' => 8,
            _ => continue,
        };
        if let Some(count) = counts.get_mut(slot) {
            *count = count.saturating_add(1);
        }
    }
    let scripts = [
        Language::Cyrillic,
        Language::Greek,
        Language::Arabic,
        Language::Hebrew,
        Language::Devanagari,
        Language::Thai,
        Language::Hangul,
        Language::Kana,
        Language::Han,
    ];
    // Japanese is written with Han characters between Kana.
    let kana = counts.get(7).copied().unwrap_or_default();
    if kana > 0 && counts.get(8).copied().unwrap_or_default().saturating_add(kana).saturating_mul(2) > letters
    {
        return Some(Language::Kana);
    }
    scripts
        .into_iter()
        .zip(counts)
        .find(|(_, count)| count.saturating_mul(2) > letters)
        .map(|(script, _)| script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_of_a_message() {
        for (text, is) in [
            ("What is the capital of Peru?", Some(Language::English)),
            ("Wer hat die Buddenbrooks geschrieben?", Some(Language::German)),
            ("Pourquoi la mer est-elle salée ?", Some(Language::French)),
            ("¿Cuál es la capital de Perú?", Some(Language::Spanish)),
            ("Почему небо голубое?", Some(Language::Cyrillic)),
            ("空はなぜ青いのですか", Some(Language::Kana)),
            ("天空为什么是蓝色的", Some(Language::Han)),
            ("sql left join", None),
        ] {
            assert_eq!(language(text, &words(text)), is, "{text}");
        }
    }

    #[test]
    fn a_long_message_has_the_language_of_its_beginning() {
        assert_eq!(language_tag(&format!("Was ist der Sinn? {}", "the ".repeat(100_000))), "en");
        assert_eq!(
            language_tag(&format!("{}{}", "и почему ".repeat(300), "the ".repeat(100_000))),
            "und-Cyrl"
        );
        assert_eq!(language_tag(""), "und");
    }
}
