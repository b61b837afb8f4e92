//! As much of a caller's own words as errors and logs repeat.

/// Most characters of a name out of a request.
pub const MAX_NAME: usize = 128;

/// The beginning of a name out of a request, [`MAX_NAME`] characters of it.
#[must_use]
pub fn excerpt(name: &str) -> &str {
    name.char_indices().nth(MAX_NAME).and_then(|(end, _)| name.get(..end)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_two_characters() {
        assert_eq!(excerpt("gpt"), "gpt");
        assert_eq!(excerpt(&"é".repeat(5_000)), "é".repeat(MAX_NAME));
    }
}
