//! What the policy answers by itself: nobody else is asked.

use super::apply::{self, Applied};
use super::books;
use super::role::RouterRole;
use crate::admission::Inquiry;
use crate::chat::Caller;
use crate::chat::listing::{self, Listed};
use crate::host::{Headers, Host};
use crate::identity::Attributes;
use crate::policy::ModelId;
use crate::routing::AUTO;

/// The owner of the name that means: decide.
const OWNER: &str = "llm-arbiter";

/// Answers it.
pub(super) fn answer<H: Host>(
    role: &RouterRole,
    host: &H,
    inquiry: &Inquiry,
    (headers, attributes): (&Headers, &Attributes),
) -> Applied {
    let caller = spoken(headers, Caller::OpenAi);
    let body = match inquiry {
        Inquiry::Alive => Some(Vec::new()),
        Inquiry::Models => Some(listing::all(&models(role, attributes), caller)),
        Inquiry::Model(name) => {
            let known = models(role, attributes).into_iter().find(|model| model.name == name);
            known.map(|model| listing::one(&model, caller))
        }
    };
    let Some(body) = body else { return apply::no_such_model(role, host, caller) };
    books::answered(role, host, inquiry.as_str());
    host.reply(200, &[("content-type", "application/json")], &body);
    Applied::Replied
}

/// What those speak who ask at a path that does not say so: Anthropic's callers name a version.
pub(super) fn spoken(headers: &Headers, by_path: Caller) -> Caller {
    let has = |wanted: &str| headers.iter().any(|(name, _)| name == wanted);
    if has("anthropic-version") { Caller::Anthropic } else { by_path }
}

/// What callers may name: those models that their key is for, if their provider can be asked.
fn models<'r>(role: &'r RouterRole, attributes: &Attributes) -> Vec<Listed<'r>> {
    let policy = &role.policy;
    let opened = policy.models_of_key(attributes);
    let is_open = |id: &ModelId| opened.is_none_or(|opened| opened.contains(id));
    let able = policy
        .models()
        .filter(|(id, model)| is_open(id) && role.credentials.missing_for(model.provider).is_none());
    let named = able.map(|(_, model)| Listed {
        name: model.name.as_str(),
        owner: policy.provider(model.provider).name.as_str(),
    });
    std::iter::once(Listed { name: AUTO, owner: OWNER }).chain(named).collect()
}
