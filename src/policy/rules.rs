//! Rules: who may do what, and what becomes of it. Of those whose condition holds, the first counts.

pub(super) mod document;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use self::document::{
    CacheDocument, ChoiceDocument, DenyDocument, DenyMembers, EscalateDocument, RuleDocument, StoredDocument,
    Then, TierBounds, TierBoundsDocument,
};
use super::fields::{check_attribute, check_name, duration, fault, reference};
use super::list::NonEmpty;
use super::mode::{Mode, mode};
use super::{Model, ModelId, PolicyError, Provider, Tier, TierId};
use crate::chat::conversation::Effort;
use crate::chat::shortcoming::Shortcoming;
use crate::chat::usage::ServiceTier;
use crate::condition::{Condition, Names};

/// Most rules of a policy: all of them may be looked at for a call.
const MAX_RULES: usize = 256;

/// A rule of the policy that gave this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(usize);

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name in this policy, in logs and metrics.
    pub name: String,
    /// When it holds; `None`: always.
    pub when: Option<Condition>,
    /// What becomes of a call that it holds for.
    pub then: Effect,
    /// Whether it does what it says, or only says what it would do.
    pub mode: Mode,
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It is refused.
    Deny(Denial),
    /// It goes on within these bounds.
    Allow(Constraints),
}

/// How a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// HTTP status, 400..=499.
    pub status: u16,
    /// What the caller is told.
    pub message: String,
}

/// What a call is held to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Constraints {
    /// The cheapest tier that it may go to.
    pub min_tier: Option<TierId>,
    /// The strongest tier that it may go to.
    pub max_tier: Option<TierId>,
    /// The model that a chat call goes to.
    pub pinned: Option<ModelId>,
    /// The models that any call may go to; `None`: all.
    pub models: Option<Vec<ModelId>>,
    /// The models that are asked before the others of their tier.
    pub preferred: Vec<ModelId>,
    /// Most tokens that the answer of a chat call may have.
    pub max_tokens: Option<u64>,
    /// How urgent it is, where its provider has a word for that.
    pub service_tier: Option<ServiceTier>,
    /// Most that a chat call's model may think.
    pub reasoning_effort: Option<Effort>,
    /// Whether it is neither answered from the caches nor kept there.
    pub skips_cache: bool,
    /// The attribute of the caller whose value stored answers are kept apart by, besides the tenant.
    pub cache_scope: Option<String>,
    /// Index of the budget that it is charged to besides those that all calls are charged to.
    pub budget: Option<usize>,
    /// How old the stored answer may be that it gets; `None`: as old as the policy has it.
    pub max_age: Option<Duration>,
    /// What its answer must not lack: else a model of the next tier is asked.
    pub escalate: BTreeSet<Shortcoming>,
    /// What the access log says of it besides.
    pub metadata: BTreeMap<String, String>,
}

/// What a call is held to that no rule holds for.
pub static UNCONSTRAINED: Constraints = Constraints {
    min_tier: None,
    max_tier: None,
    pinned: None,
    models: None,
    preferred: Vec::new(),
    max_tokens: None,
    service_tier: None,
    reasoning_effort: None,
    skips_cache: false,
    cache_scope: None,
    budget: None,
    max_age: None,
    escalate: BTreeSet::new(),
    metadata: BTreeMap::new(),
};

/// The rules of a policy, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    names: Names,
    headers: BTreeSet<String>,
    read_budgets: bool,
    budgets: BTreeSet<usize>,
}

