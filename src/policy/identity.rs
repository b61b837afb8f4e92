//! Who asks, as a document says it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::PolicyError;
use super::fields::{check_name, fault, header_name, is_variable, reference};
use super::list::NonEmpty;
use super::named::Named;
use super::{Model, ModelId};
use crate::condition::{Kind, Names};
use crate::identity::keys::of_hex;
use crate::identity::{
    Attribute, Attributes, Jwt, KEY, KeyHash, KeyHolder, Keys, Mtls, Nobody, Sources, SpiffePart, TENANT,
};

/// Words that CEL keeps for itself.
const RESERVED: [&str; 4] = ["true", "false", "null", "in"];
/// Where a tenant stands if a document does not say it.
const USUAL_HEADER: &str = "x-tenant";

/// Where it is known from who asks, in this order of trust: a lower source never overrides a higher one.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct IdentityDocument {
    /// The certificate of the mesh.
    mtls: Option<MtlsDocument>,
    /// A token that Envoy's `jwt_authn` has verified.
    jwt: Option<JwtDocument>,
    /// Attributes that routes have in their metadata.
    #[serde(default)]
    route: Vec<String>,
    /// API keys, by name.
    #[serde(default)]
    keys: Named<KeyDocument>,
    /// Attributes, and the request headers that they stand in.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Whether any API key, hashed, is its caller's tenant where nothing else is. Default: false.
    #[serde(default)]
    api_key: bool,
    /// Whether callers without a tenant are refused. Default: false.
    #[serde(default)]
    required: bool,
    /// The tenant of callers without one. Default: they are anonymous.
    default: Option<String>,
}

/// Certificates with a SPIFFE ID.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct MtlsDocument {
    /// Whose certificates count.
    trust_domains: Vec<String>,
    /// Attributes, and what each is of the ID: `spiffe_id`, `trust_domain`, `namespace` or `service_account`. Default: the tenant is the namespace.
    #[serde(default = "namespace_is_tenant")]
    attributes: BTreeMap<String, String>,
}

fn namespace_is_tenant() -> BTreeMap<String, String> {
    [(TENANT.to_owned(), "namespace".to_owned())].into()
}

/// Claims of a verified token.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct JwtDocument {
    /// `payload_in_metadata` of the provider in `jwt_authn`.
    payload: String,
    /// Attributes, and the claims that they stand in.
    #[serde(default)]
    attributes: BTreeMap<String, ClaimDocument>,
    /// The same for claims that are lists.
    #[serde(default)]
    lists: BTreeMap<String, ClaimDocument>,
}

/// A claim, or the path to one inside others.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "must be the name of a claim, or the path to one as a list of names")]
enum ClaimDocument {
    Name(String),
    Path(Vec<String>),
}

/// An API key and its holder.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct KeyDocument {
    /// What `arbiter key hash` prints for the key. It, or `variable`, must be there.
    sha256: Option<String>,
    /// The environment variable that the key itself stands in.
    variable: Option<String>,
    /// Its holder's tenant. Default: the name of the key.
    tenant: Option<String>,
    /// What else is known of its holder.
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    /// The models that its holder may ask. Default: all.
    models: Option<Vec<String>>,
}

/// Who asks, and what holders of keys may ask.
pub(super) struct Known {
    pub(super) sources: Sources,
    /// What conditions may name.
    pub(super) names: Names,
    /// The models that the holder of a key may ask, by the key's name.
    pub(super) key_models: BTreeMap<String, Vec<ModelId>>,
}

