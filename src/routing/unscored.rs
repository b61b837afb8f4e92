//! What becomes of calls that are not scored: they go to the model that they name, or are answered here.

use super::candidates::{Candidates, LeftOut, NoCandidate};
use super::credentials::Credentials;
use super::decision::{Decision, Reason, Target};
use super::fitness::Unfit;
use super::plan::Forward;
use super::ruling::Ruling;
use crate::cache::recall::Caching;
use crate::chat::splice::{Edit, splice};
use crate::chat::{ChatRequest, Operation};
use crate::policy::{Model, ModelId, Policy};

/// What becomes of such a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Unscored {
    /// It goes to the model that it names.
    Forward(Forward),
    /// The caller is told an estimate of the tokens of its request.
    Estimate(u64),
    /// The policy has no model of that name.
    NoSuchModel,
    /// The model cannot be asked.
    Refuse(NoCandidate),
}

/// Makes the plan for a request that asks for an `operation` other than an answer. One that the rules refuse has no plan.
#[must_use]
pub fn unscored(
    policy: &Policy,
    credentials: &Credentials,
    request: &ChatRequest,
    (operation, ruling): (&Operation, &Ruling),
) -> Unscored {
    let allowed = |id: ModelId| ruling.constraints(policy).allows_model(id);
    let named = policy.model_by_name(&request.model).map(|id| (id, policy.model(id)));
    if *operation == Operation::Count {
        let counts = |model: &Model| {
            let provider = policy.provider(model.provider);
            let is_served = operation.path(&provider.path).is_some();
            is_served && credentials.missing_for(model.provider).is_none()
        };
        return match named.filter(|(id, model)| allowed(*id) && counts(model)) {
            Some((id, model)) => Unscored::Forward(forward(request, id, model)),
            None => Unscored::Estimate(request.estimated_tokens()),
        };
    }
    let Some((id, model)) = named else { return Unscored::NoSuchModel };
    if !allowed(id) {
        return Unscored::Refuse(NoCandidate(LeftOut(vec![(model.name.clone(), Unfit::Rule)])));
    }
    match fits(policy, credentials, model, operation) {
        Ok(()) => Unscored::Forward(forward(request, id, model)),
        Err(why) => Unscored::Refuse(NoCandidate(LeftOut(vec![(model.name.clone(), why)]))),
    }
}

fn fits(
    policy: &Policy,
    credentials: &Credentials,
    model: &Model,
    operation: &Operation,
) -> Result<(), Unfit> {
    if let Some(variable) = credentials.missing_for(model.provider) {
        return Err(Unfit::Credential { variable: variable.to_owned() });
    }
    match operation.path(&policy.provider(model.provider).path) {
        Some(_) => Ok(()),
        None => Err(Unfit::NotServed { path: operation.as_str().to_owned() }),
    }
}

fn forward(request: &ChatRequest, id: ModelId, model: &Model) -> Forward {
    let decision = Decision { target: Target::Model(id), model: id, reason: Reason::Requested };
    let candidates = Candidates {
        decision,
        models: vec![id],
        cluster: model.cluster.clone(),
        left_out: LeftOut::default(),
    };
    let include_usage = request.must_ask_for_usage();
    let edit = Edit { include_usage, ..Edit::naming(&model.upstream_name) };
    let body = splice(request, edit);
    Forward { complexity: None, candidates, body, caching: Caching::Off, escalation: None }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::chat::Caller;
    use crate::chat::request::{Canonical, Limits};

    const LIMITS: Limits = Limits { max_depth: 16 };

    fn planned(operation: &Operation, body: &Value, key: Option<&str>) -> Unscored {
        let model = |provider: &str| json!({"provider": provider, "prices": {"input": 1, "output": 2}});
        let policy = Policy::from_value(json!({
            "providers": {
                "openai": {"host": "o.test", "credential": "KEY"},
                "anthropic": {"host": "a.test", "dialect": "anthropic", "credential": "KEY"}
            },
            "models": {"embed": model("openai"), "claude": model("anthropic")},
            "tiers": [{"name": "all", "handles": "high", "models": ["embed", "claude"]}],
            "baseline": "claude"
        }))
        .unwrap();
        let credentials = Credentials::find(&policy, |_| key.map(str::to_owned));
        let body = body.to_string().into();
        let request = match operation {
            Operation::Direct(_) => ChatRequest::parse_direct(body, LIMITS),
            _ => ChatRequest::parse(body, Caller::Anthropic, LIMITS, Canonical::Skip),
        };
        unscored(&policy, &credentials, &request.unwrap(), (operation, &Ruling::default()))
    }

    fn model_of(unscored: Unscored) -> Option<usize> {
        match unscored {
            Unscored::Forward(forward) => Some(forward.candidates.models.len()),
            _ => None,
        }
    }

    #[test]
    fn a_direct_call_goes_to_the_model_that_it_names_or_nowhere() {
        let embed = Operation::Direct("/embeddings".into());
        let asking = |model: &str| json!({"model": model, "input": ["a", "b"]});
        assert_eq!(model_of(planned(&embed, &asking("embed"), Some("k"))), Some(1));
        assert_eq!(planned(&embed, &asking("auto"), Some("k")), Unscored::NoSuchModel);
        for (model, key, expected) in [
            ("claude", Some("k"), "claude: its provider does not serve `/embeddings`"),
            ("embed", None, "embed: environment variable KEY is not set"),
        ] {
            let Unscored::Refuse(why) = planned(&embed, &asking(model), key) else { panic!("{model}") };
            assert!(why.to_string().ends_with(expected), "{why}");
        }
    }

    #[test]
    fn tokens_are_counted_by_who_can_and_estimated_else() {
        let asking =
            |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "hello"}]});
        assert_eq!(model_of(planned(&Operation::Count, &asking("claude"), Some("k"))), Some(1));
        for (model, key) in
            [("embed", Some("k")), ("auto", Some("k")), ("unheard-of", Some("k")), ("claude", None)]
        {
            let Unscored::Estimate(tokens) = planned(&Operation::Count, &asking(model), key) else {
                panic!("{model}")
            };
            assert!((10..40).contains(&tokens), "{tokens}");
        }
    }
}
