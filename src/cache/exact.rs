//! The exact cache: one answer per key, for as long as the policy allows.

use std::time::Duration;

use super::directory::CLOCK_SKEW;
use super::invalidation::{Invalidated, Scope};
pub use super::slots::{Geometry, KeptAnswer, Stored, WAYS};
use super::slots::{Slots, Times};
use super::tag::TenantTag;
use super::{CacheKey, KeyName};
use crate::chat::request::Sampling;
use crate::host::{Clock, HostError, SharedData};

/// Fewest bytes that a set of [`WAYS`] slots is given.
pub const MIN_SET_BYTES: u64 = 1024;

/// The temperature that providers use when a request names none.
const DEFAULT_TEMPERATURE: f64 = 1.0;

/// Bounds of the exact cache.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// How long an answer may be served.
    pub ttl: Duration,
    /// Most answers kept.
    pub entries: u32,
    /// Most bytes of answers kept.
    pub bytes: u64,
    /// Requests with a greater temperature are not cached.
    pub max_temperature: f64,
    /// Requests for more choices are not cached.
    pub max_choices: u64,
    /// The part that one tenant may have when others want room, above 0 and at most 1.
    pub tenant_share: f64,
    /// How long the same requests wait for the answer to the first of them; `None`: they do not.
    pub collapse: Option<Duration>,
}

/// Why a request has nothing to do with the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bypass {
    /// The caller said `no-store`.
    NoStore,
    /// The caller wants more variety than the policy allows a stored answer for.
    Temperature,
    /// The caller wants more answers than the policy allows a stored one for.
    Choices,
    /// The caller wants log probabilities, which are not kept.
    Logprobs,
    /// The caller wants audio, which is not kept.
    Audio,
    /// The provider holds a part of the conversation.
    State,
    /// A rule of the policy keeps it away.
    Rule,
}

impl Bypass {
    /// Its name in headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoStore => "no-store",
            Self::Temperature => "temperature",
            Self::Choices => "choices",
            Self::Logprobs => "logprobs",
            Self::Audio => "audio",
            Self::State => "state",
            Self::Rule => "rule",
        }
    }
}

/// What the cache has for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// An answer that may be served.
    Hit {
        /// The answer.
        answer: KeptAnswer,
        /// Time since it was stored.
        age: Duration,
        /// Time until it expires.
        ttl_left: Duration,
    },
    /// An answer that has expired, was invalidated, or is older than the caller accepts.
    TooOld,
    /// Nothing.
    Miss,
}

/// The exact cache of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactCache {
    slots: Slots,
    bounds: Bounds,
}

impl ExactCache {
    /// A cache within `bounds`.
    #[must_use]
    pub fn new(bounds: &Bounds) -> Self {
        let geometry = Geometry::new(bounds.entries, bounds.bytes);
        Self { slots: Slots::new(geometry, bounds.tenant_share, bounds.ttl), bounds: bounds.clone() }
    }

    /// Whether a stored answer may stand for the answer to such a request.
    ///
    /// # Errors
    /// [`Bypass`] says why not.
    pub fn admits(&self, sampling: &Sampling) -> Result<(), Bypass> {
        if sampling.temperature.unwrap_or(DEFAULT_TEMPERATURE) > self.bounds.max_temperature {
            Err(Bypass::Temperature)
        } else if sampling.choices.unwrap_or(1) > self.bounds.max_choices {
            Err(Bypass::Choices)
        } else if sampling.logprobs {
            Err(Bypass::Logprobs)
        } else if sampling.audio {
            Err(Bypass::Audio)
        } else if sampling.stateful {
            Err(Bypass::State)
        } else {
            Ok(())
        }
    }

    /// How much it may hold.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.slots.geometry()
    }

    /// Looks a key up; `max_age` is what the caller accepts.
    pub fn lookup<H: SharedData + Clock>(
        &self,
        host: &H,
        key: &CacheKey,
        max_age: Option<Duration>,
    ) -> Lookup {
        let Some(entry) = self.slots.find(host, key) else { return Lookup::Miss };
        let Some((age, ttl_left)) = self.freshness(host, entry.stored_at, max_age) else {
            return Lookup::TooOld;
        };
        let Some(answer) = self.slots.read(host, key, &entry) else { return Lookup::Miss };
        if Invalidated::read(host).covers(key, answer.model, entry.stored_at) {
            return Lookup::TooOld;
        }
        Lookup::Hit { answer, age, ttl_left }
    }

    /// Age and time left of an answer that was stored at `stored_at`; `None` when it has expired, or is older than the caller
    /// accepts.
    pub fn freshness<H: Clock>(
        &self,
        host: &H,
        stored_at: Duration,
        max_age: Option<Duration>,
    ) -> Option<(Duration, Duration)> {
        let now = host.now();
        // Under a clock that ran ahead, it would stay until now has caught up.
        let is_ahead = stored_at > now.saturating_add(CLOCK_SKEW);
        let age = now.saturating_sub(stored_at);
        // Callers count in whole seconds (RFC 9111, section 1.2.2).
        let is_accepted = max_age.is_none_or(|max_age| age.as_secs() <= max_age.as_secs());
        let is_fresh = !is_ahead && age < self.bounds.ttl && is_accepted;
        is_fresh.then(|| (age, self.bounds.ttl.saturating_sub(age)))
    }

    /// Removes the answer of a key, for all workers, and takes none from another instance that is as old. Returns whose it was; `None`
    /// when there is none.
    ///
    /// # Errors
    /// [`HostError`] when other workers were quicker every time.
    pub fn remove<H: SharedData + Clock>(
        &self,
        host: &H,
        name: KeyName,
    ) -> Result<Option<TenantTag>, HostError> {
        self.invalidate(host, Scope::key(name), host.now())?;
        self.slots.remove(host, name)
    }

    /// Serves no answer of a scope any more that was stored until a time.
    ///
    /// # Errors
    /// [`HostError`] when other workers were quicker every time.
    pub fn invalidate<H: SharedData + Clock>(
        &self,
        host: &H,
        scope: Scope,
        until: Duration,
    ) -> Result<(), HostError> {
        Invalidated::add(host, scope, until, host.now().saturating_sub(self.bounds.ttl))
    }

    /// Keeps an answer that another instance stored at `stored_at`, unless it has been invalidated here. Returns whether it may be
    /// served.
    pub fn adopt<H: SharedData + Clock>(
        &self,
        host: &H,
        key: &CacheKey,
        answer: &KeptAnswer,
        stored_at: Duration,
    ) -> bool {
        if Invalidated::read(host).covers(key, answer.model, stored_at) {
            return false;
        }
        let times = Times { stored_at, now: host.now() };
        // Where it finds no room, the shared store is asked again.
        let _ = self.slots.put(host, key, answer, times);
        true
    }

    /// Keeps an answer that was given just now.
    pub fn store<H: SharedData + Clock>(&self, host: &H, key: &CacheKey, answer: &KeptAnswer) -> Stored {
        let now = host.now();
        self.slots.put(host, key, answer, Times { stored_at: now, now })
    }
}

#[cfg(test)]
mod tests;
