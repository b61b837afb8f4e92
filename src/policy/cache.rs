//! The `cache` section.

use std::time::Duration;

use super::PolicyError;
use super::document::{
    CacheDocument, ExactCacheBounds, ExactCacheDocument, SemanticDocument, SharedDocument,
};
use super::fields::{check_host, check_port, duration, fault};
use super::share::share;
use crate::cache::exact::{Bounds, MIN_SET_BYTES, WAYS};
use crate::cache::semantic::{Ring, SemanticBounds};
use crate::sharing::SharedStore;

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
