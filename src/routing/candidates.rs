//! The models that may take a request, in failover order, and why not the others.

use std::fmt;

use thiserror::Error;

use super::credentials::Credentials;
use super::decision::{Decision, Reason, Target};
use super::fitness::{Fitting, Unfit};
use crate::chat::ChatRequest;
use crate::policy::{Constraints, ModelId, Policy, TierId};

/// Where a request goes, and whom it may be asked of there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// The decision as it stands after models that cannot take the request have been left out.
    pub decision: Decision,
    /// In failover order; never empty.
    pub models: Vec<ModelId>,
    /// The Envoy cluster that asks them.
    pub cluster: String,
    /// The models that were looked at before and cannot take it, by name.
    pub left_out: LeftOut,
}

/// Models that cannot take a request, in the order in which they were looked at, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeftOut(pub Vec<(String, Unfit)>);

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (model, why)) in self.0.iter().enumerate() {
            let separator = if at > 0 { "; " } else { "" };
            write!(f, "{separator}{model}: {why}")?;
        }
        Ok(())
    }
}

/// No model may take a request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no model can take this request: {0}")]
pub struct NoCandidate(pub LeftOut);

impl NoCandidate {
    /// Whether the operator, not the caller, must change something.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.0.0.iter().any(|(_, why)| matches!(why, Unfit::Credential { .. }))
    }

    /// Its name in metrics and logs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        if self.is_ours() { "no_credential" } else { "no_able_model" }
    }

    /// The `code` of the error that the caller is told: its own program's word for what it can do, if there is one.
    #[must_use]
    pub fn code(&self) -> &'static str {
        let mut codes = self.0.0.iter().filter_map(|(_, why)| match why {
            Unfit::Dialect(unsupported) => unsupported.code,
            _ => None,
        });
        codes.next().unwrap_or_else(|| self.reason())
    }
}

impl Candidates {
    /// Finds who may take the request: the models that were decided on, else those of stronger tiers, else of cheaper ones, all within
    /// `constraints`.
    ///
    /// # Errors
    /// [`NoCandidate`] says of every model why it cannot.
    pub fn find(
        policy: &Policy,
        credentials: &Credentials,
        request: &ChatRequest,
        decision: Decision,
        constraints: &Constraints,
    ) -> Result<Self, NoCandidate> {
        let mut fitting = Fitting::new(policy, credentials, request, constraints);
        let mut left_out = LeftOut::default();
        if let Target::Model(id) = decision.target {
            return match fitting.check(id) {
                Ok(()) => {
                    let cluster = policy.model(id).cluster.clone();
                    Ok(Self { decision, models: vec![id], cluster, left_out })
                }
                Err(why) => Err(NoCandidate(LeftOut(vec![(policy.model(id).name.clone(), why)]))),
            };
        }
        let within = |tier: &TierId| constraints.allows_tier(*tier);
        for tier in by_preference(policy, decision.target).into_iter().filter(within) {
            let mut models = Vec::new();
            let is_decided = Target::Tier(tier) == decision.target;
            // Those before the model that was decided on are passed over.
            for id in policy.tier(tier).models().skip_while(|id| is_decided && *id != decision.model) {
                match fitting.check(id) {
                    Ok(()) => models.push(id),
                    Err(why) => left_out.0.push((policy.model(id).name.clone(), why)),
                }
            }
            // Whoever was decided on by name stays the first.
            if !is_decided || decision.is_usual_for(policy.tier(tier)) {
                constraints.put_preferred_first(&mut models);
            }
            if let Some(first) = models.first().copied() {
                let target = Target::Tier(tier);
                let reason = if target == decision.target { decision.reason } else { Reason::Ability };
                let cluster = policy.tier(tier).chain_cluster(&models);
                let cluster = cluster.unwrap_or_else(|| policy.model(first).cluster.clone());
                let decision = Decision { target, model: first, reason };
                return Ok(Self { decision, models, cluster, left_out });
            }
        }
        Err(NoCandidate(left_out))
    }
}

/// The tier that was decided on, then the stronger ones, then the cheaper ones from the strongest down.
fn by_preference(policy: &Policy, target: Target) -> Vec<TierId> {
    let tiers: Vec<TierId> = policy.tiers().map(|(id, _)| id).collect();
    let Target::Tier(decided) = target else { return tiers };
    let (cheaper, rest): (Vec<TierId>, Vec<TierId>) = tiers.into_iter().partition(|id| *id < decided);
    rest.into_iter().chain(cheaper.into_iter().rev()).collect()
}
