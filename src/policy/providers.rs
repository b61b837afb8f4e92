//! The `providers` section.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::fields::{check_host, check_name, check_port, enabled, fault, header_name, is_variable, suggest};
use super::list::NonEmpty;
use super::named::Named;
use super::{Credential, PolicyError, Provider};
use crate::chat::headers::{describes_message, is_credential};
use crate::chat::registry::DIALECTS;
use crate::chat::{Dialect, Format, responses};

/// Who runs models.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderDocument {
    /// Host name or address.
    pub(super) host: String,
    /// TCP port. Default: 443 with TLS, else 80.
    pub(super) port: Option<u16>,
    /// Whether it is spoken to over TLS. Default: true.
    #[serde(default = "enabled")]
    pub(super) tls: bool,
    /// The API that it serves. Default: `openai`.
    #[serde(default = "openai")]
    pub(super) dialect: String,
    /// Where it serves chats. Default: as its dialect has it.
    pub(super) path: Option<String>,
    /// Where it serves the Responses API. Default: nowhere, but for api.openai.com.
    pub(super) responses: Option<String>,
    /// The version of its API. Default: as its dialect has it.
    pub(super) api_version: Option<String>,
    /// The project, where the path of its dialect has one.
    pub(super) project: Option<String>,
    /// The location, where the path of its dialect has one.
    pub(super) location: Option<String>,
    /// Where its key comes from. Default: it is asked without one.
    pub(super) credential: Option<CredentialDocument>,
    /// Request headers that it gets from the caller besides those of its dialect.
    #[serde(default)]
    pub(super) forward_headers: Vec<String>,
    /// Whether it gets trace headers. Default: false.
    #[serde(default)]
    pub(super) tracing: bool,
}

/// The name of an environment variable, `{ sds: PATH }`, or `{ aws: { region, service } }`.
#[derive(Debug)]
pub(super) enum CredentialDocument {
    Environment(String),
    Sds(String),
    Aws(AwsDocument),
}

/// Requests are signed by Envoy (SigV4).
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct AwsDocument {
    /// For example `us-east-1`.
    pub(super) region: String,
    /// Default: `bedrock-mantle`.
    #[serde(default = "bedrock")]
    pub(super) service: String,
}

fn bedrock() -> String {
    "bedrock-mantle".into()
}

fn openai() -> String {
    "openai".into()
}

impl<'de> Deserialize<'de> for CredentialDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum KeptByEnvoy {
            Sds(String),
            Aws(AwsDocument),
        }
        struct VariableOrKept;
        impl<'de> Visitor<'de> for VariableOrKept {
            type Value = CredentialDocument;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "the name of an environment variable, `{ sds: PATH }` or `{ aws: { region: REGION } }`",
                )
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(CredentialDocument::Environment(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let kept = KeptByEnvoy::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(match kept {
                    KeptByEnvoy::Sds(path) => CredentialDocument::Sds(path),
                    KeptByEnvoy::Aws(aws) => CredentialDocument::Aws(aws),
                })
            }
        }
        deserializer.deserialize_any(VariableOrKept)
    }
}

/// Who serves the Responses API without being said to.
const OPENAI_HOST: &str = "api.openai.com";

/// Checks the section.
///
/// # Errors
/// [`PolicyError`] names the field that is wrong.
pub(super) fn providers(documents: Named<ProviderDocument>) -> Result<NonEmpty<Provider>, PolicyError> {
    let entries = documents.0.into_iter().map(|(name, document)| provider(name, document));
    match NonEmpty::new(entries.collect::<Result<_, _>>()?) {
        Some(providers) => Ok(providers),
        None => fault("providers", "there is none; name at least one"),
    }
}

