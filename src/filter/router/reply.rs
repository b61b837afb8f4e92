//! Answers that the router gives by itself.

use super::Router;
use super::forwarded::Asked;
use super::reading::{Hit, Next};
use super::settle;
use crate::cache::directives::CacheStatus;
use crate::cache::replay;
use crate::chat::error;
use crate::chat::request::RequestError;
use crate::filter::DECISION_HEADER;
use crate::host::Host;

/// Sends a stored answer in the form that the caller asked for. `false` when it cannot be put into that form; nothing
/// has been sent then.
pub(super) fn send_hit<H: Host>(router: &Router, host: &H, asked: &Asked, hit: &Hit) -> bool {
    let events = if asked.stream { replay::as_stream(&hit.answer, asked.wants_usage) } else { None };
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
pub(super) fn refuse<H: Host>(router: &Router, host: &H, refusal: &RequestError) -> Next {
    let param = match refusal {
        RequestError::Duplicate { member } => Some(*member),
        _ => None,
    };
    let body = error::openai(&refusal.to_string(), "invalid_request_error", param, Some("ambiguous_body"));
    settle::refused(router, host, refusal);
    host.reply(400, &[("content-type", "application/json")], &body);
    Next::Replied
}
