//! The token vectors of messages that were read last: one that is stored is compared with many, and one that is asked with several.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::embedding::TokenVectors;

/// Vectors of messages within so many bytes, by their text; who was asked for least recently makes room.
#[derive(Debug)]
pub(super) struct Recent {
    most_bytes: usize,
    bytes: usize,
    /// The one that was asked for last stands last.
    messages: VecDeque<(String, Rc<TokenVectors>)>,
}

impl Recent {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { most_bytes, bytes: 0, messages: VecDeque::new() }
    }

    /// The vectors of a text: those that are kept, or those that `read` makes, which are kept from now on.
    pub(super) fn of(
        &mut self,
        text: &str,
        read: impl FnOnce() -> Option<TokenVectors>,
    ) -> Option<Rc<TokenVectors>> {
        if let Some(place) = self.messages.iter().rposition(|(kept, _)| kept == text) {
            let kept = self.messages.remove(place)?;
            let vectors = Rc::clone(&kept.1);
            self.messages.push_back(kept);
            return Some(vectors);
        }
        let vectors = Rc::new(read()?);
        self.bytes = self.bytes.saturating_add(size(text, &vectors));
        self.messages.push_back((text.to_owned(), Rc::clone(&vectors)));
        while self.bytes > self.most_bytes
            && let Some((text, vectors)) = self.messages.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(size(&text, &vectors));
        }
        Some(vectors)
    }
}

fn size(text: &str, vectors: &TokenVectors) -> usize {
    text.len().saturating_add(vectors.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors(number: f32) -> TokenVectors {
        TokenVectors::new(4, vec![number; 4])
    }

    #[test]
    fn what_was_read_is_not_read_again_until_it_has_made_room() {
        let each = size("a", &vectors(1.0));
        let mut recent = Recent::new(2 * each);
        for (text, is_read) in
            [("a", true), ("b", true), ("a", false), ("c", true), ("a", false), ("b", true), ("c", true)]
        {
            let mut was_read = false;
            recent.of(text, || {
                was_read = true;
                Some(vectors(1.0))
            });
            assert_eq!(was_read, is_read, "{text}");
            assert!(recent.bytes <= 2 * each);
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_kept() {
        let mut recent = Recent::new(1000);
        assert_eq!(recent.of("a", || None), None);
        assert!(recent.of("a", || Some(vectors(2.0))).is_some());
    }
}
