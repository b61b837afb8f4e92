//! What is not to be served any more, although it has not expired: one small value in shared data, so that all workers stop at once.

use std::fmt;
use std::time::Duration;

use super::milliseconds::milliseconds;
use crate::host::{HostError, SharedData};
use crate::identity::Partition;

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
/// How often a change is tried before it is given up.
const TRIES: usize = 8;

/// Whose an answer is, as far as invalidation asks: the first bytes of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TenantTag(pub [u8; 4]);

/// Which model gave an answer, as far as invalidation asks: the first bytes of the BLAKE3 of its name in the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ModelTag(pub [u8; 8]);

impl TenantTag {
    /// The tag of a tenant. Two tenants may have the same one, and are invalidated together then.
    #[must_use]
    pub fn of(partition: &Partition) -> Self {
        let mut hash = blake3::Hasher::new();
        for part in partition.parts() {
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        Self(hash.first_chunk().copied().unwrap_or_default())
    }

    /// The tag by its name in logs, eight hexadecimal digits.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let is_hexadecimal = name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        u32::from_str_radix(name, 16).ok().filter(|_| is_hexadecimal).map(|tag| Self(tag.to_be_bytes()))
    }
}

impl fmt::Display for TenantTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl ModelTag {
    /// The tag of the model that a policy calls by this name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let hash: [u8; 32] = blake3::hash(name.as_bytes()).into();
        Self(hash.first_chunk().copied().unwrap_or_default())
    }
}

/// Which answers are void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All.
    Everything,
    /// One tenant's.
    Tenant(TenantTag),
    /// One model's.
    Model(ModelTag),
}

impl Scope {
    fn to_bytes(self) -> (u8, [u8; 8]) {
        match self {
            Self::Everything => (0, [0; 8]),
            Self::Tenant(TenantTag([a, b, c, d])) => (1, [a, b, c, d, 0, 0, 0, 0]),
            Self::Model(ModelTag(tag)) => (2, tag),
        }
    }

    fn of_bytes(kind: u8, tag: [u8; 8]) -> Option<Self> {
        let [a, b, c, d, ..] = tag;
        match kind {
            1 => Some(Self::Tenant(TenantTag([a, b, c, d]))),
            2 => Some(Self::Model(ModelTag(tag))),
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

    /// Whether an answer is void that a model gave to a tenant and that was stored at this time.
    #[must_use]
    pub fn covers(&self, tenant: TenantTag, model: ModelTag, stored_at: Duration) -> bool {
        let stored_at = milliseconds(stored_at);
        let is_covered = |scope: &Scope| match scope {
            Scope::Everything => true,
            Scope::Tenant(tag) => *tag == tenant,
            Scope::Model(tag) => *tag == model,
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
        while self.rows.len() > MOST_ROWS {
            let oldest = self.rows.iter().enumerate().min_by_key(|(_, (_, until))| *until);
            let Some((at, _)) = oldest else { return };
            let (_, until) = self.rows.swap_remove(at);
            self.everything = self.everything.max(Some(until));
        }
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
        ];
        for (scope, expected) in cases {
            let invalidated = invalidated(&[(scope, 100)]);
            let answers = [(ONE, mini), (OTHER, mini), (ONE, big)];
            assert_eq!(answers.map(|(tenant, model)| invalidated.covers(tenant, model, at(100))), expected);
            assert!(!answers.iter().any(|(tenant, model)| invalidated.covers(*tenant, *model, at(101))));
        }
        assert!(!Invalidated::read(&MemoryHost::default()).covers(ONE, mini, at(0)), "at first nothing is");
    }

    #[test]
    fn of_two_for_the_same_the_later_one_counts() {
        let invalidated = invalidated(&[(Scope::Tenant(ONE), 100), (Scope::Tenant(ONE), 50)]);
        assert!(invalidated.covers(ONE, ModelTag::default(), at(100)));
    }

    #[test]
    fn too_many_to_be_told_apart_void_more_and_never_less() {
        let tag = |number: u64| Scope::Model(ModelTag(number.to_le_bytes()));
        let scopes: Vec<(Scope, u64)> = (0..200).map(|number| (tag(number), 100 + number)).collect();
        let invalidated = invalidated(&scopes);
        for number in 0..200_u64 {
            assert!(invalidated.covers(ONE, ModelTag(number.to_le_bytes()), at(100 + number)), "{number}");
        }
        assert!(!invalidated.covers(ONE, ModelTag([9; 8]), at(300)));
        assert!(invalidated.encode().len() <= HEAD + MOST_ROWS * ROW);
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
