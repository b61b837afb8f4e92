//! The `router` role: a downstream filter that reads chat calls, decides, answers from the cache and keeps the books.
//!
//! A stream goes through phases in one direction; each callback consumes the phase it finds and leaves the next.

mod answer;
mod apply;
mod books;
mod budgets;
mod conversations;
mod counterfactual;
mod counting;
mod decide;
mod exchange;
mod flights;
mod inquiry;
mod reading;
mod role;
mod semantic;
mod shadow;
#[cfg(test)]
mod tests;
mod waiting;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use self::apply::Applied;
use self::exchange::{Answering, Asked, Forwarded};
use self::flights::{Flights, Landing, Seat, Seated};
use self::reading::Reading;
use self::role::RouterRole;
use self::shadow::Watched;
use self::waiting::Waiting;
use super::{Flow, Role};
use crate::admission::{Declined, Inquiry, RequestHead, Unreadable, admit};
use crate::cache::recall::Recall;
use crate::chat::{Caller, ChatRequest};
use crate::envoy::{REQUEST_MEMBER_STATE, is_reserved};
use crate::host::{CalloutId, CalloutResponse, Clock, Direction, Host, Metrics, SharedData, StreamId};
use crate::identity::Attributes;
use crate::policy::{Lot, Policy};
use crate::telemetry::{Metric, RequestRecord};

/// Of so many calls one is timed: asking for the time twice in each callback costs about a microsecond a call.
const TIMED: u64 = 8;

/// A configured router, and what its streams know of each other.
#[derive(Debug)]
pub struct Router {
    role: RouterRole,
    flights: Flights,
    /// Streams so far.
    streams: Cell<u64>,
}

/// One request and its answer.
#[derive(Debug)]
pub struct RouterStream {
    router: Rc<Router>,
    id: StreamId,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Nothing has come yet, or nothing more is to be done.
    Idle,
    /// The request body is being collected.
    Reading(Box<Reading>),
    /// The request is complete, and somebody else has been asked about it.
    Waiting(Box<Waiting>),
    /// The request is complete, and the same one is on its way.
    Following(Seat),
    /// The request has gone to a provider.
    Forwarded(Box<Forwarded>),
    /// The answer flows past.
    Answering(Box<Answering>),
    /// The call goes its way as if there were no policy.
    Watched(Box<Watched>),
    /// The books are closed; others may wait for the answer.
    Settled(Option<Box<Landing>>),
}

impl Router {
    /// A router that enforces `policy`. `environment` looks up the environment variables that hold credentials: where there
    /// is none, the provider's models are left out.
    #[must_use]
    pub fn new(policy: Policy, environment: impl Fn(&str) -> Option<String>) -> Self {
        Self { role: RouterRole::new(policy, environment), flights: Flights::new(), streams: Cell::new(0) }
    }

    /// Whether the next stream is to be timed.
    pub(super) fn times_next(&self) -> bool {
        let turn = self.streams.get();
        self.streams.set(turn.wrapping_add(1));
        turn.is_multiple_of(TIMED)
    }

    /// A stream has taken so much of the worker's time.
    pub(super) fn has_spent<H: Metrics>(&self, host: &H, time: Duration) {
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        self.role.meters.record(host, Metric::FilterTime, &[], microseconds);
    }

    /// Hands to the host what was counted; to be called now and then.
    pub fn report<H: Metrics + SharedData + Clock>(&self, host: &H) {
        self.role.report(host);
    }

    /// Sends requests on that have waited for others long enough; to be called now and then.
    pub fn release_overdue<H: Host>(&self, host: &H) {
        self.flights.release_overdue(&self.role, host);
    }
}

impl RouterStream {
    /// A stream at its start; `id` is the host's for it.
    #[must_use]
    pub fn new(router: Rc<Router>, id: StreamId) -> Self {
        Self { router, id, phase: Phase::Idle }
    }