impl Rules {
    /// Rules whose conditions name what is in `names`.
    fn new(rules: Vec<Rule>, names: Names) -> Self {
        let conditions = || rules.iter().filter_map(|rule| rule.when.as_ref());
        let headers = conditions().flat_map(Condition::headers).cloned().collect();
        let read_budgets = conditions().flat_map(Condition::facts).any(|fact| fact.starts_with("budget."));
        let budgets = rules.iter().filter_map(|rule| match &rule.then {
            Effect::Allow(constraints) => constraints.budget,
            Effect::Deny(_) => None,
        });
        let budgets = budgets.collect();
        Self { names, headers, read_budgets, budgets, rules }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (RuleId, &Rule)> {
        self.rules.iter().enumerate().map(|(at, rule)| (RuleId(at), rule))
    }

    /// What their conditions may name.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// A rule by its id.
    #[must_use]
    pub fn get(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(id.0)
    }

    /// Whether some condition asks how budgets stand.
    #[must_use]
    pub fn read_budgets(&self) -> bool {
        self.read_budgets
    }

    /// Whether calls that are held to `constraints` are charged to a budget: those that rules name are for calls under these rules alone.
    #[must_use]
    pub fn charge(&self, budget: usize, constraints: &Constraints) -> bool {
        !self.budgets.contains(&budget) || constraints.budget == Some(budget)
    }

    /// Whether some rule counts for a share of requests.
    pub(super) fn draw_lots(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.mode, Mode::Share(_)))
    }

    /// The request headers that some condition reads, lower case.
    #[must_use]
    pub fn headers(&self) -> &BTreeSet<String> {
        &self.headers
    }
}

impl Constraints {
    /// Whether a tier is within bounds.
    #[must_use]
    pub fn allows_tier(&self, tier: TierId) -> bool {
        self.min_tier.is_none_or(|min| tier >= min) && self.max_tier.is_none_or(|max| tier <= max)
    }

    /// The tier within bounds that is nearest to `tier`.
    #[must_use]
    pub fn nearest_tier(&self, tier: TierId) -> TierId {
        let tier = self.min_tier.map_or(tier, |min| tier.max(min));
        self.max_tier.map_or(tier, |max| tier.min(max))
    }

    /// Whether a model is among those that calls may go to.
    #[must_use]
    pub fn allows_model(&self, model: ModelId) -> bool {
        self.models.as_ref().is_none_or(|models| models.contains(&model))
    }

    /// Puts the models of a tier that are asked before the others first, and leaves them in their order otherwise.
    pub fn put_preferred_first(&self, models: &mut [ModelId]) {
        models.sort_by_key(|id| !self.preferred.contains(id));
    }

    /// The same, and none but these `models`.
    #[must_use]
    pub fn within(mut self, models: &[ModelId]) -> Self {
        let allowed = models.iter().copied().filter(|id| self.allows_model(*id)).collect();
        self.models = Some(allowed);
        self
    }

    /// Whether an answer may be another one because of it.
    #[must_use]
    pub fn bears_on_answers(&self) -> bool {
        let Self {
            min_tier,
            max_tier,
            pinned,
            models,
            preferred,
            max_tokens,
            service_tier: _,
            reasoning_effort,
            skips_cache: _,
            cache_scope: _,
            budget: _,
            max_age: _,
            escalate,
            metadata: _,
        } = self;
        // What is stored elsewhere may break the schema.
        escalate.contains(&Shortcoming::Schema)
            || reasoning_effort.is_some()
            || !preferred.is_empty()
            || max_tokens.is_some()
            || min_tier.is_some()
            || max_tier.is_some()
            || pinned.is_some()
            || models.is_some()
    }
}

/// What rules may refer to.
pub(super) struct Known<'k> {
    pub(super) models: &'k NonEmpty<Model>,
    pub(super) providers: &'k NonEmpty<Provider>,
    pub(super) tiers: &'k NonEmpty<Tier>,
    pub(super) names: &'k Names,
}

