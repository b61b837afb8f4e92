//! Which rule holds for a call.

use std::sync::OnceLock;
use std::time::Duration;

use crate::calendar::Local;
use crate::chat::{ChatRequest, Operation};
use crate::complexity::{self, Complexity};
use crate::condition::{Condition, Evaluator, Fact, Facts, Known, Undecided};
use crate::embedding::Sieve;
use crate::identity::{Attribute, Attributes};
use crate::policy::{Constraints, Denial, Effect, Lot, Policy, Rule, RuleId, UNCONSTRAINED};
use crate::semantic::language_tag;

/// What rules may ask about a call besides its body.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Circumstances {
    /// `:method`.
    pub method: String,
    /// `:path` without the query.
    pub path: String,
    /// `:authority`.
    pub host: String,
    /// The headers that some rule reads, by name.
    pub headers: Vec<(String, String)>,
    /// What is known of who asks.
    pub attributes: Attributes,
    /// Which part of each budget is used, by its name, where a rule asks for it.
    pub budgets: Vec<(String, f64)>,
    /// By which it is chosen for shares of requests.
    pub lot: Lot,
}

impl Circumstances {
    /// Whether a rule counts for the call, where it holds.
    fn enforces(&self, rule: &Rule) -> bool {
        rule.mode.enforces(&self.lot, &rule.name)
    }
}

/// What the rules say of a call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ruling {
    /// The rule that holds.
    pub rule: Option<RuleId>,
    /// The rules that would have held, and stand in shadow mode.
    pub shadowed: Vec<RuleId>,
    /// The rules of which it cannot be said whether they hold: those that refuse calls count as if they did.
    pub undecided: Vec<RuleId>,
    /// How hard the request is, if a rule has asked.
    pub complexity: Option<Complexity>,
    /// What the call is held to where the caller's key holds it to more than the rule does.
    held: Option<Box<Constraints>>,
}

impl Ruling {
    /// Asks the rules of `policy` in their order, `now` after the Unix epoch.
    #[must_use]
    pub fn of(
        policy: &Policy,
        encoder: Option<&Sieve>,
        (request, operation): (&ChatRequest, &Operation),
        circumstances: &Circumstances,
        now: Duration,
    ) -> Self {
        let facts = CallFacts::new(policy, encoder, (request, operation), circumstances, now);
        let known = Known::new(&facts, policy.rules.names());
        let evaluator = known.evaluator();
        let mut ruling = Self::default();
        for (id, rule) in policy.rules.iter() {
            let holds = holds(rule, &evaluator).unwrap_or_else(|_| {
                ruling.undecided.push(id);
                counts_undecided(rule)
            });
            match (holds, circumstances.enforces(rule)) {
                (false, _) => {}
                (true, false) => ruling.shadowed.push(id),
                (true, true) => {
                    ruling.rule = Some(id);
                    break;
                }
            }
        }
        drop(evaluator);
        ruling.complexity = facts.complexity.into_inner();
        ruling.held = policy
            .models_of_key(&circumstances.attributes)
            .map(|models| Box::new(ruling.constraints(policy).clone().within(models)));
        ruling
    }

    /// The rules that are asked for a call, up to the one that decides, and what each says of it.
    #[must_use]
    pub fn steps(
        policy: &Policy,
        encoder: Option<&Sieve>,
        call: (&ChatRequest, &Operation),
        circumstances: &Circumstances,
        now: Duration,
    ) -> Vec<Step> {
        let facts = CallFacts::new(policy, encoder, call, circumstances, now);
        let known = Known::new(&facts, policy.rules.names());
        let evaluator = known.evaluator();
        let mut steps = Vec::new();
        for (id, rule) in policy.rules.iter() {
            let holds = holds(rule, &evaluator);
            let is_enforced = circumstances.enforces(rule);
            let decides = *holds.as_ref().unwrap_or(&counts_undecided(rule)) && is_enforced;
            let named = rule.when.as_ref().map(|when| facts.named_by(when)).unwrap_or_default();
            steps.push(Step { rule: id, holds, is_enforced, facts: named });
            if decides {
                break;
            }
        }
        steps
    }

    /// How the call is refused, if it is.
    #[must_use]
    pub fn denial<'p>(&self, policy: &'p Policy) -> Option<&'p Denial> {
        match &policy.rules.get(self.rule?)?.then {
            Effect::Deny(denial) => Some(denial),
            Effect::Allow(_) => None,
        }
    }

    /// What the call is held to.
    #[must_use]
    pub fn constraints<'p>(&'p self, policy: &'p Policy) -> &'p Constraints {
        if let Some(held) = &self.held {
            return held;
        }
        match self.rule.and_then(|id| policy.rules.get(id)).map(|rule| &rule.then) {
            Some(Effect::Allow(constraints)) => constraints,
            Some(Effect::Deny(_)) | None => &UNCONSTRAINED,
        }
    }

    /// Name of the rule that holds.
    #[must_use]
    pub fn name<'p>(&self, policy: &'p Policy) -> Option<&'p str> {
        policy.rules.get(self.rule?).map(|rule| rule.name.as_str())
    }
}