    fn take_phase(&mut self) -> Phase {
        std::mem::replace(&mut self.phase, Phase::Idle)
    }

    /// The request is complete: reads it, asks the cache, plans and applies the plan.
    fn decide<H: Host>(&mut self, host: &H) -> Flow {
        let Phase::Reading(mut reading) = self.take_phase() else { return Flow::Continue };
        reading.read_at = host.now();
        match reading.read(&self.router.role, host) {
            Err(why) if !reading.is_enforced => self.would_refuse(host, why.reason()),
            Err(why) => self.unread(host, reading.caller, &why),
            Ok(request) => {
                reading.rule(&self.router.role, host, &request);
                books::ruled(&self.router.role, &reading);
                if !reading.is_enforced {
                    let watched = Watched::begin(&self.router.role, host, &reading, request);
                    self.phase = Phase::Watched(Box::new(watched));
                    return Flow::Continue;
                }
                if let Some(denial) = reading.ruling.denial(&self.router.role.policy) {
                    let applied =
                        apply::denied(&self.router.role, host, &Asked::of(request, &reading), denial);
                    return self.applied(applied);
                }
                let recall = reading.recall(&self.router.role, host, &request);
                match waiting::ask(&self.router.role, host, &recall) {
                    None => self.go_on(host, *reading, request, recall),
                    Some(pending) => {
                        self.phase =
                            Phase::Waiting(Box::new(Waiting { reading: *reading, request, pending }));
                        Flow::Pause
                    }
                }
            }
        }
    }

    /// All is known that a plan needs.
    fn go_on<H: Host>(&mut self, host: &H, reading: Reading, request: ChatRequest, recall: Recall) -> Flow {
        let Router { role, flights, .. } = &*self.router;
        match flights.follow(host, self.id, (reading, request, recall)) {
            Ok(seat) => {
                self.phase = Phase::Following(seat);
                Flow::Pause
            }
            Err((reading, request, recall)) => {
                let mut applied = decide::decide(role, host, reading, request, recall);
                flights.lead(role, host, &mut applied);
                self.applied(applied)
            }
        }
    }

    /// Goes on with what the flight that was waited for has left.
    fn leave<H: Host>(&mut self, host: &H, seat: &Seat) {
        match seat.leave() {
            Seated::Waiting(_) => books::ended(&self.router.role, host, "waiting"),
            Seated::Woken(Applied::Forwarded(forwarded)) => self.phase = Phase::Forwarded(forwarded),
            Seated::Woken(Applied::Passed | Applied::Replied) | Seated::Empty => {}
        }
    }

    fn unread<H: Host>(&mut self, host: &H, caller: Caller, why: &Unreadable) -> Flow {
        let applied = apply::unread(&self.router.role, host, caller, why);
        self.applied(applied)
    }

    /// The request would be refused unread, and goes its way: the policy is not enforced.
    fn would_refuse<H: Host>(&self, host: &H, reason: &str) -> Flow {
        books::would_refuse(&self.router.role, host, reason);
        Flow::Continue
    }

    fn applied(&mut self, applied: Applied) -> Flow {
        match applied {
            Applied::Passed => Flow::Continue,
            Applied::Replied => Flow::Pause,
            Applied::Forwarded(forwarded) => {
                self.phase = Phase::Forwarded(forwarded);
                Flow::Continue
            }
        }
    }

    /// The answer's headers are here.
    fn answer<H: Host>(&mut self, host: &H, forwarded: Forwarded, end_of_stream: bool) -> Flow {
        let mut answering = Box::new(forwarded.answer(&self.router.role, host, end_of_stream));
        let flow = if end_of_stream { answering.embody(host) } else { Flow::Continue };
        self.phase = Phase::Answering(answering);
        if end_of_stream {
            self.settle(host);
        }
        flow
    }

    /// The answer has come to its end.
    fn settle<H: Host>(&mut self, host: &H) {
        self.phase = match self.take_phase() {
            Phase::Answering(answering) => Phase::Settled(self.settled(host, *answering)),
            Phase::Watched(watched) => {
                watched.settle(&self.router.role, host);
                Phase::Idle
            }
            other => other,
        };
    }

