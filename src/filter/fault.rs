//! Every error that we answer with ourselves: status, kind and words, in one place, said in the caller's dialect.

use crate::admission::Unreadable;
use crate::chat::answer::{ApiError, ErrorKind};
use crate::chat::conversation::Unsupported;
use crate::chat::request::RequestError;
use crate::chat::{Caller, translate};
use crate::host::Host;
use crate::identity::Unidentified;
use crate::policy::Denial;
use crate::routing::{Attempt, Failure, NoCandidate};

/// What went wrong.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault<'f> {
    /// It is not known who asks.
    Unidentified(&'f Unidentified),
    /// A budget is spent.
    Exhausted {
        /// Its name.
        budget: &'f str,
        /// Seconds until it begins anew.
        seconds: u64,
    },
    /// A rule of the policy refuses the call.
    Denied(&'f Denial),
    /// A chat call that cannot be read, or in two ways.
    Unread(&'f Unreadable),
    /// The caller wants no provider to be asked, and nothing is stored (RFC 9111, section 5.2.1.7).
    NotCached,
    /// The policy has no model of the name that was asked for.
    NoSuchModel,
    /// Neither we nor the policy have anything at this path.
    NotFound {
        /// The request's method.
        method: &'f str,
        /// Its path, or the beginning of it.
        path: &'f str,
    },
    /// No model may take the request.
    NoCandidate(&'f NoCandidate),
    /// Envoy has given up on providers; `status` is its own.
    NoAnswer {
        /// Envoy's status.
        status: u16,
        /// What was tried.
        attempts: &'f [Attempt],
    },
    /// The body cannot be read again for this attempt.
    Unreadable(&'f RequestError),
    /// The body cannot be written for this attempt's provider.
    Unsayable {
        /// The model that would have been asked.
        model: &'f str,
        /// What it cannot be told.
        why: &'f Unsupported,
    },
    /// The provider answered with 200 and something that is no answer.
    Malformed {
        /// The model that was asked.
        model: &'f str,
    },
}

impl Fault<'_> {
    /// The status that a caller of this dialect gets.
    pub(super) fn status(&self, caller: Caller) -> u16 {
        match self {
            Self::Denied(denial) => denial.status,
            Self::Exhausted { .. } => 429,
            Self::Unidentified(Unidentified::Missing { .. }) => 401,
            Self::Unread(Unreadable::TooLarge { .. }) => 413,
            Self::Unidentified(Unidentified::Repeated { .. } | Unidentified::TwoKeys) | Self::Unread(_) => {
                400
            }
            Self::NotCached => 504,
            Self::NoSuchModel | Self::NotFound { .. } => 404,
            Self::NoCandidate(none) if none.is_ours() => 503,
            Self::NoCandidate(_) => 400,
            // The credential that Envoy lacks is ours: the caller's is not at fault.
            Self::NoAnswer { attempts, .. } if lacks_credential(attempts) => 503,
            Self::NoAnswer { status, .. } => translate::status(*status, caller),
            Self::Unreadable(_) | Self::Unsayable { .. } => 500,
            Self::Malformed { .. } => 502,
        }
    }

    fn error(&self, caller: Caller) -> ApiError {
        let coded = |kind, message: String, code: &str| ApiError {
            code: Some(code.to_owned()),
            ..ApiError::new(kind, message)
        };
        match self {
            Self::Unidentified(why) => {
                coded(ErrorKind::of_status(self.status(caller)), why.to_string(), why.reason())
            }
            Self::Exhausted { budget, seconds } => {
                let message = format!("the budget `{budget}` is spent; it begins anew in {seconds} seconds");
                coded(ErrorKind::of_status(429), message, "budget_exhausted")
            }
            Self::Denied(denial) => {
                coded(ErrorKind::of_status(denial.status), denial.message.clone(), "denied_by_policy")
            }
            Self::Unread(why) => {
                let (param, code) = match why {
                    Unreadable::Body(error) if error.is_ambiguous() => (error.member(), "ambiguous_body"),
                    Unreadable::Body(error) => (error.member(), error.reason()),
                    _ => (None, why.reason()),
                };
                let error = coded(ErrorKind::of_status(self.status(caller)), why.to_string(), code);
                ApiError { param: param.map(str::to_owned), ..error }
            }
            Self::NotCached => {
                let message = "nothing is stored for this request, and `only-if-cached` asks no provider";
                coded(ErrorKind::Timeout, message.to_owned(), "only_if_cached")
            }
            Self::NoSuchModel => {
                let message = "there is no model of this name, or its provider cannot be asked; `GET /v1/models` lists those that can";
                coded(ErrorKind::NotFound, message.to_owned(), "model_not_found")
            }
            Self::NotFound { method, path } => {
                let message = format!(
                    "there is nothing at `{method} {path}`; what shall pass is named in the policy, `admit.pass_through`"
                );
                coded(ErrorKind::NotFound, message, "not_found")
            }
            Self::NoCandidate(none) => {
                let kind = if none.is_ours() { ErrorKind::Server } else { ErrorKind::InvalidRequest };
                coded(kind, none.to_string(), none.code())
            }
            Self::NoAnswer { attempts, .. } if lacks_credential(attempts) => {
                coded(ErrorKind::Server, what_was_tried(attempts), &Failure::Credential.to_string())
            }
            Self::NoAnswer { attempts, .. } => {
                ApiError::new(ErrorKind::of_status(self.status(caller)), what_was_tried(attempts))
            }
            Self::Unreadable(refusal) => ApiError::new(ErrorKind::Server, refusal.to_string()),
            Self::Unsayable { model, why } => ApiError::new(ErrorKind::Server, format!("{model}: {why}")),
            Self::Malformed { model } => {
                ApiError::new(ErrorKind::Server, format!("{model} gave an answer that cannot be read"))
            }
        }
    }

    /// The body that a caller of this dialect gets.
    pub(super) fn body(&self, caller: Caller) -> Vec<u8> {
        translate::write_error(&self.error(caller), caller)
    }

    /// Answers the caller now; nothing goes to a provider.
    pub(super) fn send<H: Host>(&self, host: &H, caller: Caller) {
        let id = host.property(&["request", "id"]).and_then(|id| String::from_utf8(id).ok());
        let mut headers = vec![("content-type", "application/json")];
        let retry_after = match self {
            Self::Exhausted { seconds, .. } => Some(seconds.to_string()),
            _ => None,
        };
        headers.extend(retry_after.as_deref().map(|seconds| ("retry-after", seconds)));
        headers.extend(id.as_deref().filter(|id| !id.is_empty()).map(|id| ("x-request-id", id)));
        host.reply(self.status(caller), &headers, &self.body(caller));
    }
}

fn lacks_credential(attempts: &[Attempt]) -> bool {
    attempts.last().is_some_and(|attempt| attempt.failure == Some(Failure::Credential))
}

fn what_was_tried(attempts: &[Attempt]) -> String {
    let failed = attempts.iter().filter_map(|attempt| Some((&attempt.model, attempt.failure?)));
    let reasons: Vec<String> = failed.map(|(model, failure)| format!("{model}: {failure}")).collect();
    if reasons.is_empty() {
        "no provider could be asked".to_owned()
    } else {
        format!("no provider gave an answer ({})", reasons.join(", "))
    }
}
