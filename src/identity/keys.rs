//! API keys that the policy knows by their hashes or from environment variables, and whose they are.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write;

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::attribute::Attributes;

/// Request headers that an API key may stand in.
pub(super) const API_KEY_HEADERS: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
];

/// SHA-256 of a key. Keys are long and random, so that no slow hash is needed.
pub type KeyHash = [u8; 32];

/// Whose a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The key's name in the policy.
    pub name: String,
    /// What is known of its holder.
    pub attributes: Attributes,
}

/// Bytes of the shortest key that is taken: the hash of a shorter one could be guessed.
pub const MIN_KEY_LENGTH: usize = 20;

/// The keys that the policy knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    known: BTreeMap<KeyHash, KeyHolder>,
    /// Environment variables with keys that have not been looked up.
    variables: Vec<(String, KeyHolder)>,
}

/// Why the key of an environment variable is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("identity.keys.{holder}.variable: {why}")]
pub struct KeyNotTaken {
    holder: String,
    why: String,
}

impl Keys {
    /// Keys by their hashes, of two holders of one the later, and by the environment variables that they stand in.
    #[must_use]
    pub fn new(
        holders: impl IntoIterator<Item = (KeyHash, KeyHolder)>,
        variables: impl IntoIterator<Item = (String, KeyHolder)>,
    ) -> Self {
        Self { known: holders.into_iter().collect(), variables: variables.into_iter().collect() }
    }

    /// Looks up what stands in environment variables; returns why a key is not taken.
    pub fn look_up(&mut self, environment: impl Fn(&str) -> Option<String>) -> Vec<KeyNotTaken> {
        let mut not_taken = Vec::new();
        self.variables.retain(|(variable, holder)| {
            let key = environment(variable).unwrap_or_default();
            let key = key.trim();
            let why = match key.len() {
                0 => format!(
                    "environment variable {variable} is not set; set it for Envoy and list it in \
                     vm_config.environment_variables.host_env_keys"
                ),
                length if length < MIN_KEY_LENGTH => {
                    format!("{variable} has {length} bytes; a key has at least {MIN_KEY_LENGTH}")
                }
                _ => match self.known.entry(hash(key.as_bytes())) {
                    Entry::Occupied(_) => format!("{variable} has the key of another holder"),
                    Entry::Vacant(place) => {
                        place.insert(holder.clone());
                        return false;
                    }
                },
            };
            not_taken.push(KeyNotTaken { holder: holder.name.clone(), why });
            true
        });
        not_taken
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.variables.is_empty()
    }

    /// All holders.
    pub fn holders(&self) -> impl Iterator<Item = &KeyHolder> {
        self.known.values().chain(self.variables.iter().map(|(_, holder)| holder))
    }

    /// The environment variables with keys that have not been looked up.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(variable, _)| variable.as_str())
    }

    /// Whose key stands in a header.
    pub(super) fn holder(&self, (name, value): (&str, &[u8])) -> Option<&KeyHolder> {
        let may_hold = !self.known.is_empty() && API_KEY_HEADERS.contains(&name);
        may_hold.then(|| self.known.get(&hash(bare(value)))).flatten()
    }

    /// Whose keys stand in these headers.
    pub(super) fn held<'h>(&self, headers: impl Iterator<Item = (&'h str, &'h [u8])>) -> Vec<&KeyHolder> {
        let mut held: Vec<&KeyHolder> = Vec::new();
        for header in headers {
            let holder = self.holder(header);
            held.extend(holder.filter(|holder| !held.iter().any(|other| other.name == holder.name)));
        }
        held
    }
}

/// The key in a header's value, which may have the scheme `Bearer` before it (RFC 6750).
fn bare(value: &[u8]) -> &[u8] {
    match value.split_at_checked(7) {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case(b"bearer ") => key.trim_ascii(),
        _ => value.trim_ascii(),
    }
}

/// The hash of a key, or of any other text.
#[must_use]
pub fn hash(key: &[u8]) -> KeyHash {
    Sha256::digest(key).into()
}

