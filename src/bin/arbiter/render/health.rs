//! Health checks of load balancers and platforms: Envoy's own filter answers them before any other sees them.

use serde_json::{Value, json};

/// The filter that answers `path`.
pub fn filter(path: &str) -> Value {
    json!({
        "name": "envoy.filters.http.health_check",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck",
            "pass_through_mode": false,
            "headers": [{"name": ":path", "string_match": {"exact": path}}]
        }
    })
}

/// What keeps them out of an access log.
pub fn not_a_check() -> Value {
    json!({"not_health_check_filter": {}})
}
