//! What forbids a hit, whatever the vectors say: cheap to see, and never a matter of degree.

use super::lexicon::{Entry, Found, Table};
use super::message::Message;
use super::question::{self, Question};
use super::words::{Kind, Word};
use super::{names, order};

/// Why one message may not be answered with the answer to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Veto {
    /// Nothing but words of asking: what it is about stands elsewhere.
    Short,
    /// It asks how something of the caller's own is doing.
    Personal,
    /// Its answer changes with the day.
    Current,
    /// Its answer is to be another one each time.
    Random,
    /// It asks for more than, or something else than, what was said.
    FollowUp,
    /// The text that both are about differs.
    Document,
    /// Written in different languages, or to be answered in different ones.
    Language,
    /// Different quantities, versions or serial numbers.
    Number,
    /// Different units of measure.
    Unit,
    /// Different years, months or days.
    Date,
    /// One says not what the other says.
    Negation,
    /// A word and its opposite, or two of a kind.
    Antonym,
    /// All against some, at least against at most.
    Quantifier,
    /// Different identifiers or code.
    Code,
    /// Different quotations.
    Quotation,
    /// Different names.
    Name,
    /// The same things in another direction or order.
    Direction,
    /// Why against when, how against whether.
    Question,
    /// A different form of answer.
    Format,
    /// A different length, depth or audience.
    Length,
}

impl Veto {
    /// Its name in counters and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Personal => "personal",
            Self::Current => "current",
            Self::Random => "random",
            Self::FollowUp => "follow_up",
            Self::Document => "document",
            Self::Language => "language",
            Self::Number => "number",
            Self::Unit => "unit",
            Self::Date => "date",
            Self::Negation => "negation",
            Self::Antonym => "antonym",
            Self::Quantifier => "quantifier",
            Self::Code => "code",
            Self::Quotation => "quotation",
            Self::Name => "name",
            Self::Direction => "direction",
            Self::Question => "question",
            Self::Format => "format",
            Self::Length => "length",
        }
    }
}

/// Why a message can be answered from no other's answer.
pub(super) fn alone(message: &Message<'_>, has_document: bool) -> Option<Veto> {
    let has = |table| message.of(table).next().is_some();
    if has(Table::FollowUps) {
        return Some(Veto::FollowUp);
    }
    if has(Table::Current) {
        return Some(Veto::Current);
    }
    if has(Table::Random) {
        return Some(Veto::Random);
    }
    if is_personal(message) {
        return Some(Veto::Personal);
    }
    (!has_document && message.content().next().is_none()).then_some(Veto::Short)
}

/// Words of a message that asks for advice, not for the state of something.
const ADVICE: [&str; 22] = [
    "should", "could", "can", "ways", "way", "tips", "advice", "steps", "best", "mean", "if", "ideas",
    "write", "draft", "help", "explain", "compose", "create", "make", "generate", "suggest", "plan",
];
/// How far from `my` the thing may stand, in words.
const REACH: usize = 5;

fn is_personal(message: &Message<'_>) -> bool {
    if message.of(Table::Personal).any(|found| found.entry.is_strict) {
        return true;
    }
    let advises = message.question == Some(Question::Manner) || ADVICE.iter().any(|word| message.has(word));
    let is_own = |found: &Found| {
        let start = found.at.saturating_sub(REACH);
        let before = message.words.get(start..found.at).unwrap_or_default();
        before.iter().any(|word| matches!(&*word.folded, "my" | "our" | "mine"))
    };
    !advises && message.of(Table::Personal).any(is_own)
}

/// Whether two messages differ in one respect.
type Check = fn(&Message<'_>, &Message<'_>) -> bool;

/// What forbids answering one message with the answer to the other.
pub(super) fn between(one: &Message<'_>, other: &Message<'_>) -> Option<Veto> {
    let checks: [(Veto, Check); 13] = [
        (Veto::Language, languages_differ),
        (Veto::Date, dates_differ),
        (Veto::Number, numbers_differ),
        (Veto::Unit, |one, other| table_differs(Table::Units, one, other)),
        (Veto::Negation, negation_differs),
        (Veto::Antonym, |one, other| table_differs(Table::Antonyms, one, other)),
        (Veto::Quantifier, |one, other| table_differs(Table::Quantifiers, one, other)),
        (Veto::Code, code_differs),
        (Veto::Quotation, names::quotations_differ),
        (Veto::Direction, order::differs),
        (Veto::Format, |one, other| table_differs(Table::Formats, one, other)),
        (Veto::Length, |one, other| table_differs(Table::Lengths, one, other)),
        (Veto::Name, names::differ),
    ];
    if let Some((veto, _)) = checks.iter().find(|(_, differs)| differs(one, other)) {
        return Some(*veto);
    }
    question::conflict(one.question, other.question).then_some(Veto::Question)
}

fn languages_differ(one: &Message<'_>, other: &Message<'_>) -> bool {
    matches!((one.language, other.language), (Some(one), Some(other)) if one != other)
        || table_differs(Table::Languages, one, other)
}

