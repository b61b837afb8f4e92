//! The semantic cache: an answer that was given to a message that asks for the same in other words.
//!
//! Only messages whose whole context is equal are compared. Candidates are found by the likeness of their embeddings; what they are
//! is decided by vetoes and by the verifier.

mod index;
mod product;
mod ring;
mod time_share;
mod trust;

pub use ring::{Context, Ring, Unentered};
pub use trust::Noted;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use self::index::{Candidate, Index, rounded};
use self::ring::{Entry, Slot};
use self::time_share::TimeShare;
use self::trust::{Audits, Trust};
use super::CacheKey;
use super::exact::{ExactCache, Lookup};
use super::origin::Origin;
use super::recall::{Hit, Question};
use super::tag::TenantTag;
use crate::embedding::{Encoders, Sieve};
use crate::host::{Clock, SharedData};
use crate::semantic::{HeadError, Pair, Step, Verifier, Veto, agree};

/// Messages whose words are looked at for one request at most: about one document many things may be asked.
const MOST_CANDIDATES: usize = 16;
/// Of those, how many are read closely at most.
const MOST_READ: usize = 3;
/// Messages of others that are entered anew at most before one of a tenant that has more than its share takes a place.
const MOST_SPARED: usize = 8;
/// Cosine below which a message is no candidate.
const LEAST_LIKENESS: f32 = 0.5;

/// Bounds of the semantic cache.
#[derive(Debug, Clone, PartialEq)]
pub struct SemanticBounds {
    /// The share of near misses, 0..=1, that may be answered wrongly.
    pub max_false_hits: f64,
    /// How long an answer may serve other messages than its own.
    pub ttl: Duration,
    /// Most messages kept, and most bytes of them.
    pub ring: Ring,
    /// The share of a worker's time, 0..=1, that may be spent on comparing.
    pub max_time_share: f64,
    /// The part of the messages, above 0 and at most 1, that one tenant may have when others want room.
    pub tenant_share: f64,
    /// Whether hits are served; if not, they are only counted.
    pub serves: bool,
    /// The share of hits, 0..=1, that go to a provider as well, to see what it says now.
    pub audit_share: f64,
    /// The share of those, 0..=1, whose fresh answer may differ.
    pub max_disagreement: f64,
}

impl SemanticBounds {
    /// Takes note of whether the answer of a tenant's hit was the right one, for all workers.
    pub fn note<H: SharedData>(&self, host: &H, tenant: TenantTag, is_right: bool) -> Noted {
        self.trust().note(host, tenant, is_right)
    }

    /// Most bytes of shared data that messages, and what is known of tenants, take.
    #[must_use]
    pub fn bound(&self) -> u64 {
        self.ring.bound().saturating_add(trust::BOUND)
    }

    fn trust(&self) -> Trust {
        Trust { max_false_hits: self.max_false_hits, max_disagreement: self.max_disagreement }
    }
}

/// The semantic cache of a worker.
#[derive(Debug)]
pub struct SemanticCache {
    bounds: SemanticBounds,
    encoder: Arc<Sieve>,
    verifier: Verifier,
    state: RefCell<State>,
}

/// What a worker knows by itself.
#[derive(Debug)]
struct State {
    index: Index,
    time: TimeShare,
    audits: Audits,
}

/// A message as the cache looks for it and keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    tenant: TenantTag,
    context: Context,
    vector: Vec<i8>,
    text: String,
}

/// What the caller accepts of an answer to another message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accepts {
    /// Nothing older.
    pub max_age: Option<Duration>,
    /// The share of near misses, 0..=1, that may be answered wrongly.
    pub max_false_hits: f64,
}

impl Accepts {
    /// All that the policy allows.
    pub const ANY: Self = Self { max_age: None, max_false_hits: 1.0 };
}

/// What was found for a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// An answer that serves it.
    Hit(Hit),
    /// None.
    Miss(Missed),
}

/// Why nothing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missed {
    /// Nothing like it is there.
    NoCandidate,
    /// The nearest message that was looked at is refused.
    Vetoed(Veto),
    /// None that was looked at is likely enough to be served by the same answer.
    Unlikely,
    /// What would have served it has expired or made room.
    Gone,
    /// There was no time to look.
    Busy,
}

