//! Google's Vertex AI: Gemini's and Anthropic's bodies under paths that name a project, a location and the model, with a token of
//! Google's as the credential.

use super::dialect::{Dialect, Format};
use super::openai_like::Quirks;

/// The row of the table for Gemini's models.
pub(super) const GEMINI: Dialect = Dialect {
    name: "vertex-gemini",
    format: Format::Gemini,
    path: "/v1/projects/{project}/locations/{location}/publishers/google/models/{model}:generateContent",
    stream_path: Some(
        "/v1/projects/{project}/locations/{location}/publishers/google/models/{model}:streamGenerateContent?alt=sse",
    ),
    api_version: "",
    credential_header: "authorization",
    credential_prefix: "Bearer ",
    version_header: None,
    feature_header: None,
    feature_prefix: None,
    quirks: &Quirks::NONE,
};

/// The row of the table for Anthropic's models.
pub(super) const ANTHROPIC: Dialect = Dialect {
    name: "vertex-anthropic",
    format: Format::Anthropic,
    path: "/v1/projects/{project}/locations/{location}/publishers/anthropic/models/{model}:rawPredict",
    stream_path: Some(
        "/v1/projects/{project}/locations/{location}/publishers/anthropic/models/{model}:streamRawPredict",
    ),
    api_version: "",
    credential_header: "authorization",
    credential_prefix: "Bearer ",
    version_header: None,
    feature_header: Some("anthropic-beta"),
    feature_prefix: Some("anthropic-"),
    // <https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude>
    quirks: &Quirks { in_models_place: Some(("anthropic_version", "vertex-2023-10-16")), ..Quirks::NONE },
};

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::chat::claude::Claude;
    use crate::chat::conversation::Addressee;
    use crate::chat::{Caller, translate};

    #[test]
    fn anthropics_models_are_named_in_the_path_alone() {
        let target = Addressee {
            model: "claude",
            max_output: None,
            reasoning: false,
            claude: Claude::named("claude"),
            fetches_images: false,
        };
        for (caller, body) in [
            (
                Caller::Anthropic,
                json!({"model": "auto", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "x"}]}),
            ),
            (
                Caller::OpenAi,
                json!({"model": "auto", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "x"}]}),
            ),
        ] {
            let written =
                translate::request(body.to_string().as_bytes(), caller, &ANTHROPIC, target).unwrap();
            let written: Value = serde_json::from_slice(&written.body).unwrap();
            assert_eq!(written.get("model"), None, "{caller:?}");
            assert_eq!(
                (&written["anthropic_version"], &written["stream"]),
                (&json!("vertex-2023-10-16"), &json!(true))
            );
            assert_eq!(
                (&written["max_tokens"], written["messages"].as_array().unwrap().len()),
                (&json!(9), 1)
            );
        }
    }
}