    fn settled<H: Host>(&self, host: &H, answering: Answering) -> Option<Box<Landing>> {
        let flight = answering.caching.key().copied().zip(answering.flight);
        let answer = books::settle(&self.router.role, host, answering);
        flight.map(|(key, number)| Box::new(Landing { key, number, answer }))
    }

    /// The stream is over in a phase; what others may have waited for.
    fn end<H: Host>(&self, host: &H, phase: Phase) -> Option<Box<Landing>> {
        let role = &self.router.role;
        match phase {
            Phase::Settled(landing) => return landing,
            Phase::Answering(answering) => return self.settled(host, answering.cut_off(host)),
            Phase::Watched(watched) => watched.cut_off(role, host),
            Phase::Forwarded(forwarded) => return self.abandoned(host, &forwarded),
            Phase::Following(seat) => match seat.leave() {
                Seated::Woken(Applied::Forwarded(forwarded)) => return self.abandoned(host, &forwarded),
                Seated::Waiting(held) => books::gone(role, host, &held.asked()),
                Seated::Woken(Applied::Passed | Applied::Replied) | Seated::Empty => {}
            },
            Phase::Waiting(waiting) => books::gone(role, host, &Asked::of(waiting.request, &waiting.reading)),
            Phase::Reading(_) => books::unsent(role, host),
            Phase::Idle => {}
        }
        None
    }

    fn abandoned<H: Host>(&self, host: &H, forwarded: &Forwarded) -> Option<Box<Landing>> {
        books::abandoned(&self.router.role, host, forwarded);
        let flight = forwarded.caching.key().copied().zip(forwarded.flight);
        flight.map(|(key, number)| Box::new(Landing { key, number, answer: None }))
    }
}

/// By which a request is chosen, where something counts for a share of them.
fn lot<H: Host>(policy: &Policy, host: &H, request_id: &str) -> Lot {
    if policy.draws_lots() { Lot::of(request_id, host.now().as_nanos()) } else { Lot::default() }
}

impl Role for RouterStream {
    /// Removes what only we may set, and decides whether the body is read.
    fn on_request_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow {
        let headers = host.headers(Direction::Request);
        for (name, _) in headers.iter().filter(|(name, _)| is_reserved(name)) {
            host.set_header(Direction::Request, name, None);
        }
        let head = RequestHead::of(headers.iter());
        let record = RequestRecord::new(head.path, head.request_id, head.session);
        host.set_filter_state(REQUEST_MEMBER_STATE, &record.to_member());
        let role = &self.router.role;
        let lot = lot(&role.policy, host, head.request_id);
        let is_enforced = role.policy.is_enforced(&lot);
        let inquiry = Inquiry::of(&head).filter(|_| is_enforced);
        if inquiry == Some(Inquiry::Alive) {
            let applied = inquiry::answer(role, host, &Inquiry::Alive, (&headers, &Attributes::new()));
            return self.applied(applied);
        }
        let policy = &role.policy;
        let property = |path: &[&str]| host.property(path);
        let identity = match policy.identity.identify(headers.iter(), &property) {
            Ok(identity) => identity,
            Err(why) if !is_enforced => return self.would_refuse(host, why.reason()),
            Err(why) => {
                let caller = policy.admit.dialect_at(head.path);
                let applied = apply::unidentified(&self.router.role, host, caller, &why);
                return self.applied(applied);
            }
        };
        for name in policy.identity.key_headers(headers.iter()) {
            host.set_header(Direction::Request, name, None);
        }
        if let Some(inquiry) = inquiry {
            let asks = (&headers, &identity.attributes);
            let applied = inquiry::answer(role, host, &inquiry, asks);
            return self.applied(applied);
        }
        match admit(&policy.admit, &head, end_of_stream) {
            Err(Declined::NotOurs(_)) if !is_enforced && !policy.admit.passes(head.path) => {
                self.would_refuse(host, "not_found")
            }
            Err(Declined::Unreadable(_, why)) if !is_enforced => self.would_refuse(host, why.reason()),
            Err(Declined::NotOurs(reason)) => {
                let caller = inquiry::spoken(&headers, policy.admit.dialect_at(head.path));
                let applied = apply::not_ours(role, host, caller, (&head, reason));
                self.applied(applied)
            }
            Err(Declined::Unreadable(caller, why)) => self.unread(host, caller, &why),
            Ok(admitted) => {
                let reading = Reading::new(role, admitted, (identity, lot), &head, &headers);
                self.phase = Phase::Reading(Box::new(reading));
                Flow::Pause
            }
        }
    }

