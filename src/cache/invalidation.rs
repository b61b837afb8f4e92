//! What is not to be served any more, although it has not expired: one small value in shared data, so that all workers stop at once.

use std::time::Duration;

use super::key::{CacheKey, KeyName};
use super::milliseconds::milliseconds;
use super::tag::{ModelTag, TenantTag};
use crate::host::{HostError, SharedData};

/// The key of the value.
const KEY: &str = "arbiter.invalidated";
/// Its first byte; another one means another format.
const FORMAT: u8 = 1;
/// Bytes before the rows: format, and until when everything is void.
const HEAD: usize = 1 + 8;
/// Bytes of a row: kind, tag, and until when what it covers is void.
const ROW: usize = 1 + 8 + 8;
/// Tenants and models that are told apart. Of more, the oldest voids everything that was stored until then.
const MOST_ROWS: usize = 64;
/// Single answers that are told apart. Of more, the oldest is void in this instance's own slots alone.
const MOST_KEYS: usize = 64;
/// How often a change is tried before it is given up.
const TRIES: usize = 8;

/// Which answers are void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All.
    Everything,
    /// One tenant's.
    Tenant(TenantTag),
    /// One model's.
    Model(ModelTag),
    /// The one under a key, by the first bytes of its name.
    Key([u8; 8]),
}

impl Scope {
    /// The answer under one key.
    #[must_use]
    pub fn key(name: KeyName) -> Self {
        Self::Key(name.bytes().first_chunk().copied().unwrap_or_default())
    }

    fn to_bytes(self) -> (u8, [u8; 8]) {
        match self {
            Self::Everything => (0, [0; 8]),
            Self::Tenant(TenantTag([a, b, c, d])) => (1, [a, b, c, d, 0, 0, 0, 0]),
            Self::Model(ModelTag(tag)) => (2, tag),
            Self::Key(tag) => (3, tag),
        }
    }

    fn of_bytes(kind: u8, tag: [u8; 8]) -> Option<Self> {
        let [a, b, c, d, ..] = tag;
        match kind {
            1 => Some(Self::Tenant(TenantTag([a, b, c, d]))),
            2 => Some(Self::Model(ModelTag(tag))),
            3 => Some(Self::Key(tag)),
            _ => None,
        }
    }
}

/// What is void: answers of a scope that were stored until a time, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invalidated {
    everything: Option<u64>,
    rows: Vec<(Scope, u64)>,
}

impl Invalidated {
    /// Reads what is in force.
    pub fn read<H: SharedData>(host: &H) -> Self {
        Self::decode(&host.shared_data(KEY).value)
    }

    /// Lets later changes be told from each other: the first write to a value is not compared with anything.
    pub fn prepare<H: SharedData>(host: &H) {
        if host.shared_data(KEY).cas.is_none() {
            // If it fails, the first two changes at a time may be one.
            let _ = host.set_shared_data(KEY, &Self::default().encode(), None);
        }
    }

