//! The `cache` section.

use std::time::Duration;

use super::PolicyError;
use super::fields::{check_host, check_port, duration, fault};
use super::share::{ShareDocument, share};
use crate::cache::exact::{Bounds, MIN_SET_BYTES, WAYS};
use crate::cache::semantic::{Ring, SemanticBounds};
use crate::sharing::SharedStore;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::fmt;

/// Which answers are kept, and for how long.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(super) struct CacheDocument {
    /// Answers to requests that were asked before word for word. Default: on.
    pub(super) exact: ExactCacheDocument,
    /// Answers to what means the same. Default: off.
    pub(super) semantic: Option<SemanticDocument>,
    /// A store in which instances share answers. Default: there is none.
    pub(super) shared: Option<SharedDocument>,
}

/// A Redis behind Webdis.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct SharedDocument {
    /// Host name or address of Webdis.
    pub(super) host: String,
    /// Its port.
    pub(super) port: u16,
    /// Whether it is spoken to over TLS. Default: false.
    #[serde(default)]
    pub(super) tls: bool,
    /// How long a caller waits for it. Default: `50ms`.
    pub(super) timeout: Option<String>,
}

/// Answers to what means the same.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(super) struct SemanticDocument {
    /// Which part of near misses may be answered wrongly. Default: 0.5 %.
    pub(super) max_false_hits: ShareDocument,
    /// How old an answer may be. Default: that of `exact`.
    pub(super) ttl: Option<String>,
    /// Most messages that are kept. Default: 8192.
    pub(super) entries: u32,
    /// Most memory that they take. Default: 67108864.
    pub(super) bytes: u64,
    /// Which part of a worker's time comparing may take. Default: 10 %.
    pub(super) max_time_share: ShareDocument,
    /// Whether hits are only counted. Default: false.
    pub(super) shadow: bool,
    /// Which part of hits is asked again, to see whether they were right. Default: 2 %.
    pub(super) audit_share: ShareDocument,
    /// Which part of audited hits may be wrong before hits stop. Default: 10 %.
    pub(super) max_disagreement: ShareDocument,
}

impl Default for SemanticDocument {
    fn default() -> Self {
        Self {
            max_false_hits: ShareDocument::Number(0.005),
            ttl: None,
            entries: 8192,
            bytes: 64 << 20,
            max_time_share: ShareDocument::Number(0.1),
            shadow: false,
            audit_share: ShareDocument::Number(0.02),
            max_disagreement: ShareDocument::Number(0.1),
        }
    }
}

/// Bounds, or the word `off`. YAML 1.1 readers make `false` of a bare `off`.
#[derive(Debug)]
pub(super) enum ExactCacheDocument {
    Off,
    On(ExactCacheBounds),
}

impl Default for ExactCacheDocument {
    fn default() -> Self {
        Self::On(ExactCacheBounds::default())
    }
}

/// What the exact cache keeps.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExactCacheBounds {
    /// How old an answer may be. Default: `1h`.
    pub(super) ttl: String,
    /// Most answers that are kept. Default: 8192.
    pub(super) entries: u32,
    /// Most memory that they take. Default: 67108864.
    pub(super) bytes: u64,
    /// Answers at a higher temperature are not kept. Default: 1.
    pub(super) max_temperature: f64,
    /// Answers with more choices are not kept. Default: 1.
    pub(super) max_choices: u64,
    /// Which part of the places one tenant may fill. Default: 0.5.
    pub(super) tenant_share: f64,
    /// How long a request waits for the answer to the same request of another caller. Default: not at all.
    pub(super) collapse: Option<String>,
}

impl Default for ExactCacheBounds {
    fn default() -> Self {
        Self {
            ttl: "1h".into(),
            entries: 8192,
            bytes: 64 << 20,
            max_temperature: 1.0,
            max_choices: 1,
            tenant_share: 0.5,
            collapse: None,
        }
    }
}

impl<'de> Deserialize<'de> for ExactCacheDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OffOrBounds;
        impl<'de> Visitor<'de> for OffOrBounds {
            type Value = ExactCacheDocument;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`off` or the cache's bounds")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                if text == "off" {
                    Ok(ExactCacheDocument::Off)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
                }
            }

            fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<Self::Value, E> {
                if on {
                    Err(E::invalid_value(serde::de::Unexpected::Bool(on), &self))
                } else {
                    Ok(ExactCacheDocument::Off)
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let bounds =
                    ExactCacheBounds::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(ExactCacheDocument::On(bounds))
            }
        }
        deserializer.deserialize_any(OffOrBounds)
    }
}

/// Most answers that the cache may be told to keep.
const MAX_CACHE_ENTRIES: u32 = 1 << 22;
/// Most bytes of answers that the cache may be told to keep.
const MAX_CACHE_BYTES: u64 = 16 << 30;
/// How long a request waits for the shared store when the policy does not say.
const SHARED_TIMEOUT: Duration = Duration::from_millis(50);
/// Longest time that a request may be told to wait for the shared store.
const MAX_SHARED_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time that a request may be told to wait for the answer to another one.
const MAX_COLLAPSE: Duration = Duration::from_secs(300);
/// Fewest bytes for each message that the semantic cache keeps.
const MIN_MESSAGE_BYTES: u64 = 512;
/// Most of a worker's time that comparing messages may take.
const MAX_TIME_SHARE: f64 = 0.5;

