//! The wasm plugin, in its roles.

use llm_arbiter::envoy::FILTER;
use llm_arbiter::policy::Provider;
use serde_json::{Value, json};

use super::Options;
use crate::policy_file::PolicyFile;

/// The filter in a role. All roles have the same VM configuration, so that they share one VM per worker.
pub fn filter(role: &str, file: &PolicyFile, options: &Options) -> Value {
    let token = file.policy.console.as_ref().and_then(|console| console.token.as_deref());
    let credentials = file.policy.providers().filter_map(Provider::credential_variable);
    let mut variables: Vec<&str> =
        credentials.chain(token).chain(file.policy.identity.keys.variables()).collect();
    variables.sort_unstable();
    variables.dedup();
    let mut vm = json!({
        "vm_id": FILTER,
        "runtime": "envoy.wasm.runtime.v8",
        "code": {"local": {"filename": options.wasm}}
    });
    if let (false, Value::Object(vm)) = (variables.is_empty(), &mut vm) {
        vm.insert("environment_variables".into(), json!({"host_env_keys": variables}));
    }
    let configuration = json!({"role": role, "policy": document(role, file)});
    json!({
        "name": format!("{FILTER}.{role}"),
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": format!("{FILTER}.{role}"),
                "root_id": role,
                "failure_policy": "FAIL_RELOAD",
                "allow_on_headers_stop_iteration": true,
                "vm_config": vm,
                "configuration": {
                    // Envoy hands any other type over in binary form.
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": configuration.to_string()
                }
            }
        }
    })
}

/// The policy as a role gets it: only the router scores, and what it scores by can be megabytes.
fn document(role: &str, file: &PolicyFile) -> Value {
    let mut document = file.document.clone();
    if let (false, Some(fields)) = (role == "router", document.as_object_mut()) {
        fields.shift_remove("classify");
    }
    document
}
