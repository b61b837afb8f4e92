//! The `telemetry` section.

use serde::Deserialize;

use super::PolicyError;
use super::fields::{check_attribute, fault};
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// The conventions whose metrics are reported.
    pub conventions: Vec<Convention>,
    /// The attribute that is reported as `team`.
    pub team: String,
    /// Most teams that a worker tells apart.
    pub teams: usize,
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
    let TelemetryDocument { gen_ai, team, teams } = document;
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
    Ok(Telemetry { conventions, team, teams: usize::try_from(teams).unwrap_or(usize::MAX) })
}
