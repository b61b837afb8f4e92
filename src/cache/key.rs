//! What makes two requests the same.

use sha2::{Digest, Sha256};

/// The tenant that an answer belongs to. It can only be made from what identifies a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Partition([u8; 32]);

impl Partition {
    /// The tenant named by a request header; all requests without it belong to one default tenant.
    #[must_use]
    pub fn of_header(value: Option<&str>) -> Self {
        match value {
            Some(value) => Self(digest(b"header", &[value.as_bytes()])),
            None => Self(digest(b"default", &[])),
        }
    }

    /// The tenant that an API key stands for. The key itself is not kept.
    #[must_use]
    pub fn of_api_key(key: Option<&str>) -> Self {
        match key {
            Some(key) => Self(digest(b"api-key", &[key.as_bytes()])),
            None => Self(digest(b"default", &[])),
        }
    }
}

/// The identity of an answer: tenant, policy, model and request.
///
/// There is no way to one without a tenant:
///
/// ```compile_fail
/// use llm_arbiter::cache::CacheKey;
/// let key = CacheKey::new(&[0; 32], "auto", &[0; 32]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// The key of a request for `requested_model` under the policy with this `revision`. `request` is the digest of
    /// everything else that can change the answer.
    #[must_use]
    pub fn new(
        partition: &Partition,
        revision: &[u8; 32],
        requested_model: &str,
        request: &[u8; 32],
    ) -> Self {
        Self(digest(b"answer", &[&partition.0, revision, requested_model.as_bytes(), request]))
    }

    /// Its 32 bytes, evenly spread.
    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// SHA-256 over `domain` and `parts`, each with its length before it.
fn digest(domain: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in std::iter::once(&domain).chain(parts) {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_callers_are_the_same_tenant() {
        let tenants = [
            Partition::of_header(None),
            Partition::of_header(Some("")),
            Partition::of_header(Some("a")),
            Partition::of_header(Some("b")),
            Partition::of_api_key(Some("a")),
            Partition::of_api_key(Some("")),
        ];
        for (i, tenant) in tenants.iter().enumerate() {
            assert_eq!(tenants.iter().position(|other| other == tenant), Some(i));
        }
    }

    #[test]
    fn a_key_differs_when_any_part_of_it_does() {
        let (tenant, other) = (Partition::of_header(Some("a")), Partition::of_header(Some("b")));
        let key = CacheKey::new(&tenant, &[1; 32], "auto", &[2; 32]);
        assert_eq!(key, CacheKey::new(&tenant, &[1; 32], "auto", &[2; 32]));
        assert_ne!(key, CacheKey::new(&other, &[1; 32], "auto", &[2; 32]));
        assert_ne!(key, CacheKey::new(&tenant, &[3; 32], "auto", &[2; 32]));
        assert_ne!(key, CacheKey::new(&tenant, &[1; 32], "gpt-4o", &[2; 32]));
        assert_ne!(key, CacheKey::new(&tenant, &[1; 32], "auto", &[4; 32]));
    }
}
