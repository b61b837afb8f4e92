//! What a condition may name.

use std::collections::{BTreeMap, BTreeSet};

/// Kind of a fact's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number with a fraction.
    Double,
    /// A text.
    Text,
    /// Several texts.
    Texts,
    /// Request headers by their names, which are texts.
    Headers,
}

/// Every fact about a call, what it is, and what it means. A fact that a call does not have is `0`, `false` or `""`.
pub const FACTS: [(&str, Kind, &str); 23] = [
    ("request.method", Kind::Text, "method, for example `POST`"),
    ("request.path", Kind::Text, "path without the query, escapes and dots resolved, lower case"),
    ("request.host", Kind::Text, "`:authority`, lower case"),
    (
        "request.headers",
        Kind::Headers,
        "request headers by lower-case name, as in `request.headers[\"x-team\"]`; of one that stands twice, the values with commas between",
    ),
    ("identity.tenant", Kind::Text, "who asks"),
    (
        "chat.operation",
        Kind::Text,
        "`chat`, `count_tokens`, or the end of a direct call's path, for example `embeddings`",
    ),
    ("chat.dialect", Kind::Text, "what the caller speaks: `openai`, `anthropic` or `responses`"),
    ("chat.model", Kind::Text, "the model that the caller named, or `auto`"),
    ("chat.tokens", Kind::Int, "estimated tokens of the prompt"),
    ("chat.max_tokens", Kind::Int, "longest answer that the caller asked for, in tokens; 0: no bound"),
    ("chat.score", Kind::Double, "complexity, 0 to 1"),
    ("chat.level", Kind::Text, "complexity in a word: `low`, `medium` or `high`"),
    ("chat.tier", Kind::Text, "name of the cheapest tier that handles the complexity"),
    (
        "chat.language",
        Kind::Text,
        "language of the last message of the user as its beginning says: `en`, `de`, `fr`, `es`, `it`, `pt`, `nl`, `el`, `he`, `th`, `ko`, `ja`, `zh`, `und-Cyrl`, `und-Arab`, `und-Deva`, or `und`",
    ),
    ("chat.turns", Kind::Int, "messages of the user"),
    ("chat.messages", Kind::Int, "messages of anybody"),
    ("chat.tools", Kind::Int, "tools that the model may call"),
    ("chat.images", Kind::Int, "images"),
    ("chat.schema", Kind::Bool, "whether the answer must be JSON"),
    ("chat.stream", Kind::Bool, "whether the answer is streamed"),
    ("now.hour", Kind::Int, "hour of the day, 0 to 23, in the policy's time zone"),
    ("now.weekday", Kind::Int, "day of the week, 1 (Monday) to 7 (Sunday), in the policy's time zone"),
    ("now.date", Kind::Text, "date, for example `2026-11-27`, in the policy's time zone"),
];

/// What a condition may name besides [`FACTS`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// What is known of who asks, named `identity.NAME`, and its kind.
    pub attributes: BTreeMap<String, Kind>,
    /// Budgets, named `budget.NAME`: which part of each is used, 1 for all of it.
    pub budgets: BTreeSet<String>,
}

impl Names {
    /// The kind of a fact; `None` when there is none of that name.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<Kind> {
        let fact = FACTS.iter().find(|(known, _, _)| *known == name);
        let attribute = || self.attributes.get(name.strip_prefix("identity.")?).copied();
        let budget = || {
            let is_known = name.strip_prefix("budget.").is_some_and(|name| self.budgets.contains(name));
            is_known.then_some(Kind::Double)
        };
        fact.map(|(_, kind, _)| *kind).or_else(attribute).or_else(budget)
    }

    /// Every name.
    pub fn all(&self) -> impl Iterator<Item = String> {
        let facts = FACTS.iter().map(|(name, _, _)| (*name).to_owned());
        let attributes = self.attributes.keys().map(|name| format!("identity.{name}"));
        let budgets = self.budgets.iter().map(|name| format!("budget.{name}"));
        facts.chain(attributes.filter(|name| !FACTS.iter().any(|(known, _, _)| known == name))).chain(budgets)
    }
}
