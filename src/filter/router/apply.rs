//! The one place where a plan for a request becomes acts on the host.

use super::books;
use super::budgets::{Notice, Reserved};
use super::exchange::{Asked, Forwarded, Verdict};
use super::reading::Reading;
use super::role::RouterRole;
use super::semantic::Sought;
use crate::admission::{NotOurs, RequestHead, Unreadable};
use crate::cache::directives::CacheStatus;
use crate::chat::excerpt::excerpt;
use crate::chat::{Caller, ChatRequest};
use crate::envoy::{CLUSTER_HEADER, DECISION_HEADER, ESTIMATED_HEADER, STREAM_HEADER};
use crate::filter::call::Call;
use crate::filter::fault::Fault;
use crate::host::{Direction, Host};
use crate::identity::Unidentified;
use crate::policy::{Denial, ModelId};
use crate::routing::{Forward, Plan, StoredReply, Unscored};

/// What became of the request.
#[derive(Debug)]
pub(super) enum Applied {
    /// It goes on as it came.
    Passed,
    /// It has been answered.
    Replied,
    /// It goes to a provider.
    Forwarded(Box<Forwarded>),
}

/// Carries out a plan.
pub(super) fn apply<H: Host>(
    role: &RouterRole,
    host: &H,
    reading: Reading,
    request: ChatRequest,
    (plan, sought): (Plan, Option<Sought>),
) -> Applied {
    match plan {
        Plan::Reply(stored) => reply(role, host, &Asked::of(request, &reading), &stored),
        Plan::Refuse(none) => refuse(role, host, reading.caller, none.reason(), &Fault::NoCandidate(&none)),
        Plan::Forward(plan) => {
            let forwarded = forward(role, host, reading, request, plan);
            Applied::Forwarded(Box::new(Forwarded { sought, ..forwarded }))
        }
    }
}

/// Deals with a chat call that cannot be read: no plan holds for it.
pub(super) fn unread<H: Host>(role: &RouterRole, host: &H, caller: Caller, why: &Unreadable) -> Applied {
    if role.policy.admit.refuses(why) {
        refuse(role, host, caller, why.reason(), &Fault::Unread(why))
    } else {
        books::passed(role, host, why.reason());
        Applied::Passed
    }
}

