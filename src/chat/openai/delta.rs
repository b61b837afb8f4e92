//! What an assistant says, whole or piece by piece: `message` of a completion, `delta` of a chunk.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

/// A message or a part of one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Delta {
    /// Its text.
    pub(super) content: Option<String>,
    /// Whether it has anything besides text: tool calls, a refusal, audio, reasoning. `null` and empty lists are nothing.
    pub(super) more_than_text: bool,
}

/// Whether a value is anything at all.
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Present;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_unit<E>(self) -> Result<Present, E> {
                Ok(Present(false))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Present, E> {
                Ok(Present(true))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Present, E> {
                Ok(Present(true))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Present, E> {
                Ok(Present(true))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Present, E> {
                Ok(Present(true))
            }

            fn visit_str<E>(self, _: &str) -> Result<Present, E> {
                Ok(Present(true))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Present, A::Error> {
                let mut any = false;
                while items.next_element::<IgnoredAny>()?.is_some() {
                    any = true;
                }
                Ok(Present(any))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Present, A::Error> {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Present(true))
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
                        _ => delta.more_than_text |= members.next_value::<Present>()?.0,
                    }
                }
                Ok(delta)
            }
        }
        deserializer.deserialize_map(Members)
    }
}
