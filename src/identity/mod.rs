//! Who asks: what is known of a caller, from what, and the partition that keeps tenants apart.
//!
//! Nobody is authenticated here: a source is as trustworthy as whoever has filled it. In the order of trust:
//!
//! | source | filled by |
//! |---|---|
//! | the certificate of the peer (mTLS) | Envoy, which has verified it |
//! | claims of a token | Envoy's `jwt_authn`, which has verified it |
//! | metadata of the route | whoever writes Envoy's configuration |
//! | an API key that the policy knows | the caller, who holds it |
//! | a header | an authenticator before the filter, or any caller |
//!
//! What a source has said no later one overrides.

pub mod attribute;
pub mod keys;
mod partition;
mod spiffe;
#[cfg(test)]
mod tests;

pub use attribute::{Attribute, Attributes, KEY, TENANT, text_named};
pub use keys::{KeyHash, KeyHolder, Keys};
pub use partition::Partition;

use thiserror::Error;

use self::attribute::{text, texts};
use self::keys::API_KEY_HEADERS;
use self::spiffe::SpiffeId;

/// Where Envoy's `jwt_authn` leaves what it has verified.
const JWT_METADATA: [&str; 3] = ["metadata", "filter_metadata", "envoy.filters.http.jwt_authn"];
/// Where a route has what it says for the filter.
const ROUTE_METADATA: [&str; 4] = ["xds", "route_metadata", "filter_metadata", "llm_arbiter"];

/// Where it is known from who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources {
    /// Certificates of peers.
    pub mtls: Option<Mtls>,
    /// Claims of tokens.
    pub jwt: Option<Jwt>,
    /// Attributes that routes have in their metadata.
    pub route: Vec<String>,
    /// API keys.
    pub keys: Keys,
    /// Attributes and the request headers, lower case, that they stand in.
    pub headers: Vec<(String, String)>,
    /// Whether all API keys that a caller sends, hashed, are its tenant where nothing else is.
    pub any_key: bool,
    /// What becomes of a request that no source names a tenant of.
    pub nobody: Nobody,
}

/// What a peer's certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mtls {
    /// Whose certificates count.
    pub trust_domains: Vec<String>,
    /// Attributes, and what each is of the peer's SPIFFE ID.
    pub attributes: Vec<(String, SpiffePart)>,
}

/// A part of a SPIFFE ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpiffePart {
    /// All of it.
    Id,
    /// Who vouches for it.
    TrustDomain,
    /// The namespace of Kubernetes.
    Namespace,
    /// The service account of Kubernetes.
    ServiceAccount,
}

impl SpiffePart {
    /// All of them, by their names in policies.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("spiffe_id", Self::Id),
        ("trust_domain", Self::TrustDomain),
        ("namespace", Self::Namespace),
        ("service_account", Self::ServiceAccount),
    ];

    fn of(self, id: SpiffeId<'_>) -> &str {
        match self {
            Self::Id => id.id,
            Self::TrustDomain => id.trust_domain,
            Self::Namespace => id.namespace,
            Self::ServiceAccount => id.service_account,
        }
    }
}

/// What a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwt {
    /// `payload_in_metadata` of the provider in `jwt_authn`.
    pub payload: String,
    /// Attributes, the paths of their claims, and whether a claim is a list of texts.
    pub attributes: Vec<(String, Vec<String>, bool)>,
}

/// What becomes of a request that no source names a tenant of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Nobody {
    /// All of them are one tenant without a name.
    #[default]
    Anonymous,
    /// They are the tenant of this name.
    Named(String),
    /// They are refused.
    Refused,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whom stored answers belong to.
    pub partition: Partition,
    /// What is known besides, the tenant's name among it if it is no secret.
    pub attributes: Attributes,
}

/// Why it is not known who asks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unidentified {
    /// A header that says who asks stands there twice: one of them may be the caller's own.
    #[error("`{header}` appears more than once, so it does not say who asks")]
    Repeated {
        /// Its name.
        header: String,
    },
    /// Two keys of the policy came, with two holders.
    #[error("the request has the keys of two holders, so they do not say who asks")]
    TwoKeys,
    /// There is no tenant, and the policy demands one.
    #[error("nothing says who asks: {wanted} is missing")]
    Missing {
        /// What should say so.
        wanted: String,
    },
}

impl Unidentified {
    /// Its name in metrics and logs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Repeated { .. } | Self::TwoKeys => "tenant_repeated",
            Self::Missing { .. } => "tenant_missing",
        }
    }
}

/// Reads a property of the request by its path, as the host encodes it.
pub type Property<'p> = dyn Fn(&[&str]) -> Option<Vec<u8>> + 'p;

