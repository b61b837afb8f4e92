//! What an assistant says, whole or piece by piece: `message` of a completion, `delta` of a chunk.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

/// A message or a part of one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Delta {
    /// Its text.
    pub(super) content: Option<String>,
    /// Bytes of what it has besides text: tool calls, a refusal, audio, reasoning. `null` and empty lists are nothing, anything
    /// else at least one.
    pub(super) other_bytes: u64,
}

/// How much a value says: the bytes of its strings, and one for anything that is none.
struct Present(u64);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Present;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_unit<E>(self) -> Result<Present, E> {
                Ok(Present(0))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Present, E> {
                Ok(Present(1))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Present, E> {
                Ok(Present(1))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Present, E> {
                Ok(Present(1))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Present, E> {
                Ok(Present(1))
            }

            fn visit_str<E>(self, text: &str) -> Result<Present, E> {
                Ok(Present(u64::try_from(text.len()).unwrap_or(u64::MAX).max(1)))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Present, A::Error> {
                let mut bytes = 0_u64;
                while let Some(Present(more)) = items.next_element()? {
                    bytes = bytes.saturating_add(more.max(1));
                }
                Ok(Present(bytes))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Present, A::Error> {
                let mut bytes = 1_u64;
                while let Some((_, Present(more))) = members.next_entry::<IgnoredAny, Present>()? {
                    bytes = bytes.saturating_add(more);
                }
                Ok(Present(bytes))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Delta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Delta;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Delta, A::Error> {
                let mut delta = Delta::default();
                while let Some(key) = members.next_key::<std::borrow::Cow<'de, str>>()? {
                    match &*key {
                        "content" => delta.content = members.next_value()?,
                        "role" => drop(members.next_value::<IgnoredAny>()?),
                        _ => {
                            let Present(bytes) = members.next_value()?;
                            delta.other_bytes = delta.other_bytes.saturating_add(bytes);
                        }
                    }
                }
                Ok(delta)
            }
        }
        deserializer.deserialize_map(Members)
    }
}
