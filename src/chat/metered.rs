//! The usage at the end of an answer that is not read: embeddings are long, and what they cost stands behind them.

use serde::Deserialize;
use serde_json::Value;

use super::completion::Completion;
use super::usage::Usage;

/// As much of the end as is kept, in bytes.
const TAIL: usize = 4096;
/// How the member begins. No text can hold it: its quotes would be escaped.
const MEMBER: &[u8] = b"\"usage\"";

/// Keeps the end of a body as it flows past.
#[derive(Debug, Default)]
pub struct Metered {
    tail: Vec<u8>,
}

impl Metered {
    /// Feeds the next bytes.
    pub(super) fn feed(&mut self, chunk: &[u8]) {
        let chunk = chunk.get(chunk.len().saturating_sub(TAIL)..).unwrap_or_default();
        let kept = TAIL.saturating_sub(chunk.len());
        self.tail.drain(..self.tail.len().saturating_sub(kept));
        self.tail.extend_from_slice(chunk);
    }

    /// What the body said of its tokens.
    pub(super) fn finish(self) -> Completion {
        Completion { usage: self.usage(), reusable: false }
    }

    fn usage(&self) -> Option<Usage> {
        let at = memchr::memmem::rfind(&self.tail, MEMBER)?.checked_add(MEMBER.len())?;
        let value = self.tail.get(at..)?.trim_ascii_start().strip_prefix(b":")?;
        let mut reader = serde_json::Deserializer::from_slice(value);
        Usage::from_openai(&Value::deserialize(&mut reader).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_is_found_at_the_end_however_long_the_body_is() {
        for length in [0, 10, TAIL - 40, TAIL, 3 * TAIL] {
            let body = format!(
                r#"{{"object": "list", "data": "{}", "usage" : {{"prompt_tokens": 8, "total_tokens": 8}}, "model": "e"}}"#,
                "x".repeat(length)
            );
            for size in [1, 7, TAIL, usize::MAX] {
                let mut metered = Metered::default();
                for chunk in body.as_bytes().chunks(size.min(body.len())) {
                    metered.feed(chunk);
                }
                let expected = Usage { input: 8, ..Usage::default() };
                assert_eq!(metered.finish().usage, Some(expected), "{length} {size}");
            }
        }
    }

    #[test]
    fn what_says_no_usage_has_none() {
        for body in
            ["", "{}", r#"{"usage": null}"#, r#"{"usage"#, r#"{"text": "\"usage\": {\"prompt_tokens\": 1}"}"#]
        {
            let mut metered = Metered::default();
            metered.feed(body.as_bytes());
            assert_eq!(metered.finish().usage, None, "{body}");
        }
    }
}
