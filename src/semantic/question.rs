//! What kind of answer a message asks for.

use super::words::{Word, begins};

/// A kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Reason,
    Time,
    Place,
    Person,
    Count,
    Manner,
    YesNo,
}

/// Phrases that ask for a kind of answer: the first that occurs counts, of those that begin there the longest.
const PHRASES: [(&str, Question); 30] = [
    ("why", Question::Reason),
    ("what causes", Question::Reason),
    ("what is the reason", Question::Reason),
    ("how come", Question::Reason),
    ("when", Question::Time),
    ("what year", Question::Time),
    ("which year", Question::Time),
    ("what date", Question::Time),
    ("where", Question::Place),
    ("who", Question::Person),
    ("whom", Question::Person),
    ("how many", Question::Count),
    ("how much", Question::Count),
    ("how long", Question::Count),
    ("how far", Question::Count),
    ("how old", Question::Count),
    ("how often", Question::Count),
    ("what amount", Question::Count),
    ("how do i", Question::Manner),
    ("how to", Question::Manner),
    ("how can", Question::Manner),
    ("how could", Question::Manner),
    ("how should", Question::Manner),
    ("how do you", Question::Manner),
    ("how does one", Question::Manner),
    ("how do", Question::Manner),
    ("how does", Question::Manner),
    ("how did", Question::Manner),
    ("how is", Question::Manner),
    ("how are", Question::Manner),
];

/// Words within which a question begins.
const REACH: usize = 8;

/// Verbs that a question for yes or no begins with.
const AUXILIARIES: [&str; 14] =
    ["is", "are", "am", "was", "were", "do", "does", "did", "has", "have", "had", "should", "may", "must"];

/// What the message asks for, where its words say so.
pub(super) fn question(words: &[Word<'_>]) -> Option<Question> {
    let start = words.iter().position(|word| {
        !matches!(&*word.folded, "please" | "hi" | "hello" | "hey" | "so" | "and" | "but" | "if")
    });
    let words = start.and_then(|start| words.get(start..)).unwrap_or_default();
    if let [first, second, ..] = words {
        let (first, second) = (&*first.folded, &*second.folded);
        if AUXILIARIES.contains(&first) && second != "not" {
            return Some(Question::YesNo);
        }
        // `Can you explain` is polite for `explain`.
        if matches!(first, "can" | "could" | "will" | "would") && second != "you" {
            return Some(Question::YesNo);
        }
    }
    (0..words.len().min(REACH)).find_map(|at| {
        let rest = words.get(at..)?;
        let known = PHRASES.iter().filter(|(phrase, _)| begins(rest, phrase));
        known.max_by_key(|(phrase, _)| phrase.len()).map(|(_, question)| *question)
    })
}

/// Whether an answer of one kind cannot be one of the other. How something is done, whether it can be and why it is are often asked
/// for in each other's words.
pub(super) fn conflict(one: Option<Question>, other: Option<Question>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other && !(is_open(one) && is_open(other)))
}

/// Whether the messages ask for different kinds of answer that are often asked for in each other's words.
pub(super) fn soft_conflict(one: Option<Question>, other: Option<Question>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other && is_open(one) && is_open(other))
}

fn is_open(question: Question) -> bool {
    matches!(question, Question::Manner | Question::YesNo | Question::Reason)
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    #[test]
    fn what_is_asked_for() {
        for (text, asked) in [
            ("Why is the sky blue?", Some(Question::Reason)),
            ("When do leaves fall?", Some(Question::Time)),
            ("Are vaccines safe?", Some(Question::YesNo)),
            ("Could you explain inflation?", None),
            ("Please tell me how much it costs", Some(Question::Count)),
            ("In Git, how can I go back?", Some(Question::Manner)),
            ("Explain recursion", None),
        ] {
            assert_eq!(question(&words(text)), asked, "{text}");
        }
    }
}
