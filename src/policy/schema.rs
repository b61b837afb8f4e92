//! The JSON Schema of policies, made from the types that read them.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::cache::{ExactCacheBounds, ExactCacheDocument};
use super::document::Document;
use super::named::Named;
use super::providers::{AwsDocument, CredentialDocument};
use super::rules::document::{
    self, DenyDocument, DenyMembers, StoredDocument, Then, ThenDocument, TierBounds, TierBoundsDocument,
};

/// The JSON Schema (draft 2020-12) of a policy document: its fields and their types, for editors and pipelines. What fields refer to, and
/// ranges, are checked by [`super::Policy::from_value`] alone.
#[must_use]
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Document>().into()
}

/// The schema of what reads itself: a value of one of some kinds.
macro_rules! one_of {
    ($type:ty, $name:literal, |$generator:ident| $kinds:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                json_schema!({ "anyOf": $kinds })
            }
        }
    };
}

one_of!(ThenDocument, "ThenDocument", |generator| [
    {"enum": ["allow", "deny"]},
    generator.subschema_for::<Then>()
]);
one_of!(DenyDocument, "DenyDocument", |generator| [{"type": "string"}, generator.subschema_for::<DenyMembers>()]);
one_of!(TierBoundsDocument, "TierBoundsDocument", |generator| [
    {"type": "string"},
    generator.subschema_for::<TierBounds>()
]);
one_of!(document::CacheDocument, "RuleCacheDocument", |generator| [
    {"enum": ["off", false]},
    generator.subschema_for::<StoredDocument>()
]);
one_of!(ExactCacheDocument, "ExactCacheDocument", |generator| [
    {"enum": ["off", false]},
    generator.subschema_for::<ExactCacheBounds>()
]);
one_of!(CredentialDocument, "CredentialDocument", |generator| [
    {"type": "string", "description": "An environment variable of Envoy."},
    {
        "type": "object",
        "description": "A file with a secret, which Envoy reads.",
        "properties": {"sds": {"type": "string"}},
        "required": ["sds"],
        "additionalProperties": false
    },
    {
        "type": "object",
        "description": "Envoy signs requests.",
        "properties": {"aws": generator.subschema_for::<AwsDocument>()},
        "required": ["aws"],
        "additionalProperties": false
    }
]);

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Named_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

#[cfg(test)]
mod tests;
