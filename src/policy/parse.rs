//! From the document to types that cannot be wrong: references resolved, ranges checked.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::budgets::budgets;
use super::cache::{exact_cache, semantic_cache, shared_store};
use super::classify::classify;
use super::console::console;
use super::conversations::conversations;
use super::document::{
    self, AdmitDocument, AwsDocument, CredentialDocument, Document, FailoverDocument, ModelDocument,
    PathsDocument, ProviderDocument, RequestedModelDocument, TierDocument, UnreadableDocument, repeated,
};
use super::fields::{
    check_host, check_name, check_port, duration, fault, header_name, is_variable, reference, suggest,
};
use super::identity::identity;
use super::list::NonEmpty;
use super::mode::mode;
use super::named::Named;
use super::prices::prices;
use super::rules::{Known, rules};
use super::{
    Abilities, Credential, MAX_TIER_MODELS, Model, ModelId, Policy, PolicyError, Provider, ProviderId,
    RequestedModel, Tier,
};
use crate::admission::{Admission, OnUnreadable, plain_path};
use crate::calendar::Zone;
use crate::chat::claude::{Claude, Thinking};
use crate::chat::headers::{describes_message, is_credential};
use crate::chat::model_name::gemini_fetches_images;
use crate::chat::registry::DIALECTS;
use crate::chat::{Caller, Dialect, Format, responses};
use crate::complexity::Level;
use crate::envoy::{Failover, MODEL_CLUSTER, TIER_CLUSTER};

/// Largest body that may be read: Envoy holds it in memory.
const MAX_BODY_BYTES: usize = 64 << 20;
/// Deepest nesting that may be allowed: reading goes one call deeper per level.
const MAX_DEPTH: u16 = 256;

impl Policy {
    /// Parses a policy document.
    ///
    /// # Errors
    /// [`PolicyError`] names the path to the first thing that is wrong.
    pub fn from_value(document: Value) -> Result<Self, PolicyError> {
        policy(document::read(document)?)
    }
}

/// Checks a document and resolves what it refers to.
fn policy(document: Document) -> Result<Policy, PolicyError> {
    let providers = providers(document.providers)?;
    let models = models(document.models, &providers)?;
    let tiers = tiers(document.tiers, &models)?;
    let baseline = reference("baseline", &document.baseline, &model_names(&models), "model").map(ModelId)?;
    let requested_model = match document.requested_model {
        RequestedModelDocument::Honor => RequestedModel::Honor,
        RequestedModelDocument::Cap => RequestedModel::Cap,
        RequestedModelDocument::Ignore => RequestedModel::Ignore,
    };
    let classify = classify(document.classify, &tiers.iter().map(|(_, tier)| tier).collect::<Vec<_>>())?;
    let mut asks = identity(document.identity, &models)?;
    let budgets = budgets(document.budgets, &mut asks.names)?;
    let known = Known { models: &models, providers: &providers, tiers: &tiers, names: &asks.names };
    let rules = rules(document.rules, &known)?;
    let mut policy = Policy {
        mode: mode("mode", &document.mode)?,
        rules,
        budgets,
        time_zone: time_zone(document.time_zone.as_deref())?,
        models,
        providers,
        tiers,
        baseline,
        requested_model,
        classify,
        admit: admit(document.admit)?,
        identity: asks.sources,
        key_models: asks.key_models,
        shared_store: shared_store(&document.cache)?,
        semantic_cache: semantic_cache(&document.cache)?,
        exact_cache: exact_cache(document.cache)?,
        console: console(document.console)?,
        conversations: conversations(document.conversations)?,
        decision_header: document.decision_header,
        failover: failover(&document.failover)?,
        forwarded_headers: BTreeSet::new(),
        revision: [0; 32],
    };
    policy.forwarded_headers =
        policy.providers().flat_map(|provider| provider.forward_headers.iter().cloned()).collect();
    policy.revision = revision(&policy);
    Ok(policy)
}

fn time_zone(name: Option<&str>) -> Result<Zone, PolicyError> {
    match name.map(Zone::named) {
        None => Ok(Zone::default()),
        Some(Some(zone)) => Ok(zone),
        Some(None) => {
            fault("time_zone", "must be a time zone of the IANA's database, for example Europe/Berlin")
        }
    }
}

/// Who serves the Responses API without being said to.
const OPENAI_HOST: &str = "api.openai.com";

