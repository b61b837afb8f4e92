//! OpenAI Responses (`POST /v1/responses`): what agents speak. Every provider can be asked what its callers ask; those that serve it
//! themselves get it as it came.

pub(super) mod answer;
pub(super) mod completion;
mod items;
pub(super) mod observe;
pub(super) mod replay;
pub(super) mod request;
pub(super) mod stream;
#[cfg(test)]
mod tests;
mod usage;

use super::dialect::{Dialect, Format};
use super::openai_like::Quirks;

/// What a provider is spoken to in that serves it. No policy names it: it comes with OpenAI's dialect.
pub const DIALECT: Dialect = Dialect {
    name: "responses",
    format: Format::Responses,
    path: "/v1/responses",
    stream_path: None,
    api_version: "",
    credential_header: "authorization",
    credential_prefix: "Bearer ",
    version_header: None,
    feature_header: Some("openai-beta"),
    feature_prefix: None,
    quirks: &Quirks::NONE,
};
