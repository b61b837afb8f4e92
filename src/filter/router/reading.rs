//! A request whose body is being collected, until it is one that can be planned.

use std::time::Duration;

use super::budgets;
use super::role::RouterRole;
use crate::admission::{Admitted, RequestHead, Unreadable, plain_path};
use crate::cache::Variant;
use crate::cache::directives::RequestDirectives;
use crate::cache::exact::Bypass;
use crate::cache::recall::{Caching, Question, Recall};
use crate::chat::headers::may_change_answer;
use crate::chat::request::{Canonical, Limits};
use crate::chat::{Caller, ChatRequest, Operation};
use crate::envoy::MAX_FALSE_HITS_HEADER;
use crate::host::{Direction, Headers, Host};
use crate::identity::{Identity, KEY, text_named};
use crate::policy::{Lot, read_share};
use crate::routing::{Circumstances, Ruling};

/// What the headers have said, and how much of the body has come.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) caller: Caller,
    pub(super) operation: Operation,
    /// The headers that may change the answer.
    variant: Variant,
    pub(super) identity: Identity,
    /// Whether what is decided is done, and not only counted.
    pub(super) is_enforced: bool,
    /// What rules may ask besides; nothing where there are no rules.
    circumstances: Circumstances,
    /// What the rules say, once the body has been read.
    pub(super) ruling: Ruling,
    /// The share of wrong semantic hits that the caller accepts.
    pub(super) max_false_hits: f64,
    pub(super) directives: RequestDirectives,
    pub(super) accepts_encoding: bool,
    /// `x-request-id`.
    pub(super) request_id: String,
    /// Whom the call is counted under.
    pub(super) team: String,
    /// Whether the access log has a hash of the last user message.
    pub(super) hashes_prompt: bool,
    /// When its body had come to its end; until then, nothing.
    pub(super) read_at: Duration,
    /// How much of the body has been collected, in bytes.
    pub(super) size: usize,
}

impl Reading {
    /// Takes from the headers what will be needed later.
    pub(super) fn new(
        role: &RouterRole,
        admitted: Admitted,
        (identity, lot): (Identity, Lot),
        head: &RequestHead<'_>,
        headers: &Headers,
    ) -> Self {
        let Admitted { caller, operation } = admitted;
        let may_change_answer =
            |name: &str| may_change_answer(name, caller) || role.policy.forwarded_headers.contains(name);
        let varying = headers
            .iter()
            .filter(|(name, value)| may_change_answer(name) && !role.policy.names_usual_version(name, value));
        let is_enforced = role.policy.is_enforced(&lot);
        let mut variant = Variant::of(varying);
        if !is_enforced {
            variant.add_shadow();
        }
        Self {
            caller,
            operation,
            variant,
            circumstances: Circumstances { lot, ..circumstances(role, &identity, head, headers) },
            hashes_prompt: role.policy.telemetry.prompt_hash,
            team: text_named(&identity.attributes, &role.policy.telemetry.team)
                .unwrap_or_default()
                .to_owned(),
            read_at: Duration::ZERO,
            identity,
            is_enforced,
            ruling: Ruling::default(),
            directives: RequestDirectives::of(headers.all("cache-control")),
            max_false_hits: max_false_hits(headers),
            accepts_encoding: head.accepts_encoding,
            request_id: head.request_id.to_owned(),
            size: 0,
        }
    }

    /// Reads the body, which is complete.
    pub(super) fn read<H: Host>(&self, role: &RouterRole, host: &H) -> Result<ChatRequest, Unreadable> {
        let limits = Limits { max_depth: role.policy.admit.max_depth };
        let is_chat = self.operation == Operation::Chat;
        let is_cached = role.cache.is_some() && is_chat && !self.directives.no_store;
        let canonical = if is_cached { Canonical::Keep } else { Canonical::Skip };
        let body = host.body(Direction::Request, self.size);
        let request = match self.operation {
            Operation::Chat | Operation::Count => ChatRequest::parse(body, self.caller, limits, canonical),
            Operation::Direct(_) => ChatRequest::parse_direct(body, limits),
        };
        request.map_err(Unreadable::Body)
    }

    /// Asks the rules.
    pub(super) fn rule<H: Host>(&mut self, role: &RouterRole, host: &H, request: &ChatRequest) {
        let policy = &role.policy;
        if !policy.holds_calls() {
            return;
        }
        if policy.rules.read_budgets() {
            let charges = budgets::look(role, host, &self.identity.attributes, |_| true);
            self.circumstances.budgets = budgets::shares(role, &charges);
        }
        let call = (request, &self.operation);
        self.ruling = Ruling::of(policy, role.encoder.as_deref(), call, &self.circumstances, host.now());
        let constraints = self.ruling.constraints(policy);
        let accepted = [self.directives.max_age, constraints.max_age];
        self.directives.max_age = accepted.into_iter().flatten().min();
        if let Some(scope) = &constraints.cache_scope {
            self.variant.add_scope(scope, text_named(&self.identity.attributes, scope).unwrap_or_default());
        }
        if constraints.bears_on_answers() {
            let attributes = &self.identity.attributes;
            let key = policy.models_of_key(attributes).and_then(|_| text_named(attributes, KEY));
            self.variant.add_regime(self.ruling.name(policy), key);
        }
    }

    /// Asks the cache.
    pub(super) fn recall<H: Host>(&self, role: &RouterRole, host: &H, request: &ChatRequest) -> Recall {
        let constraints = self.ruling.constraints(&role.policy);
        match &role.cache {
            Some(_) if constraints.skips_cache => Recall::Forward(Caching::Bypass(Bypass::Rule)),
            Some(cache) if self.operation == Operation::Chat => {
                cache.recall(host, &self.directives, &self.question(role, request))
            }
            _ => Recall::Forward(Caching::Off),
        }
    }

    /// All that the answer depends on.
    pub(super) fn question<'q>(&'q self, role: &'q RouterRole, request: &'q ChatRequest) -> Question<'q> {
        let (partition, revision, variant) = (&self.identity.partition, &role.policy.revision, &self.variant);
        Question { partition, revision, variant, request }
    }
}

/// What rules may ask besides the body.
fn circumstances(
    role: &RouterRole,
    identity: &Identity,
    head: &RequestHead<'_>,
    headers: &Headers,
) -> Circumstances {
    let rules = &role.policy.rules;
    if !role.policy.holds_calls() {
        return Circumstances::default();
    }
    let value = |name: &str| {
        let values: Vec<_> = headers.all(name).map(String::from_utf8_lossy).collect();
        (!values.is_empty()).then(|| values.join(","))
    };
    Circumstances {
        method: head.method.to_owned(),
        path: plain_path(head.path).to_ascii_lowercase(),
        host: value(":authority").unwrap_or_default().to_ascii_lowercase(),
        headers: rules.headers().iter().filter_map(|name| Some((name.clone(), value(name)?))).collect(),
        attributes: identity.attributes.clone(),
        ..Circumstances::default()
    }
}

/// What the caller accepts: all that the policy allows if it does not say; nothing if what it says is no share. Of several the
/// strictest counts.
fn max_false_hits(headers: &Headers) -> f64 {
    let share = |value| std::str::from_utf8(value).ok().and_then(read_share).unwrap_or_default();
    headers.all(MAX_FALSE_HITS_HEADER).map(share).fold(1.0, f64::min)
}