impl Missed {
    /// This reason, or another one if this one says nothing.
    fn or(self, other: Self) -> Self {
        if self == Self::NoCandidate { other } else { self }
    }

    /// Its name in metrics: what happened, and which veto.
    #[must_use]
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::NoCandidate => ("no_candidate", ""),
            Self::Vetoed(veto) => ("vetoed", veto.name()),
            Self::Unlikely => ("unlikely", ""),
            Self::Gone => ("gone", ""),
            Self::Busy => ("busy", ""),
        }
    }
}

/// Why a message has nothing to do with the semantic cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unfit {
    /// No answer to another message could serve it.
    Vetoed(Veto),
    /// It does not consist of one text.
    Parts,
    /// There is nothing in it to go by.
    Empty,
}

impl SemanticCache {
    /// A cache within `bounds`.
    ///
    /// # Errors
    /// [`HeadError`] says why the verifier cannot be used.
    pub fn new(bounds: SemanticBounds, encoders: Encoders) -> Result<Self, HeadError> {
        let verifier = Verifier::new(encoders.clone())?;
        let index = Index::new(bounds.ring, encoders.sieve.width());
        let (time, audits) = (TimeShare::new(bounds.max_time_share), Audits::new(bounds.audit_share));
        let state = RefCell::new(State { index, time, audits });
        Ok(Self { bounds, encoder: encoders.sieve, verifier, state })
    }

    /// Its bounds.
    #[must_use]
    pub fn bounds(&self) -> &SemanticBounds {
        &self.bounds
    }

    /// Numbers in the vector of a message.
    #[must_use]
    pub fn width(&self) -> usize {
        self.encoder.width()
    }

    /// The score that is asked for, and what follows from it; `None` if none is enough. `max_false_hits` counts where it is
    /// stricter than the policy.
    #[must_use]
    pub fn threshold(&self, max_false_hits: f64) -> Option<Step> {
        self.verifier.head().threshold(self.bounds.max_false_hits.min(max_false_hits))
    }

    /// What is looked for and kept of a request that goes to `tier`.
    ///
    /// # Errors
    /// [`Unfit`] says why nothing is.
    pub fn query(&self, question: &Question<'_>, tier: &str) -> Result<Query, Unfit> {
        let text = question.request.only_user_text().ok_or(Unfit::Parts)?;
        if let Some(veto) = self.verifier.refuses(&text) {
            return Err(Unfit::Vetoed(veto));
        }
        let context = question.context(tier).ok_or(Unfit::Parts)?;
        let embedding = self.encoder.embed(&text).ok_or(Unfit::Empty)?;
        let tenant = TenantTag::of(question.partition);
        Ok(Query { tenant, context, vector: rounded(&embedding), text: text.into_owned() })
    }

    /// Looks for an answer that serves the message and that the caller accepts.
    pub fn recall<H: SharedData + Clock>(
        &self,
        host: &H,
        exact: &ExactCache,
        query: &Query,
        accepts: Accepts,
    ) -> Found {
        let Ok(mut state) = self.state.try_borrow_mut() else { return Found::Miss(Missed::Busy) };
        let State { index, time, .. } = &mut *state;
        index.catch_up(host);
        let max_age = accepts.max_age.map_or(self.bounds.ttl, |max_age| max_age.min(self.bounds.ttl));
        let since = host.now().saturating_sub(max_age);
        let candidates = index.nearest(&query.context, &query.vector, LEAST_LIKENESS, MOST_CANDIDATES, since);
        if candidates.is_empty() {
            return Found::Miss(Missed::NoCandidate);
        }
        let allowed = accepts.max_false_hits.min(self.bounds.trust().max_false_hits(host, query.tenant));
        let Some(Step { score: asked, .. }) = self.threshold(allowed) else {
            return Found::Miss(Missed::Unlikely);
        };
        let mut missed = Missed::NoCandidate;
        let mut likely: Vec<(u64, Entry, Pair)> = Vec::new();
        for Candidate { number, .. } in candidates {
            let Some(looked_at) = time.spent_on(host, || self.glance(host, query, number)) else {
                return Found::Miss(Missed::Busy);
            };
            match looked_at {
                Ok((entry, pair)) => likely.push((number, entry, pair)),
                Err(Missed::Gone) => {
                    index.remove(number);
                    missed = missed.or(Missed::Gone);
                }
                Err(why) => missed = missed.or(why),
            }
        }
        likely.sort_by(|(_, _, one), (_, _, other)| other.score.total_cmp(&one.score));
        for (number, entry, pair) in likely.into_iter().take(MOST_READ) {
            let Some(looked_at) = time.spent_on(host, || self.look(host, exact, &entry, &pair, asked)) else {
                return Found::Miss(Missed::Busy);
            };
            match looked_at {
                Ok(hit) => return Found::Hit(hit),
                Err(Missed::Gone) => {
                    index.remove(number);
                    missed = Missed::Gone;
                }
                Err(why) => missed = missed.or(why),
            }
        }
        Found::Miss(missed)
    }

