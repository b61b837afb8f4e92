//! What a dialect is: the families of formats, those that callers use, and what a provider wants.

use super::openai_like::Quirks;

/// A family of request, answer, error and stream formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// OpenAI Chat Completions.
    OpenAi,
    /// Anthropic Messages.
    Anthropic,
    /// Gemini `generateContent`.
    Gemini,
    /// OpenAI Responses.
    Responses,
}

/// The formats that callers may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Caller {
    /// OpenAI Chat Completions.
    #[default]
    OpenAi,
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Responses.
    Responses,
}

impl Caller {
    /// Every one, in an order that stays: stored answers say by its place in it whose they are.
    pub const ALL: [Self; 3] = [Self::OpenAi, Self::Anthropic, Self::Responses];

    /// The format that it is.
    #[must_use]
    pub fn format(self) -> Format {
        match self {
            Self::OpenAi => Format::OpenAi,
            Self::Anthropic => Format::Anthropic,
            Self::Responses => Format::Responses,
        }
    }

    /// Its name in logs and between the roles.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Responses => "responses",
        }
    }

    /// The caller's format by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|caller| caller.as_str() == name)
    }
}

/// What a provider wants to be spoken to in.
#[derive(Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Its name in policies.
    pub name: &'static str,
    /// The family that its bodies are of.
    pub format: Format,
    /// Path of a call; `{model}` and `{api_version}` stand for the model's upstream name and the provider's API version.
    pub path: &'static str,
    /// Path of a call whose answer is streamed, if it is another one.
    pub stream_path: Option<&'static str>,
    /// The API version when the policy names none.
    pub api_version: &'static str,
    /// Header that carries the credential.
    pub credential_header: &'static str,
    /// What stands before the key in it.
    pub credential_prefix: &'static str,
    /// Header that carries the API version, if one does.
    pub version_header: Option<&'static str>,
    /// Header by which callers of any dialect ask for features of this one, if there is one.
    pub feature_header: Option<&'static str>,
    /// How the names of all headers of the dialect begin, if they do.
    pub feature_prefix: Option<&'static str>,
    /// How its OpenAI differs from OpenAI's.
    pub quirks: &'static Quirks,
}

impl Dialect {
    /// Whether a caller's body needs no more than another model's name in it.
    #[must_use]
    pub fn is_spoken_by(&self, caller: Caller) -> bool {
        self.format == caller.format() && self.quirks.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_known_by_its_name() {
        for caller in Caller::ALL {
            assert_eq!(Caller::named(caller.as_str()), Some(caller));
        }
        assert_eq!(Caller::named("gemini"), None);
    }
}
