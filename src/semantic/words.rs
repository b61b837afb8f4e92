//! The words of a message, as far as comparing two messages needs them.

/// One word of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word<'t> {
    /// As it stands in the message, without the marks around it.
    pub raw: &'t str,
    /// In lower case, contractions written out, grouping commas of numbers removed.
    pub folded: Box<str>,
    /// [`Self::folded`] without its ending, so that forms of one word are equal.
    pub stem: Box<str>,
    /// What it is.
    pub kind: Kind,
    /// Whether a sentence, line or quotation begins with it.
    pub is_first: bool,
}

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters.
    Plain,
    /// Anything with a digit: a quantity, a year, a version, a serial number.
    Number,
    /// An identifier, a path or a part of a program: its exact characters count.
    Code,
}

/// Contractions that end a word, and what they stand for.
const ENDINGS: [(&str, &str); 6] =
    [("n't", "not"), ("'re", "are"), ("'ve", "have"), ("'ll", "will"), ("'m", "am"), ("'d", "would")];

/// Words after which `'s` is `is`.
const BEFORE_IS: [&str; 14] = [
    "what", "who", "where", "when", "how", "why", "which", "it", "that", "there", "here", "he", "she", "this",
];

/// Marks that belong to the words beside them in a program, not in a sentence.
const CODE_MARKS: &str = "_=<>{}[]\\;|#@*^~+";

/// The words of `text`, in order.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::with_capacity(text.len() / 5);
    let mut is_first = true;
    for chunk in chunks(text) {
        match chunk {
            Chunk::Break => is_first = true,
            Chunk::Word(raw) => {
                push(raw, is_first, &mut words);
                is_first = false;
            }
        }
    }
    words
}

enum Chunk<'t> {
    Word(&'t str),
    /// The end of a sentence or line, or the beginning of a quotation.
    Break,
}

/// Cuts at white space and at marks that are not part of a word.
fn chunks(text: &str) -> impl Iterator<Item = Chunk<'_>> {
    text.split_inclusive(char::is_whitespace).flat_map(|piece| {
        let word = piece.trim_end();
        let has_line_end = piece.get(word.len()..).is_some_and(|rest| rest.contains('\n'));
        let ends_sentence = word.ends_with(['.', '?', '!', ':', ';', '。', '？', '！']) || has_line_end;
        let inner: Vec<Chunk<'_>> =
            if is_code(word) { vec![Chunk::Word(trimmed_code(word))] } else { split_plain(word) };
        inner.into_iter().chain(ends_sentence.then_some(Chunk::Break))
    })
}

/// Whether a piece between white space is part of a program: it holds marks, or capitals within, that no sentence has.
fn is_code(piece: &str) -> bool {
    let core = trimmed_code(piece);
    if core.contains("::") || core.contains("->") || core.contains("()") || core.starts_with("--") {
        return true;
    }
    let has_letters = core.chars().any(char::is_alphanumeric);
    let marked = core.chars().any(|c| CODE_MARKS.contains(c)) && !is_only(core, '*');
    if marked && (has_letters || core.chars().count() <= 3) {
        // `C#`, `C++`, `*emphasis*` and `#1` are words.
        return !(core
            .trim_end_matches(['#', '+', '*'])
            .trim_start_matches(['#', '*', '@'])
            .chars()
            .all(char::is_alphanumeric));
    }
    let dotted = core.split('.').filter(|part| part.chars().any(char::is_alphabetic)).count() > 1
        && !core.contains("..")
        && core.split('.').all(|part| part.chars().count() > 1);
    let camel = core
        .as_bytes()
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()))
        && core.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && core.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && core.len() > 6;
    dotted || camel
}

fn is_only(text: &str, mark: char) -> bool {
    text.chars().all(|c| c == mark)
}

/// Without the marks of the sentence around it.
fn trimmed_code(piece: &str) -> &str {
    piece
        .trim_end_matches(['.', ',', '?', '!', ':', '"', '\'', '`', '”', '’'])
        .trim_start_matches(['"', '\'', '`', '“', '‘'])
}

