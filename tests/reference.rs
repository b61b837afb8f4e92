//! The references of the policy and of the access log, `docs/policy.md` and `docs/access-log.md`, are what their schemas say.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use llm_arbiter::policy::schema;
use llm_arbiter::telemetry::access_log_schema;
use serde_json::Value;

const INTRODUCTION: &str = "# The fields of a policy

Made from the types that read it. `arbiter schema` prints the same as a JSON Schema, by which editors complete and check a policy while it
is written: `dist/arbiter schema > policy.schema.json`, and in the policy's first line, for editors with the YAML language server,
`# yaml-language-server: $schema=policy.schema.json`. `arbiter check` says besides what fields refer to that there is not, and what is out of
range. Fields in bold must be there. Durations are written `500ms`, `30s`, `10m`, `1h` or `7d`; shares `0.3` or `30%`.
[envoy/policy.yaml](../envoy/policy.yaml) has the fields in their places.
";

const ACCESS_LOG: &str = "# The access log

Made from the types that write it; `arbiter schema --access-log` prints the same as a JSON Schema. `arbiter render` configures one line of JSON per call, with Envoy's own `start_time`,
`method`, `status`, `bytes` and so on beside the two members below; in a log of your own they are `%FILTER_STATE(wasm.arbiter:PLAIN)%` and `%FILTER_STATE(wasm.arbiter.request:PLAIN)%`. What OpenTelemetry has a
name for has that name, of v0.1.0 of its GenAI conventions. Fields in bold are always there, others where they are known. Prompts, answers and keys are in none; money is in nano-dollars (USD / 10^9).
";

/// Writes the table of an object, and those of the objects in it.
struct Reference<'s> {
    schema: &'s Value,
    seen: BTreeSet<String>,
    text: String,
}

impl<'s> Reference<'s> {
    fn named(&self, reference: &str) -> Option<&'s Value> {
        self.schema.pointer(reference.strip_prefix('#')?)
    }

    /// What a value may be, in words; objects with fields of their own go to `inner`, with what follows their path.
    fn kind(&self, schema: &'s Value, suffix: &str, inner: &mut Vec<(String, String)>) -> String {
        if let Some(reference) = schema["$ref"].as_str() {
            let Some(definition) = self.named(reference) else { return String::new() };
            if definition.get("properties").is_some() {
                inner.push((suffix.to_owned(), reference.to_owned()));
                return "fields".to_owned();
            }
            return self.kind(definition, suffix, inner);
        }
        for alternatives in ["anyOf", "oneOf"] {
            if let Some(kinds) = schema[alternatives].as_array() {
                let kinds = kinds.iter().filter(|kind| kind["type"] != "null");
                let kinds: Vec<String> = kinds.map(|kind| self.kind(kind, suffix, inner)).collect();
                return kinds.join(" or ");
            }
        }
        if let Some(words) = schema["enum"].as_array() {
            let words = words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`"));
            return words.collect::<Vec<_>>().join(", ");
        }
        if let Some(word) = schema["const"].as_str() {
            return format!("`{word}`");
        }
        match schema["type"].as_str().or_else(|| schema["type"][0].as_str()) {
            Some("array") => {
                format!("list of {}", self.kind(&schema["items"], &format!("{suffix}[]"), inner))
            }
            Some("object") if schema["additionalProperties"].is_object() => {
                let kind = self.kind(&schema["additionalProperties"], &format!("{suffix}.NAME"), inner);
                format!("by name: {kind}")
            }
            Some("object") => {
                let fields = schema["properties"].as_object().into_iter().flatten();
                let fields = fields.map(|(name, value)| {
                    let kind = self.kind(value, &format!("{suffix}.{name}"), inner);
                    format!("`{name}`: {kind}")
                });
                format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
            }
            Some("string") => "text".to_owned(),
            Some("integer") => "whole number".to_owned(),
            Some("boolean") => "true or false".to_owned(),
            Some("number") => "number".to_owned(),
            _ => "anything".to_owned(),
        }
    }

    fn object(&mut self, path: &str, definition: &'s Value) {
        if let Some(description) = definition["description"].as_str() {
            let _ = writeln!(self.text, "\n## {path}\n\n{description}\n");
        } else {
            let _ = writeln!(self.text, "\n## {path}\n");
        }
        self.text.push_str("| Field | Value | What it says |\n|---|---|---|\n");
        let required = definition["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let required: BTreeSet<&str> = required.collect();
        let mut inner = Vec::new();
        for (name, property) in definition["properties"].as_object().into_iter().flatten() {
            let mut found = Vec::new();
            let kind = self.kind(property, "", &mut found);
            let field =
                if required.contains(name.as_str()) { format!("**`{name}`**") } else { format!("`{name}`") };
            let description = property["description"].as_str().unwrap_or_default();
            let _ = writeln!(self.text, "| {field} | {kind} | {description} |");
            let around =
                if !path.starts_with('`') { String::new() } else { format!("{}.", path.trim_matches('`')) };
            inner.extend(
                found.into_iter().map(|(suffix, reference)| (format!("`{around}{name}{suffix}`"), reference)),
            );
        }
        for (path, reference) in inner {
            if self.seen.insert(reference.clone())
                && let Some(definition) = self.named(&reference)
            {
                self.object(&path, definition);
            }
        }
    }
}

#[test]
fn the_reference_is_what_the_schema_says() {
    for (file, schema, root, introduction) in [
        ("docs/policy.md", schema(), "A policy", INTRODUCTION),
        ("docs/access-log.md", access_log_schema(), "A line", ACCESS_LOG),
    ] {
        let mut reference =
            Reference { schema: &schema, seen: BTreeSet::new(), text: introduction.to_owned() };
        reference.object(root, &schema);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &reference.text).expect("it can be written");
        }
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(page == reference.text, "UPDATE=1 cargo test writes {file} anew");
    }
}

#[test]
fn the_schema_takes_the_policies_that_come_with_the_project() {
    let command =
        Command::new(env!("CARGO_BIN_EXE_arbiter")).arg("schema").output().expect("the command runs");
    let schema = serde_json::from_slice(&command.stdout).expect("JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("a JSON Schema");
    let envoy = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy");
    let files = ["", "examples", "demo", "authenticators"]
        .map(|folder| std::fs::read_dir(envoy.join(folder)).expect("a folder"));
    let mut policies = 0;
    for file in files.into_iter().flatten().map(|file| file.expect("a file").path()) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let Ok(document) = serde_saphyr::from_str::<Value>(&text) else { continue };
        if document.get("tiers").is_some() {
            policies += 1;
            let errors: Vec<String> =
                validator.iter_errors(&document).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", file.display());
        }
    }
    assert!(policies >= 5, "{policies}");
}

#[test]
fn the_example_has_every_field_in_its_place() {
    let schema = schema();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/policy.yaml");
    let example = std::fs::read_to_string(path).expect("the example");
    let words: BTreeSet<&str> = example.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    let definitions = schema["$defs"].as_object().expect("definitions");
    let objects = definitions.values().chain([&schema]);
    let fields =
        objects.filter_map(|object| object["properties"].as_object()).flat_map(|fields| fields.keys());
    let missing: Vec<&String> = fields.filter(|field| !words.contains(field.as_str())).collect();
    assert!(missing.is_empty(), "envoy/policy.yaml does not show {missing:?}");
}
