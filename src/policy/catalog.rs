//! Models, those who run them, and the tiers that they stand in.

use std::net::Ipv6Addr;

use super::list::NonEmpty;
use crate::chat::claude::Claude;
use crate::chat::{Caller, Dialect, responses};
use crate::complexity::Level;
use crate::ledger::Prices;

/// A model of the policy that gave this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(pub(super) u16);

/// A tier of the policy that gave this id; a greater one is stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TierId(pub(super) u16);

/// A provider of the policy that gave this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(pub(super) u16);

/// A model that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its name in this policy and in metrics.
    pub name: String,
    /// What its provider calls it.
    pub upstream_name: String,
    /// Who runs it.
    pub provider: ProviderId,
    /// What it costs.
    pub prices: Prices,
    /// What it can do.
    pub abilities: Abilities,
    /// Name of the Envoy cluster that asks it alone.
    pub cluster: String,
}

/// What a model can do, as the policy declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// Longest prompt and answer together, in tokens; `None`: not known, so never the reason to skip it.
    pub context_window: Option<u64>,
    /// Longest answer that it can give, in tokens; `None`: not known.
    pub max_output: Option<u64>,
    /// Whether it calls tools.
    pub tools: bool,
    /// Whether it sees images.
    pub images: bool,
    /// Whether it answers in a form that the caller demands.
    pub structured_output: bool,
    /// Whether it understands settings of reasoning.
    pub reasoning: bool,
    /// What it takes if it speaks Anthropic's dialect.
    pub claude: Claude,
    /// Whether it fetches images from their addresses if it speaks Gemini's dialect.
    pub fetches_images: bool,
}

/// Who runs models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name in this policy and in metrics.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether to speak TLS.
    pub tls: bool,
    /// What it wants to be spoken to in.
    pub dialect: &'static Dialect,
    /// Path of a call; `{model}` stands for a model's upstream name.
    pub path: String,
    /// Path of a call whose answer is streamed.
    pub stream_path: String,
    /// Path of a call of the Responses API; `None`: it does not serve that API.
    pub responses_path: Option<String>,
    /// API version, where its dialect has one.
    pub api_version: String,
    /// Where its API key comes from; `None`: requests carry no credential.
    pub credential: Option<Credential>,
    /// Request headers that it gets besides those of its dialect, lower case.
    pub forward_headers: Vec<String>,
    /// Whether it gets the headers by which calls are followed.
    pub tracing: bool,
}

/// How the hosts of providers end that have a well-known name (OpenTelemetry GenAI conventions v0.1.0, `gen_ai.provider.name`).
const HOSTS: [(&str, &str); 9] = [
    ("api.openai.com", "openai"),
    ("openai.azure.com", "azure.ai.openai"),
    ("api.deepseek.com", "deepseek"),
    ("api.groq.com", "groq"),
    ("api.x.ai", "x_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.cohere.com", "cohere"),
    ("ml.cloud.ibm.com", "ibm.watsonx.ai"),
];

/// Where an API key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// An environment variable that Envoy hands over.
    Environment(String),
    /// None of ours: Envoy's own `aws_request_signing` signs each request, with what it finds in the environment, the instance or the
    /// pod.
    Aws {
        /// For example `us-east-1`.
        region: String,
        /// What it is signed for, for example `bedrock-mantle`.
        service: String,
    },
    /// A secret in this file, which Envoy's own `credential_injector` reads by SDS: the filter never sees it.
    Sds(String),
}

impl Provider {
    /// Its name by the OpenTelemetry GenAI conventions (`gen_ai.provider.name`): a well-known one where it is known, else its own.
    #[must_use]
    pub fn well_known_name(&self) -> &str {
        let by_dialect = match self.dialect.name {
            "anthropic" => "anthropic",
            "azure" => "azure.ai.openai",
            "gemini" => "gcp.gemini",
            "vertex-gemini" | "vertex-anthropic" => "gcp.vertex_ai",
            "mistral" => "mistral_ai",
            _ => self.name.as_str(),
        };
        let by_host = HOSTS.iter().find(|(end, _)| self.host.ends_with(end)).map(|(_, name)| *name);
        match &self.credential {
            Some(Credential::Aws { .. }) => "aws.bedrock",
            _ => by_host.unwrap_or(by_dialect),
        }
    }

    /// What it is spoken to in on behalf of a `caller`.
    #[must_use]
    pub fn dialect_for(&self, caller: Caller) -> &'static Dialect {
        match caller {
            Caller::Responses if self.responses_path.is_some() => &responses::DIALECT,
            Caller::OpenAi | Caller::Anthropic | Caller::Responses => self.dialect,
        }
    }

    /// What stands in `:authority` (RFC 9110, section 7.2): an IPv6 address in brackets, a port unless it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        let is_v6 = self.host.parse::<Ipv6Addr>().is_ok();
        let host = if is_v6 { format!("[{}]", self.host) } else { self.host.clone() };
        let default_port = if self.tls { 443 } else { 80 };
        if self.port == default_port { host } else { format!("{host}:{}", self.port) }
    }

    /// The environment variable that holds its API key, if it comes from one.
    #[must_use]
    pub fn credential_variable(&self) -> Option<&str> {
        match &self.credential {
            Some(Credential::Environment(variable)) => Some(variable),
            _ => None,
        }
    }

    /// Whether Envoy gives requests their credential, once the filter has said whose they are.
    #[must_use]
    pub fn is_credentialed_by_envoy(&self) -> bool {
        matches!(self.credential, Some(Credential::Sds(_) | Credential::Aws { .. }))
    }

    /// The file with the secret that Envoy injects, if the API key comes from one.
    #[must_use]
    pub fn credential_secret(&self) -> Option<&str> {
        match &self.credential {
            Some(Credential::Sds(path)) => Some(path),
            _ => None,
        }
    }
}

/// A step of the ladder from cheap to strong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// The greatest complexity that it handles.
    pub handles: Level,
    /// Name of the Envoy cluster that asks its models in failover order.
    pub cluster: String,
    pub(super) models: NonEmpty<ModelId>,
}

impl Tier {
    /// The model that is asked first.
    #[must_use]
    pub fn first_model(&self) -> ModelId {
        *self.models.at(0)
    }

    /// Its models in failover order.
    pub fn models(&self) -> impl Iterator<Item = ModelId> {
        self.models.iter().map(|(_, id)| *id)
    }
}

/// Most models of a tier: each choice among them is a cluster.
pub const MAX_TIER_MODELS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::registry::DIALECTS;

    #[test]
    fn an_authority_has_what_its_scheme_needs() {
        let provider = |host: &str, port, tls| Provider {
            name: "p".into(),
            host: host.into(),
            port,
            tls,
            dialect: DIALECTS[0],
            path: "/".into(),
            stream_path: "/".into(),
            responses_path: None,
            api_version: String::new(),
            credential: None,
            forward_headers: Vec::new(),
            tracing: false,
        };
        let cases = [
            ("api.test", 443, true, "api.test"),
            ("api.test", 443, false, "api.test:443"),
            ("api.test", 8443, true, "api.test:8443"),
            ("127.0.0.1", 80, false, "127.0.0.1"),
            ("::1", 443, true, "[::1]"),
            ("2001:db8::1", 8080, false, "[2001:db8::1]:8080"),
        ];
        for (host, port, tls, authority) in cases {
            assert_eq!(provider(host, port, tls).authority(), authority);
        }
    }
}