    /// Whether a hit that was found just now goes to a provider as well. Hits that are not served go there anyway.
    pub fn is_audited(&self) -> bool {
        !self.bounds.serves || self.state.try_borrow_mut().is_ok_and(|mut state| state.audits.is_due())
    }

    /// Whether the answer of a hit says what a provider says now, in words.
    #[must_use]
    pub fn agree(&self, served: &str, fresh: &str) -> bool {
        agree(&self.encoder, served, fresh)
    }

    /// A tenant that has more than its share takes no place from one that has not: whose message would have to go is entered anew,
    /// until one of somebody who has enough comes.
    fn spare_others<H: SharedData + Clock>(&self, host: &H, tenant: TenantTag) {
        let Ok(mut state) = self.state.try_borrow_mut() else { return };
        let index = &mut state.index;
        index.catch_up(host);
        let share = f64::from(self.bounds.ring.entries()) * self.bounds.tenant_share;
        let has_enough = |index: &Index, tenant| f64::from(index.count(tenant)) >= share;
        if !has_enough(index, tenant) {
            return;
        }
        let since = host.now().saturating_sub(self.bounds.ttl);
        for _ in 0..MOST_SPARED {
            let Some(oldest) = self.bounds.ring.oldest(host) else { return };
            let other = oldest.key.tenant();
            if other == tenant || oldest.stored_at < since || has_enough(index, other) {
                return;
            }
            if self.bounds.ring.enter(host, &oldest).is_err() {
                return;
            }
        }
    }

    /// Looks at the words of a candidate: what it is if nothing forbids to answer both alike, and it is likely.
    fn glance<H: SharedData>(&self, host: &H, query: &Query, number: u64) -> Result<(Entry, Pair), Missed> {
        let Slot::Entry(entry) = self.bounds.ring.read(host, number) else { return Err(Missed::Gone) };
        // The index may be behind the ring.
        if entry.context != query.context {
            return Err(Missed::Gone);
        }
        let pair = self.verifier.first_look(&entry.text, &query.text).map_err(Missed::Vetoed)?;
        if pair.is_likely { Ok((*entry, pair)) } else { Err(Missed::Unlikely) }
    }

    /// Reads a candidate closely.
    fn look<H: SharedData + Clock>(
        &self,
        host: &H,
        exact: &ExactCache,
        entry: &Entry,
        pair: &Pair,
        asked: f64,
    ) -> Result<Hit, Missed> {
        let score = self.verifier.second_look(pair).map_err(Missed::Vetoed)?;
        if score < asked {
            return Err(Missed::Unlikely);
        }
        match exact.lookup(host, &entry.key, Some(self.bounds.ttl)) {
            Lookup::Hit { answer, age, ttl_left } => {
                let ttl_left = ttl_left.min(self.bounds.ttl.saturating_sub(age));
                Ok(Hit { key: entry.key, answer, age, ttl_left, origin: Origin::Likeness { score } })
            }
            Lookup::TooOld | Lookup::Miss => Err(Missed::Gone),
        }
    }

    /// Keeps a message whose answer now stands under `key` in the exact cache.
    ///
    /// # Errors
    /// [`Unentered`] says why it is not kept.
    pub fn remember<H: SharedData + Clock>(
        &self,
        host: &H,
        query: Query,
        key: CacheKey,
    ) -> Result<(), Unentered> {
        let Query { context, vector, text, tenant: _ } = query;
        let stored_at = Duration::from_secs(host.now().as_secs());
        self.spare_others(host, key.tenant());
        self.bounds.ring.enter(host, &Entry { context, key, stored_at, vector, text }).map(drop)
    }
}

#[cfg(test)]
mod tests;
