//! How complexity is scored: scorer, weights, and where levels begin.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use super::PolicyError;
use super::catalog::Tier;
use super::fields::fault;
use super::share::{ShareDocument, share};
use crate::complexity::{Boundaries, Classify, Head, Level, Scorer};
use crate::embedding::EncoderSource;
use serde::Deserialize;
use serde_json::Value;

/// How the complexity of a chat is scored.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(super) struct ClassifyDocument {
    /// What scores it. Default: `heuristic`.
    pub(super) scorer: ScorerDocument,
    /// An encoder of one's own for the learned scorer.
    pub(super) encoder: Option<EncoderDocument>,
    /// Weights of one's own for the learned scorer: the file that `arbiter fit` wrote.
    pub(super) weights: Option<Value>,
    /// Where levels begin.
    pub(super) boundaries: Option<BoundariesDocument>,
    /// Which part of chats may go to the last tier by their text alone.
    pub(super) max_strong_share: Option<ShareDocument>,
    /// Which part of the strong model's mean grade may be lost.
    pub(super) max_quality_loss: Option<ShareDocument>,
}

/// An encoder of one's own.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct EncoderDocument {
    /// WordPiece vocabulary.
    pub(super) vocabulary: FileDocument,
    /// The graph, in ONNX.
    pub(super) graph: FileDocument,
}

/// A file: its name as it is written, its bytes as the filter gets it.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "must be the name of a file, or {base64: ...}")]
pub(super) enum FileDocument {
    Name(String),
    Bytes { base64: String },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum ScorerDocument {
    #[default]
    Heuristic,
    Wordcount,
    Learned,
}

/// Where levels begin, on the scale of scores, 0 to 1.
#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct BoundariesDocument {
    /// Default: 0.3 (heuristic).
    pub(super) medium: Option<f64>,
    /// Default: 0.6 (heuristic).
    pub(super) high: Option<f64>,
}

/// Levels are at least so far from the ends of the scale.
const LEAST: f64 = 1e-6;

/// Reads how complexity is scored. `tiers`: cheap to strong.
pub(super) fn classify(document: ClassifyDocument, tiers: &[&Tier]) -> Result<Classify, PolicyError> {
    let ClassifyDocument { scorer, encoder, weights, boundaries, max_strong_share, max_quality_loss } =
        document;
    let learned = scorer == ScorerDocument::Learned;
    for (given, field) in [
        (encoder.is_some(), "encoder"),
        (weights.is_some(), "weights"),
        (max_strong_share.is_some(), "max_strong_share"),
        (max_quality_loss.is_some(), "max_quality_loss"),
    ] {
        if given && !learned {
            return fault(format!("classify.{field}"), "needs `scorer: learned`");
        }
    }
    let (scorer, boundaries) = match scorer {
        ScorerDocument::Heuristic => (Scorer::Heuristic, explicit(boundaries, Boundaries::HEURISTIC)?),
        ScorerDocument::Wordcount => (Scorer::Wordcount, explicit(boundaries, Boundaries::HEURISTIC)?),
        ScorerDocument::Learned => {
            let head = head(weights)?;
            let boundaries = match (boundaries, max_strong_share, max_quality_loss) {
                (boundaries, None, None) => explicit(boundaries, Boundaries::LEARNED)?,
                (None, Some(limit), None) => {
                    begin_last_tier(1.0 - share("classify.max_strong_share", &limit)?, tiers)
                }
                (None, None, Some(limit)) => {
                    let loss = share("classify.max_quality_loss", &limit)?;
                    begin_last_tier(1.0 - head.calibration.share_for(loss), tiers)
                }
                _ => {
                    return fault(
                        "classify",
                        "takes one of `boundaries`, `max_strong_share` and `max_quality_loss`",
                    );
                }
            };
            let encoder = source(encoder)?;
            (Scorer::Learned { head: Arc::new(head), encoder }, boundaries)
        }
    };
    Ok(Classify { scorer, boundaries })
}

fn source(document: Option<EncoderDocument>) -> Result<EncoderSource, PolicyError> {
    let Some(EncoderDocument { vocabulary, graph }) = document else { return Ok(EncoderSource::Bundled) };
    Ok(EncoderSource::Given {
        vocabulary: bytes("classify.encoder.vocabulary", vocabulary)?,
        graph: bytes("classify.encoder.graph", graph)?,
    })
}

fn bytes(path: &str, file: FileDocument) -> Result<Bytes, PolicyError> {
    match file {
        FileDocument::Name(name) => {
            let advice = "the filter needs the file itself, as {base64: ...}; `arbiter render` reads it from";
            fault(path, format!("{advice} `{name}`"))
        }
        FileDocument::Bytes { base64 } => match BASE64_STANDARD.decode(base64) {
            Ok(bytes) => Ok(bytes.into()),
            Err(error) => fault(format!("{path}.base64"), error),
        },
    }
}

fn head(weights: Option<Value>) -> Result<Head, PolicyError> {
    let Some(weights) = weights else { return Ok(Head::bundled()) };
    if weights.is_string() {
        return fault(
            "classify.weights",
            "must be the weights themselves; `arbiter render` reads them from the file that is named",
        );
    }
    let head: Head = serde_path_to_error::deserialize(weights).map_err(|error| {
        let path = format!("classify.weights.{}", error.path());
        PolicyError { path, message: format!("{}; `arbiter fit` writes them", error.inner()) }
    })?;
    match head.check() {
        Ok(()) => Ok(head),
        Err(error) => fault("classify.weights", error),
    }
}

fn explicit(document: Option<BoundariesDocument>, default: Boundaries) -> Result<Boundaries, PolicyError> {
    let Some(BoundariesDocument { medium, high }) = document else { return Ok(default) };
    let (medium, high) = (medium.unwrap_or(default.medium), high.unwrap_or(default.high));
    if !(0.0 < medium && medium < high && high <= 1.0) {
        return fault("classify.boundaries", "must be 0 < medium < high <= 1");
    }
    Ok(Boundaries { medium, high })
}

/// The boundaries with which scores from `begin` on go to the last of the tiers. The other boundary halves what is left.
fn begin_last_tier(begin: f64, tiers: &[&Tier]) -> Boundaries {
    let begin = begin.clamp(LEAST, 1.0 - LEAST);
    let medium_stays_below = tiers.iter().rev().skip(1).any(|tier| tier.handles >= Level::Medium);
    if medium_stays_below {
        Boundaries { medium: begin / 2.0, high: begin }
    } else {
        Boundaries { medium: begin, high: f64::midpoint(begin, 1.0) }
    }
}
