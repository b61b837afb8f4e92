//! The `provider` role: an upstream filter that runs once per attempt and fits the request to the provider that this
//! attempt goes to.
//!
//! Envoy hands every attempt a fresh body, but the headers as the attempt before left them: everything is set anew.

use std::rc::Rc;

use thiserror::Error;

use super::{CLUSTER_HEADER, ENDPOINT_MODEL, Flow, OWN_PREFIX};
use crate::chat::ChatRequest;
use crate::chat::request::Limits;
use crate::chat::splice::{Edit, splice};
use crate::host::{Direction, Host};
use crate::policy::{self, Model, Policy};

/// Headers that carry credentials or accounts of a caller or of another provider.
const CREDENTIALS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "openai-organization",
    "openai-project",
];

/// Why a provider cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProviderError {
    /// The variable that should hold its API key is not set.
    #[error(
        "providers.{provider}.credential: environment variable {variable} is not set; set it for Envoy and list it in \
         vm_config.environment_variables.host_env_keys"
    )]
    CredentialMissing {
        /// Name of the provider.
        provider: String,
        /// Name of the variable.
        variable: String,
    },
}

/// A configured provider role.
#[derive(Debug)]
pub struct Provider {
    policy: Policy,
    endpoints: Vec<Endpoint>,
}

/// What an attempt at one model looks like on the wire.
#[derive(Debug)]
struct Endpoint {
    model: String,
    upstream_name: String,
    authority: String,
    path: String,
    authorization: Option<String>,
}

impl Provider {
    /// Prepares every model of `policy`; credentials are read once, here.
    ///
    /// # Errors
    /// [`ProviderError::CredentialMissing`] when a variable is not set or empty.
    pub fn new(policy: Policy, environment: impl Fn(&str) -> Option<String>) -> Result<Self, ProviderError> {
        let endpoints = policy
            .models()
            .map(|(_, model)| Endpoint::new(model, policy.provider(model.provider), &environment))
            .collect::<Result<_, _>>()?;
        Ok(Self { policy, endpoints })
    }

    fn endpoint(&self, model: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.model == model)
    }

    /// The model that the router writes into a body that it sends to `cluster`.
    fn first_model(&self, cluster: &str) -> Option<&str> {
        let tier =
            self.policy.tiers().find(|(_, tier)| tier.cluster == cluster).map(|(_, tier)| tier.first_model());
        let model = || self.policy.models().find(|(_, model)| model.cluster == cluster).map(|(id, _)| id);
        tier.or_else(model).map(|id| self.policy.model(id).name.as_str())
    }

    fn limits(&self) -> Limits {
        Limits { max_depth: self.policy.admit.max_depth }
    }
}

impl Endpoint {
    fn new(
        model: &Model,
        provider: &policy::Provider,
        environment: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ProviderError> {
        let authorization = match &provider.credential {
            None => None,
            Some(variable) => match environment(variable).filter(|value| !value.is_empty()) {
                Some(key) => Some(format!("Bearer {key}")),
                None => {
                    let (provider, variable) = (provider.name.clone(), variable.clone());
                    return Err(ProviderError::CredentialMissing { provider, variable });
                }
            },
        };
        let default_port = if provider.tls { 443 } else { 80 };
        let authority = if provider.port == default_port {
            provider.host.clone()
        } else {
            format!("{}:{}", provider.host, provider.port)
        };
        Ok(Self {
            model: model.name.clone(),
            upstream_name: model.upstream_name.clone(),
            authority,
            path: provider.path.clone(),
            authorization,
        })
    }

    /// Sets what the provider of this attempt must see, and removes what it must not.
    fn address<H: Host>(&self, host: &H, headers: &[(String, String)]) {
        remove_private(host, headers);
        let set = |name, value: &str| host.set_header(Direction::Request, name, Some(value));
        set(":authority", &self.authority);
        if headers.iter().any(|(name, value)| name == ":path" && *value != self.path) {
            set(":path", &self.path);
        }
        if let Some(authorization) = &self.authorization {
            set("authorization", authorization);
        }
    }
}

/// Removes our own headers and every credential, whoever set them.
fn remove_private<H: Host>(host: &H, headers: &[(String, String)]) {
    for (name, _) in headers {
        if name.starts_with(OWN_PREFIX) || CREDENTIALS.contains(&name.as_str()) {
            host.set_header(Direction::Request, name, None);
        }
    }
}

/// One attempt.
#[derive(Debug)]
pub struct ProviderStream {
    role: Rc<Provider>,
    /// The model to write into the body, while the body is being read.
    rename_to: Option<String>,
    /// How much of the body has been collected, in bytes.
    size: usize,
}

impl ProviderStream {
    /// An attempt whose headers have not come yet.
    #[must_use]
    pub fn new(role: Rc<Provider>) -> Self {
        Self { role, rename_to: None, size: 0 }
    }

    /// Fits the headers to the provider that the attempt goes to. The body is read only when it names another model.
    pub fn on_request_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow {
        let headers = host.headers(Direction::Request);
        let model = host.property(&ENDPOINT_MODEL).and_then(|name| String::from_utf8(name).ok());
        let Some(endpoint) = model.as_deref().and_then(|model| self.role.endpoint(model)) else {
            log::error!(
                "the endpoint of this attempt names no model of the policy (metadata llm_arbiter.model = {model:?}); \
                 it is asked without a credential"
            );
            remove_private(host, &headers);
            return Flow::Continue;
        };
        endpoint.address(host, &headers);
        let cluster =
            headers.iter().find(|(name, _)| name == CLUSTER_HEADER).map(|(_, value)| value.as_str());
        let written = cluster.and_then(|cluster| self.role.first_model(cluster));
        if end_of_stream || written == Some(&endpoint.model) {
            return Flow::Continue;
        }
        self.rename_to = Some(endpoint.upstream_name.clone());
        Flow::Pause
    }

