//! The dialects that providers speak: one row each.

use super::dialect::Dialect;
use super::{anthropic, azure, gemini, mistral, openai};

/// Every dialect.
pub const DIALECTS: [&Dialect; 5] =
    [&openai::DIALECT, &azure::DIALECT, &mistral::DIALECT, &anthropic::DIALECT, &gemini::DIALECT];

impl Dialect {
    /// A dialect by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        DIALECTS.into_iter().find(|dialect| dialect.name == name)
    }
}

/// Request headers by which callers ask for features of a dialect; only providers that speak it are told.
pub const FEATURE_HEADERS: [&str; 1] = [anthropic::FEATURE_HEADER];

/// Headers that carry credentials or accounts of a caller or of another provider.
const CREDENTIALS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "openai-organization",
    "openai-project",
];

/// Beginnings of the names of headers that mean something to one vendor alone.
const VENDORS: [&str; 5] = ["anthropic-", "openai-", "x-goog-", "x-ms-", "x-stainless-"];

/// Whether a request header, by its name in lower case, carries a credential or is meant for one vendor alone.
#[must_use]
pub fn is_private_header(name: &str) -> bool {
    CREDENTIALS.contains(&name) || VENDORS.iter().any(|vendor| name.starts_with(vendor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_has_a_name_of_its_own_and_a_path() {
        for (i, dialect) in DIALECTS.iter().enumerate() {
            assert_eq!(DIALECTS.iter().position(|other| other.name == dialect.name), Some(i));
            assert!(dialect.path.starts_with('/'), "{}", dialect.name);
            assert!(is_private_header(dialect.credential_header), "{}", dialect.name);
            assert!(dialect.feature_header.is_none_or(|name| FEATURE_HEADERS.contains(&name)));
        }
    }
}
