//! Who asks: where a tenant's name comes from, and the partition that keeps tenants apart.

mod partition;

pub use partition::Partition;

/// Where the tenant of a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantSource {
    /// A request header, lower case; absent means the one default tenant.
    Header(String),
    /// The caller's API key (`authorization`, `x-api-key`, `api-key`), which is only ever hashed.
    ApiKey,
}

/// Request headers that an API key may stand in, in order of precedence.
const API_KEY_HEADERS: [&str; 3] = ["authorization", "x-api-key", "api-key"];

impl TenantSource {
    /// The tenant of a request with these headers, names in lower case.
    #[must_use]
    pub fn partition<'h>(&self, header: impl Fn(&str) -> Option<&'h [u8]>) -> Partition {
        match self {
            Self::Header(name) => Partition::of_header(header(name)),
            Self::ApiKey => Partition::of_api_key(API_KEY_HEADERS.into_iter().find_map(header)),
        }
    }
}
