//! Providers that speak OpenAI's dialect, but for some members.

mod call_ids;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::conversation::{Unsupported, Written};

/// How a provider's dialect differs from its family's, which is OpenAI's but for `in_models_place`. Members are those of the request body.
#[derive(Debug, PartialEq, Eq)]
pub struct Quirks {
    /// Member that bounds the answer's length.
    pub longest_answer: &'static str,
    /// Members that have another name: OpenAI's, the provider's.
    pub renamed: &'static [(&'static str, &'static str)],
    /// Members that the provider refuses and that no caller misses; the caller is told.
    pub dropped: &'static [&'static str],
    /// Members that the provider refuses, and does by itself.
    pub implied: &'static [&'static str],
    /// Members that the provider refuses and that change the answer: such a request does not go there.
    pub refused: &'static [&'static str],
    /// Whether it takes only ids of calls that have nine letters or digits.
    pub short_call_ids: bool,
    /// Whether it takes instructions only before all that is said; later ones are said to it by the user.
    pub instructions_first: bool,
    /// What stands in the body instead of the model, which its path names: a member and its value.
    pub in_models_place: Option<(&'static str, &'static str)>,
}

impl Quirks {
    /// No difference.
    pub const NONE: Self = Self {
        longest_answer: "max_completion_tokens",
        renamed: &[],
        dropped: &[],
        implied: &[],
        refused: &[],
        short_call_ids: false,
        instructions_first: false,
        in_models_place: None,
    };

    /// Whether there is no difference.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// The id of a call as the provider is told it.
    #[must_use]
    pub(super) fn call_id<'i>(&self, id: &'i str) -> Cow<'i, str> {
        if self.short_call_ids { call_ids::short(id) } else { Cow::Borrowed(id) }
    }

    /// Whether a member would stand there twice, because another one that is given gets its name: OpenAI's newer name counts.
    fn is_superseded(&self, name: &str, value: &str, members: &[(Cow<'_, str>, &RawValue)]) -> bool {
        let is_given =
            |wanted: &str| members.iter().any(|(name, value)| name == wanted && value.get() != "null");
        let mut pairs = self.renamed.iter();
        pairs.any(|(from, to)| {
            (name == *to && is_given(from)) || (name == *from && value == "null" && is_given(to))
        })
    }

    /// Writes `body`, a request in OpenAI's words, as the provider wants it. Values keep their bytes.
    ///
    /// # Errors
    /// [`Unsupported`] names a member that the provider refuses and that cannot be left out.
    pub fn apply(&self, body: &[u8], model: &str) -> Result<Written, Unsupported> {
        let request: Members<'_> =
            serde_json::from_slice(body).map_err(|_| Unsupported::new("a body that is no JSON object"))?;
        let mut written = String::with_capacity(body.len());
        written.push('{');
        let mut dropped = Vec::new();
        for (name, value) in &request.0 {
            let value = value.get();
            let is_given = value != "null";
            if let Some(refused) = self.refused.iter().find(|refused| *refused == name && is_given) {
                return Err(Unsupported::new(*refused));
            }
            if let Some(left_out) = self.dropped.iter().find(|dropped| *dropped == name) {
                dropped.extend(is_given.then_some(*left_out));
                continue;
            }
            if self.implied.contains(&&**name) || self.is_superseded(name, value, &request.0) {
                continue;
            }
            let in_models_place = self.in_models_place.filter(|(own, _)| name == "model" || name == own);
            if in_models_place.is_some() {
                continue;
            }
            let name = self.renamed.iter().find(|(from, _)| from == name).map_or(&**name, |(_, to)| to);
            if written.len() > 1 {
                written.push(',');
            }
            written.push_str(&Value::from(name).to_string());
            written.push(':');
            if name == "model" {
                written.push_str(&Value::from(model).to_string());
            } else if name == "messages" && self.short_call_ids {
                written.push_str(call_ids::shortened(value).as_deref().unwrap_or(value));
            } else {
                written.push_str(value);
            }
        }
        if let Some((name, value)) = self.in_models_place {
            let separator = if written.len() > 1 { "," } else { "" };
            written.push_str(&format!("{separator}\"{name}\":\"{value}\""));
        }
        written.push('}');
        Ok(Written { body: written.into_bytes(), dropped, ..Written::default() })
    }
}

/// The members of an object, in order, their values as they stand.
struct Members<'b>(Vec<(Cow<'b, str>, &'b RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a chat request")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}
