//! The models that may take a request: those that can do what it asks for, and that we have a credential for.

use thiserror::Error;

use super::Router;
use crate::chat::conversation::{Conversation, Target as Written, Unsupported};
use crate::chat::{Caller, ChatRequest, translate};
use crate::policy::{Decision, Model, ModelId, Policy, Reason, Target, TierId};

/// Where a request goes, and whom it may be asked of there.
#[derive(Debug)]
pub(super) struct Candidates {
    pub(super) decision: Decision,
    /// In failover order; never empty.
    pub(super) models: Vec<ModelId>,
    /// The Envoy cluster that asks them.
    pub(super) cluster: String,
}

/// Why no model may take a request.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("no model can take this request: {}", .0.iter().map(|(model, why)| format!("{model}: {why}")).collect::<Vec<_>>().join("; "))]
pub(super) struct NoCandidate(Vec<(String, Unfit)>);

impl NoCandidate {
    /// Whether the operator, not the caller, must change something.
    pub(super) fn is_ours(&self) -> bool {
        self.0.iter().any(|(_, why)| matches!(why, Unfit::Credential { .. }))
    }
}

/// Why a model may not take a request.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum Unfit {
    #[error("environment variable {variable} is not set")]
    Credential { variable: String },
    #[error("it does not call tools")]
    Tools,
    #[error("it sees no images")]
    Images,
    #[error("it gives no structured output")]
    StructuredOutput,
    #[error("about {tokens} tokens do not fit its context window of {window}")]
    ContextWindow { tokens: u64, window: u64 },
    #[error("its provider cannot be told: {0}")]
    Dialect(#[from] Unsupported),
}

/// A request as far as it decides who may take it.
pub(super) struct Asking<'a> {
    caller: Caller,
    body: &'a [u8],
    request: &'a ChatRequest<'a>,
    /// The request in no dialect; read when a model needs it.
    conversation: Option<Result<Conversation, Unsupported>>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(caller: Caller, body: &'a [u8], request: &'a ChatRequest<'a>) -> Self {
        Self { caller, body, request, conversation: None }
    }

    /// Finds who may take the request: the models that were decided on, else those of stronger tiers, else of cheaper ones.
    pub(super) fn candidates(
        mut self,
        router: &Router,
        decision: Decision,
    ) -> Result<Candidates, NoCandidate> {
        let policy = &router.policy;
        let mut unfit = Vec::new();
        if let Target::Model(id) = decision.target {
            return match self.fit(router, id) {
                Ok(()) => {
                    Ok(Candidates { decision, models: vec![id], cluster: policy.model(id).cluster.clone() })
                }
                Err(why) => Err(NoCandidate(vec![(policy.model(id).name.clone(), why)])),
            };
        }
        for tier in by_preference(policy, decision.target) {
            let mut models = Vec::new();
            for id in policy.tier(tier).models() {
                match self.fit(router, id) {
                    Ok(()) => models.push(id),
                    Err(why) => unfit.push((policy.model(id).name.clone(), why)),
                }
            }
            if let Some(first) = models.first().copied() {
                let target = Target::Tier(tier);
                let reason = if target == decision.target { decision.reason } else { Reason::Ability };
                let cluster = policy.tier(tier).subset_cluster(&models);
                let cluster = cluster.unwrap_or_else(|| policy.model(first).cluster.clone());
                return Ok(Candidates {
                    decision: Decision { target, model: first, reason },
                    models,
                    cluster,
                });
            }
        }
        Err(NoCandidate(unfit))
    }

    fn fit(&mut self, router: &Router, id: ModelId) -> Result<(), Unfit> {
        let model = router.policy.model(id);
        if let Some(variable) = router.missing_credential(model.provider) {
            return Err(Unfit::Credential { variable: variable.to_owned() });
        }
        self.able(model)?;
        let dialect = router.policy.provider(model.provider).dialect;
        if dialect.is_spoken_by(self.caller) {
            return Ok(());
        }
        let target = Written {
            model: &model.upstream_name,
            max_output: model.abilities.max_output,
            reasoning: model.abilities.reasoning,
        };
        if dialect.format == self.caller.format() {
            translate::request(self.body, self.caller, dialect, target)?;
            return Ok(());
        }
        let (body, caller) = (self.body, self.caller);
        let conversation = self.conversation.get_or_insert_with(|| translate::read_request(body, caller));
        translate::write_request(conversation.as_ref().map_err(Clone::clone)?, dialect, target)?;
        Ok(())
    }

    fn able(&self, model: &Model) -> Result<(), Unfit> {
        let (abilities, shape) = (&model.abilities, &self.request.shape);
        if shape.tools > 0 && !abilities.tools {
            return Err(Unfit::Tools);
        }
        if shape.media_bytes > 0 && !abilities.images {
            return Err(Unfit::Images);
        }
        if shape.structured_output && !abilities.structured_output {
            return Err(Unfit::StructuredOutput);
        }
        if let Some(window) = abilities.context_window {
            let answer = shape.max_output_tokens.unwrap_or(0);
            let tokens = self.request.estimated_tokens(self.body.len()).saturating_add(answer);
            if tokens > window {
                return Err(Unfit::ContextWindow { tokens, window });
            }
        }
        Ok(())
    }
}

/// The tier that was decided on, then the stronger ones, then the cheaper ones from the strongest down.
fn by_preference(policy: &Policy, target: Target) -> Vec<TierId> {
    let tiers: Vec<TierId> = policy.tiers().map(|(id, _)| id).collect();
    let Target::Tier(decided) = target else { return tiers };
    let (cheaper, rest): (Vec<TierId>, Vec<TierId>) = tiers.into_iter().partition(|id| *id < decided);
    rest.into_iter().chain(cheaper.into_iter().rev()).collect()
}
