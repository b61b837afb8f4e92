//! What the names of models say of them.

/// The two numbers of a version; they stand behind the model's kind (`claude-opus-4-8`, `gemini-2.5-flash`) or before it
/// (`claude-3-7-sonnet`). What has more digits is a date. `None` when no `family` or no number is named.
pub(super) fn version(name: &str, family: &str) -> Option<(u32, u32)> {
    let (_, rest) = name.split_once(family)?;
    let mut words = rest.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let number = |word: &str| word.parse::<u32>().ok().filter(|_| word.len() <= 2);
    let major = words.find_map(number)?;
    Some((major, words.next().and_then(number).unwrap_or_default()))
}

/// Whether the Gemini of this name fetches an image from its address. As of November 2026, from Google's notes on file input: every Gemini
/// model but those of version 2.0 and before; of others that speak Gemini's dialect nothing is known.
#[must_use]
pub fn gemini_fetches_images(name: &str) -> bool {
    name.contains("gemini") && version(name, "gemini").is_none_or(|version| version > (2, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_the_version_in_its_name() {
        for name in
            ["gemini-2.5-flash", "gemini-3-pro-preview-11-2025", "gemini-flash-latest", "models/gemini-10"]
        {
            assert!(gemini_fetches_images(name), "{name}");
        }
        for name in ["gemini-2.0-flash", "gemini-2.0-flash-lite-001", "gemini-1.5-pro", "gemma-3-27b-it", "m"]
        {
            assert!(!gemini_fetches_images(name), "{name}");
        }
    }
}
