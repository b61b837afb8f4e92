//! Why operators are not served.

/// Why a request is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    NotFound,
    Method(&'static str),
    Off,
    Token,
    TooLarge,
    NoCache,
    NoSemanticCache,
    Action(String),
    Contended,
}

impl Refusal {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Method(_) => 405,
            Self::Off => 403,
            Self::Token => 401,
            Self::TooLarge => 413,
            Self::NoCache | Self::NoSemanticCache | Self::Action(_) => 400,
            Self::Contended => 503,
        }
    }

    pub(super) fn message(&self) -> &str {
        match self {
            Self::NotFound => {
                "there is nothing here; there are `/`, `GET /api/overview`, `/api/history`, `/api/decisions`, `/api/budgets`, `/api/policy`, `POST /api/cache/invalidate` and `POST /api/cache/report`"
            }
            Self::Method(method) => match *method {
                "GET" => "this is asked for by GET",
                _ => "this is asked for by POST",
            },
            Self::Off => {
                "this is off: the policy has no `console.token`, or the environment variable that it names is not set"
            }
            Self::Token => "`authorization: Bearer TOKEN` is missing, or is another token",
            Self::TooLarge => "the body is longer than an action is",
            Self::NoCache => "the policy has no cache",
            Self::NoSemanticCache => {
                "the policy has no semantic cache; `/api/cache/invalidate` removes an answer"
            }
            Self::Action(message) => message,
            Self::Contended => "other workers were quicker every time; try again",
        }
    }
}
