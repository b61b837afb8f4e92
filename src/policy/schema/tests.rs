use serde_json::{Value, json};

use super::schema;
use crate::policy::document;

/// A document that has every field there is.
fn full() -> Value {
    json!({
        "mode": {"enforce": "10%"},
        "models": {
            "m": {
                "provider": "p", "upstream_name": "u", "context_window": 1, "max_output": 1, "tools": true, "images": true,
                "structured_output": true, "reasoning": true, "thinking": "t", "sampling": true, "fetches_images": true,
                "prices": {
                    "input": 1, "cached_input": 1, "cache_write": 1, "cache_write_1h": 1, "output": 1, "flex": 1, "priority": 1,
                    "long_context": {
                        "above": 1, "input": 1, "cached_input": 1, "cache_write": 1, "cache_write_1h": 1, "output": 1
                    }
                }
            }
        },
        "providers": {
            "p": {
                "host": "h", "port": 1, "tls": true, "dialect": "d", "path": "/", "responses": "/", "api_version": "v",
                "project": "p", "location": "l", "credential": "C", "forward_headers": ["h"], "tracing": true
            },
            "q": {"host": "h", "credential": {"aws": {"region": "r", "service": "s"}}},
            "r": {"host": "h", "credential": {"sds": "f"}}
        },
        "tiers": [{"name": "t", "handles": "high", "models": ["m"]}],
        "baseline": "m",
        "requested_model": "cap",
        "classify": {
            "scorer": "learned", "weights": {"any": "thing"}, "boundaries": {"medium": 0.1, "high": 0.2}, "max_strong_share": 0.1,
            "max_quality_loss": "1%", "encoder": {"vocabulary": "f", "graph": {"base64": ""}}
        },
        "admit": {
            "paths": {"openai": ["/o"], "anthropic": ["/a"], "responses": ["/r"], "direct": ["/d"]},
            "pass_through": ["/p"], "max_body_bytes": 1, "max_depth": 1, "unreadable": "pass"
        },
        "identity": {
            "mtls": {"trust_domains": ["d"], "attributes": {"a": "namespace"}},
            "jwt": {"payload": "p", "attributes": {"a": "c"}, "lists": {"a": ["c"]}},
            "route": ["a"], "headers": {"a": "h"}, "api_key": true, "required": true, "default": "d",
            "keys": {"k": {"sha256": "0", "variable": "V", "tenant": "t", "attributes": {"a": "v"}, "models": ["m"]}}
        },
        "cache": {
            "exact": {
                "ttl": "1h", "entries": 1, "bytes": 1, "max_temperature": 1.0, "max_choices": 1, "tenant_share": 0.5, "collapse": "1s"
            },
            "semantic": {
                "max_false_hits": 0.1, "ttl": "1h", "entries": 1, "bytes": 1, "max_time_share": 0.1, "shadow": true,
                "audit_share": 0.1, "max_disagreement": 0.1
            },
            "shared": {"host": "h", "port": 1, "tls": true, "timeout": "1s"}
        },
        "decision_header": true,
        "failover": {
            "per_try_idle_timeout": "1s", "whole_answer_timeout": "1s", "connect_timeout": "1s", "timeout": "1s",
            "refused_credentials": true
        },
        "console": {"token": "T", "reading": "open"},
        "telemetry": {"gen_ai": ["v0.1.0", "v1.41.0"], "team": "a", "teams": 1, "prompt_hash": true, "traces": {"host": "h", "port": 1, "tls": true, "share": 0.5}},
        "conversations": {"stay": "1h"},
        "rules": [
            {
                "name": "r", "when": "true", "mode": "shadow",
                "then": {
                    "deny": {"message": "m", "status": 403}, "tier": {"min": "t", "max": "t"}, "model": "m",
                    "only": {"models": ["m"], "providers": ["p"]}, "except": {"models": ["m"], "providers": ["p"]}, "prefer": {"models": ["m"], "providers": ["p"]}, "max_tokens": 1,
                    "service_tier": "flex", "reasoning_effort": "low", "cache": {"ttl": "1h", "scope": "a"}, "budget": "b", "escalate": ["cut"], "metadata": {"k": "v"}
                }
            },
            {"name": "s", "then": "allow"},
            {"name": "t", "then": {"deny": "m", "tier": "t", "cache": "off"}}
        ],
        "budgets": [
            {
                "name": "b", "per": "a", "usd": 1, "tokens": 1, "requests": 1, "limits": {"v": 1}, "window": {"rolling": "1h"},
                "stages": {"warn": 0.1, "lower": 0.2, "cheapest": 0.3, "reject": "100%"}
            },
            {"name": "c", "usd": 1, "window": "day"}
        ],
        "time_zone": "UTC"
    })
}

