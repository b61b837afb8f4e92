//! Who asks: where a tenant's name comes from, and the partition that keeps tenants apart.
//!
//! Nobody is authenticated here: a name is as trustworthy as whoever has set it.

mod partition;

pub use partition::Partition;

use thiserror::Error;

/// How tenants are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenancy {
    /// Where the tenant of a request comes from.
    pub source: TenantSource,
    /// Whether a request without one is refused; otherwise all of them belong to one default tenant.
    pub required: bool,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whom stored answers belong to.
    pub partition: Partition,
    /// Name of the tenant; empty if there is none, or if it is a secret.
    pub tenant: String,
}

/// Where the tenant of a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantSource {
    /// A request header, lower case.
    Header(String),
    /// All API keys that the caller has sent, which are only ever hashed.
    ApiKey,
}

/// Why it is not known who asks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unidentified {
    /// The header of the tenant stands there twice: one of them may be the caller's own.
    #[error("`{header}` appears more than once, so it does not say who asks")]
    Repeated {
        /// Its name.
        header: String,
    },
    /// There is no tenant, and the policy demands one.
    #[error("nothing says who asks: {wanted} is missing")]
    Missing {
        /// What should say so.
        wanted: String,
    },
}

/// Request headers that an API key may stand in.
const API_KEY_HEADERS: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
];

impl Unidentified {
    /// Its name in metrics and logs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Repeated { .. } => "tenant_repeated",
            Self::Missing { .. } => "tenant_missing",
        }
    }
}

impl Tenancy {
    /// Who has sent a request with these headers, names in lower case.
    ///
    /// # Errors
    /// [`Unidentified`] says what is wrong with what should say who asks.
    pub fn identify<'h>(
        &self,
        headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    ) -> Result<Identity, Unidentified> {
        match &self.source {
            TenantSource::Header(name) => {
                let mut values = headers.filter(|(found, _)| found == name).map(|(_, value)| value);
                let value = values.next();
                if values.next().is_some() {
                    return Err(Unidentified::Repeated { header: name.clone() });
                }
                if self.required && value.is_none_or(<[u8]>::is_empty) {
                    return Err(Unidentified::Missing { wanted: format!("`{name}`") });
                }
                let tenant = value.map(String::from_utf8_lossy).unwrap_or_default().into_owned();
                Ok(Identity { partition: Partition::of_header(name, value), tenant })
            }
            TenantSource::ApiKey => {
                let keys =
                    headers.filter(|(name, value)| API_KEY_HEADERS.contains(name) && !value.is_empty());
                let mut keys: Vec<_> = keys.collect();
                if self.required && keys.is_empty() {
                    return Err(Unidentified::Missing { wanted: "an API key".to_owned() });
                }
                // Their order says nothing, except of those with the same name.
                keys.sort_by_key(|(name, _)| *name);
                Ok(Identity { partition: Partition::of_api_keys(&keys), tenant: String::new() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Sent<'h> = [(&'h str, &'h [u8])];

    fn identified(
        source: TenantSource,
        required: bool,
        headers: &Sent<'_>,
    ) -> Result<Identity, Unidentified> {
        Tenancy { source, required }.identify(headers.iter().copied())
    }

    fn header() -> TenantSource {
        TenantSource::Header("x-tenant".to_owned())
    }

    #[test]
    fn a_header_that_stands_twice_says_nothing() {
        let twice = identified(header(), false, &[("x-tenant", b"victim"), ("a", b"b"), ("x-tenant", b"me")]);
        assert_eq!(twice, Err(Unidentified::Repeated { header: "x-tenant".into() }));
    }

    #[test]
    fn whoever_names_no_tenant_is_refused_where_one_is_required() {
        let cases: [(TenantSource, &Sent<'_>); 3] = [
            (header(), &[("a", b"b")]),
            (header(), &[("x-tenant", b"")]),
            (TenantSource::ApiKey, &[("authorization", b"")]),
        ];
        for (source, headers) in cases {
            assert!(identified(source.clone(), true, headers).is_err(), "{headers:?}");
            assert!(identified(source, false, headers).is_ok(), "{headers:?}");
        }
        assert!(identified(header(), true, &[("x-tenant", b"me")]).is_ok());
        assert!(identified(TenantSource::ApiKey, true, &[("api-key", b"me")]).is_ok());
    }

    #[test]
    fn every_key_that_a_caller_sends_counts() {
        let of = |headers: &Sent<'_>| identified(TenantSource::ApiKey, false, headers).unwrap();
        let shared = ("authorization", b"Bearer shared".as_slice());
        let (mine, yours) = (("x-api-key", b"mine".as_slice()), ("x-api-key", b"yours".as_slice()));
        assert_ne!(of(&[shared, mine]), of(&[shared, yours]));
        assert_ne!(of(&[shared, mine]), of(&[shared]));
        assert_eq!(of(&[shared, mine]), of(&[mine, ("accept", b"*/*"), shared]));
        assert_ne!(of(&[mine, yours]), of(&[mine]));
    }
}