/// Deals with what is no call of ours: the policy names what passes.
pub(super) fn not_ours<H: Host>(
    role: &RouterRole,
    host: &H,
    caller: Caller,
    (head, reason): (&RequestHead<'_>, NotOurs),
) -> Applied {
    if role.policy.admit.passes(head.path) {
        books::passed(role, host, reason.as_str());
        Applied::Passed
    } else {
        let path = excerpt(head.path.split('?').next().unwrap_or_default());
        refuse(role, host, caller, "not_found", &Fault::NotFound { method: head.method, path })
    }
}

/// Carries out the plan for a request that is not scored.
pub(super) fn apply_unscored<H: Host>(
    role: &RouterRole,
    host: &H,
    reading: Reading,
    request: ChatRequest,
    plan: Unscored,
) -> Applied {
    match plan {
        Unscored::NoSuchModel => no_such_model(role, host, reading.caller),
        Unscored::Refuse(none) => {
            refuse(role, host, reading.caller, none.reason(), &Fault::NoCandidate(&none))
        }
        Unscored::Forward(plan) => Applied::Forwarded(Box::new(forward(role, host, reading, request, plan))),
        Unscored::Estimate(tokens) => {
            books::answered(role, host, "estimated");
            let headers = [("content-type", "application/json"), (ESTIMATED_HEADER, "true")];
            host.reply(200, &headers, counted(tokens).as_bytes());
            Applied::Replied
        }
    }
}

/// The tokens of a request as Anthropic tells them.
fn counted(tokens: u64) -> String {
    format!("{{\"input_tokens\":{tokens}}}")
}

/// Refuses a request of which it is not known who asks.
pub(super) fn unidentified<H: Host>(
    role: &RouterRole,
    host: &H,
    caller: Caller,
    why: &Unidentified,
) -> Applied {
    refuse(role, host, caller, why.reason(), &Fault::Unidentified(why))
}

/// Refuses a request as a rule says.
pub(super) fn denied<H: Host>(role: &RouterRole, host: &H, asked: &Asked, denial: &Denial) -> Applied {
    books::denied(role, host, asked);
    Fault::Denied(denial).send(host, asked.caller);
    Applied::Replied
}

/// Refuses a request because a budget is spent.
pub(super) fn exhausted<H: Host>(role: &RouterRole, host: &H, asked: &Asked, notice: &Notice) -> Applied {
    books::exhausted(role, host, asked, notice);
    let fault = Fault::Exhausted { budget: &notice.name, seconds: notice.resets_in.as_secs().max(1) };
    fault.send(host, asked.caller);
    Applied::Replied
}

/// Refuses to ask a provider for what is not stored.
pub(super) fn not_cached<H: Host>(role: &RouterRole, host: &H, caller: Caller) -> Applied {
    refuse(role, host, caller, "only_if_cached", &Fault::NotCached)
}

/// Says that there is no model of the name that was asked for.
pub(super) fn no_such_model<H: Host>(role: &RouterRole, host: &H, caller: Caller) -> Applied {
    refuse(role, host, caller, "no_such_model", &Fault::NoSuchModel)
}

fn refuse<H: Host>(role: &RouterRole, host: &H, caller: Caller, reason: &str, fault: &Fault<'_>) -> Applied {
    books::refused(role, host, reason);
    fault.send(host, caller);
    Applied::Replied
}

fn reply<H: Host>(role: &RouterRole, host: &H, asked: &Asked, stored: &StoredReply) -> Applied {
    let age = stored.hit.age.as_secs().to_string();
    let (ttl_left, origin) = (stored.hit.ttl_left, stored.hit.origin);
    let cache_status = CacheStatus::Hit { ttl_left, origin }.to_string();
    let mut headers =
        vec![("content-type", stored.content_type()), ("cache-status", &cache_status), ("age", &age)];
    if !asked.request_id.is_empty() {
        headers.push(("x-request-id", &asked.request_id));
    }
    if role.policy.decision_header {
        headers.push((DECISION_HEADER, "reason=hit"));
    }
    books::hit(role, host, asked, &stored.hit);
    host.reply(200, &headers, stored.body());
    Applied::Replied
}

fn forward<H: Host>(
    role: &RouterRole,
    host: &H,
    reading: Reading,
    request: ChatRequest,
    plan: Forward,
) -> Forwarded {
    let Forward { complexity, candidates, body, caching, escalation } = plan;
    let set = |name, value: Option<&str>| host.set_header(Direction::Request, name, value);
    let length = body.as_ref().map_or(request.body().len(), Vec::len);
    if let Some(body) = &body {
        set("content-length", Some(&length.to_string()));
        host.set_body(Direction::Request, reading.size, body);
    }
    set(CLUSTER_HEADER, Some(&candidates.cluster));
    if request.stream {
        set(STREAM_HEADER, Some("true"));
    }
    if reading.accepts_encoding {
        // A compressed answer could be neither counted nor stored.
        set("accept-encoding", None);
    }
    let name = |id: &ModelId| role.policy.model(*id).name.clone();
    let asked = Asked::of(request, &reading);
    let call = Call {
        caller: reading.caller,
        stream: asked.stream,
        length,
        operation: reading.operation,
        request_id: reading.request_id,
        models: candidates.models.iter().map(name).collect(),
        headers: Vec::new(),
        completion: None,
        escalation: escalation.map(|escalation| *escalation),
        attempts: Vec::new(),
    };
    call.publish(host);
    let verdict = Verdict { complexity, decision: candidates.decision, notice: None };
    let reserved = Reserved::default();
    Forwarded { asked, verdict, caching, sought: None, flight: None, asked_at: host.now(), reserved }
}