    /// Collects the body if it must be changed; `size` is the size of all that has been collected.
    pub fn on_request_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow {
        self.size = size;
        if self.rename_to.is_some() && !end_of_stream {
            return Flow::Pause;
        }
        self.on_request_end(host)
    }

    /// Writes the model of this attempt: the body has ended, or its trailers are here.
    pub fn on_request_end<H: Host>(&mut self, host: &H) -> Flow {
        if let Some(model) = self.rename_to.take() {
            self.rename(host, &model);
        }
        Flow::Continue
    }

    fn rename<H: Host>(&self, host: &H, model: &str) {
        let body = host.body(Direction::Request, self.size);
        match ChatRequest::parse(&body, self.role.limits()) {
            Ok(request) => {
                let edit = Edit { model, include_usage: false };
                if let Some(edited) = splice(&body, &request, edit) {
                    host.set_header(Direction::Request, "content-length", Some(&edited.len().to_string()));
                    host.set_body(Direction::Request, self.size, &edited);
                }
            }
            Err(error) => log::error!("the body of this attempt keeps its model: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::host::memory::{MemoryCall, MemoryHost, MemoryStream};

    fn policy() -> Policy {
        Policy::from_value(json!({
            "providers": {
                "one": {"host": "one.test", "credential": "ONE_KEY"},
                "two": {"host": "127.0.0.1", "port": 8080, "tls": false, "path": "/openai/chat"}
            },
            "models": {
                "mini": {"provider": "one", "prices": {"input": 1, "output": 10}},
                "spare": {"provider": "two", "upstream_name": "spare-2026", "prices": {"input": 2, "output": 20}}
            },
            "tiers": [{"name": "only", "handles": "high", "models": ["mini", "spare"]}],
            "baseline": "mini"
        }))
        .unwrap()
    }

    fn role() -> Rc<Provider> {
        Rc::new(Provider::new(policy(), |name| (name == "ONE_KEY").then(|| "sk-one".to_owned())).unwrap())
    }

    fn attempt(headers: &[(&str, &str)], model: &str) -> MemoryStream {
        let stream = MemoryStream::default();
        stream.properties.borrow_mut().insert(ENDPOINT_MODEL.join("."), model.into());
        *stream.request_headers.borrow_mut() =
            headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        stream
    }

    fn header(call: &MemoryCall<'_>, wanted: &str) -> Option<String> {
        use crate::host::Stream;
        call.header(Direction::Request, wanted)
    }

    #[test]
    fn the_first_attempt_leaves_the_body_alone_and_brings_its_own_key() {
        let vm = MemoryHost::default();
        let sent = [
            (":path", "/prefix/v1/chat/completions"),
            ("authorization", "Bearer caller"),
            ("cookie", "session=1"),
            ("x-arbiter-cluster", "arbiter-tier-only"),
        ];
        let call = MemoryCall { vm: &vm, stream: attempt(&sent, "mini") };
        assert_eq!(ProviderStream::new(role()).on_request_headers(&call, false), Flow::Continue);
        assert_eq!(header(&call, "authorization").as_deref(), Some("Bearer sk-one"));
        assert_eq!(header(&call, ":authority").as_deref(), Some("one.test"));
        assert_eq!(header(&call, ":path").as_deref(), Some("/v1/chat/completions"));
        for gone in ["cookie", "x-arbiter-cluster"] {
            assert_eq!(header(&call, gone), None, "{gone}");
        }
    }

    #[test]
    fn a_later_attempt_gets_its_own_model_and_not_the_first_ones_key() {
        let vm = MemoryHost::default();
        let after_first = [(":path", "/v1/chat/completions"), ("authorization", "Bearer sk-one")];
        let call = MemoryCall { vm: &vm, stream: attempt(&after_first, "spare") };
        let body = r#"{"model":"mini", "messages":[{"role":"user","content":"\u0078"}]}"#;
        *call.stream.request_body.borrow_mut() = body.into();
        let mut stream = ProviderStream::new(role());
        assert_eq!(stream.on_request_headers(&call, false), Flow::Pause);
        assert_eq!(stream.on_request_body(&call, 10, false), Flow::Pause);
        assert_eq!(stream.on_request_body(&call, body.len(), true), Flow::Continue);
        assert_eq!(*call.stream.request_body.borrow(), body.replace("mini", "spare-2026").into_bytes());
        assert_eq!(header(&call, "authorization"), None);
        assert_eq!(header(&call, ":authority").as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(header(&call, ":path").as_deref(), Some("/openai/chat"));
    }

    #[test]
    fn an_endpoint_that_is_not_in_the_policy_is_asked_without_any_key() {
        let vm = MemoryHost::default();
        let call = MemoryCall { vm: &vm, stream: attempt(&[("authorization", "Bearer caller")], "stranger") };
        assert_eq!(ProviderStream::new(role()).on_request_headers(&call, false), Flow::Continue);
        assert_eq!(header(&call, "authorization"), None);
    }

    #[test]
    fn a_missing_key_is_refused_at_load_and_the_variable_named() {
        let error = Provider::new(policy(), |_| Some(String::new())).unwrap_err();
        assert!(error.to_string().contains("ONE_KEY"), "{error}");
    }
}
