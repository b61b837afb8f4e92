//! What Envoy's span of a call says: the filter leaves each attribute as filter state, and Envoy's configuration takes it from there.

use serde_json::{Map, Value};

/// Attributes of spans, and the members of the access log's record that they are. OpenTelemetry has a name for those that begin with
/// `gen_ai` (GenAI conventions v0.1.0).
pub const SPAN_ATTRIBUTES: [(&str, &str); 15] = [
    ("gen_ai.operation.name", "gen_ai.operation.name"),
    ("gen_ai.provider.name", "gen_ai.provider.name"),
    ("gen_ai.request.model", "gen_ai.request.model"),
    ("gen_ai.usage.input_tokens", "gen_ai.usage.input_tokens"),
    ("gen_ai.usage.output_tokens", "gen_ai.usage.output_tokens"),
    ("arbiter.outcome", "outcome"),
    ("arbiter.reason", "reason"),
    ("arbiter.rule", "rule"),
    ("arbiter.budget", "budget"),
    ("arbiter.complexity", "complexity"),
    ("arbiter.tier", "tier"),
    ("arbiter.cache", "cache"),
    ("arbiter.attempts", "attempts"),
    ("arbiter.cost_nanousd", "cost_nanousd"),
    ("arbiter.saved_nanousd", "saved_nanousd"),
];

/// The attributes of a call, from its record; what the record does not know is left out.
pub fn span_attributes(record: &[u8]) -> Vec<(&'static str, String)> {
    let record: Map<String, Value> = serde_json::from_slice(record).unwrap_or_default();
    let attributes = SPAN_ATTRIBUTES.iter().filter_map(|(attribute, member)| {
        let value = record.get(*member)?;
        Some((*attribute, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
    });
    attributes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{AccessRecord, Outcome};

    #[test]
    fn an_attribute_is_the_bare_value_of_its_member() {
        let record =
            AccessRecord { tier: Some("small"), attempts: Some(2), ..AccessRecord::new(Outcome::Routed) };
        let expected = [("arbiter.outcome", "routed"), ("arbiter.tier", "small"), ("arbiter.attempts", "2")];
        assert_eq!(
            span_attributes(&record.to_json()),
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }
}