/// The words of a piece of a sentence.
fn split_plain(piece: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::with_capacity(1);
    let mut start = None;
    let mut characters = piece.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = characters.next() {
        let after = characters.peek().map_or(' ', |(_, next)| *next);
        let joins = matches!(c, '\'' | '’') && before.is_alphabetic() && after.is_alphabetic()
            || matches!(c, '.' | ',' | ':') && before.is_ascii_digit() && after.is_ascii_digit()
            || matches!(c, '#' | '+') && start.is_some() && !after.is_alphanumeric();
        let han = is_unspaced(c);
        if (c.is_alphanumeric() || joins || c == '%' && before.is_ascii_digit() || is_mark(c)) && !han {
            start = start.or(Some(at));
        } else {
            if let Some(word) = start.take().and_then(|start| piece.get(start..at)) {
                chunks.push(Chunk::Word(word));
            }
            if han && let Some(word) = piece.get(at..at.saturating_add(c.len_utf8())) {
                chunks.push(Chunk::Word(word));
            }
            if matches!(c, '"' | '“' | '¿' | '¡' | '(') {
                chunks.push(Chunk::Break);
            }
            if matches!(c, '€' | '$' | '£' | '°' | '-' | '−') && (after.is_ascii_digit() || c != '-') {
                let end = at.saturating_add(c.len_utf8());
                let is_sign = c != '-' || before == ' ';
                if is_sign && let Some(mark) = piece.get(at..end) {
                    chunks.push(Chunk::Word(mark));
                }
            }
        }
        before = c;
    }
    if let Some(word) = start.and_then(|start| piece.get(start..)) {
        chunks.push(Chunk::Word(word));
    }
    chunks
}

/// Whether `words` begin with those of a phrase.
pub(super) fn begins(words: &[Word<'_>], phrase: &str) -> bool {
    let mut words = words.iter();
    phrase.split(' ').all(|part| words.next().is_some_and(|word| *word.folded == *part))
}

/// Characters of scripts written without spaces stand alone.
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// Marks within a word.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{dff}' | '²' | '³')
}

/// Adds the word, its contraction written out.
fn push<'t>(raw: &'t str, is_first: bool, words: &mut Vec<Word<'t>>) {
    let lower = raw.to_lowercase().replace('’', "'");
    let word = |folded: &str, is_first| {
        let kind = kind(raw);
        let folded: Box<str> = match kind {
            Kind::Code => raw.into(),
            Kind::Number => number(folded).into(),
            Kind::Plain => folded.into(),
        };
        let stem = if kind == Kind::Plain { stem(&folded).into() } else { folded.clone() };
        Word { raw, folded, stem, kind, is_first }
    };
    let whole = match lower.as_str() {
        "can't" | "cannot" => Some("can"),
        "won't" => Some("will"),
        "shan't" => Some("shall"),
        _ => None,
    };
    if let Some(first) = whole {
        words.extend([word(first, is_first), word("not", false)]);
        return;
    }
    for (ending, stands_for) in ENDINGS {
        if let Some(first) = lower.strip_suffix(ending).filter(|first| !first.is_empty()) {
            words.extend([word(first, is_first), word(stands_for, false)]);
            return;
        }
    }
    let without = lower.strip_suffix("'s").unwrap_or(&lower);
    words.push(word(without, is_first));
    // `what's` is `what is`; after a name it is possession, which says nothing on its own.
    if without.len() < lower.len() && BEFORE_IS.contains(&without) {
        words.push(word("is", false));
    }
}

fn kind(raw: &str) -> Kind {
    if is_code(raw) {
        Kind::Code
    } else if raw.chars().any(char::is_numeric) {
        Kind::Number
    } else {
        Kind::Plain
    }
}

