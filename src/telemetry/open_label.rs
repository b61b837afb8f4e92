//! A label whose values the policy does not know.

use std::cell::RefCell;
use std::collections::HashSet;

use super::meters::OTHER;

/// Longest value, in bytes: a longer one is cut.
const LONGEST: usize = 64;

/// The values of a label that callers bring along: so many are told apart, the first that come; all others are `other`.
#[derive(Debug)]
pub struct OpenLabel {
    most: usize,
    seen: RefCell<HashSet<String>>,
}

impl OpenLabel {
    /// A label that tells `most` values apart.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, seen: RefCell::new(HashSet::new()) }
    }

    /// What a value is counted under; nothing stays nothing.
    #[must_use]
    pub fn bounded<'v>(&self, value: &'v str) -> &'v str {
        let value = value.get(..value.floor_char_boundary(LONGEST)).unwrap_or_default();
        let mut seen = self.seen.borrow_mut();
        if value.is_empty() || seen.contains(value) {
            return value;
        }
        if seen.len() >= self.most {
            return OTHER;
        }
        seen.insert(value.to_owned());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_values_are_told_apart() {
        let label = OpenLabel::new(2);
        let told = |value| label.bounded(value).to_owned();
        assert_eq!(["", "a", "b", "c", "a", ""].map(told), ["", "a", "b", "other", "a", ""]);
    }

    #[test]
    fn a_long_value_is_cut() {
        let long = "\u{e9}".repeat(50);
        assert_eq!(OpenLabel::new(1).bounded(&long), "\u{e9}".repeat(32));
    }
}