/// Checks rules and resolves what they refer to.
///
/// # Errors
/// [`PolicyError`] names the rule and what is wrong with it.
pub(super) fn rules(documents: Vec<RuleDocument>, known: &Known<'_>) -> Result<Rules, PolicyError> {
    if documents.len() > MAX_RULES {
        return fault("rules", format!("more than {MAX_RULES}"));
    }
    let mut rules: Vec<Rule> = Vec::with_capacity(documents.len());
    for (at, document) in documents.into_iter().enumerate() {
        let path = format!("rules[{at}]");
        check_name(&format!("{path}.name"), &document.name)?;
        if rules.iter().any(|rule| rule.name == document.name) {
            return fault(
                format!("{path}.name"),
                format!("`{}` is the name of an earlier rule", document.name),
            );
        }
        let when = document.when.as_deref().map(|source| {
            Condition::compile(source, known.names)
                .or_else(|error| fault(format!("{path}.when"), format!("rule `{}` {error}", document.name)))
        });
        let then = effect(&format!("{path}.then"), &document.name, document.then.0, known)?;
        let mode = mode(&format!("{path}.mode"), &document.mode)?;
        rules.push(Rule { name: document.name, when: when.transpose()?, then, mode });
    }
    Ok(Rules::new(rules, known.names.clone()))
}

fn effect(path: &str, rule: &str, mut then: Then, known: &Known<'_>) -> Result<Effect, PolicyError> {
    let deny = then.deny.take();
    let constraints = constraints(path, then, known)?;
    let Some(DenyDocument(DenyMembers { message, status })) = deny else {
        return Ok(Effect::Allow(constraints));
    };
    if constraints != UNCONSTRAINED {
        return fault(format!("{path}.deny"), "a call that is refused is held to nothing else");
    }
    let status = status.unwrap_or(403);
    if !(400..=499).contains(&status) {
        return fault(format!("{path}.deny.status"), "must be between 400 and 499");
    }
    let message = message.unwrap_or_else(|| format!("the policy does not allow this call (rule `{rule}`)"));
    Ok(Effect::Deny(Denial { status, message }))
}

/// What a call is held to.
fn constraints(path: &str, then: Then, known: &Known<'_>) -> Result<Constraints, PolicyError> {
    let Then {
        tier,
        model,
        only,
        except,
        prefer,
        max_tokens,
        service_tier,
        reasoning_effort,
        cache,
        escalate,
        budget,
        metadata,
        ..
    } = then;
    if max_tokens == Some(0) {
        return fault(format!("{path}.max_tokens"), "must be at least 1 token");
    }
    let escalate = causes(escalate);
    if !escalate.is_empty() && model.is_some() {
        return fault(format!("{path}.escalate"), "a call that goes to one model goes to no other");
    }
    let preferred = prefer.map(|choice| chosen(&format!("{path}.prefer"), &choice, known)).transpose()?;
    let names: Vec<&str> = known.names.budgets.iter().map(String::as_str).collect();
    let budget =
        budget.map(|name| reference(format!("{path}.budget"), &name, &names, "budget")).transpose()?;
    let caching = caching(&format!("{path}.cache"), cache, known)?;
    Ok(Constraints {
        preferred: preferred.unwrap_or_default(),
        max_tokens,
        service_tier: service_tier.map(ServiceTier::from),
        reasoning_effort: reasoning_effort.map(Effort::from),
        skips_cache: caching.skips_cache,
        cache_scope: caching.cache_scope,
        max_age: caching.max_age,
        escalate,
        budget: budget.map(usize::from),
        metadata,
        ..choice(path, (tier, model, only, except), known)?
    })
}

/// What becomes of stored answers.
fn caching(
    path: &str,
    document: Option<CacheDocument>,
    known: &Known<'_>,
) -> Result<Constraints, PolicyError> {
    let StoredDocument { ttl, scope } = match document {
        None => return Ok(UNCONSTRAINED.clone()),
        Some(CacheDocument::Off) => return Ok(Constraints { skips_cache: true, ..UNCONSTRAINED.clone() }),
        Some(CacheDocument::Kept(stored)) => stored,
    };
    if ttl.is_none() && scope.is_none() {
        return fault(path, "names neither `ttl` nor `scope`");
    }
    if let Some(scope) = &scope {
        check_attribute(&format!("{path}.scope"), scope, known.names)?;
    }
    let max_age = ttl.map(|ttl| duration(&format!("{path}.ttl"), &ttl)).transpose()?;
    Ok(Constraints { max_age, cache_scope: scope, ..UNCONSTRAINED.clone() })
}

