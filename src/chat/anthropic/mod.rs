//! Anthropic Messages (`POST /v1/messages`).

pub(super) mod answer;
pub(super) mod billing;
pub(super) mod completion;
pub(super) mod error;
pub(super) mod models;
pub(super) mod observe;
pub(super) mod replay;
pub(super) mod request;
pub(super) mod stream;
mod usage;

use super::dialect::{Dialect, Format};
use super::openai_like::Quirks;

/// The row of the table.
pub(super) const DIALECT: Dialect = Dialect {
    name: "anthropic",
    format: Format::Anthropic,
    path: "/v1/messages",
    stream_path: None,
    api_version: "2023-06-01",
    credential_header: "x-api-key",
    credential_prefix: "",
    version_header: Some("anthropic-version"),
    feature_header: Some("anthropic-beta"),
    feature_prefix: Some("anthropic-"),
    quirks: &Quirks::NONE,
};
