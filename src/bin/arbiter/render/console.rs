//! The operators' listener: the filter answers everything itself.

use serde_json::{Value, json};

use super::{Options, address, plugin};
use crate::policy_file::PolicyFile;

/// The listener, if the policy has a console.
pub fn listener(file: &PolicyFile, options: &Options) -> Option<Value> {
    file.policy.console.as_ref()?;
    let nothing = json!({
        "name": "console",
        "domains": ["*"],
        // Reached only where the filter does not run.
        "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 503}}]
    });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "console",
        "codec_type": "AUTO",
        "request_timeout": "10s",
        "normalize_path": true,
        "route_config": {"name": "console", "virtual_hosts": [nothing]},
        "http_filters": [
            plugin::filter("console", file, options),
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
            }
        ]
    });
    Some(json!({
        "name": "console",
        "address": address(options.console),
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager
        }]}]
    }))
}