fn provider(name: String, document: ProviderDocument) -> Result<Provider, PolicyError> {
    let path = format!("providers.{name}");
    check_name(&path, &name)?;
    check_host(&format!("{path}.host"), &document.host)?;
    let port = document.port.unwrap_or(if document.tls { 443 } else { 80 });
    check_port(&format!("{path}.port"), port)?;
    let dialect = dialect(&path, &document.dialect)?;
    if document.path.as_ref().is_some_and(|own| !own.starts_with('/')) {
        return fault(format!("{path}.path"), "must start with `/`");
    }
    let (project, location) = place(&path, &document, dialect)?;
    let responses_path = responses_path(&path, &document, dialect)?;
    let credential = document.credential.map(|credential| self::credential(&path, credential)).transpose()?;
    let forward_headers = forward_headers(&path, &document.forward_headers)?;
    let api_version = document.api_version.unwrap_or_else(|| dialect.api_version.to_owned());
    let versioned = |path: &str| {
        let path = path.replace("{api_version}", &api_version);
        path.replace("{project}", &project).replace("{location}", &location)
    };
    let own = document.path.as_deref();
    let path = versioned(own.unwrap_or(dialect.path));
    let stream_path = match (own, dialect.stream_path) {
        (None, Some(stream_path)) => versioned(stream_path),
        _ => path.clone(),
    };
    let ProviderDocument { host, tls, tracing, .. } = document;
    Ok(Provider {
        name,
        host,
        port,
        tls,
        dialect,
        path,
        stream_path,
        responses_path: responses_path.map(|path| versioned(&path)),
        api_version,
        credential,
        forward_headers,
        tracing,
    })
}

/// The project and the location that a dialect's path wants.
fn place(
    path: &str,
    document: &ProviderDocument,
    dialect: &Dialect,
) -> Result<(String, String), PolicyError> {
    let is_wanted = document.path.as_deref().unwrap_or(dialect.path).contains("{project}");
    let named = |field: &str, value: &Option<String>| match value {
        Some(value)
            if is_wanted
                && !value.is_empty()
                && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_:.".contains(c)) =>
        {
            Ok(value.clone())
        }
        None if !is_wanted => Ok(String::new()),
        _ if is_wanted => fault(format!("{path}.{field}"), "must name where the models of this dialect run"),
        _ => fault(format!("{path}.{field}"), "stands in no path of this dialect"),
    };
    Ok((named("project", &document.project)?, named("location", &document.location)?))
}

/// Where a provider serves the Responses API: where the policy says, and OpenAI where it does.
fn responses_path(
    path: &str,
    document: &ProviderDocument,
    dialect: &Dialect,
) -> Result<Option<String>, PolicyError> {
    let own = document.responses.as_deref();
    if own.is_some() && dialect.format != Format::OpenAi {
        return fault(format!("{path}.responses"), "is served by providers of OpenAI's dialect only");
    }
    if own.is_some_and(|own| !own.starts_with('/')) {
        return fault(format!("{path}.responses"), "must start with `/`");
    }
    let is_openai = document.host == OPENAI_HOST;
    Ok(own.or(is_openai.then_some(responses::DIALECT.path)).map(str::to_owned))
}

fn credential(path: &str, document: CredentialDocument) -> Result<Credential, PolicyError> {
    match document {
        CredentialDocument::Environment(variable) if is_variable(&variable) => {
            Ok(Credential::Environment(variable))
        }
        CredentialDocument::Environment(_) => {
            let message =
                "must be the name of an environment variable (letters, digits, `_`), not the key itself";
            fault(format!("{path}.credential"), message)
        }
        CredentialDocument::Sds(file) if file.is_empty() => {
            fault(format!("{path}.credential.sds"), "must be the path of a file with a secret")
        }
        CredentialDocument::Sds(file) => Ok(Credential::Sds(file)),
        CredentialDocument::Aws(AwsDocument { region, service }) => {
            let is_plain =
                |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            if is_plain(&region) && is_plain(&service) {
                Ok(Credential::Aws { region, service })
            } else {
                fault(
                    format!("{path}.credential.aws"),
                    "must name a region, for example us-east-1, and a service",
                )
            }
        }
    }
}

fn forward_headers(path: &str, names: &[String]) -> Result<Vec<String>, PolicyError> {
    let names = names.iter().enumerate().map(|(at, name)| {
        let path = format!("{path}.forward_headers[{at}]");
        let name = header_name(&path, name)?;
        if is_credential(&name) {
            return fault(path, "carries a credential or an identity of the caller, which no provider gets");
        }
        if describes_message(&name) || matches!(&*name, "host" | "content-encoding" | "connection") {
            return fault(path, "is set by the filter or by Envoy");
        }
        Ok(name)
    });
    names.collect()
}

fn dialect(path: &str, name: &str) -> Result<&'static Dialect, PolicyError> {
    match Dialect::named(name) {
        Some(dialect) => Ok(dialect),
        None => {
            let known: Vec<&str> = DIALECTS.iter().map(|dialect| dialect.name).collect();
            fault(
                format!("{path}.dialect"),
                format!("there is no dialect `{name}`; {}", suggest(name, &known)),
            )
        }
    }
}
