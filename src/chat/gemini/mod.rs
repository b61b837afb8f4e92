//! Gemini (`POST /v1beta/models/MODEL:generateContent`).

pub(super) mod answer;
pub(super) mod error;
pub(super) mod request;
pub(super) mod stream;

use super::dialect::{Dialect, Format};
use super::openai_like::Quirks;

/// The row of the table.
pub(super) const DIALECT: Dialect = Dialect {
    name: "gemini",
    format: Format::Gemini,
    path: "/{api_version}/models/{model}:generateContent",
    stream_path: Some("/{api_version}/models/{model}:streamGenerateContent?alt=sse"),
    api_version: "v1beta",
    credential_header: "x-goog-api-key",
    credential_prefix: "",
    version_header: None,
    feature_header: None,
    feature_prefix: None,
    quirks: &Quirks::NONE,
};
