//! The partition of what is stored.

use std::fmt;

/// The tenant that an answer belongs to. It can only be made from what identifies a caller.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Partition {
    source: &'static str,
    /// Each part after its length.
    identity: Vec<u8>,
}

impl Partition {
    /// The tenant named by a request header, whatever bytes it holds; all requests without it belong to one default tenant of
    /// that header.
    #[must_use]
    pub fn of_header(header: &str, value: Option<&[u8]>) -> Self {
        let parts = [Some(header.as_bytes()), value];
        Self::of("header", parts.into_iter().flatten())
    }

    /// The tenant that API keys stand for, each with the name of its header.
    #[must_use]
    pub fn of_api_keys(keys: &[(&str, &[u8])]) -> Self {
        Self::of("api-key", keys.iter().flat_map(|(header, key)| [header.as_bytes(), key]))
    }

    /// The tenant that a certificate names for whom a trust domain vouches.
    #[must_use]
    pub fn of_peer(trust_domain: &str, tenant: &str) -> Self {
        Self::of("peer", [trust_domain.as_bytes(), tenant.as_bytes()].into_iter())
    }

    /// The tenant that a claim of a verified token names; `payload` tells issuers apart.
    #[must_use]
    pub fn of_claim(payload: &str, tenant: &str) -> Self {
        Self::of("claim", [payload.as_bytes(), tenant.as_bytes()].into_iter())
    }

    /// The tenant that a route names.
    #[must_use]
    pub fn of_route(tenant: &str) -> Self {
        Self::of("route", [tenant.as_bytes()].into_iter())
    }

    /// The tenant that the policy itself names.
    #[must_use]
    pub fn of_holder(tenant: &str) -> Self {
        Self::of("policy", [tenant.as_bytes()].into_iter())
    }

    /// All that nothing is known of.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self::of("nobody", [].into_iter())
    }

    fn of<'p>(source: &'static str, parts: impl Iterator<Item = &'p [u8]>) -> Self {
        let mut identity = Vec::new();
        for part in parts {
            identity.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            identity.extend_from_slice(part);
        }
        Self { source, identity }
    }

    /// What a hash over it has to take in: the kind of its source, and the rest. It may be a secret: only ever hash it.
    #[must_use]
    pub fn parts(&self) -> [&[u8]; 2] {
        [self.source.as_bytes(), &self.identity]
    }
}

/// Says where the name comes from, not what it is: it may be a key.
impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition").field("source", &self.source).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_two_callers_are_the_same_tenant() {
        let tenants = [
            Partition::of_header("x", None),
            Partition::of_header("x", Some(b"")),
            Partition::of_header("x", Some(b"a")),
            Partition::of_header("x", Some(b"b")),
            Partition::of_header("x", Some(b"\xff")),
            Partition::of_header("x", Some(b"\xfe")),
            Partition::of_header("y", None),
            Partition::of_header("y", Some(b"a")),
            Partition::of_api_keys(&[]),
            Partition::of_api_keys(&[("x", b"a")]),
            Partition::of_api_keys(&[("y", b"a")]),
            Partition::of_api_keys(&[("x", b"a"), ("y", b"a")]),
        ];
        for (i, tenant) in tenants.iter().enumerate() {
            assert_eq!(tenants.iter().position(|other| other.parts() == tenant.parts()), Some(i));
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let tenant = Partition::of_api_keys(&[("authorization", b"sk-secret")]);
        assert!(!format!("{tenant:?}").contains("115"), "{tenant:?}");
        assert!(!format!("{tenant:?}").contains("secret"), "{tenant:?}");
    }

    proptest! {
        #[test]
        fn a_header_and_a_value_are_never_another_header_and_value(
            one in ("[a-z]{1,3}", prop::collection::vec(any::<u8>(), 0..4)),
            other in ("[a-z]{1,3}", prop::collection::vec(any::<u8>(), 0..4)),
        ) {
            let of = |(header, value): &(String, Vec<u8>)| Partition::of_header(header, Some(value));
            prop_assert_eq!(one == other, of(&one) == of(&other));
        }
    }
}
