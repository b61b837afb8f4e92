//! The `failover` section.

use serde::Deserialize;

use super::PolicyError;
use super::fields::duration;
use crate::envoy::Failover;

/// When an attempt counts as failed.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(super) struct FailoverDocument {
    /// Nothing is heard for so long. Default: `30s`.
    pub(super) per_try_idle_timeout: String,
    /// An answer that is not streamed takes longer. Default: `timeout`.
    pub(super) whole_answer_timeout: Option<String>,
    /// No connection comes about. Default: `2s`.
    pub(super) connect_timeout: String,
    /// All attempts together take longer. Default: `10m`.
    pub(super) timeout: String,
    /// Whether a provider that refuses its key counts as failed. Default: false.
    pub(super) refused_credentials: bool,
}

impl Default for FailoverDocument {
    fn default() -> Self {
        Self {
            per_try_idle_timeout: "30s".into(),
            whole_answer_timeout: None,
            connect_timeout: "2s".into(),
            timeout: "10m".into(),
            refused_credentials: false,
        }
    }
}

/// Checks the section.
///
/// # Errors
/// [`PolicyError`] names the field that is wrong.
pub(super) fn failover(document: &FailoverDocument) -> Result<Failover, PolicyError> {
    let timeout = duration("failover.timeout", &document.timeout)?;
    let whole = document.whole_answer_timeout.as_deref();
    let whole_answer_timeout =
        whole.map_or(Ok(timeout), |text| duration("failover.whole_answer_timeout", text))?;
    Ok(Failover {
        whole_answer_timeout,
        per_try_idle_timeout: duration("failover.per_try_idle_timeout", &document.per_try_idle_timeout)?,
        connect_timeout: duration("failover.connect_timeout", &document.connect_timeout)?,
        timeout,
        refused_credentials: document.refused_credentials,
    })
}
