//! What is known of who asks, by name.

use std::collections::BTreeMap;

/// The attribute by which callers are kept apart.
pub const TENANT: &str = "tenant";
/// The attribute that names the key of the policy that a caller has sent.
pub const KEY: &str = "key";
/// Most texts of a list; further ones are left out.
pub const MAX_TEXTS: usize = 64;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// One text.
    Text(String),
    /// Several, for example groups.
    Texts(Vec<String>),
}

/// Attributes by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// The attribute of this name, if it is known and one text.
#[must_use]
pub fn text_named<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    match attributes.get(name)? {
        Attribute::Text(text) => Some(text),
        Attribute::Texts(_) => None,
    }
}

/// A text as a host encodes it; `None` when it is none: numbers and booleans are encoded as bytes that no name consists of.
#[must_use]
pub fn text(encoded: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(encoded).ok()?;
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// A list of texts as a host encodes it (proxy-wasm's pairs: a count, the lengths of each name and value, then each with a zero byte behind
/// it; all numbers are of 32 bits, little endian). What is no text is left out. `None` when it is no list.
#[must_use]
pub fn texts(encoded: &[u8]) -> Option<Vec<String>> {
    let number = |at: usize| {
        let bytes = encoded.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    let count = number(0)?;
    let mut at = count.checked_mul(8)?.checked_add(4)?;
    let mut found = Vec::new();
    for pair in 0..count {
        let lengths = pair.checked_mul(8)?.checked_add(4)?;
        let (name, value) = (number(lengths)?, number(lengths.checked_add(4)?)?);
        let end = at.checked_add(name)?;
        if found.len() < MAX_TEXTS {
            found.extend(text(encoded.get(at..end)?));
        }
        at = end.checked_add(value)?.checked_add(2)?;
    }
    (at == encoded.len()).then_some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(texts: &[&str]) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let mut bytes = number(texts.len()).to_vec();
        for text in texts {
            bytes.extend(number(text.len()));
            bytes.extend(number(0));
        }
        for text in texts {
            bytes.extend(text.as_bytes());
            bytes.extend([0, 0]);
        }
        bytes
    }

    #[test]
    fn numbers_and_booleans_are_no_texts() {
        assert_eq!(text(b"acme"), Some("acme".to_owned()));
        assert_eq!(text(b""), None);
        for number in [0.0_f64, 1.0, 2.0, 65536.0, -1.5, 1e300] {
            assert_eq!(text(&number.to_le_bytes()), None, "{number}");
        }
        assert_eq!((text(&[1]), text(&[0])), (None, None));
    }

    #[test]
    fn a_list_is_its_texts() {
        for list in [&[][..], &["a"], &["admins", "caf\u{e9}", "b"]] {
            let expected = list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            assert_eq!(texts(&encoded(list)), Some(expected));
        }
        assert_eq!(texts(&encoded(&["a", "", "b\n"])), Some(vec!["a".to_owned()]));
        assert_eq!(texts(&encoded(&vec!["g"; 100])).map(|texts| texts.len()), Some(MAX_TEXTS));
        for wrong in [&b"acme"[..], b"", &encoded(&["abc"])[..14], &[1, 0, 0, 0], &[255; 32]] {
            assert_eq!(texts(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = (text(&bytes), texts(&bytes));
        }
    }
}
