//! The plan: all that will be done with a request, as a value. Nothing has happened yet.

use super::candidates::{Candidates, NoCandidate};
use super::credentials::Credentials;
use super::decision::{Reason, decide};
use super::escalation::Escalation;
use super::ruling::Ruling;
use super::stay::stay;
use crate::cache::conversations::LastAnswer;
use crate::cache::recall::{Caching, Hit, Recall};
use crate::chat::splice::{Edit, MostEffort, splice};
use crate::chat::{ChatRequest, whole};
use crate::complexity::{self, Complexity};
use crate::embedding::Sieve;
use crate::ledger::budget::Stage;
use crate::policy::{Constraints, ModelId, Policy};

/// What will be done with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// The caller gets what is stored.
    Reply(StoredReply),
    /// A provider is asked.
    Forward(Forward),
    /// No model may take it.
    Refuse(NoCandidate),
}

/// A stored answer in the form that the caller asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredReply {
    /// What the cache had.
    pub hit: Hit,
    /// The answer as a stream of events; `None`: as it is stored.
    pub events: Option<Vec<u8>>,
}

impl StoredReply {
    /// The media type of the body.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        if self.events.is_some() { "text/event-stream" } else { "application/json" }
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.events.as_deref().unwrap_or(&self.hit.answer.body)
    }
}

/// How a request goes to a provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Forward {
    /// How hard it is, if that was asked.
    pub complexity: Option<Complexity>,
    /// Who is asked, in which order, and why.
    pub candidates: Candidates,
    /// The body for the first model; `None`: as it came.
    pub body: Option<Vec<u8>>,
    /// What becomes of the answer.
    pub caching: Caching,
    /// When a stronger model is asked though there is an answer, if ever.
    pub escalation: Option<Box<Escalation>>,
}

/// What else is known when a plan is made.
#[derive(Debug, Clone, Copy)]
pub struct Premises<'k> {
    /// What the rules say.
    pub ruling: &'k Ruling,
    /// How budgets stand.
    pub stage: Stage,
    /// The last answer in the conversation, while its provider still has the prompt.
    pub last_answer: Option<&'k LastAnswer>,
}

impl<'k> Premises<'k> {
    /// Only what the rules say.
    #[must_use]
    pub fn of(ruling: &'k Ruling) -> Self {
        Self { ruling, stage: Stage::Within, last_answer: None }
    }
}

/// Makes the plan for a request, from the policy, the encoder and the credentials that are there, what else is known, and what the
/// cache said. A request that the rules refuse has no plan.
#[must_use]
pub fn plan(
    policy: &Policy,
    encoder: Option<&Sieve>,
    credentials: &Credentials,
    request: &ChatRequest,
    Premises { ruling, stage, last_answer }: Premises<'_>,
    recall: Recall,
) -> Plan {
    let caching = match recall {
        Recall::Forward(caching) => caching,
        Recall::Hit(hit) => {
            let with_usage = request.stream_options.include_usage;
            let as_stream = || whole::as_stream(&hit.answer.body, request.caller, with_usage);
            match (request.stream, request.stream.then(as_stream).flatten()) {
                // It cannot be put into the form that was asked for.
                (true, None) => Caching::Replace(hit.key),
                (_, events) => return Plan::Reply(StoredReply { hit, events }),
            }
        }
    };
    let complexity = ruling.complexity.clone().unwrap_or_else(|| {
        complexity::assess(&policy.classify, encoder, &request.said_last(), &request.shape)
    });
    let constraints = ruling.constraints(policy);
    let decision = decide(policy, (&request.model, complexity.level), constraints, stage);
    let is_thrifty = decision.reason == Reason::Budget;
    // Better times shall not be answered with it.
    let caching = if is_thrifty { caching.without_storing() } else { caching };
    let find = |decision| Candidates::find(policy, credentials, request, decision, constraints);
    let stays = last_answer
        .and_then(|last| stay(policy, decision, constraints, (last, request.estimated_tokens())))
        .and_then(|stays| find(stays).ok().filter(|candidates| candidates.decision == stays));
    match stays.map_or_else(|| find(decision), Ok) {
        Ok(mut candidates) => {
            let escalation = Escalation::of(policy, credentials, request, constraints, &mut candidates);
            let body = body(policy, request, constraints, &candidates);
            let (complexity, escalation) = (Some(complexity), escalation.map(Box::new));
            Plan::Forward(Forward { complexity, candidates, body, caching, escalation })
        }
        Err(none) => Plan::Refuse(none),
    }
}

/// The body for the first of the candidates; `None`: as it came.
fn body(
    policy: &Policy,
    request: &ChatRequest,
    constraints: &Constraints,
    candidates: &Candidates,
) -> Option<Vec<u8>> {
    let first = candidates.decision.model;
    let service_tier = constraints.service_tier.filter(|_| is_native(policy, request, first));
    let always = candidates.models.iter().all(|id| thinks(policy, request, *id));
    let edit = Edit {
        model: &policy.model(first).upstream_name,
        include_usage: request.must_ask_for_usage(),
        max_tokens: constraints.max_tokens,
        service_tier,
        effort: constraints.reasoning_effort.map(|effort| MostEffort { effort, always }),
    };
    splice(request, edit)
}