pub(super) fn exact_cache(document: CacheDocument) -> Result<Option<Bounds>, PolicyError> {
    let bounds = match document.exact {
        ExactCacheDocument::Off => return Ok(None),
        ExactCacheDocument::On(bounds) => bounds,
    };
    let ExactCacheBounds { ttl, entries, bytes, max_temperature, max_choices, tenant_share, collapse } =
        bounds;
    let ttl = duration("cache.exact.ttl", &ttl)?;
    if !(1..=MAX_CACHE_ENTRIES).contains(&entries) {
        return fault("cache.exact.entries", format!("must be between 1 and {MAX_CACHE_ENTRIES}"));
    }
    let least = u64::from(entries.div_ceil(WAYS)).saturating_mul(MIN_SET_BYTES);
    if !(least..=MAX_CACHE_BYTES).contains(&bytes) {
        let message = format!("must be between {least} (for {entries} entries) and {MAX_CACHE_BYTES}");
        return fault("cache.exact.bytes", message);
    }
    if !(0.0..=10.0).contains(&max_temperature) {
        return fault("cache.exact.max_temperature", "must be between 0 and 10");
    }
    if max_choices == 0 {
        return fault("cache.exact.max_choices", "must be at least 1");
    }
    if !(tenant_share > 0.0 && tenant_share <= 1.0) {
        return fault("cache.exact.tenant_share", "must be above 0 and at most 1");
    }
    let collapse = collapse.map(|text| duration("cache.exact.collapse", &text)).transpose()?;
    if collapse.is_some_and(|longest| longest > MAX_COLLAPSE) {
        let message = format!("must be at most {} s: callers wait for it", MAX_COLLAPSE.as_secs());
        return fault("cache.exact.collapse", message);
    }
    Ok(Some(Bounds { ttl, entries, bytes, max_temperature, max_choices, tenant_share, collapse }))
}

pub(super) fn shared_store(document: &CacheDocument) -> Result<Option<SharedStore>, PolicyError> {
    let Some(SharedDocument { host, port, tls, timeout }) = &document.shared else { return Ok(None) };
    if matches!(document.exact, ExactCacheDocument::Off) {
        return fault("cache.shared", "there is nothing to share: cache.exact is off");
    }
    check_host("cache.shared.host", host)?;
    check_port("cache.shared.port", *port)?;
    let timeout = match timeout {
        Some(text) => duration("cache.shared.timeout", text)?,
        None => SHARED_TIMEOUT,
    };
    if timeout > MAX_SHARED_TIMEOUT {
        let message = format!("must be at most {} s: callers wait for it", MAX_SHARED_TIMEOUT.as_secs());
        return fault("cache.shared.timeout", message);
    }
    Ok(Some(SharedStore { host: host.clone(), port: *port, tls: *tls, timeout }))
}

pub(super) fn semantic_cache(document: &CacheDocument) -> Result<Option<SemanticBounds>, PolicyError> {
    let Some(semantic) = &document.semantic else { return Ok(None) };
    let SemanticDocument { max_false_hits, ttl, entries, bytes, max_time_share, shadow, .. } = semantic;
    let exact = match &document.exact {
        ExactCacheDocument::Off => {
            return fault("cache.semantic", "its answers stand in the exact cache, and cache.exact is off");
        }
        ExactCacheDocument::On(bounds) => bounds,
    };
    let max_false_hits = share("cache.semantic.max_false_hits", max_false_hits)?;
    let ttl = duration("cache.semantic.ttl", ttl.as_ref().unwrap_or(&exact.ttl))?;
    if !(1..=MAX_CACHE_ENTRIES).contains(entries) {
        return fault("cache.semantic.entries", format!("must be between 1 and {MAX_CACHE_ENTRIES}"));
    }
    let least = u64::from(*entries).saturating_mul(MIN_MESSAGE_BYTES);
    if !(least..=MAX_CACHE_BYTES).contains(bytes) {
        let message = format!("must be between {least} (for {entries} entries) and {MAX_CACHE_BYTES}");
        return fault("cache.semantic.bytes", message);
    }
    let max_time_share = share("cache.semantic.max_time_share", max_time_share)?;
    if max_time_share > MAX_TIME_SHARE {
        return fault(
            "cache.semantic.max_time_share",
            "must be at most 50%: the worker has other streams to serve",
        );
    }
    let audit_share = share("cache.semantic.audit_share", &semantic.audit_share)?;
    let max_disagreement = share("cache.semantic.max_disagreement", &semantic.max_disagreement)?;
    let tenant_share = exact.tenant_share;
    let (ring, serves) = (Ring::new(*entries, *bytes), !shadow);
    Ok(Some(SemanticBounds {
        max_false_hits,
        ttl,
        ring,
        max_time_share,
        tenant_share,
        serves,
        audit_share,
        max_disagreement,
    }))
}
