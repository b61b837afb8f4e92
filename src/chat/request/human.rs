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
    let mut said = String::new();
    let (mut rest, mut found) = (&*text, false);
    while let Some((before, after)) = next_element(rest) {
        said.push_str(before);
        rest = after;
        found = true;
    }
    if !found {
        return text;
    }
    said.push_str(rest);
    if said.trim().is_empty() { text } else { Cow::Owned(said) }
}

/// What stands before the first element, and what after it. An element that has no end is none.
fn next_element(text: &str) -> Option<(&str, &str)> {
    memchr::memchr_iter(b'<', text.as_bytes()).find_map(|at| {
        let (before, element) = text.split_at_checked(at)?;
        let inside = element.strip_prefix('<')?;
        let name = ELEMENTS
            .iter()
            .find(|name| inside.strip_prefix(**name).is_some_and(|rest| rest.starts_with('>')))?;
        let (_, after) = inside.split_once(&format!("</{name}>"))?;
        Some((before, after))
    })
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
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(<|>|/|system-reminder|é| ){0,20}") {
            prop_assert!(without_elements(Cow::Borrowed(&text)).len() <= text.len());
        }
    }
}
