//! What a person said, in a message into which a program has put more.
//!
//! Agents tell the model about files, settings and the time in elements of their own beside what their user typed. How hard a request is does
//! not depend on them.

use std::borrow::Cow;

/// Elements that agents put into their user's messages. As of November 2026.
const ELEMENTS: [&str; 4] = [
    // Claude Code.
    "system-reminder",
    // Codex.
    "environment_context",
    "user_instructions",
    // Cline and Roo Code.
    "environment_details",
];

/// The text without the elements that a program has put there; all of it, if nothing else is in it.
pub(super) fn without_elements(text: Cow<'_, str>) -> Cow<'_, str> {
    if memchr::memchr(b'<', text.as_bytes()).is_none() {
        return text;
    }
    // Where the last element of each name ends: what begins behind it has no end and is none, without another look.
    let last_ends = ELEMENTS.map(|name| memchr::memmem::rfind(text.as_bytes(), closing(name).as_bytes()));
    let mut said = String::new();
    let mut kept = 0;
    for at in memchr::memchr_iter(b'<', text.as_bytes()) {
        let end = (at >= kept).then(|| end_of_element(&text, at, &last_ends)).flatten();
        if let Some(end) = end {
            said.push_str(text.get(kept..at).unwrap_or_default());
            kept = end;
        }
    }
    if kept == 0 {
        return text;
    }
    said.push_str(text.get(kept..).unwrap_or_default());
    if said.trim().is_empty() { text } else { Cow::Owned(said) }
}

/// Where the element ends that begins at `at`, if one does.
fn end_of_element(text: &str, at: usize, last_ends: &[Option<usize>]) -> Option<usize> {
    let inside = text.get(at..)?.strip_prefix('<')?;
    let mut elements = ELEMENTS.iter().zip(last_ends);
    let (name, last) =
        elements.find(|(name, _)| inside.strip_prefix(**name).is_some_and(|rest| rest.starts_with('>')))?;
    if last.is_none_or(|last| last < at) {
        return None;
    }
    let closing = closing(name);
    let length = inside.find(&closing)?;
    at.checked_add(1)?.checked_add(length)?.checked_add(closing.len())
}

fn closing(name: &str) -> String {
    format!("</{name}>")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_program_has_put_there_is_left_out() {
        for (text, said) in [
            ("<system-reminder>Today is Friday.</system-reminder>\nfix the typo", "\nfix the typo"),
            (
                "fix <system-reminder>a</system-reminder>it<environment_context><cwd>/a</cwd></environment_context>",
                "fix it",
            ),
            (
                "<system-reminder>only this</system-reminder> ",
                "<system-reminder>only this</system-reminder> ",
            ),
            (
                "is <b>this</b> < <system-reminder>never closed",
                "is <b>this</b> < <system-reminder>never closed",
            ),
            (
                "what does <system-reminders></system-reminders> do?",
                "what does <system-reminders></system-reminders> do?",
            ),
        ] {
            assert_eq!(without_elements(text.into()), said);
        }
        assert!(matches!(without_elements("é < a".into()), Cow::Borrowed(_)));
        let open = "<system-reminder>".repeat(200_000);
        assert!(
            matches!(without_elements(Cow::Borrowed(&open)), Cow::Borrowed(_)),
            "in a time that grows as the text does"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(<|>|/|system-reminder|é| ){0,20}") {
            prop_assert!(without_elements(Cow::Borrowed(&text)).len() <= text.len());
        }
    }
}