fn providers(documents: Named<ProviderDocument>) -> Result<NonEmpty<Provider>, PolicyError> {
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

fn models(
    documents: Named<ModelDocument>,
    providers: &NonEmpty<Provider>,
) -> Result<NonEmpty<Model>, PolicyError> {
    let names: Vec<&str> = providers.iter().map(|(_, provider)| provider.name.as_str()).collect();
    let entries = documents.0.into_iter().map(|(name, document)| model(name, document, &names));
    match NonEmpty::new(entries.collect::<Result<_, _>>()?) {
        Some(models) => Ok(models),
        None => fault("models", "there is none; name at least one"),
    }
}

fn model(name: String, document: ModelDocument, providers: &[&str]) -> Result<Model, PolicyError> {
    let path = format!("models.{name}");
    check_name(&path, &name)?;
    let provider = reference(format!("{path}.provider"), &document.provider, providers, "provider")?;
    let prices = prices(&format!("{path}.prices"), &document.prices)?;
    let upstream_name = document.upstream_name.clone().unwrap_or_else(|| name.clone());
    let abilities = abilities(&path, &document, &upstream_name)?;
    if upstream_name.is_empty() {
        return fault(format!("{path}.upstream_name"), "must not be empty");
    }
    let cluster = format!("{MODEL_CLUSTER}{name}");
    Ok(Model { name, upstream_name, provider: ProviderId(provider), prices, abilities, cluster })
}

fn abilities(path: &str, document: &ModelDocument, upstream_name: &str) -> Result<Abilities, PolicyError> {
    for (field, tokens) in [("context_window", document.context_window), ("max_output", document.max_output)]
    {
        if tokens == Some(0) {
            return fault(format!("{path}.{field}"), "must be at least 1 token");
        }
    }
    let usual = Claude::named(upstream_name);
    let names = Thinking::NAMES.map(|(name, _)| name);
    let thinking = match &document.thinking {
        None => usual.thinking,
        Some(word) => {
            let at = reference(format!("{path}.thinking"), word, &names, "thinking")?;
            Thinking::NAMES.get(usize::from(at)).map_or(usual.thinking, |(_, thinking)| *thinking)
        }
    };
    Ok(Abilities {
        claude: Claude { thinking, sampling: document.sampling.unwrap_or(usual.sampling) },
        fetches_images: document.fetches_images.unwrap_or_else(|| gemini_fetches_images(upstream_name)),
        context_window: document.context_window,
        max_output: document.max_output,
        tools: document.tools,
        images: document.images,
        structured_output: document.structured_output,
        reasoning: document.reasoning,
    })
}

fn tiers(documents: Vec<TierDocument>, models: &NonEmpty<Model>) -> Result<NonEmpty<Tier>, PolicyError> {
    if let Some((at, name)) = repeated(documents.iter().map(|tier| tier.name.as_str())) {
        return fault(format!("tiers[{at}].name"), format!("`{name}` is the name of an earlier tier"));
    }
    let names = model_names(models);
    let mut tiers: Vec<Tier> = Vec::with_capacity(documents.len());
    for (at, document) in documents.into_iter().enumerate() {
        let tier = tier(at, document, &names)?;
        if let Some(cheaper) = tiers.last().filter(|cheaper| cheaper.handles > tier.handles) {
            let message =
                format!("tiers go from cheap to strong, but `{}` handles {}", cheaper.name, cheaper.handles);
            return fault(format!("tiers[{at}].handles"), message);
        }
        tiers.push(tier);
    }
    match tiers.last() {
        Some(last) if last.handles == Level::High => {}
        Some(last) => {
            let message =
                format!("the last tier must handle high, but `{}` handles {}", last.name, last.handles);
            return fault(format!("tiers[{}].handles", tiers.len().saturating_sub(1)), message);
        }
        None => {}
    }
    match NonEmpty::new(tiers) {
        Some(tiers) => Ok(tiers),
        None => fault("tiers", "there is none; name at least one"),
    }
}

fn tier(at: usize, document: TierDocument, models: &[&str]) -> Result<Tier, PolicyError> {
    check_name(&format!("tiers[{at}].name"), &document.name)?;
    if let Some((twice, name)) = repeated(document.models.iter().map(String::as_str)) {
        return fault(
            format!("tiers[{at}].models[{twice}]"),
            format!("`{name}` stands in this tier already"),
        );
    }
    if document.models.len() > MAX_TIER_MODELS {
        return fault(format!("tiers[{at}].models"), format!("a tier has at most {MAX_TIER_MODELS} models"));
    }
    let ids = document.models.iter().enumerate().map(|(index, name)| {
        reference(format!("tiers[{at}].models[{index}]"), name, models, "model").map(ModelId)
    });
    let Some(ids) = NonEmpty::new(ids.collect::<Result<_, _>>()?) else {
        return fault(format!("tiers[{at}].models"), "there is none; name at least one");
    };
    let cluster = format!("{TIER_CLUSTER}{}", document.name);
    Ok(Tier { name: document.name, handles: document.handles.into(), cluster, models: ids })
}

fn admit(document: AdmitDocument) -> Result<Admission, PolicyError> {
    let AdmitDocument { paths, pass_through, max_body_bytes, max_depth, unreadable } = document;
    let unreadable = match unreadable {
        UnreadableDocument::Refuse => OnUnreadable::Refuse,
        UnreadableDocument::Pass => OnUnreadable::Pass,
    };
    let PathsDocument { openai, anthropic, responses, direct } = paths;
    let named = [
        ("paths.openai", &openai),
        ("paths.anthropic", &anthropic),
        ("paths.responses", &responses),
        ("paths.direct", &direct),
    ];
    for (field, paths) in named {
        check_paths(field, paths, |path| plain_path(path) == path)?;
    }
    check_paths("pass_through", &pass_through, |path| path == "/" || plain_path(path) == path)?;
    let openai = openai.into_iter().map(|path| (path, Caller::OpenAi));
    let anthropic = anthropic.into_iter().map(|path| (path, Caller::Anthropic));
    let responses = responses.into_iter().map(|path| (path, Caller::Responses));
    let paths: Vec<(String, Caller)> = openai.chain(anthropic).chain(responses).collect();
    if paths.is_empty() {
        return fault("admit.paths", "there is none; name at least one");
    }
    if !(1..=MAX_BODY_BYTES).contains(&max_body_bytes) {
        return fault("admit.max_body_bytes", format!("must be between 1 and {MAX_BODY_BYTES}"));
    }
    if !(1..=MAX_DEPTH).contains(&max_depth) {
        return fault("admit.max_depth", format!("must be between 1 and {MAX_DEPTH}"));
    }
    Ok(Admission { paths, direct, pass_through, max_body_bytes, max_depth, unreadable })
}

fn check_paths(field: &str, paths: &[String], is_good: impl Fn(&str) -> bool) -> Result<(), PolicyError> {
    match paths.iter().position(|path| !path.starts_with('/') || !is_good(path)) {
        None => Ok(()),
        Some(at) => fault(
            format!("admit.{field}[{at}]"),
            "must start with `/`, and have no query, no escapes, no doubled slash and none at the end",
        ),
    }
}

fn failover(document: &FailoverDocument) -> Result<Failover, PolicyError> {
    let timeout = duration("failover.timeout", &document.timeout)?;
    let whole = document.whole_answer_timeout.as_deref();
    let whole_answer_timeout =
        whole.map_or(Ok(timeout), |text| duration("failover.whole_answer_timeout", text))?;
    Ok(Failover {
        whole_answer_timeout,
        per_try_idle_timeout: duration("failover.per_try_idle_timeout", &document.per_try_idle_timeout)?,
        connect_timeout: duration("failover.connect_timeout", &document.connect_timeout)?,
        timeout,
        refused_credentials: document.refused_credentials,
    })
}

fn model_names(models: &NonEmpty<Model>) -> Vec<&str> {
    models.iter().map(|(_, model)| model.name.as_str()).collect()
}

/// Everything that can change an answer. Each part is written with its length, so that no two policies read alike.
fn revision(policy: &Policy) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(text);
    };
    for (_, model) in policy.models() {
        let provider = policy.provider(model.provider);
        for text in [&model.name, &model.upstream_name, &provider.host, &provider.path] {
            part(text);
        }
        part(provider.dialect.name);
        part(&format!("{:?}", model.abilities));
        part(&provider.port.to_string());
        part(&provider.forward_headers.join(","));
        part(&provider.api_version);
        part(provider.responses_path.as_deref().unwrap_or_default());
    }
    for (_, tier) in policy.tiers() {
        part(&tier.name);
        part(tier.handles.as_str());
        for model in tier.models() {
            part(&policy.model(model).name);
        }
    }
    part(&format!("{:?} {:?}", policy.requested_model, policy.classify));
    hash.finalize().into()
}
