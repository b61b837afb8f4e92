//! Whose an answer is and who gave it, in a few bytes.

use std::fmt;

use crate::identity::Partition;

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