/// A hash as policies have it, in hexadecimal.
#[must_use]
pub fn to_hex(hash: &KeyHash) -> String {
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A hash from hexadecimal digits; `None` when they are none, or not 64.
#[must_use]
pub fn of_hex(text: &str) -> Option<KeyHash> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let bytes: Vec<u8> =
        digits?.chunks_exact(2).map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | digit)).collect();
    bytes.try_into().ok().filter(|_| text.len() == 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let holder = |name: &str| KeyHolder { name: name.to_owned(), attributes: Attributes::new() };
        Keys::new([(hash(b"sk-one"), holder("one")), (hash(b"sk-two"), holder("two"))], [])
    }

    #[test]
    fn a_key_of_a_variable_is_known_once_it_has_been_looked_up_and_is_long_enough() {
        let holder = |name: &str| KeyHolder { name: name.to_owned(), attributes: Attributes::new() };
        let of = |name: &str| (name.to_uppercase(), holder(name));
        let mut keys = Keys::new([], [of("long"), of("again"), of("short"), of("unset")]);
        assert_eq!(keys.variables().collect::<Vec<_>>(), ["LONG", "AGAIN", "SHORT", "UNSET"]);
        let long = "k".repeat(MIN_KEY_LENGTH);
        let held = |keys: &Keys, key: &str| keys.holder(("x-api-key", key.as_bytes())).is_some();
        assert!(!held(&keys, &long));

        let not_taken = keys.look_up(|variable| match variable {
            "LONG" | "AGAIN" => Some(format!("{long}\n")),
            "SHORT" => Some("short".to_owned()),
            _ => None,
        });
        let why: Vec<String> = not_taken.iter().map(ToString::to_string).collect();
        assert_eq!(why[0], "identity.keys.again.variable: AGAIN has the key of another holder");
        assert!(why[1].starts_with("identity.keys.short.variable: SHORT has 5 bytes"), "{why:?}");
        assert!(why[2].starts_with("identity.keys.unset.variable: environment variable UNSET is not set"));
        assert_eq!(keys.holder(("x-api-key", long.as_bytes())).unwrap().name, "long");
        assert!(!held(&keys, "short") && !held(&keys, ""));
        assert_eq!(keys.holders().count(), 4);
    }

    #[test]
    fn a_key_is_known_wherever_callers_put_it() {
        for (name, value) in [
            ("authorization", "Bearer sk-one"),
            ("authorization", "bearer   sk-one "),
            ("authorization", "sk-one"),
            ("x-api-key", "sk-one"),
            ("api-key", " sk-one"),
            ("x-goog-api-key", "sk-one"),
        ] {
            let held = keys()
                .held([(name, value.as_bytes())].into_iter())
                .into_iter()
                .map(|holder| holder.name.clone())
                .collect::<Vec<_>>();
            assert_eq!(held, ["one"], "{name}: {value}");
        }
        for (name, value) in [
            ("x-team", "sk-one"),
            ("x-api-key", "sk-on"),
            ("authorization", "Basic sk-one"),
            ("authorization", ""),
        ] {
            assert!(keys().held([(name, value.as_bytes())].into_iter()).is_empty(), "{name}: {value}");
        }
        let both = [
            ("authorization", b"Bearer sk-one".as_slice()),
            ("x-api-key", b"sk-two"),
            ("api-key", b"sk-one"),
        ];
        assert_eq!(keys().held(both.into_iter()).len(), 2);
    }

    #[test]
    fn a_hash_is_written_and_read_in_hexadecimal() {
        let text = to_hex(&hash(b"abc"));
        assert_eq!(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((of_hex(&text), of_hex(&text.to_uppercase())), (Some(hash(b"abc")), Some(hash(b"abc"))));
        for wrong in ["", "ba", "zz", &text[1..], &format!("{text}00"), &format!("+{}", &text[1..])] {
            assert_eq!(of_hex(wrong), None, "{wrong}");
        }
    }
}