/// What an answer must not lack.
fn causes(document: Option<EscalateDocument>) -> BTreeSet<Shortcoming> {
    match document {
        None | Some(EscalateDocument::Always(false)) => BTreeSet::new(),
        Some(EscalateDocument::Always(true)) => {
            Shortcoming::NAMES.into_iter().map(|(_, cause)| cause).collect()
        }
        Some(EscalateDocument::When(causes)) => causes.into_iter().map(Shortcoming::from).collect(),
    }
}

type Bounds = (Option<TierBoundsDocument>, Option<String>, Option<ChoiceDocument>, Option<ChoiceDocument>);

/// The tiers and models that it may go to.
fn choice(path: &str, bounds: Bounds, known: &Known<'_>) -> Result<Constraints, PolicyError> {
    let (tier, model, only, except) = bounds;
    let tiers: Vec<&str> = known.tiers.iter().map(|(_, tier)| tier.name.as_str()).collect();
    let models: Vec<&str> = known.models.iter().map(|(_, model)| model.name.as_str()).collect();
    let TierBounds { min, max } = tier.unwrap_or_default().0;
    let tier = |field: &str, name: Option<String>| {
        let id = name.map(|name| reference(format!("{path}.tier.{field}"), &name, &tiers, "tier"));
        id.transpose().map(|id| id.map(TierId))
    };
    let (min_tier, max_tier) = (tier("min", min)?, tier("max", max)?);
    if min_tier.zip(max_tier).is_some_and(|(min, max)| min > max) {
        return fault(format!("{path}.tier"), "`min` is a stronger tier than `max`");
    }
    let pinned = model.map(|name| reference(format!("{path}.model"), &name, &models, "model"));
    let pinned = pinned.transpose()?.map(ModelId);
    let only = only.map(|choice| chosen(&format!("{path}.only"), &choice, known)).transpose()?;
    let except = except.map(|choice| chosen(&format!("{path}.except"), &choice, known)).transpose()?;
    let is_allowed = |id: &ModelId| {
        only.as_ref().is_none_or(|only| only.contains(id))
            && except.as_ref().is_none_or(|except| !except.contains(id))
    };
    let allowed = known.models.iter().map(|(id, _)| ModelId(id)).filter(is_allowed).collect::<Vec<_>>();
    let models = (only.is_some() || except.is_some()).then_some(allowed);
    if models.as_ref().is_some_and(Vec::is_empty) {
        return fault(path, "no model is left; to refuse a call write `deny`");
    }
    if pinned.is_some_and(|pinned| models.as_ref().is_some_and(|models| !models.contains(&pinned))) {
        return fault(format!("{path}.model"), "is not among the models that the rule leaves");
    }
    Ok(Constraints { min_tier, max_tier, pinned, models, ..Constraints::default() })
}

/// The models that are named, and those of the providers that are named.
fn chosen(path: &str, choice: &ChoiceDocument, known: &Known<'_>) -> Result<Vec<ModelId>, PolicyError> {
    let models: Vec<&str> = known.models.iter().map(|(_, model)| model.name.as_str()).collect();
    let providers: Vec<&str> = known.providers.iter().map(|(_, provider)| provider.name.as_str()).collect();
    if choice.models.is_empty() && choice.providers.is_empty() {
        return fault(path, "names neither `models` nor `providers`");
    }
    let mut chosen = Vec::new();
    for (at, name) in choice.models.iter().enumerate() {
        chosen.push(ModelId(reference(format!("{path}.models[{at}]"), name, &models, "model")?));
    }
    for (at, name) in choice.providers.iter().enumerate() {
        let provider = reference(format!("{path}.providers[{at}]"), name, &providers, "provider")?;
        let run = known.models.iter().filter(|(_, model)| model.provider.0 == provider);
        chosen.extend(run.map(|(id, _)| ModelId(id)));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests;
