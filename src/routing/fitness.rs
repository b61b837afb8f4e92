//! Whether a model can take a request, and why not.

use thiserror::Error;

use super::credentials::Credentials;
use crate::chat::conversation::Unsupported;
use crate::chat::survey::Survey;
use crate::chat::{ChatRequest, translate};
use crate::policy::{Constraints, Model, ModelId, Policy};

/// Why a model cannot take a request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unfit {
    /// The rule that holds, or the caller's key, is for other models.
    #[error("the policy does not allow it for this call")]
    Rule,
    /// Its provider's credential is not there.
    #[error("environment variable {variable} is not set")]
    Credential {
        /// The variable that should hold it.
        variable: String,
    },
    /// The request has tools.
    #[error("it does not call tools")]
    Tools,
    /// The request has images.
    #[error("it sees no images")]
    Images,
    /// The request demands a form of the answer.
    #[error("it gives no structured output")]
    StructuredOutput,
    /// The request is too long.
    #[error("about {tokens} tokens do not fit its context window of {window}")]
    ContextWindow {
        /// Estimated tokens of prompt and answer together.
        tokens: u64,
        /// What the policy says that it takes.
        window: u64,
    },
    /// The request refers to what a provider holds, and its provider is not the one.
    #[error("what the request refers to is held by the provider of the model that it names")]
    State,
    /// Its provider does not do what is asked for.
    #[error("its provider does not serve `{path}`")]
    NotServed {
        /// The end of the path.
        path: String,
    },
    /// Its provider's dialect has no word for something in the request.
    #[error(transparent)]
    Dialect(#[from] Unsupported),
}

/// A request that is held against models. It is looked over for other dialects at most once.
#[derive(Debug)]
pub(super) struct Fitting<'a> {
    policy: &'a Policy,
    credentials: &'a Credentials,
    request: &'a ChatRequest,
    constraints: &'a Constraints,
    /// What it says that not every dialect has a word for; looked for when a model needs it.
    survey: Option<Survey>,
}

impl<'a> Fitting<'a> {
    pub(super) fn new(
        policy: &'a Policy,
        credentials: &'a Credentials,
        request: &'a ChatRequest,
        constraints: &'a Constraints,
    ) -> Self {
        Self { policy, credentials, request, constraints, survey: None }
    }

    pub(super) fn check(&mut self, id: ModelId) -> Result<(), Unfit> {
        if !self.constraints.allows_model(id) {
            return Err(Unfit::Rule);
        }
        let model = self.policy.model(id);
        if let Some(variable) = self.credentials.missing_for(model.provider) {
            return Err(Unfit::Credential { variable: variable.to_owned() });
        }
        self.able(model)?;
        self.sayable(model)?;
        self.holds_state(model)
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
            let tokens = self.request.estimated_tokens().saturating_add(answer);
            if tokens > window {
                return Err(Unfit::ContextWindow { tokens, window });
            }
        }
        Ok(())
    }

    /// Whether the model's provider is the one that holds what the request refers to: that of the model that it names.
    fn holds_state(&self, model: &Model) -> Result<(), Unfit> {
        if !self.request.sampling.stateful {
            return Ok(());
        }
        let named = self.policy.model_by_name(&self.request.model).map(|id| self.policy.model(id).provider);
        match named {
            Some(holder) if holder != model.provider => Err(Unfit::State),
            _ => Ok(()),
        }
    }

    /// Whether the model's provider can be told all that the request says.
    fn sayable(&mut self, model: &Model) -> Result<(), Unfit> {
        let request = self.request;
        let dialect = self.policy.provider(model.provider).dialect_for(request.caller);
        if dialect.is_spoken_by(request.caller) {
            return Ok(());
        }
        let survey = self.survey.get_or_insert_with(|| translate::survey(request.body(), request.caller));
        Ok(survey.fits(request.caller, dialect, model.abilities.fetches_images)?)
    }
}