    /// Makes void what was stored in a scope until a time, and forgets what concerns only answers that were stored before
    /// `expired` and so have expired.
    ///
    /// # Errors
    /// [`HostError`] when other workers were quicker every time.
    pub fn add<H: SharedData>(
        host: &H,
        scope: Scope,
        until: Duration,
        expired: Duration,
    ) -> Result<(), HostError> {
        let mut refused = HostError::CasMismatch;
        for _ in 0..TRIES {
            let shared = host.shared_data(KEY);
            let mut invalidated = Self::decode(&shared.value);
            invalidated.void(scope, milliseconds(until));
            invalidated.forget(milliseconds(expired));
            match host.set_shared_data(KEY, &invalidated.encode(), shared.cas) {
                Ok(()) => return Ok(()),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Whether an answer is void that stands under a key, that a model gave and that was stored at this time.
    #[must_use]
    pub fn covers(&self, key: &CacheKey, model: ModelTag, stored_at: Duration) -> bool {
        let (tenant, key) = (key.tenant(), Scope::key(key.name()));
        let stored_at = milliseconds(stored_at);
        let is_covered = |scope: &Scope| match scope {
            Scope::Everything => true,
            Scope::Tenant(tag) => *tag == tenant,
            Scope::Model(tag) => *tag == model,
            Scope::Key(_) => *scope == key,
        };
        self.everything.is_some_and(|until| stored_at <= until)
            || self.rows.iter().any(|(scope, until)| stored_at <= *until && is_covered(scope))
    }

    fn void(&mut self, scope: Scope, until: u64) {
        if scope == Scope::Everything {
            self.everything = self.everything.max(Some(until));
            return;
        }
        match self.rows.iter_mut().find(|(found, _)| *found == scope) {
            Some((_, found)) => *found = until.max(*found),
            None => self.rows.push((scope, until)),
        }
        if let Some(at) = self.oldest_of_many(MOST_KEYS, |scope| matches!(scope, Scope::Key(_))) {
            self.rows.swap_remove(at);
        }
        if let Some(at) = self.oldest_of_many(MOST_ROWS, |scope| !matches!(scope, Scope::Key(_))) {
            let (_, until) = self.rows.swap_remove(at);
            self.everything = self.everything.max(Some(until));
        }
    }

    /// Where the oldest row of a kind stands, if there are more than `most`.
    fn oldest_of_many(&self, most: usize, is_one: impl Fn(&Scope) -> bool) -> Option<usize> {
        let rows = || self.rows.iter().enumerate().filter(|(_, (scope, _))| is_one(scope));
        let oldest = rows().min_by_key(|(_, (_, until))| *until).map(|(at, _)| at);
        oldest.filter(|_| rows().count() > most)
    }

    fn forget(&mut self, expired: u64) {
        self.everything = self.everything.filter(|until| *until >= expired);
        let everything = self.everything;
        self.rows.retain(|(_, until)| *until >= expired && everything.is_none_or(|all| *until > all));
    }

    fn encode(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(HEAD.saturating_add(self.rows.len().saturating_mul(ROW)));
        value.push(FORMAT);
        // No answer is stored in the first millisecond of 1970.
        value.extend_from_slice(&self.everything.unwrap_or_default().to_le_bytes());
        for (scope, until) in &self.rows {
            let (kind, tag) = scope.to_bytes();
            value.push(kind);
            value.extend_from_slice(&tag);
            value.extend_from_slice(&until.to_le_bytes());
        }
        value
    }

    fn decode(value: &[u8]) -> Self {
        let Some((head, rows)) = value.split_first_chunk::<HEAD>() else { return Self::default() };
        let [FORMAT, everything @ ..] = *head else { return Self::default() };
        let everything = Some(u64::from_le_bytes(everything)).filter(|until| *until > 0);
        let row = |bytes: &[u8]| {
            let (kind, rest) = bytes.split_first()?;
            let (tag, rest) = rest.split_first_chunk()?;
            let until = u64::from_le_bytes(*rest.first_chunk()?);
            Some((Scope::of_bytes(*kind, *tag)?, until))
        };
        Self { everything, rows: rows.chunks_exact(ROW).filter_map(row).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::MemoryHost;

    const ONE: TenantTag = TenantTag([1; 4]);
    const OTHER: TenantTag = TenantTag([2; 4]);

    fn key(tenant: TenantTag) -> CacheKey {
        CacheKey::of_parts([7; 32], tenant)
    }

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn invalidated(scopes: &[(Scope, u64)]) -> Invalidated {
        let host = MemoryHost::default();
        for (scope, until) in scopes {
            Invalidated::add(&host, *scope, at(*until), at(0)).unwrap();
        }
        Invalidated::read(&host)
    }

    #[test]
    fn what_was_stored_until_then_is_void_and_nothing_else() {
        let (mini, big) = (ModelTag::of("mini"), ModelTag::of("big"));
        let cases = [
            (Scope::Everything, [true, true, true]),
            (Scope::Tenant(ONE), [true, false, true]),
            (Scope::Model(mini), [true, true, false]),
            (Scope::key(key(ONE).name()), [true, true, true]),
            (Scope::key(CacheKey::named("another").name()), [false, false, false]),
        ];
        for (scope, expected) in cases {
            let invalidated = invalidated(&[(scope, 100)]);
            let answers = [(ONE, mini), (OTHER, mini), (ONE, big)];
            assert_eq!(
                answers.map(|(tenant, model)| invalidated.covers(&key(tenant), model, at(100))),
                expected
            );
            assert!(!answers.iter().any(|(tenant, model)| invalidated.covers(
                &key(*tenant),
                *model,
                at(101)
            )));
        }
        assert!(
            !Invalidated::read(&MemoryHost::default()).covers(&key(ONE), mini, at(0)),
            "at first nothing is"
        );
    }

    #[test]
    fn of_two_for_the_same_the_later_one_counts() {
        let invalidated = invalidated(&[(Scope::Tenant(ONE), 100), (Scope::Tenant(ONE), 50)]);
        assert!(invalidated.covers(&key(ONE), ModelTag::default(), at(100)));
    }

    #[test]
    fn too_many_to_be_told_apart_void_more_and_never_less() {
        let tag = |number: u64| Scope::Model(ModelTag(number.to_le_bytes()));
        let scopes: Vec<(Scope, u64)> = (0..200).map(|number| (tag(number), 100 + number)).collect();
        let invalidated = invalidated(&scopes);
        for number in 0..200_u64 {
            assert!(
                invalidated.covers(&key(ONE), ModelTag(number.to_le_bytes()), at(100 + number)),
                "{number}"
            );
        }
        assert!(!invalidated.covers(&key(ONE), ModelTag([9; 8]), at(300)));
        assert!(invalidated.encode().len() <= HEAD + MOST_ROWS * ROW);
    }

    #[test]
    fn of_single_answers_the_latest_are_told_apart_and_nothing_else_is_void_for_them() {
        let tag = |number: u64| Scope::Key(number.to_le_bytes());
        let scopes: Vec<(Scope, u64)> = (0..200).map(|number| (tag(number), 100 + number)).collect();
        let invalidated = invalidated(&scopes);
        assert!(!invalidated.covers(&key(ONE), ModelTag::default(), at(1)));
        assert_eq!(invalidated.rows.len(), MOST_KEYS);
        assert!(invalidated.rows.iter().all(|(_, until)| *until >= 236));
    }

    #[test]
    fn what_is_prepared_says_nothing_and_stays() {
        let host = MemoryHost::default();
        Invalidated::prepare(&host);
        assert_eq!(Invalidated::read(&host), Invalidated::default());
        Invalidated::add(&host, Scope::Everything, at(100), at(0)).unwrap();
        Invalidated::prepare(&host);
        assert!(Invalidated::read(&host).covers(&key(ONE), ModelTag::default(), at(100)));
    }

    #[test]
    fn what_has_expired_anyway_is_forgotten() {
        let host = MemoryHost::default();
        Invalidated::add(&host, Scope::Everything, at(100), at(0)).unwrap();
        Invalidated::add(&host, Scope::Tenant(ONE), at(120), at(0)).unwrap();
        Invalidated::add(&host, Scope::Tenant(OTHER), at(5000), at(1000)).unwrap();
        let expected = Invalidated { everything: None, rows: vec![(Scope::Tenant(OTHER), 5000)] };
        assert_eq!(Invalidated::read(&host), expected);
    }
}