    /// Collects the request body; at its end decides, and answers or sends the request on.
    fn on_request_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow {
        let Phase::Reading(reading) = &mut self.phase else { return Flow::Continue };
        let limit = self.router.role.policy.admit.max_body_bytes;
        if size > limit {
            let (caller, is_enforced) = (reading.caller, reading.is_enforced);
            let why = Unreadable::TooLarge { limit };
            self.phase = Phase::Idle;
            return if is_enforced {
                self.unread(host, caller, &why)
            } else {
                self.would_refuse(host, why.reason())
            };
        }
        reading.size = size;
        if end_of_stream { self.decide(host) } else { Flow::Pause }
    }

    fn on_request_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.decide(host)
    }

    /// Somebody else has answered, or has not in time: the request goes on.
    fn on_callout<H: Host>(
        &mut self,
        host: &H,
        callout: CalloutId,
        response: Option<&CalloutResponse>,
    ) -> Flow {
        match self.take_phase() {
            Phase::Waiting(waiting) if waiting.is_for(callout) => {
                let (reading, request, recall) = waiting.end(&self.router.role, host, response);
                self.go_on(host, reading, request, recall)
            }
            other => {
                self.phase = other;
                Flow::Pause
            }
        }
    }

    /// Says in the answer's headers what was decided, and gets ready to observe its body.
    fn on_response_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow {
        if let Phase::Following(seat) = &self.phase {
            let seat = seat.clone();
            self.phase = Phase::Idle;
            self.leave(host, &seat);
        }
        if let Phase::Watched(watched) = &mut self.phase {
            watched.look(&self.router.role, host);
            if end_of_stream {
                self.settle(host);
            }
            return Flow::Continue;
        }
        match self.take_phase() {
            // Envoy answers by itself.
            Phase::Reading(_) => books::ended(&self.router.role, host, "unsent"),
            Phase::Waiting(_) => books::ended(&self.router.role, host, "waiting"),
            Phase::Forwarded(forwarded) => return self.answer(host, *forwarded, end_of_stream),
            phase @ (Phase::Answering(_)
            | Phase::Following(_)
            | Phase::Settled(_)
            | Phase::Watched(_)
            | Phase::Idle) => self.phase = phase,
        }
        Flow::Continue
    }

    /// Observes a piece of the answer as it flows past.
    fn on_response_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow {
        match &mut self.phase {
            Phase::Answering(answering) => answering.flow(host, size, end_of_stream),
            Phase::Watched(watched) => watched.flow(host, size, end_of_stream),
            _ => return Flow::Continue,
        }
        if end_of_stream {
            self.settle(host);
        }
        Flow::Continue
    }

    fn on_response_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.settle(host);
        Flow::Continue
    }

    /// What has not been settled was cut off by either side. Only now are followers woken: a reply to one of them from within a
    /// callback that has a say in its own stream would hold that stream as well.
    fn on_done<H: Host>(&mut self, host: &H) {
        let phase = self.take_phase();
        if let Some(landing) = self.end(host, phase) {
            self.router.flights.land(&self.router.role, host, &landing);
        }
    }
}
