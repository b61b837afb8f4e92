//! What the cache has to say about a request, and how it takes part in a call that goes to a provider.

use std::time::Duration;

use super::directives::{CacheStatus, RequestDirectives};
use super::exact::{Bypass, ExactCache, KeptAnswer, Lookup};
use super::key::{CacheKey, Variant};
use super::origin::Origin;
use crate::chat::ChatRequest;
use crate::host::{Clock, SharedData};
use crate::identity::Partition;

/// All that an answer depends on.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// Who asks.
    pub partition: &'q Partition,
    /// The policy's [`revision`](crate::policy::Policy::revision).
    pub revision: &'q [u8; 32],
    /// What the headers ask for.
    pub variant: &'q Variant,
    /// What the body asks for.
    pub request: &'q ChatRequest,
}

/// What the cache has to say about a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Recall {
    /// It has an answer.
    Hit(Hit),
    /// A provider must be asked.
    Forward(Caching),
}

/// An answer out of the cache.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The key that it stands under.
    pub key: CacheKey,
    /// The answer.
    pub answer: KeptAnswer,
    /// Time since it was stored.
    pub age: Duration,
    /// Time until it expires.
    pub ttl_left: Duration,
    /// What it was given to.
    pub origin: Origin,
}

/// How the cache takes part in a call that goes to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// The policy has no cache.
    Off,
    /// Not for this request.
    Bypass(Bypass),
    /// Nothing stored: the answer may be stored under this key.
    Store(CacheKey),
    /// What is stored is older than the caller accepts, or cannot be put into the form that the caller asked for.
    Replace(CacheKey),
    /// The caller wants a fresh answer.
    Refresh(CacheKey),
}

impl Caching {
    /// The key under which the answer may be stored.
    #[must_use]
    pub fn key(&self) -> Option<&CacheKey> {
        match self {
            Self::Off | Self::Bypass(_) => None,
            Self::Store(key) | Self::Replace(key) | Self::Refresh(key) => Some(key),
        }
    }

    /// The same, but the answer is not stored.
    #[must_use]
    pub fn without_storing(self) -> Self {
        match self {
            Self::Store(_) | Self::Replace(_) | Self::Refresh(_) => Self::Off,
            other => other,
        }
    }

    /// What the caller is told of it; `None` when there is no cache.
    #[must_use]
    pub fn status(&self) -> Option<CacheStatus> {
        match self {
            Self::Off => None,
            Self::Bypass(bypass) => Some(CacheStatus::Bypass(*bypass)),
            Self::Store(_) => Some(CacheStatus::Miss),
            Self::Replace(_) => Some(CacheStatus::Stale),
            Self::Refresh(_) => Some(CacheStatus::Request),
        }
    }
}

impl Question<'_> {
    /// All of the question but the last user message, and the tier that it goes to: BLAKE3 over the parts, each with its length
    /// before it. `None` when the request was read without its canonical form, or the message is not one text.
    #[must_use]
    pub fn context(&self, tier: &str) -> Option<[u8; 16]> {
        let Self { partition, revision, variant, request } = self;
        let [source, name] = partition.parts();
        let (before, after) = request.around_user_text()?;
        let (words, _) = request.canonical()?;
        let (model, words) = (request.model.as_bytes(), words.as_str().as_bytes());
        let mut hash = blake3::Hasher::new();
        for part in [source, name, *revision, variant.bytes(), model, words, tier.as_bytes(), before, after] {
            hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        hash.first_chunk().copied()
    }
}

impl ExactCache {
    /// Looks a request up, as far as policy and caller allow.
    pub fn recall<H: SharedData + Clock>(
        &self,
        host: &H,
        directives: &RequestDirectives,
        question: &Question<'_>,
    ) -> Recall {
        let Question { partition, revision, variant, request } = question;
        if directives.no_store {
            return Recall::Forward(Caching::Bypass(Bypass::NoStore));
        }
        if let Err(bypass) = self.admits(&request.sampling) {
            return Recall::Forward(Caching::Bypass(bypass));
        }
        let Some(key) = CacheKey::new(partition, revision, variant, request) else {
            return Recall::Forward(Caching::Off);
        };
        if directives.no_cache {
            return Recall::Forward(Caching::Refresh(key));
        }
        match self.lookup(host, &key, directives.max_age) {
            Lookup::Hit { answer, age, ttl_left } => {
                Recall::Hit(Hit { key, answer, age, ttl_left, origin: Origin::Stored })
            }
            Lookup::Miss => Recall::Forward(Caching::Store(key)),
            Lookup::TooOld => Recall::Forward(Caching::Replace(key)),
        }
    }
}
