//! Paths as the most lenient server behind us could read them: what it would take for a chat call is one.

use std::borrow::Cow;

/// Most times that escapes are decoded: once more than a chain of proxies and a server would.
const DECODINGS: usize = 3;

/// A path without query, fragment and parameters, escapes and dots resolved, one slash for many, none at the end.
pub fn plain_path(path: &str) -> Cow<'_, str> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.:".contains(&byte);
    let has_empty_end = path.ends_with('/') || path.contains("//") || path.contains("/.");
    if path.bytes().all(is_plain) && !has_empty_end {
        return Cow::Borrowed(path);
    }
    let decoded = unescaped(path).replace('\\', "/");
    let decoded = decoded.split(['?', '#', '\0']).next().unwrap_or_default();
    let mut segments = Vec::new();
    for segment in decoded.split('/') {
        match segment.split(';').next().unwrap_or_default().trim() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    Cow::Owned(segments.iter().flat_map(|segment| ["/", segment]).collect())
}

/// Whether `path` is `wanted` or ends in it, in whatever case; `wanted` starts with `/`.
pub(super) fn is_at(path: &str, wanted: &str) -> bool {
    let tail = path.len().checked_sub(wanted.len()).and_then(|at| path.as_bytes().get(at..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// The text with its escapes decoded, and those that this brings forth. Bytes that are no text become a character that no path
/// of a policy has.
fn unescaped(path: &str) -> String {
    let mut text = path.to_owned();
    for _ in 0..DECODINGS {
        if !text.contains('%') {
            break;
        }
        text = decoded_once(&text);
    }
    text
}

fn decoded_once(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        match after.split_at_checked(2).filter(|_| *first == b'%') {
            Some((digits, after)) if hex(digits).is_some() => {
                decoded.extend(hex(digits));
                rest = after;
            }
            _ => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_spelling_of_a_path_is_the_same_path() {
        let spellings = [
            "/v1/chat/completions",
            "/openai/v1/chat/completions?a=b",
            "/v1/chat/completions/",
            "//v1//chat/completions",
            "/V1/Chat/Completions",
            "/v1/chat/%63ompletions",
            "/v1/chat/%2563ompletions",
            "/v1/chat%2fcompletions",
            "/v1/./chat/completions",
            "/v1/x/../chat/completions",
            "/v1\\chat\\completions",
            "/v1/chat/completions;a=b",
            "/v1/chat/completions%20",
            "/v1/chat/completions#x",
            "/v1/chat/completions%3Fx=1",
            "/v1/chat/completions%23x",
            "/v1/chat/completions%00",
            "/v1/chat/completions/?a=b",
        ];
        for path in spellings {
            assert!(is_at(&plain_path(path), "/v1/chat/completions"), "{path}: {}", plain_path(path));
        }
    }

    #[test]
    fn another_path_is_another_path() {
        let others = [
            "",
            "/",
            "/%",
            "/%+1",
            "/v1/chat",
            "/v1/chat/completions/x",
            "/x?/v1/chat/completions",
            "/é",
            "/%ff",
        ];
        for path in others {
            assert!(!is_at(&plain_path(path), "/v1/chat/completions"), "{path}: {}", plain_path(path));
        }
    }
}
