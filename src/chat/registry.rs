//! The dialects that providers speak: one row each.

use super::dialect::Dialect;
use super::{anthropic, azure, gemini, mistral, openai, vertex};

/// Every dialect.
pub const DIALECTS: [&Dialect; 7] = [
    &openai::DIALECT,
    &azure::DIALECT,
    &mistral::DIALECT,
    &anthropic::DIALECT,
    &gemini::DIALECT,
    &vertex::ANTHROPIC,
    &vertex::GEMINI,
];

impl Dialect {
    /// A dialect by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        DIALECTS.into_iter().find(|dialect| dialect.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_has_a_name_of_its_own_and_a_path() {
        for (i, dialect) in DIALECTS.iter().enumerate() {
            assert_eq!(DIALECTS.iter().position(|other| other.name == dialect.name), Some(i));
            assert!(dialect.path.starts_with('/'), "{}", dialect.name);
        }
    }
}
