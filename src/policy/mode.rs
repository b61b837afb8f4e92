//! Whether what the policy says is done, or only counted.

use serde::Deserialize;

use super::PolicyError;
use super::share::{ShareDocument, share};

/// Whether what is decided is done.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Mode {
    /// It is done.
    #[default]
    Enforce,
    /// It is only counted and logged.
    Shadow,
    /// It is done for this share of requests, 0..=1, and only counted for the others.
    Share(f64),
}

impl Mode {
    /// Whether it is done for the request with this lot, when it goes by this name.
    #[must_use]
    pub fn enforces(self, lot: &Lot, name: &str) -> bool {
        match self {
            Self::Enforce => true,
            Self::Shadow => false,
            Self::Share(share) => lot.draw(name) < share,
        }
    }
}

/// What a request draws by lot: who is in a share, and who is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lot([u8; 32]);

impl Lot {
    /// The lot of the request that came with this id, so many nanoseconds after the Unix epoch: callers that choose their ids cannot
    /// choose their lot.
    #[must_use]
    pub fn of(request_id: &str, nanoseconds: u128) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(&nanoseconds.to_le_bytes()).update(request_id.as_bytes());
        Self(hash.finalize().into())
    }

    /// A number, 0..1, drawn for what goes by this name: the same each time, and independent of other names.
    #[must_use]
    fn draw(&self, name: &str) -> f64 {
        let hash = blake3::keyed_hash(&self.0, name.as_bytes());
        let bytes = hash.as_bytes().first_chunk::<4>().copied().unwrap_or_default();
        f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
    }
}

/// `enforce`, `shadow`, or `{ enforce: SHARE }`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "must be `enforce`, `shadow` or `{ enforce: \"10%\" }`")]
pub(super) enum ModeDocument {
    /// Not said.
    #[default]
    #[serde(skip)]
    Unsaid,
    Word(ModeWord),
    Share(EnforcedShare),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum ModeWord {
    Enforce,
    Shadow,
}

/// A share of requests.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct EnforcedShare {
    /// The share for which it is enforced.
    enforce: ShareDocument,
}

/// Checks a mode.
pub(super) fn mode(path: &str, document: &ModeDocument) -> Result<Mode, PolicyError> {
    match document {
        ModeDocument::Unsaid | ModeDocument::Word(ModeWord::Enforce) => Ok(Mode::Enforce),
        ModeDocument::Word(ModeWord::Shadow) => Ok(Mode::Shadow),
        ModeDocument::Share(EnforcedShare { enforce }) => {
            share(&format!("{path}.enforce"), enforce).map(Mode::Share)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_requests_is_drawn_by_lot() {
        let lots = (0..2000).map(|at| Lot::of(&format!("request {at}"), 7));
        let enforced = lots.filter(|lot| Mode::Share(0.25).enforces(lot, "policy")).count();
        assert!((430..570).contains(&enforced), "{enforced}");
        let lot = Lot::of("r", 1);
        assert!(Mode::Enforce.enforces(&lot, "") && !Mode::Shadow.enforces(&lot, ""));
        assert_eq!(lot.draw("a").to_bits(), Lot::of("r", 1).draw("a").to_bits());
        assert!(lot.draw("a").to_bits() != lot.draw("b").to_bits());
        assert!(!Mode::Share(0.0).enforces(&lot, "a") && Mode::Share(1.0).enforces(&lot, "a"));
    }
}