/// Checks what a document says of it; without a word the tenant stands in a header.
///
/// # Errors
/// [`PolicyError`] names the field that is wrong.
pub(super) fn identity(
    document: Option<IdentityDocument>,
    models: &NonEmpty<Model>,
) -> Result<Known, PolicyError> {
    let Some(document) = document else {
        let headers = vec![(TENANT.to_owned(), USUAL_HEADER.to_owned())];
        return Ok(known(Sources { headers, ..Sources::default() }, BTreeMap::new()));
    };
    let nobody = match (document.required, document.default) {
        (true, Some(_)) => {
            return fault("identity.default", "is never used: `required` refuses whoever has no tenant");
        }
        (true, None) => Nobody::Refused,
        (false, None) => Nobody::Anonymous,
        (false, Some(name)) => {
            value("identity.default", &name)?;
            Nobody::Named(name)
        }
    };
    let (keys, key_models) = keys(document.keys, models)?;
    let sources = Sources {
        mtls: document.mtls.map(mtls).transpose()?,
        jwt: document.jwt.map(jwt).transpose()?,
        route: route(document.route)?,
        keys,
        headers: headers(document.headers)?,
        any_key: document.api_key,
        nobody,
    };
    let attributes = sources.attributes();
    let names_tenant = attributes.iter().any(|(name, _)| *name == TENANT) || sources.any_key;
    if sources.nobody == Nobody::Refused && !names_tenant {
        return fault(
            "identity.required",
            "no source says who the tenant is, so that nobody would be served",
        );
    }
    let twice = attributes.windows(2).find(|pair| matches!(pair, [(a, _), (b, _)] if a == b));
    if let Some([(name, _), _]) = twice {
        return fault("identity", format!("`{name}` is a list in one source and a text in another"));
    }
    Ok(known(sources, key_models))
}

fn known(sources: Sources, key_models: BTreeMap<String, Vec<ModelId>>) -> Known {
    let kind = |is_list| if is_list { Kind::Texts } else { Kind::Text };
    let attributes = sources.attributes().into_iter().map(|(name, is_list)| (name.to_owned(), kind(is_list)));
    let names = Names { attributes: attributes.collect(), ..Names::default() };
    Known { sources, names, key_models }
}

fn mtls(document: MtlsDocument) -> Result<Mtls, PolicyError> {
    let path = "identity.mtls";
    if document.trust_domains.is_empty() {
        return fault(format!("{path}.trust_domains"), "names none, so that no certificate would count");
    }
    let is_domain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
    for (at, domain) in document.trust_domains.iter().enumerate() {
        if domain.is_empty() || !domain.chars().all(is_domain) {
            return fault(
                format!("{path}.trust_domains[{at}]"),
                "must be the trust domain of SPIFFE IDs, for example cluster.local",
            );
        }
    }
    let parts = SpiffePart::NAMES.map(|(name, _)| name);
    let attributes = document.attributes.into_iter().map(|(name, part)| {
        let path = format!("{path}.attributes.{name}");
        attribute(&path, &name)?;
        let at = reference(&path, &part, &parts, "part of a SPIFFE ID")?;
        let part = SpiffePart::NAMES.get(usize::from(at)).map_or(SpiffePart::Id, |(_, part)| *part);
        Ok((name, part))
    });
    Ok(Mtls { attributes: attributes.collect::<Result<_, _>>()?, trust_domains: document.trust_domains })
}

fn jwt(document: JwtDocument) -> Result<Jwt, PolicyError> {
    let path = "identity.jwt";
    if document.payload.is_empty() {
        return fault(
            format!("{path}.payload"),
            "must be `payload_in_metadata` of the provider in jwt_authn",
        );
    }
    if document.lists.contains_key(TENANT) {
        return fault(format!("{path}.lists.{TENANT}"), "a request has one tenant");
    }
    let texts = document.attributes.into_iter().map(|claim| ("attributes", claim, false));
    let lists = document.lists.into_iter().map(|claim| ("lists", claim, true));
    let mut attributes: Vec<(String, Vec<String>, bool)> = Vec::new();
    for (field, (name, claim), is_list) in texts.chain(lists) {
        let path = format!("{path}.{field}.{name}");
        attribute(&path, &name)?;
        let claim = match claim {
            ClaimDocument::Name(name) => vec![name],
            ClaimDocument::Path(path) => path,
        };
        if claim.is_empty() || claim.iter().any(String::is_empty) {
            return fault(path, "must name a claim");
        }
        attributes.push((name, claim, is_list));
    }
    if attributes.is_empty() {
        return fault(
            format!("{path}.attributes"),
            "takes nothing from the token; name for example `tenant: CLAIM`",
        );
    }
    Ok(Jwt { payload: document.payload, attributes })
}

