//! The partition of what is stored.

use std::fmt;

/// The tenant that an answer belongs to. It can only be made from what identifies a caller.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Partition {
    source: Source,
    name: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    Default,
    Header,
    ApiKey,
}

impl Partition {
    /// The tenant named by a request header, whatever bytes it holds; all requests without it belong to one default tenant.
    #[must_use]
    pub fn of_header(value: Option<&[u8]>) -> Self {
        Self::of(Source::Header, value)
    }

    /// The tenant that an API key stands for.
    #[must_use]
    pub fn of_api_key(key: Option<&[u8]>) -> Self {
        Self::of(Source::ApiKey, key)
    }

    fn of(source: Source, name: Option<&[u8]>) -> Self {
        match name {
            Some(name) => Self { source, name: name.to_vec() },
            None => Self { source: Source::Default, name: Vec::new() },
        }
    }

    /// What a hash over it has to take in: the kind of its source, and the name. It may be a secret: only ever hash it.
    #[must_use]
    pub fn parts(&self) -> [&[u8]; 2] {
        let source: &[u8] = match self.source {
            Source::Default => b"default",
            Source::Header => b"header",
            Source::ApiKey => b"api-key",
        };
        [source, &self.name]
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
    use super::*;

    #[test]
    fn no_two_callers_are_the_same_tenant() {
        let tenants = [
            Partition::of_header(None),
            Partition::of_header(Some(b"")),
            Partition::of_header(Some(b"a")),
            Partition::of_header(Some(b"b")),
            Partition::of_header(Some(b"\xff")),
            Partition::of_header(Some(b"\xfe")),
            Partition::of_api_key(Some(b"a")),
            Partition::of_api_key(Some(b"")),
        ];
        for (i, tenant) in tenants.iter().enumerate() {
            assert_eq!(tenants.iter().position(|other| other.parts() == tenant.parts()), Some(i));
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let tenant = Partition::of_api_key(Some(b"sk-secret"));
        assert!(!format!("{tenant:?}").contains("115"), "{tenant:?}");
        assert!(!format!("{tenant:?}").contains("secret"), "{tenant:?}");
    }
}