impl Sources {
    /// Who has sent a request with these headers, names in lower case, and these properties.
    ///
    /// # Errors
    /// [`Unidentified`] says what is wrong with what should say who asks.
    pub fn identify<'h>(
        &self,
        headers: impl Iterator<Item = (&'h str, &'h [u8])> + Clone,
        property: &Property<'_>,
    ) -> Result<Identity, Unidentified> {
        let mut found = Found::default();
        self.ask_peer(&mut found, property);
        self.ask_token(&mut found, property);
        self.ask_route(&mut found, property);
        self.ask_key(&mut found, headers.clone())?;
        self.ask_any_key(&mut found, headers.clone());
        self.ask_headers(&mut found, headers)?;
        let partition = match found.partition.take() {
            Some(partition) => partition,
            None => self.partition_of_nobody(&mut found)?,
        };
        Ok(Identity { partition, attributes: found.attributes })
    }

    fn ask_peer(&self, found: &mut Found, property: &Property<'_>) {
        let Some(mtls) = &self.mtls else { return };
        let name = property(&["connection", "uri_san_peer_certificate"]);
        let name = name.and_then(|name| text(&name)).unwrap_or_default();
        let Some(id) = SpiffeId::parse(&name) else { return };
        if !mtls.trust_domains.iter().any(|domain| domain == id.trust_domain) {
            return;
        }
        for (attribute, part) in &mtls.attributes {
            let value = part.of(id);
            if !value.is_empty() {
                found.add(attribute, value, || Partition::of_peer(id.trust_domain, value));
            }
        }
    }

    fn ask_token(&self, found: &mut Found, property: &Property<'_>) {
        let Some(jwt) = &self.jwt else { return };
        for (attribute, claim, is_list) in &jwt.attributes {
            let payload = JWT_METADATA.into_iter().chain([jwt.payload.as_str()]);
            let path: Vec<&str> = payload.chain(claim.iter().map(String::as_str)).collect();
            let Some(value) = property(&path) else { continue };
            if *is_list {
                found.add_list(attribute, texts(&value));
            } else if let Some(value) = text(&value) {
                found.add(attribute, &value, || Partition::of_claim(&jwt.payload, &value));
            }
        }
    }

    fn ask_route(&self, found: &mut Found, property: &Property<'_>) {
        for attribute in &self.route {
            let path: Vec<&str> = ROUTE_METADATA.into_iter().chain([attribute.as_str()]).collect();
            if let Some(value) = property(&path).and_then(|value| text(&value)) {
                found.add(attribute, &value, || Partition::of_route(&value));
            }
        }
    }

    fn ask_key<'h>(
        &self,
        found: &mut Found,
        headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    ) -> Result<(), Unidentified> {
        if self.keys.is_empty() {
            return Ok(());
        }
        match self.keys.held(headers).as_slice() {
            [] => Ok(()),
            [holder] => {
                for (name, value) in &holder.attributes {
                    match value {
                        Attribute::Text(value) => found.add(name, value, || Partition::of_holder(value)),
                        Attribute::Texts(values) => found.add_list(name, Some(values.clone())),
                    }
                }
                found.attributes.insert(KEY.to_owned(), Attribute::Text(holder.name.clone()));
                Ok(())
            }
            _ => Err(Unidentified::TwoKeys),
        }
    }

    fn ask_headers<'h>(
        &self,
        found: &mut Found,
        headers: impl Iterator<Item = (&'h str, &'h [u8])> + Clone,
    ) -> Result<(), Unidentified> {
        for (attribute, header) in &self.headers {
            if found.has(attribute) {
                continue;
            }
            let mut values = headers.clone().filter(|(name, _)| name == header).map(|(_, value)| value);
            let Some(value) = values.next() else { continue };
            if values.next().is_some() {
                return Err(Unidentified::Repeated { header: header.clone() });
            }
            if !value.is_empty() {
                let name = String::from_utf8_lossy(value);
                found.add(attribute, &name, || Partition::of_header(header, Some(value)));
            }
        }
        Ok(())
    }

    /// Takes all keys that came for the tenant; its name is a secret.
    fn ask_any_key<'h>(&self, found: &mut Found, headers: impl Iterator<Item = (&'h str, &'h [u8])>) {
        if !self.any_key || found.partition.is_some() {
            return;
        }
        let keys = headers.filter(|(name, value)| API_KEY_HEADERS.contains(name) && !value.is_empty());
        let mut keys: Vec<_> = keys.collect();
        // Their order says nothing, except of those with the same name.
        keys.sort_by_key(|(name, _)| *name);
        found.partition = (!keys.is_empty()).then(|| Partition::of_api_keys(&keys));
    }

    /// Whose answers are those of a request that no source names a tenant of.
    fn partition_of_nobody(&self, found: &mut Found) -> Result<Partition, Unidentified> {
        match &self.nobody {
            Nobody::Anonymous => Ok(Partition::of_nobody()),
            Nobody::Named(name) => {
                found.attributes.insert(TENANT.to_owned(), Attribute::Text(name.clone()));
                Ok(Partition::of_holder(name))
            }
            Nobody::Refused => Err(Unidentified::Missing { wanted: self.wanted() }),
        }
    }

    /// What should say who asks, in words.
    fn wanted(&self) -> String {
        let is_tenant = |attribute: &String| attribute == TENANT;
        let header = self.headers.iter().find(|(attribute, _)| is_tenant(attribute));
        let has_token = self.jwt.iter().flat_map(|jwt| &jwt.attributes).any(|(name, _, _)| is_tenant(name));
        let has_peer = self.mtls.iter().flat_map(|mtls| &mtls.attributes).any(|(name, _)| is_tenant(name));
        let wanted = [
            has_peer.then(|| "a certificate of a trusted peer".to_owned()),
            has_token.then(|| "a token with the tenant's claim".to_owned()),
            self.route.iter().any(is_tenant).then(|| "the route's metadata".to_owned()),
            (self.any_key || !self.keys.is_empty()).then(|| {
                if self.any_key {
                    "an API key".to_owned()
                } else {
                    "an API key that is known here".to_owned()
                }
            }),
            header.map(|(_, header)| format!("`{header}`")),
        ];
        wanted.into_iter().flatten().collect::<Vec<_>>().join(" or ")
    }

    /// The partitions of the tenant of this name, one of each source that may name it.
    #[must_use]
    pub fn partitions_of(&self, tenant: &str) -> Vec<Partition> {
        let is_tenant = |attribute: &String| attribute == TENANT;
        let peers = self.mtls.iter().filter(|mtls| mtls.attributes.iter().any(|(name, _)| is_tenant(name)));
        let domains = peers.flat_map(|mtls| &mtls.trust_domains);
        let tokens = self.jwt.iter().filter(|jwt| jwt.attributes.iter().any(|(name, _, _)| is_tenant(name)));
        let headers = self.headers.iter().filter(|(name, _)| is_tenant(name));
        let is_held = !self.keys.is_empty() || matches!(self.nobody, Nobody::Named(_));
        domains
            .map(|domain| Partition::of_peer(domain, tenant))
            .chain(tokens.map(|jwt| Partition::of_claim(&jwt.payload, tenant)))
            .chain(self.route.iter().any(is_tenant).then(|| Partition::of_route(tenant)))
            .chain(is_held.then(|| Partition::of_holder(tenant)))
            .chain(headers.map(|(_, header)| Partition::of_header(header, Some(tenant.as_bytes()))))
            .collect()
    }

    /// The names of all attributes, and whether each is a list.
    #[must_use]
    pub fn attributes(&self) -> Vec<(&str, bool)> {
        let mut all: Vec<(&str, bool)> = Vec::new();
        let peers =
            self.mtls.iter().flat_map(|mtls| &mtls.attributes).map(|(name, _)| (name.as_str(), false));
        let tokens = self.jwt.iter().flat_map(|jwt| &jwt.attributes);
        let holders = self.keys.holders().flat_map(|holder| &holder.attributes);
        let key = (!self.keys.is_empty()).then_some((KEY, false));
        all.extend(peers);
        all.extend(tokens.map(|(name, _, is_list)| (name.as_str(), *is_list)));
        all.extend(self.route.iter().map(|name| (name.as_str(), false)));
        all.extend(holders.map(|(name, value)| (name.as_str(), matches!(value, Attribute::Texts(_)))));
        all.extend(key);
        all.extend(self.headers.iter().map(|(name, _)| (name.as_str(), false)));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The names of those headers that hold a key of the policy: nobody else has a use for it.
    pub fn key_headers<'h>(
        &self,
        headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    ) -> impl Iterator<Item = &'h str> {
        headers.filter(|header| self.keys.holder(*header).is_some()).map(|(name, _)| name)
    }

    /// The request headers that say who asks, lower case: no provider has a use for them.
    pub fn identifying_headers(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(_, header)| header.as_str())
    }
}

/// What has been found out so far.
#[derive(Default)]
struct Found {
    partition: Option<Partition>,
    attributes: Attributes,
}

impl Found {
    /// Whether a source has said it. The tenant's name may be a secret, and is said all the same.
    fn has(&self, attribute: &str) -> bool {
        self.attributes.contains_key(attribute) || attribute == TENANT && self.partition.is_some()
    }

    /// A source says this, unless one before it has said something.
    fn add(&mut self, attribute: &str, value: &str, partition: impl FnOnce() -> Partition) {
        if self.has(attribute) {
            return;
        }
        if attribute == TENANT {
            self.partition = Some(partition());
        }
        self.attributes.insert(attribute.to_owned(), Attribute::Text(value.to_owned()));
    }

    fn add_list(&mut self, attribute: &str, values: Option<Vec<String>>) {
        if let Some(values) = values.filter(|_| !self.attributes.contains_key(attribute)) {
            self.attributes.insert(attribute.to_owned(), Attribute::Texts(values));
        }
    }
}