fn route(names: Vec<String>) -> Result<Vec<String>, PolicyError> {
    for (at, name) in names.iter().enumerate() {
        attribute(&format!("identity.route[{at}]"), name)?;
    }
    Ok(names)
}

fn headers(document: BTreeMap<String, String>) -> Result<Vec<(String, String)>, PolicyError> {
    let headers = document.into_iter().map(|(name, header)| {
        let path = format!("identity.headers.{name}");
        attribute(&path, &name)?;
        Ok((name, header_name(&path, &header)?))
    });
    headers.collect()
}

type KeysAndModels = (Keys, BTreeMap<String, Vec<ModelId>>);

fn keys(documents: Named<KeyDocument>, models: &NonEmpty<Model>) -> Result<KeysAndModels, PolicyError> {
    let known: Vec<&str> = models.iter().map(|(_, model)| model.name.as_str()).collect();
    let (mut holders, mut variables, mut key_models) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    for (name, document) in documents.0 {
        let path = format!("identity.keys.{name}");
        check_name(&path, &name)?;
        let place = key_place(&path, document.sha256, document.variable)?;
        let mut attributes = Attributes::new();
        for (attribute_name, text) in document.attributes {
            let path = format!("{path}.attributes.{attribute_name}");
            attribute(&path, &attribute_name)?;
            value(&path, &text)?;
            attributes.insert(attribute_name, Attribute::Text(text));
        }
        if attributes.contains_key(TENANT) {
            return fault(format!("{path}.attributes.{TENANT}"), "stands beside `attributes`, not in it");
        }
        let tenant = document.tenant.unwrap_or_else(|| name.clone());
        value(&format!("{path}.tenant"), &tenant)?;
        attributes.insert(TENANT.to_owned(), Attribute::Text(tenant));
        if let Some(models) = document.models {
            let ids = models.iter().enumerate().map(|(at, model)| {
                reference(format!("{path}.models[{at}]"), model, &known, "model").map(ModelId)
            });
            key_models.insert(name.clone(), ids.collect::<Result<Vec<_>, _>>()?);
        }
        let holder = KeyHolder { name, attributes };
        match place {
            KeyPlace::Variable(variable) => variables.push((variable, holder)),
            KeyPlace::Hash(hash) => {
                if holders.insert(hash, holder).is_some() {
                    return fault(format!("{path}.sha256"), "is the key of an earlier holder");
                }
            }
        }
    }
    Ok((Keys::new(holders, variables), key_models))
}

/// Where a key is known from.
enum KeyPlace {
    Hash(KeyHash),
    Variable(String),
}

fn key_place(path: &str, sha256: Option<String>, variable: Option<String>) -> Result<KeyPlace, PolicyError> {
    match (sha256, variable) {
        (Some(digits), None) => match of_hex(&digits) {
            Some(hash) => Ok(KeyPlace::Hash(hash)),
            None => fault(
                format!("{path}.sha256"),
                "must be the SHA-256 of the key in 64 hexadecimal digits, not the key itself; `arbiter key hash` prints it",
            ),
        },
        (None, Some(variable)) if is_variable(&variable) => Ok(KeyPlace::Variable(variable)),
        (None, Some(_)) => fault(
            format!("{path}.variable"),
            "must be the name of an environment variable (letters, digits, `_`), not the key itself",
        ),
        (None, None) => fault(path, "needs `sha256`, which `arbiter key hash` prints, or `variable`"),
        (Some(_), Some(_)) => fault(path, "has both `sha256` and `variable`; name one of them"),
    }
}

/// The name of an attribute: conditions name it.
fn attribute(path: &str, name: &str) -> Result<(), PolicyError> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts_well || !name.chars().all(is_plain) || name.len() > 64 || RESERVED.contains(&name) {
        return fault(
            path,
            "the name of an attribute has up to 64 lower-case letters, digits and `_`, a letter first",
        );
    }
    if name == KEY {
        return fault(path, format!("`{KEY}` is the name of the caller's key"));
    }
    Ok(())
}

/// The value of an attribute.
fn value(path: &str, value: &str) -> Result<(), PolicyError> {
    if value.is_empty() || value.len() > 256 || value.contains(char::is_control) {
        return fault(path, "must be a text of 1 to 256 bytes");
    }
    Ok(())
}
