//! Mistral: OpenAI's dialect, but members that it does not know are refused with 422.

use super::dialect::{Dialect, Format};
use super::openai_like::Quirks;

/// The row of the table.
pub(super) const DIALECT: Dialect = Dialect {
    name: "mistral",
    format: Format::OpenAi,
    path: "/v1/chat/completions",
    stream_path: None,
    api_version: "",
    credential_header: "authorization",
    credential_prefix: "Bearer ",
    version_header: None,
    feature_header: None,
    feature_prefix: None,
    quirks: &Quirks {
        longest_answer: "max_tokens",
        renamed: &[("max_completion_tokens", "max_tokens"), ("seed", "random_seed")],
        dropped: &[
            "user",
            "safety_identifier",
            "store",
            "service_tier",
            "prompt_cache_key",
            "prompt_cache_retention",
            "verbosity",
        ],
        // The last chunk of a stream always has the usage.
        implied: &["stream_options"],
        refused: &[
            "logit_bias",
            "logprobs",
            "top_logprobs",
            "functions",
            "function_call",
            "audio",
            "modalities",
            "web_search_options",
        ],
        short_call_ids: true,
        instructions_first: true,
        in_models_place: None,
    },
};

#[cfg(test)]
mod tests {
    use crate::chat::conversation::Unsupported;

    fn written(body: &str) -> Result<(String, Vec<&'static str>), Unsupported> {
        let written = super::DIALECT.quirks.apply(body.as_bytes(), "mistral-large-latest")?;
        Ok((String::from_utf8(written.body).unwrap(), written.dropped))
    }

    #[test]
    fn members_get_the_names_that_mistral_knows_and_values_keep_their_bytes() {
        let (body, dropped) = written(
            r#"{ "model":"x", "seed" : 7,"max_completion_tokens":10, "stream":true,"stream_options":{"include_usage":true},
                "messages":[{"role":"user","content":"\u0041" }], "temperature":1.0e0,"user":"u","store":null}"#,
        )
        .unwrap();
        assert_eq!(
            body,
            r#"{"model":"mistral-large-latest","random_seed":7,"max_tokens":10,"stream":true,"messages":[{"role":"user","content":"\u0041" }],"temperature":1.0e0}"#
        );
        assert_eq!(dropped, ["user"]);
    }

    #[test]
    fn no_member_stands_there_twice() {
        let cases = [
            (r#"{"max_tokens":5,"max_completion_tokens":7}"#, r#"{"max_tokens":7}"#),
            (r#"{"max_completion_tokens":7,"max_tokens":5}"#, r#"{"max_tokens":7}"#),
            (r#"{"max_completion_tokens":null,"max_tokens":5}"#, r#"{"max_tokens":5}"#),
            (r#"{"max_tokens":null,"max_completion_tokens":7}"#, r#"{"max_tokens":7}"#),
            (r#"{"seed":1,"random_seed":2}"#, r#"{"random_seed":1}"#),
        ];
        for (body, sent) in cases {
            assert_eq!(written(body).unwrap().0, sent, "{body}");
        }
    }

    #[test]
    fn what_mistral_cannot_do_is_not_asked_of_it() {
        assert_eq!(written(r#"{"model":"x","logit_bias":{"1":2}}"#), Err(Unsupported::new("logit_bias")));
        assert!(written(r#"{"model":"x","logit_bias":null}"#).is_ok());
    }

    #[test]
    fn a_request_that_loses_all_its_members_is_still_an_object() {
        assert_eq!(written(r#"{ "user":"u" }"#).unwrap().0, "{}");
    }
}
