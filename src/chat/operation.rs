//! What a call asks of a model.

use std::borrow::Cow;

/// How the path of Anthropic's messages ends.
const MESSAGES: &str = "/messages";
/// Where Anthropic counts tokens, behind the path of its messages.
const COUNT: &str = "/count_tokens";
/// Where OpenAI's dialect chats: what stands in its place is asked of the same model.
const CHAT: &str = "/chat/completions";

/// What a call asks of a model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Operation {
    /// An answer.
    #[default]
    Chat,
    /// How many tokens a chat request has.
    Count,
    /// What its provider does at another path, by how that ends, for example `/embeddings`.
    Direct(String),
}

impl Operation {
    /// The path of the operation, where `chat` is that of a chat call; `None` where the provider has none that is known.
    #[must_use]
    pub fn path<'p>(&self, chat: &'p str) -> Option<Cow<'p, str>> {
        match self {
            Self::Chat => Some(Cow::Borrowed(chat)),
            Self::Count => {
                let (path, query) = chat.split_at_checked(chat.find('?').unwrap_or(chat.len()))?;
                path.ends_with(MESSAGES).then(|| format!("{path}{COUNT}{query}").into())
            }
            Self::Direct(end) => {
                let (before, after) = chat.split_once(CHAT)?;
                Some(format!("{before}{end}{after}").into())
            }
        }
    }

    /// Its name between the roles: the end of its path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Chat => "chat",
            Self::Count => "count",
            Self::Direct(end) => end,
        }
    }

    /// The operation of a name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "chat" => Self::Chat,
            "count" => Self::Count,
            end => Self::Direct(end.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_has_a_path_beside_the_chats() {
        let direct = Operation::Direct("/embeddings".into());
        for (operation, chat, expected) in [
            (&direct, "/v1/chat/completions", Some("/v1/embeddings")),
            (&direct, "/api/v1/chat/completions", Some("/api/v1/embeddings")),
            (
                &direct,
                "/openai/deployments/x/chat/completions?v=1",
                Some("/openai/deployments/x/embeddings?v=1"),
            ),
            (&direct, "/v1/messages", None),
            (&Operation::Count, "/v1/messages", Some("/v1/messages/count_tokens")),
            (&Operation::Count, "/v1/messages?v=1", Some("/v1/messages/count_tokens?v=1")),
            (&Operation::Count, "/v1/models/claude:rawPredict", None),
            (&Operation::Chat, "/v1/messages", Some("/v1/messages")),
        ] {
            assert_eq!(operation.path(chat).as_deref(), expected, "{operation:?} {chat}");
        }
    }

    #[test]
    fn an_operation_is_known_by_its_name() {
        for operation in [Operation::Chat, Operation::Count, Operation::Direct("/embeddings".into())] {
            assert_eq!(Operation::named(operation.as_str()), operation);
        }
    }
}