/// Whether a model reasons, and is spoken to as the caller speaks.
fn thinks(policy: &Policy, request: &ChatRequest, id: ModelId) -> bool {
    is_native(policy, request, id) && policy.model(id).abilities.reasoning
}

/// Whether a model is spoken to as the caller speaks: what others can be told is said by those who translate.
fn is_native(policy: &Policy, request: &ChatRequest, id: ModelId) -> bool {
    policy.provider_of(id).dialect_for(request.caller).is_spoken_by(request.caller)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::cache::exact::KeptAnswer;
    use crate::cache::origin::Origin;
    use crate::cache::tag::ModelTag;
    use crate::cache::{CacheKey, Variant};
    use crate::chat::Caller;
    use crate::chat::request::{Canonical, Limits};
    use crate::identity::Partition;

    fn policy() -> Policy {
        let price = json!({"input": 1, "output": 2});
        Policy::from_value(json!({
            "providers": {"p": {"host": "p.test", "credential": "P_KEY"}, "q": {"host": "q.test"}},
            "models": {
                "tiny": {"provider": "p", "upstream_name": "tiny-1", "prices": price},
                "spare": {"provider": "q", "prices": price, "tools": false},
                "big": {"provider": "q", "prices": price}
            },
            "tiers": [
                {"name": "small", "handles": "medium", "models": ["tiny", "spare"]},
                {"name": "large", "handles": "high", "models": ["big"]}
            ],
            "baseline": "big"
        }))
        .unwrap()
    }

    fn request(members: Value) -> ChatRequest {
        let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let limits = Limits { max_depth: 16 };
        ChatRequest::parse(body.to_string().into(), Caller::OpenAi, limits, Canonical::Keep).unwrap()
    }

    fn forward(plan: Plan) -> Forward {
        match plan {
            Plan::Forward(forward) => forward,
            other => panic!("{other:?}"),
        }
    }

    const FRESH: Recall = Recall::Forward(Caching::Off);

    #[test]
    fn a_plan_says_who_is_asked_and_what_of() {
        let forward = forward(plan(
            &policy(),
            None,
            &Credentials::all(),
            &request(json!({})),
            Premises::of(&Ruling::default()),
            FRESH,
        ));
        assert_eq!(forward.candidates.cluster, "arbiter-tier-small");
        assert_eq!(forward.candidates.models.len(), 2);
        assert!(forward.candidates.left_out.0.is_empty());
        let body: Value = serde_json::from_slice(&forward.body.unwrap()).unwrap();
        assert_eq!(body["model"], "tiny-1");
    }

    #[test]
    fn a_plan_says_why_the_others_are_not_asked() {
        let credentials = Credentials::find(&policy(), |_| None);
        let forward = forward(plan(
            &policy(),
            None,
            &credentials,
            &request(json!({"tools": [{}]})),
            Premises::of(&Ruling::default()),
            FRESH,
        ));
        assert_eq!(forward.candidates.cluster, "arbiter-model-big");
        let why = "tiny: environment variable P_KEY is not set; spare: it does not call tools";
        assert_eq!(forward.candidates.left_out.to_string(), why);
    }

    fn hit(answer: &str) -> Recall {
        let key = CacheKey::new(
            &Partition::of_header("x-tenant", None),
            &[0; 32],
            &Variant::default(),
            &request(json!({})),
        )
        .unwrap();
        let (age, ttl_left) = (Duration::from_secs(1), Duration::from_secs(59));
        let answer = KeptAnswer {
            body: answer.into(),
            dialect: Caller::OpenAi,
            usage: None,
            model: ModelTag::default(),
        };
        Recall::Hit(Hit { key, answer, age, ttl_left, origin: Origin::Stored })
    }

    #[test]
    fn a_stored_answer_is_replied_in_the_form_that_was_asked_for() {
        let stored = r#"{"id":"1","created":1,"model":"m","choices":[{"message":{"content":"yes"},"finish_reason":"stop"}]}"#;
        for (stream, content_type) in [(false, "application/json"), (true, "text/event-stream")] {
            let request = request(json!({"stream": stream}));
            let Plan::Reply(reply) = plan(
                &policy(),
                None,
                &Credentials::all(),
                &request,
                Premises::of(&Ruling::default()),
                hit(stored),
            ) else {
                panic!("a hit is replied");
            };
            assert_eq!(reply.content_type(), content_type);
            assert!(std::str::from_utf8(reply.body()).unwrap().contains("yes"));
        }
    }

    #[test]
    fn a_stored_answer_that_cannot_be_streamed_is_replaced() {
        let request = request(json!({"stream": true}));
        let forward = forward(plan(
            &policy(),
            None,
            &Credentials::all(),
            &request,
            Premises::of(&Ruling::default()),
            hit("{}"),
        ));
        assert!(matches!(forward.caching, Caching::Replace(_)));
    }
}