/// Whether the messages take different alternatives of a group.
fn table_differs(table: Table, one: &Message<'_>, other: &Message<'_>) -> bool {
    let (left, right) = (entries(table, one), entries(table, other));
    let lacks = |entry: &Entry, side: &[Entry]| !side.contains(entry);
    let against = |entry: &Entry, side: &[Entry], own: &[Entry]| {
        lacks(entry, side) && side.iter().any(|known| known.group == entry.group && lacks(known, own))
    };
    left.iter().any(|entry| entry.is_strict && lacks(entry, &right) || against(entry, &right, &left))
        || right.iter().any(|entry| entry.is_strict && lacks(entry, &left))
}

fn entries(table: Table, message: &Message<'_>) -> Vec<Entry> {
    message.of(table).map(|found| found.entry).collect()
}

/// Numbers that are written as words.
const SPELLED: [(&str, &str); 21] = [
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
    ("eleven", "11"),
    ("twelve", "12"),
    ("dozen", "12"),
    ("fifteen", "15"),
    ("twenty", "20"),
    ("thirty", "30"),
    ("fifty", "50"),
    ("hundred", "100"),
    ("thousand", "1000"),
    ("million", "1000000"),
    ("billion", "1000000000"),
    ("zero", "0"),
];

/// The number that a word stands for, as it would be written in digits.
fn value<'w>(word: &'w Word<'_>) -> Option<&'w str> {
    match word.kind {
        Kind::Number => Some(&word.folded),
        Kind::Plain => SPELLED.iter().find(|(spelled, _)| *word.folded == **spelled).map(|(_, value)| *value),
        Kind::Code => None,
    }
}

/// Whether a number is a year or a decade.
fn is_year(value: &str) -> bool {
    let year = value.strip_suffix('s').unwrap_or(value);
    year.len() == 4
        && (year.starts_with("1") || year.starts_with("20"))
        && year.bytes().all(|byte| byte.is_ascii_digit())
}

fn numbers<'w>(message: &'w Message<'_>, years: bool) -> Vec<&'w str> {
    let mut values: Vec<&str> =
        message.words.iter().filter_map(value).filter(|value| is_year(value) == years).collect();
    values.sort_unstable();
    values.dedup();
    values
}

fn numbers_differ(one: &Message<'_>, other: &Message<'_>) -> bool {
    numbers(one, false) != numbers(other, false)
}

fn dates_differ(one: &Message<'_>, other: &Message<'_>) -> bool {
    numbers(one, true) != numbers(other, true) || table_differs(Table::Dates, one, other)
}

/// Words that turn around what is said.
const NEGATIONS: [&str; 22] = [
    "not", "no", "never", "without", "neither", "nor", "none", "nobody", "nothing", "nowhere", "hardly",
    "nicht", "kein", "keine", "keinen", "ohne", "nie", "pas", "sans", "jamais", "sin", "nunca",
];
/// Words that can say the same as a negation, or not.
const AVERSIONS: [&str; 7] = ["stop", "avoid", "prevent", "refrain", "keep", "lack", "non"];

/// Phrases with a negation that turns nothing around.
const IDIOMS: [&str; 9] = [
    "or not",
    "if not",
    "not only",
    "do not mind",
    "do not want to be rude",
    "do not know",
    "no idea",
    "did not work",
    "does not work",
];

fn negation_differs(one: &Message<'_>, other: &Message<'_>) -> bool {
    let averts = |message: &Message<'_>| {
        AVERSIONS.iter().any(|stem| message.words.iter().any(|word| *word.stem == **stem))
    };
    match (negations(one), negations(other)) {
        (0, 0) => negated_by_prefix(one, other) || negated_by_prefix(other, one),
        (0, _) => !averts(one),
        (_, 0) => !averts(other),
        (one, other) => one != other,
    }
}

fn negations(message: &Message<'_>) -> usize {
    let idioms = IDIOMS.iter().filter(|idiom| message.says(idiom)).count();
    message.words.iter().filter(|word| NEGATIONS.contains(&&*word.folded)).count().saturating_sub(idioms)
}

/// What makes a word its opposite.
const PREFIXES: [&str; 9] = ["un", "non", "in", "im", "ir", "il", "dis", "dés", "de"];

/// Whether the other message has a word of this one with a negating prefix, and neither has both.
fn negated_by_prefix(one: &Message<'_>, other: &Message<'_>) -> bool {
    let is_plain = |word: &&Word<'_>| word.kind == Kind::Plain && word.stem.len() >= 4;
    one.words.iter().filter(is_plain).filter(|word| !other.has(&word.folded)).any(|word| {
        other.words.iter().filter(is_plain).any(|opposite| {
            let root = PREFIXES.iter().find_map(|prefix| opposite.stem.strip_prefix(prefix));
            root == Some(&*word.stem) && !one.has(&opposite.folded)
        })
    })
}

/// Whether one message has an identifier or a piece of code that the other lacks.
fn code_differs(one: &Message<'_>, other: &Message<'_>) -> bool {
    let lacks =
        |word: &Word<'_>, side: &Message<'_>| word.kind == Kind::Code && !side.text.contains(word.raw);
    one.words.iter().any(|word| lacks(word, other)) || other.words.iter().any(|word| lacks(word, one))
}
