//! Which headers go on to a provider, and which come back to the caller: allowlists. What stands on none stays with us.

use super::dialect::{Caller, Dialect};
use super::registry::DIALECTS;

/// Request headers that say what a message is, and what may answer it.
const MESSAGE: [&str; 6] =
    [":method", ":scheme", "content-type", "content-length", "transfer-encoding", "accept"];

/// Request headers by which a call is followed through several systems: W3C, B3, and those of tracing products.
const TRACING: [&str; 18] = [
    "traceparent",
    "tracestate",
    "baggage",
    "x-request-id",
    "x-client-request-id",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "x-cloud-trace-context",
    "x-datadog-trace-id",
    "x-datadog-parent-id",
    "x-datadog-sampling-priority",
    "x-amzn-trace-id",
    "x-ot-span-context",
    "sw8",
];

/// Request headers that carry a credential, an account or the user's identity: no policy passes them on.
pub const CREDENTIALS: [&str; 15] = [
    "ocp-apim-subscription-key",
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "openai-organization",
    "openai-project",
    "x-auth-token",
    "x-access-token",
    "x-forwarded-access-token",
    "x-amz-security-token",
    "cf-access-jwt-assertion",
    "x-goog-iap-jwt-assertion",
];

/// Answer headers that callers get: what the body is, what was asked, and when to ask again.
const RETURNED: [&str; 17] = [
    ":status",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "date",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "request-id",
    "x-request-id",
    "apim-request-id",
    "x-ms-request-id",
    "x-ms-client-request-id",
    "mistral-correlation-id",
    "openai-processing-ms",
    "openai-version",
];

/// Answer headers in which providers name a request otherwise than in `x-request-id`, where OpenAI's SDKs look.
const OTHER_REQUEST_IDS: [&str; 4] =
    ["request-id", "apim-request-id", "x-ms-request-id", "mistral-correlation-id"];

/// Beginnings of the names of answer headers that say how much may still be asked.
const RETURNED_PREFIXES: [&str; 4] =
    ["x-ratelimit-", "ratelimit-", "anthropic-ratelimit-", "x-ratelimitbysize-"];

impl Dialect {
    /// Whether a request header of a `caller` asks a provider that speaks this dialect for something. All headers of the dialect
    /// do if the caller speaks it as well; the one that asks for features always does.
    #[must_use]
    pub fn takes_header(&self, name: &str, caller: Caller) -> bool {
        let is_own = self.feature_prefix.is_some_and(|prefix| name.starts_with(prefix));
        (is_own && self.format == caller.format()) || self.feature_header == Some(name)
    }
}

/// Whether a request header says what the message is, and therefore goes to every provider.
#[must_use]
pub fn describes_message(name: &str) -> bool {
    MESSAGE.contains(&name)
}

/// Whether a request header follows a call through several systems.
#[must_use]
pub fn is_tracing(name: &str) -> bool {
    TRACING.contains(&name)
}

/// Whether a request header carries a credential, an account or the user's identity.
#[must_use]
pub fn is_credential(name: &str) -> bool {
    CREDENTIALS.contains(&name)
}

/// Whether a request header of a `caller` may change an answer, whoever gives it.
#[must_use]
pub fn may_change_answer(name: &str, caller: Caller) -> bool {
    DIALECTS.iter().any(|dialect| dialect.takes_header(name, caller))
}

/// Whether a request header names the version of a dialect.
#[must_use]
pub fn names_version(name: &str) -> bool {
    DIALECTS.iter().any(|dialect| dialect.version_header == Some(name))
}

/// Whether an answer's header names the request, in its provider's own way.
#[must_use]
pub fn names_request(name: &str) -> bool {
    OTHER_REQUEST_IDS.contains(&name)
}

/// Whether an answer's header reaches the caller.
#[must_use]
pub fn is_returned(name: &str) -> bool {
    RETURNED.contains(&name) || RETURNED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialects_own_headers_go_only_where_it_is_spoken() {
        let takes = |dialect: &str, name: &str, caller| {
            Dialect::named(dialect).is_some_and(|dialect| dialect.takes_header(name, caller))
        };
        for name in
            ["anthropic-beta", "anthropic-version", "anthropic-workspace-id", "anthropic-not-yet-known"]
        {
            assert!(takes("anthropic", name, Caller::Anthropic), "{name}");
            for other in ["openai", "azure", "mistral", "gemini"] {
                assert!(!takes(other, name, Caller::Anthropic), "{name} to {other}");
            }
        }
        assert!(takes("anthropic", "anthropic-beta", Caller::OpenAi));
        assert!(!takes("anthropic", "anthropic-version", Caller::OpenAi));
        assert!(may_change_answer("anthropic-beta", Caller::OpenAi));
        assert!(!may_change_answer("x-tenant", Caller::OpenAi));
    }

    #[test]
    fn every_credential_of_a_dialect_is_known_to_be_one() {
        for dialect in DIALECTS {
            assert!(is_credential(dialect.credential_header), "{}", dialect.name);
            assert!(!describes_message(dialect.credential_header), "{}", dialect.name);
        }
    }
}
