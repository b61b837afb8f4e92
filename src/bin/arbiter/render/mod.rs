//! `arbiter render`: an Envoy bootstrap that enforces a policy.

mod clusters;
mod console;
mod edge;
mod health;
mod listener;
mod pass_through;
mod plugin;
mod traces;

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use llm_arbiter::telemetry::{Instrument, TIMES, TOKENS, labels, metrics};
use serde_json::{Value, json};

use crate::policy_file::{CommandError, PolicyFile};

/// What is rendered around a policy.
#[derive(Debug, Args)]
pub struct Options {
    /// Path of the module, as Envoy sees it.
    #[arg(long)]
    wasm: PathBuf,
    /// Address that callers connect to.
    #[arg(long, default_value = "127.0.0.1:10000")]
    listen: SocketAddr,
    /// Address of Envoy's administration interface.
    #[arg(long, default_value = "127.0.0.1:9901")]
    admin: SocketAddr,
    /// Address that operators connect to, if the policy has a `console`.
    #[arg(long, default_value = "127.0.0.1:9902")]
    console: SocketAddr,
    /// File with the certificates of the authorities that providers' certificates must come from.
    #[arg(long, default_value = "/etc/ssl/certs/ca-certificates.crt")]
    trusted_ca: PathBuf,
    /// File that gets one JSON line per call.
    #[arg(long, default_value = "/dev/stdout")]
    access_log: PathBuf,
    /// Path that is answered with 200 while Envoy serves, and with 503 once it has been told to fail; such requests are not logged.
    #[arg(long, value_parser = absolute_path)]
    health: Option<String>,
    #[command(flatten)]
    capacity: edge::Capacity,
}

fn absolute_path(text: &str) -> Result<String, String> {
    let is_path = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?');
    is_path.then(|| text.to_owned()).ok_or_else(|| "must be a path, for example /healthz".to_owned())
}

/// Renders the bootstrap as YAML.
pub fn bootstrap(file: &PolicyFile, options: &Options) -> Result<String, CommandError> {
    let mut listeners = vec![listener::listener(file, options)];
    listeners.extend(console::listener(file, options));
    let bootstrap = json!({
        // Envoy demands a name where it reads secrets.
        "node": {"id": "llm-arbiter", "cluster": "llm-arbiter"},
        "admin": {"address": address(options.admin)},
        "static_resources": {
            "listeners": listeners,
            "clusters": clusters::all(file, options),
        },
        "overload_manager": edge::overload_manager(&options.capacity),
        "stats_config": {"stats_tags": stats_tags(), "histogram_bucket_settings": histogram_buckets()},
    });
    serde_saphyr::to_string(&bootstrap).map_err(|error| CommandError::Unwritable(error.to_string()))
}

/// Where a listener listens; `[::]` is every address of IPv4 as well.
fn address(address: SocketAddr) -> Value {
    let mut listens = socket_address(&address.ip().to_string(), address.port());
    if address.ip() == Ipv6Addr::UNSPECIFIED
        && let Some(Value::Object(socket)) = listens.get_mut("socket_address")
    {
        socket.insert("ipv4_compat".into(), json!(true));
    }
    listens
}

fn socket_address(host: &str, port: u16) -> Value {
    json!({"socket_address": {"address": host, "port_value": port}})
}

/// A duration as Envoy's configuration has it, for example `0.500s`.
fn duration(duration: Duration) -> String {
    format!("{}.{:03}s", duration.as_secs(), duration.subsec_millis())
}

/// Rules that turn `;label=value` in a metric's name into a tag. Earlier Envoys put the name of a cluster before it,
/// which becomes a tag as well, so that a metric has one name everywhere.
fn stats_tags() -> Vec<Value> {
    let scope = json!({"tag_name": "arbiter_scope", "regex": r"^(cluster\.(arbiter-[^;]*?)\.)wasmcustom\.(?:arbiter|gen_ai)\."});
    let rule = |label: &str| {
        let name = label.replace('.', r"\.");
        json!({"tag_name": label, "regex": format!(r"wasmcustom\.(?:arbiter|gen_ai)\..*?(;{name}=([^;]*))")})
    };
    std::iter::once(scope).chain(labels().into_iter().map(rule)).collect()
}

fn histogram_buckets() -> Vec<Value> {
    let histograms = metrics().filter(|row| row.instrument == Instrument::Histogram);
    let buckets = histograms.map(|row| {
        let ends: &[u32] = if row.unit == "tokens" { &TOKENS } else { &TIMES };
        json!({"match": {"contains": format!("wasmcustom.{}", row.name)}, "buckets": ends})
    });
    buckets.collect()
}