/// A number without grouping commas and without what does not change its value.
fn number(folded: &str) -> String {
    let groups = folded.split(',').skip(1);
    let is_grouped = folded.contains(',')
        && groups.clone().all(|group| group.split('.').next().is_some_and(|g| g.len() == 3));
    let plain = if is_grouped { folded.replace(',', "") } else { folded.replace(',', ".") };
    let plain = plain.trim_end_matches('%');
    let thousands = plain
        .strip_suffix('k')
        .filter(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    if let Some(thousands) = thousands {
        return format!("{thousands}000");
    }
    let plain = ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|ending| {
            plain.strip_suffix(ending).filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
        })
        .unwrap_or(plain);
    match plain.split_once('.') {
        Some((whole, part))
            if !part.is_empty() && part.bytes().all(|byte| byte == b'0') && !whole.contains('.') =>
        {
            whole.to_owned()
        }
        _ => plain.to_owned(),
    }
}

/// Words that end like a form of another one, and are none.
const UNCUT: [&str; 6] = ["news", "series", "species", "thing", "need", "during"];

/// An English word without the endings of number, tense and person. Not a word of any language: it only makes forms equal.
pub(super) fn stem(word: &str) -> &str {
    let long = |rest: &&str| rest.len() >= 3;
    let cut = |endings: &[&str]| {
        endings.iter().find_map(|ending| word.strip_suffix(ending).filter(|rest| rest.len() >= 3))
    };
    if !word.is_ascii() || word.len() < 4 || UNCUT.contains(&word) {
        return word;
    }
    if let Some(rest) = cut(&["ies", "ied"]) {
        return rest;
    }
    if let Some(rest) = word.strip_suffix("ing").or_else(|| word.strip_suffix("ed")).filter(long) {
        return undoubled(rest);
    }
    let word = match word.strip_suffix('s').filter(long) {
        Some(rest) if !rest.ends_with(['s', 'u', 'i']) => rest,
        _ => word,
    };
    word.strip_suffix('e').or_else(|| word.strip_suffix('y')).filter(long).unwrap_or(word)
}

/// `stopp` and `plann` are `stop` and `plan`.
fn undoubled(word: &str) -> &str {
    match word.as_bytes() {
        [.., a, b] if a == b && !b"lsz".contains(a) => {
            word.get(..word.len().saturating_sub(1)).unwrap_or(word)
        }
        _ => word.strip_suffix('e').filter(|rest| rest.len() >= 3).unwrap_or(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).iter().map(|word| word.folded.to_string()).collect()
    }

    #[test]
    fn contractions_are_written_out() {
        assert_eq!(
            folded("What's it? I can't, they don’t."),
            ["what", "is", "it", "i", "can", "not", "they", "do", "not"]
        );
    }

    #[test]
    fn a_number_is_its_value() {
        assert_eq!(
            folded("5,000 or 5000.00, 2.5% on the 3rd, 22.04"),
            ["5000", "or", "5000", "2.5", "on", "the", "3", "22.04"]
        );
    }

    #[test]
    fn code_keeps_its_characters() {
        let words = words("Rename user_id in `list.sort()` to accountId, C++ or C#.");
        let code: Vec<&str> =
            words.iter().filter(|word| word.kind == Kind::Code).map(|word| word.raw).collect();
        assert_eq!(code, ["user_id", "list.sort()", "accountId"]);
    }

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for (one, other) in [
            ("stopped", "stop"),
            ("taxes", "tax"),
            ("stories", "story"),
            ("making", "make"),
            ("articles", "article"),
        ] {
            assert_eq!(stem(one), stem(other), "{one} {other}");
        }
        assert_ne!(stem("news"), stem("new"));
    }

    #[test]
    fn sentences_and_lines_begin_with_a_first_word() {
        let firsts: Vec<&str> = words("Hello there. Who is it?\nAnna")
            .into_iter()
            .filter(|word| word.is_first)
            .map(|word| word.raw)
            .collect();
        assert_eq!(firsts, ["Hello", "Who", "Anna"]);
    }
}