/// A rule that was asked for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The rule.
    pub rule: RuleId,
    /// Whether it holds.
    pub holds: Result<bool, Undecided>,
    /// Whether it counts for this call.
    pub is_enforced: bool,
    /// The facts that its condition names, and their values.
    pub facts: Vec<(String, String)>,
}

fn holds(rule: &Rule, evaluator: &Evaluator<'_>) -> Result<bool, Undecided> {
    rule.when.as_ref().map_or(Ok(true), |when| evaluator.holds(when))
}

/// Whether a rule counts as if it held when its condition has no result: a call is rather refused than let go on.
fn counts_undecided(rule: &Rule) -> bool {
    matches!(rule.then, Effect::Deny(_))
}

/// The facts about a call; what is costly is found out when a rule asks for it.
struct CallFacts<'c> {
    policy: &'c Policy,
    encoder: Option<&'c Sieve>,
    request: &'c ChatRequest,
    operation: &'c Operation,
    circumstances: &'c Circumstances,
    now: Duration,
    complexity: OnceLock<Complexity>,
    local: OnceLock<Local>,
    language: OnceLock<&'static str>,
}

impl<'c> CallFacts<'c> {
    fn new(
        policy: &'c Policy,
        encoder: Option<&'c Sieve>,
        (request, operation): (&'c ChatRequest, &'c Operation),
        circumstances: &'c Circumstances,
        now: Duration,
    ) -> Self {
        let (complexity, local, language) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { policy, encoder, request, operation, circumstances, now, complexity, local, language }
    }

    /// The facts that a condition names, and their values.
    fn named_by(&self, when: &Condition) -> Vec<(String, String)> {
        let value =
            |fact: Option<Fact<'_>>| fact.map_or_else(|| "nothing".to_owned(), |fact| fact.to_string());
        let facts = when.facts().filter(|name| *name != "request.headers");
        let facts = facts.map(|name| (name.to_owned(), value(self.fact(name))));
        let headers = when.headers().iter().map(|name| {
            let header = self.header(name).map(Fact::Text);
            (format!("request.headers[{name:?}]"), value(header))
        });
        facts.chain(headers).collect()
    }

    fn complexity(&self) -> &Complexity {
        self.complexity.get_or_init(|| {
            let Self { policy, encoder, request, .. } = self;
            complexity::assess(&policy.classify, *encoder, &request.said_last(), &request.shape)
        })
    }

    fn local(&self) -> &Local {
        self.local.get_or_init(|| self.policy.time_zone.local(self.now))
    }
}

/// An operation as conditions name it.
fn operation_name(operation: &Operation) -> &str {
    match operation {
        Operation::Chat => "chat",
        Operation::Count => "count_tokens",
        Operation::Direct(end) => end.rsplit('/').next().unwrap_or_default(),
    }
}

impl Facts for CallFacts<'_> {
    fn fact(&self, name: &str) -> Option<Fact<'_>> {
        let Self { policy, request, circumstances, .. } = self;
        let shape = &request.shape;
        Some(match name {
            "request.method" => Fact::Text(&circumstances.method),
            "request.path" => Fact::Text(&circumstances.path),
            "request.host" => Fact::Text(&circumstances.host),
            "chat.operation" => Fact::Text(operation_name(self.operation)),
            "chat.dialect" => Fact::Text(request.caller.as_str()),
            "chat.model" => Fact::Text(&request.model),
            "chat.tokens" => Fact::Int(request.estimated_tokens()),
            "chat.max_tokens" => Fact::Int(shape.max_output_tokens.unwrap_or(0)),
            "chat.score" => Fact::Double(self.complexity().score),
            "chat.level" => Fact::Text(self.complexity().level.as_str()),
            "chat.tier" => Fact::Text(&policy.tier(policy.cheapest_tier(self.complexity().level)).name),
            "chat.language" => Fact::Text(self.language.get_or_init(|| language_tag(&request.said_last()))),
            "chat.turns" => Fact::Int(shape.user_messages.into()),
            "chat.messages" => Fact::Int(shape.messages.into()),
            "chat.tools" => Fact::Int(shape.tools.into()),
            "chat.images" => Fact::Int(shape.all_images.into()),
            "chat.schema" => Fact::Bool(shape.structured_output),
            "chat.stream" => Fact::Bool(request.stream),
            "now.hour" => Fact::Int(self.local().hour.into()),
            "now.weekday" => Fact::Int(self.local().weekday.into()),
            "now.date" => Fact::Text(&self.local().date),
            _ if name.starts_with("budget.") => {
                let is_named = |(budget, _): &&(String, f64)| name.strip_prefix("budget.") == Some(budget);
                Fact::Double(circumstances.budgets.iter().find(is_named)?.1)
            }
            _ => match circumstances.attributes.get(name.strip_prefix("identity.")?)? {
                Attribute::Text(text) => Fact::Text(text),
                Attribute::Texts(texts) => Fact::Texts(texts),
            },
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.circumstances.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests;
