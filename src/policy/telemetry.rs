//! The `telemetry` section.

use serde::Deserialize;

use super::PolicyError;
use super::fields::{check_attribute, check_host, check_port, fault};
use super::share::{ShareDocument, share};
use crate::condition::Names;
use crate::identity::TENANT;

/// Most teams that are told apart when the policy does not say.
const TEAMS: u32 = 100;
/// Most teams that may be told apart: each has a few series of its own.
const MOST_TEAMS: u32 = 10_000;

/// What is reported, and under which names.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(super) struct TelemetryDocument {
    /// Versions of the OpenTelemetry GenAI conventions whose metrics are reported. Default: `[v0.1.0]`.
    gen_ai: Option<Vec<ConventionDocument>>,
    /// The attribute that is reported as `team`. Default: `tenant`.
    team: Option<String>,
    /// Most teams that each worker tells apart; later ones are `other`. Default: 100.
    teams: Option<u32>,
    /// Whether the access log has a hash of the last user message. Default: false; whoever guesses a message finds it by its hash.
    prompt_hash: bool,
    /// Where Envoy sends a span of each call, by OTLP over HTTP (Envoy 1.37 and later). Default: nowhere.
    traces: Option<TracesDocument>,
}

/// A collector of traces.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct TracesDocument {
    /// Host name or address.
    host: String,
    /// Default: 4318.
    #[serde(default = "otlp_port")]
    port: u16,
    /// Whether it is spoken to over TLS. Default: false.
    #[serde(default)]
    tls: bool,
    /// How many of the calls that come without a trace begin one. Default: 100%.
    #[serde(default = "everything")]
    share: ShareDocument,
}

/// The port of OTLP over HTTP.
fn otlp_port() -> u16 {
    4318
}

fn everything() -> ShareDocument {
    ShareDocument::Number(1.0)
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
enum ConventionDocument {
    #[serde(rename = "v0.1.0")]
    V0_1_0,
    #[serde(rename = "v1.41.0")]
    V1_41_0,
}

/// What is reported, and under which names.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// The conventions whose metrics are reported.
    pub conventions: Vec<Convention>,
    /// The attribute that is reported as `team`.
    pub team: String,
    /// Most teams that a worker tells apart.
    pub teams: usize,
    /// Whether the access log has a hash of the last user message.
    pub prompt_hash: bool,
    /// Where spans go; `None`: there are none.
    pub traces: Option<Collector>,
}

/// A collector of traces, which speaks OTLP over HTTP.
#[derive(Debug, Clone, PartialEq)]
pub struct Collector {
    /// Host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// How many of the calls that come without a trace begin one, 0..=1.
    pub share: f64,
}

/// A version of the OpenTelemetry GenAI conventions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convention {
    /// v0.1.0 of `open-telemetry/semantic-conventions-genai`.
    V0_1_0,
    /// v1.41.0 of `open-telemetry/semantic-conventions`, the last that had them.
    V1_41_0,
}

impl Convention {
    /// Its version.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V0_1_0 => "v0.1.0",
            Self::V1_41_0 => "v1.41.0",
        }
    }
}

/// Checks what is reported, where attributes have these names.
pub(super) fn telemetry(document: TelemetryDocument, names: &Names) -> Result<Telemetry, PolicyError> {
    let TelemetryDocument { gen_ai, team, teams, prompt_hash, traces } = document;
    let mut conventions = Vec::new();
    for named in gen_ai.unwrap_or_else(|| vec![ConventionDocument::V0_1_0]) {
        let convention = match named {
            ConventionDocument::V0_1_0 => Convention::V0_1_0,
            ConventionDocument::V1_41_0 => Convention::V1_41_0,
        };
        if conventions.contains(&convention) {
            return fault("telemetry.gen_ai", format!("names {} twice", convention.as_str()));
        }
        conventions.push(convention);
    }
    if let Some(team) = &team {
        check_attribute("telemetry.team", team, names)?;
    }
    let teams = teams.unwrap_or(TEAMS);
    if !(1..=MOST_TEAMS).contains(&teams) {
        return fault("telemetry.teams", format!("must be between 1 and {MOST_TEAMS}"));
    }
    let team = team.unwrap_or_else(|| TENANT.to_owned());
    let traces = traces.map(collector).transpose()?;
    let teams = usize::try_from(teams).unwrap_or(usize::MAX);
    Ok(Telemetry { conventions, team, teams, prompt_hash, traces })
}

fn collector(document: TracesDocument) -> Result<Collector, PolicyError> {
    let TracesDocument { host, port, tls, share: of_calls } = document;
    check_host("telemetry.traces.host", &host)?;
    check_port("telemetry.traces.port", port)?;
    let share = share("telemetry.traces.share", &of_calls)?;
    Ok(Collector { host, port, tls, share })
}
