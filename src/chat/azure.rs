//! Azure OpenAI: OpenAI's bodies under a path that names the deployment, with a key in a header of its own.

use super::dialect::{Dialect, Format};
use super::openai_like::Quirks;

/// The row of the table.
pub(super) const DIALECT: Dialect = Dialect {
    name: "azure",
    format: Format::OpenAi,
    path: "/openai/deployments/{model}/chat/completions?api-version={api_version}",
    stream_path: None,
    api_version: "2024-10-21",
    credential_header: "api-key",
    credential_prefix: "",
    version_header: None,
    feature_header: None,
    feature_prefix: None,
    quirks: &Quirks::NONE,
};
