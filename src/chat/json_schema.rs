//! Whether a value follows a JSON Schema, as far as providers promise it (structured outputs): `type`, `enum`, `const`, `properties`,
//! `required`, `additionalProperties`, `items`, `anyOf`, `oneOf`, `allOf`, and `$ref` inside the schema. Other keywords hold always.

use serde_json::{Map, Value};

/// Deepest nesting that is looked into: a schema may refer to itself.
const MAX_DEPTH: u8 = 64;

/// Whether `value` follows `schema`. What lies deeper than 64 levels counts as following.
#[must_use]
pub fn follows(value: &Value, schema: &Value) -> bool {
    Schema { root: schema }.holds(value, schema, 0)
}

struct Schema<'s> {
    root: &'s Value,
}

impl Schema<'_> {
    fn holds(&self, value: &Value, schema: &Value, depth: u8) -> bool {
        let keywords = match schema {
            Value::Bool(holds) => return *holds,
            Value::Object(keywords) if depth < MAX_DEPTH => keywords,
            _ => return true,
        };
        let deeper = depth.saturating_add(1);
        keywords.iter().all(|(keyword, operand)| match (keyword.as_str(), operand) {
            ("$ref", Value::String(reference)) => {
                let referred = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
                referred.is_none_or(|referred| self.holds(value, referred, deeper))
            }
            ("type", Value::String(name)) => is_of(value, name),
            ("type", Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).any(|name| is_of(value, name))
            }
            ("enum", Value::Array(values)) => values.contains(value),
            ("const", _) => operand == value,
            ("anyOf" | "oneOf", Value::Array(schemas)) => {
                schemas.iter().any(|schema| self.holds(value, schema, deeper))
            }
            ("allOf", Value::Array(schemas)) => {
                schemas.iter().all(|schema| self.holds(value, schema, deeper))
            }
            ("items", _) => {
                let elements = value.as_array().into_iter().flatten();
                elements.into_iter().all(|element| self.holds(element, operand, deeper))
            }
            ("required", Value::Array(names)) => {
                let is_there =
                    |name: &str| value.as_object().is_none_or(|members| members.contains_key(name));
                names.iter().filter_map(Value::as_str).all(is_there)
            }
            ("properties", Value::Object(properties)) => properties.iter().all(|(name, schema)| {
                value.get(name).is_none_or(|member| self.holds(member, schema, deeper))
            }),
            ("additionalProperties", _) => self.others_hold(value, keywords, operand, deeper),
            _ => true,
        })
    }

    /// Whether the members that `properties` does not name follow `schema`.
    fn others_hold(&self, value: &Value, keywords: &Map<String, Value>, schema: &Value, depth: u8) -> bool {
        if keywords.contains_key("patternProperties") {
            return true;
        }
        let named = keywords.get("properties");
        let is_named = |name: &str| named.is_some_and(|named| named.get(name).is_some());
        let members = value.as_object().into_iter().flatten();
        members.filter(|(name, _)| !is_named(name)).all(|(_, member)| self.holds(member, schema, depth))
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn cases() -> Vec<(Value, Value)> {
        let person = json!({
            "type": "object", "additionalProperties": false, "required": ["name", "age"],
            "properties": {
                "name": {"type": "string"}, "age": {"type": "integer"}, "role": {"enum": ["a", "b", null]},
                "children": {"type": "array", "items": {"$ref": "#"}},
                "home": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/home"}]}
            },
            "$defs": {"home": {"type": "object", "required": ["street"], "properties": {"kind": {"const": "flat"}}}}
        });
        let values = [
            json!({"name": "x", "age": 1}),
            json!({"name": "x", "age": 1.0}),
            json!({"name": "x", "age": 1.5}),
            json!({"name": "x"}),
            json!({"name": 1, "age": 1}),
            json!({"name": "x", "age": 1, "more": 1}),
            json!({"name": "x", "age": 1, "role": "c"}),
            json!({"name": "x", "age": 1, "role": null}),
            json!({"name": "x", "age": 1, "children": [{"name": "y", "age": 2}]}),
            json!({"name": "x", "age": 1, "children": [{"name": "y"}]}),
            json!({"name": "x", "age": 1, "home": null}),
            json!({"name": "x", "age": 1, "home": {"street": 1, "kind": "flat"}}),
            json!({"name": "x", "age": 1, "home": {"street": 1, "kind": "house"}}),
            json!({"name": "x", "age": 1, "home": {}}),
            json!([]),
            json!("x"),
        ];
        let others = [
            (json!(3), json!({"type": ["string", "null"]})),
            (json!(null), json!({"type": ["string", "null"]})),
            (json!({"a": 1}), json!({"additionalProperties": {"type": "string"}})),
            (json!(3), json!({"allOf": [{"type": "number"}, {"enum": [3, 4]}]})),
            (json!(5), json!(false)),
            (json!(5), json!({"oneOf": [{"type": "string"}, {"type": "integer"}]})),
        ];
        values.into_iter().map(|value| (value, person.clone())).chain(others).collect()
    }

    #[test]
    fn it_says_the_same_as_a_whole_implementation() {
        let mut verdicts = Vec::new();
        for (value, schema) in cases() {
            let validator = jsonschema::draft202012::new(&schema).expect("a JSON Schema");
            assert_eq!(follows(&value, &schema), validator.is_valid(&value), "{value} by {schema}");
            verdicts.push(follows(&value, &schema));
        }
        assert!(verdicts.iter().filter(|holds| **holds).count() > 6 && verdicts.contains(&false));
    }

    #[test]
    fn a_schema_that_only_refers_to_itself_holds() {
        assert!(follows(&json!(1), &json!({"$ref": "#"})));
        assert!(follows(&json!(1), &json!({"$ref": "elsewhere"})));
    }

    proptest! {
        #[test]
        fn any_text_may_be_a_schema(text in r#"(\{"(type|items|anyOf|\$ref|required)": ?)?(\[|"|object|#|1|\]|\}|\{|:|,){0,12}"#) {
            if let Ok(schema) = serde_json::from_str::<Value>(&text) {
                let _ = follows(&json!([{"a": [1]}]), &schema);
            }
        }
    }
}
