//! Answers that the router gives by itself.

use super::Router;
use super::candidates::NoCandidate;
use super::forwarded::Asked;
use super::reading::{Hit, Next};
use super::settle;
use crate::cache::directives::CacheStatus;
use crate::cache::replay;
use crate::chat::answer::{ApiError, ErrorKind};
use crate::chat::request::RequestError;
use crate::chat::{Caller, translate};
use crate::filter::DECISION_HEADER;
use crate::host::Host;

/// Sends a stored answer in the form that the caller asked for. `false` when it cannot be put into that form; nothing
/// has been sent then.
pub(super) fn send_hit<H: Host>(router: &Router, host: &H, asked: &Asked, hit: &Hit) -> bool {
    let events =
        if asked.stream { replay::as_stream(&hit.answer, asked.caller, asked.wants_usage) } else { None };
    let (content_type, body) = match (asked.stream, &events) {
        (false, _) => ("application/json", hit.answer.as_slice()),
        (true, Some(events)) => ("text/event-stream", events.as_slice()),
        (true, None) => return false,
    };
    let age = hit.age.as_secs().to_string();
    let cache_status = CacheStatus::Hit { ttl_left: hit.ttl_left }.to_string();
    let mut headers = vec![("content-type", content_type), ("cache-status", &cache_status), ("age", &age)];
    if router.policy.decision_header {
        headers.push((DECISION_HEADER, "reason=hit"));
    }
    settle::hit(router, host, asked, hit);
    host.reply(200, &headers, body);
    true
}

/// Refuses a body that two readers could understand differently.
pub(super) fn refuse<H: Host>(router: &Router, host: &H, caller: Caller, refusal: &RequestError) -> Next {
    let param = match refusal {
        RequestError::Duplicate { member } => Some((*member).to_owned()),
        _ => None,
    };
    let code = Some("ambiguous_body".to_owned());
    let error = ApiError { kind: ErrorKind::InvalidRequest, message: refusal.to_string(), code, param };
    settle::refused(router, host, refusal.reason());
    send_error(host, caller, 400, &error);
    Next::Replied
}

/// Refuses a request that no model may take.
pub(super) fn no_candidate<H: Host>(router: &Router, host: &H, caller: Caller, none: &NoCandidate) -> Next {
    let (status, kind, reason) = if none.is_ours() {
        (503, ErrorKind::Server, "no_credential")
    } else {
        (400, ErrorKind::InvalidRequest, "no_able_model")
    };
    let code = Some(reason.to_owned());
    settle::refused(router, host, reason);
    send_error(host, caller, status, &ApiError { kind, message: none.to_string(), code, param: None });
    Next::Replied
}

fn send_error<H: Host>(host: &H, caller: Caller, status: u16, error: &ApiError) {
    let body = translate::write_error(error, caller);
    host.reply(status, &[("content-type", "application/json")], &body);
}
