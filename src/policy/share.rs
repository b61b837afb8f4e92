//! Shares of a whole.

use serde::Deserialize;

use super::PolicyError;
use super::fields::fault;

/// A share as a number, 0..=1, or in per cent: `"30%"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "must be a share, 0 to 1 or \"0%\" to \"100%\"")]
pub(super) enum ShareDocument {
    Number(f64),
    Text(String),
}

/// A share: a number, or per cents.
pub(super) fn share(path: &str, document: &ShareDocument) -> Result<f64, PolicyError> {
    let share = match document {
        ShareDocument::Number(share) => Some(*share),
        ShareDocument::Text(text) => read_share(text),
    };
    match share {
        Some(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => fault(path, "must be a share, 0 to 1 or \"0%\" to \"100%\""),
    }
}

/// A share as text, `0.3` or `30%`; `None` if it is none.
#[must_use]
pub fn read_share(text: &str) -> Option<f64> {
    let text = text.trim();
    let share = match text.strip_suffix('%') {
        Some(number) => number.trim().parse::<f64>().ok().map(|number| number / 100.0),
        None => text.parse().ok(),
    };
    share.filter(|share| (0.0..=1.0).contains(share))
}