/// Calls `check` with the document, and with every document that differs from it in one place.
fn variants(document: &Value, check: &mut impl FnMut(&Value, &str)) {
    let others = [
        Value::Null,
        json!(true),
        json!(false),
        json!(-1),
        json!(0.5),
        json!(70_000),
        json!("word"),
        json!("off"),
        json!([]),
        json!({}),
        json!(["word"]),
        json!({"unknown": 1}),
    ];
    check(document, "as it is");
    let mut pointers = vec![String::new()];
    while let Some(pointer) = pointers.pop() {
        let Some(value) = document.pointer(&pointer) else { continue };
        let put = |value: Value| {
            let mut document = document.clone();
            if let Some(place) = document.pointer_mut(&pointer) {
                *place = value;
            }
            document
        };
        for other in &others {
            check(&put(other.clone()), &format!("{pointer} is {other}"));
        }
        match value {
            Value::Object(fields) => {
                let mut more = fields.clone();
                more.insert("unknown".into(), 1.into());
                check(&put(more.into()), &format!("{pointer} has an unknown field"));
                for name in fields.keys() {
                    let mut fewer = fields.clone();
                    fewer.shift_remove(name);
                    check(&put(fewer.into()), &format!("{pointer} is without {name}"));
                    pointers.push(format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")));
                }
            }
            Value::Array(elements) => {
                pointers.extend((0..elements.len()).map(|at| format!("{pointer}/{at}")))
            }
            _ => {}
        }
    }
}

#[test]
fn the_schema_takes_what_the_types_take_and_nothing_else() {
    let validator = jsonschema::draft202012::new(&schema()).expect("a JSON Schema");
    let (mut taken, mut refused) = (0, 0);
    variants(&full(), &mut |document, what| {
        let types = document::read(document.clone());
        // Serde reads the fields of an object out of a list as well, in their order, and a word out of an object whose only field it
        // is; nobody writes that.
        let is_odd = what.contains(" is [")
            || what == "/conversations/stay is null"
            || what == "/mode/enforce is null";
        if validator.is_valid(document) {
            assert!(types.is_ok(), "{what}: {:?}", types.err());
            taken += 1;
        } else {
            assert!(types.is_err() || is_odd, "{what}: the schema refuses it");
            refused += 1;
        }
    });
    assert!(taken > 300 && refused > 1000, "{taken} {refused}");
}

/// The fields of all objects of a schema, with the object's name.
fn fields(schema: &Value) -> Vec<(String, String)> {
    let definitions = schema.get("$defs").and_then(Value::as_object).into_iter().flatten();
    let all = definitions.map(|(name, definition)| (name.as_str(), definition)).chain([("Document", schema)]);
    let mut found = Vec::new();
    for (name, definition) in all {
        let properties = definition.get("properties").and_then(Value::as_object).into_iter().flatten();
        found.extend(properties.map(|(field, _)| (name.to_owned(), field.clone())));
    }
    found
}

#[test]
fn every_field_of_the_schema_is_tried_and_described() {
    let (schema, text) = (schema(), full().to_string());
    let fields = fields(&schema);
    assert!(fields.len() > 120, "{}", fields.len());
    for (object, field) in fields {
        assert!(text.contains(&format!("\"{field}\":")), "{object}.{field} is not in the full document");
        let definition = if object == "Document" { &schema } else { &schema["$defs"][&object] };
        let property = &definition["properties"][&field];
        assert!(property["description"].is_string(), "{object}.{field} is not described");
    }
}
