//! OpenAI Chat Completions (`POST /v1/chat/completions`), and the many that speak it.

pub(super) mod answer;
pub(super) mod completion;
mod delta;
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
    name: "openai",
    format: Format::OpenAi,
    path: "/v1/chat/completions",
    stream_path: None,
    api_version: "",
    credential_header: "authorization",
    credential_prefix: "Bearer ",
    version_header: None,
    feature_header: Some("openai-beta"),
    feature_prefix: None,
    quirks: &Quirks::NONE,
};
