//! The `router` role: a downstream filter that reads chat calls, decides, answers from the cache and keeps the books.
//!
//! A stream goes through phases in one direction; each callback consumes the phase it finds and leaves the next.

mod answer;
mod apply;
mod books;
mod exchange;
mod reading;
mod role;
mod semantic;
#[cfg(test)]
mod tests;
mod waiting;

pub use role::RouterRole;

use std::rc::Rc;

use self::apply::Applied;
use self::exchange::{Answering, Asked, Forwarded};
use self::reading::Reading;
use self::waiting::Waiting;
use super::{Flow, Role};
use crate::admission::{Declined, RequestHead, Unreadable, admit};
use crate::cache::recall::Recall;
use crate::chat::{Caller, ChatRequest};
use crate::envoy::is_reserved;
use crate::host::{CalloutId, CalloutResponse, Direction, Host};
use crate::routing::{Plan, plan};

/// One request and its answer.
#[derive(Debug)]
pub struct RouterStream {
    role: Rc<RouterRole>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Nothing has come yet, or nothing more is to be done.
    Idle,
    /// The request body is being collected.
    Reading(Reading),
    /// The request is complete, and somebody else has been asked about it.
    Waiting(Box<Waiting>),
    /// The request has gone to a provider.
    Forwarded(Box<Forwarded>),
    /// The answer flows past.
    Answering(Box<Answering>),
}

impl RouterStream {
    /// A stream at its start.
    #[must_use]
    pub fn new(role: Rc<RouterRole>) -> Self {
        Self { role, phase: Phase::Idle }
    }

    fn take_phase(&mut self) -> Phase {
        std::mem::replace(&mut self.phase, Phase::Idle)
    }

    /// The request is complete: reads it, asks the cache, plans and applies the plan.
    fn decide<H: Host>(&mut self, host: &H) -> Flow {
        let Phase::Reading(reading) = self.take_phase() else { return Flow::Continue };
        match reading.read(&self.role, host) {
            Err(why) => self.unread(host, reading.caller, &why),
            Ok(request) => {
                let recall = reading.recall(&self.role, host, &request);
                match waiting::ask(&self.role, host, &recall) {
                    None => self.go_on(host, reading, request, recall),
                    Some(pending) => {
                        self.phase = Phase::Waiting(Box::new(Waiting { reading, request, pending }));
                        Flow::Pause
                    }
                }
            }
        }
    }

    /// All is known that a plan needs.
    fn go_on<H: Host>(&mut self, host: &H, reading: Reading, request: ChatRequest, recall: Recall) -> Flow {
        let role = &*self.role;
        let make = |recall| plan(&role.policy, role.encoder.as_deref(), &role.credentials, &request, recall);
        let plan = make(recall);
        let (plan, sought) =
            semantic::recall(role, host, (&reading, &request), plan, |hit| make(Recall::Hit(hit)));
        if reading.directives.only_if_cached && !matches!(plan, Plan::Reply(_)) {
            let applied = apply::not_cached(role, host, reading.caller);
            return self.applied(applied);
        }
        self.applied(apply::apply(role, host, reading, request, (plan, sought)))
    }

    fn unread<H: Host>(&mut self, host: &H, caller: Caller, why: &Unreadable) -> Flow {
        let applied = apply::unread(&self.role, host, caller, why);
        self.applied(applied)
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
        let mut answering = Box::new(forwarded.answer(&self.role, host, end_of_stream));
        let flow = if end_of_stream { answering.embody(host) } else { Flow::Continue };
        self.phase = Phase::Answering(answering);
        if end_of_stream {
            self.settle(host);
        }
        flow
    }

    fn settle<H: Host>(&mut self, host: &H) {
        if let Phase::Answering(answering) = self.take_phase() {
            books::settle(&self.role, host, *answering);
        }
    }
}

impl Role for RouterStream {
    /// Removes what only we may set, and decides whether the body is read.
    fn on_request_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow {
        let headers = host.headers(Direction::Request);
        for (name, _) in headers.iter().filter(|(name, _)| is_reserved(name)) {
            host.set_header(Direction::Request, name, None);
        }
        let head = RequestHead::of(headers.iter());
        let policy = &self.role.policy;
        let partition = match policy.tenancy.identify(headers.iter()) {
            Ok(partition) => partition,
            Err(why) => {
                let caller = policy.admit.dialect_at(head.path);
                let applied = apply::unidentified(&self.role, host, caller, &why);
                return self.applied(applied);
            }
        };
        match admit(&policy.admit, &head, end_of_stream) {
            Err(Declined::NotOurs(reason)) => {
                books::passed(&self.role, host, reason.as_str());
                Flow::Continue
            }
            Err(Declined::Unreadable(caller, why)) => self.unread(host, caller, &why),
            Ok(caller) => {
                self.phase = Phase::Reading(Reading::new(&self.role, caller, partition, &head, &headers));
                Flow::Pause
            }
        }
    }

    /// Collects the request body; at its end decides, and answers or sends the request on.
    fn on_request_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow {
        let Phase::Reading(reading) = &mut self.phase else { return Flow::Continue };
        let limit = self.role.policy.admit.max_body_bytes;
        if size > limit {
            let caller = reading.caller;
            self.phase = Phase::Idle;
            return self.unread(host, caller, &Unreadable::TooLarge { limit });
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
                let (reading, request, recall) = waiting.end(&self.role, host, response);
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
        match self.take_phase() {
            // Envoy answers by itself.
            Phase::Reading(_) => books::ended(&self.role, host, "unsent"),
            Phase::Waiting(_) => books::ended(&self.role, host, "waiting"),
            Phase::Forwarded(forwarded) => return self.answer(host, *forwarded, end_of_stream),
            phase @ (Phase::Answering(_) | Phase::Idle) => self.phase = phase,
        }
        Flow::Continue
    }

    /// Observes a piece of the answer as it flows past.
    fn on_response_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow {
        if let Phase::Answering(answering) = &mut self.phase {
            answering.flow(host, size, end_of_stream);
            if end_of_stream {
                self.settle(host);
            }
        }
        Flow::Continue
    }

    fn on_response_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.settle(host);
        Flow::Continue
    }

    /// What has not been settled was cut off by either side.
    fn on_done<H: Host>(&mut self, host: &H) {
        match self.take_phase() {
            Phase::Answering(answering) => books::settle(&self.role, host, answering.cut_off(host)),
            Phase::Forwarded(forwarded) => books::abandoned(&self.role, host, &forwarded),
            Phase::Waiting(waiting) => books::gone(&self.role, host, &Asked::of(waiting.request)),
            Phase::Reading(_) => books::unsent(&self.role, host),
            Phase::Idle => {}
        }
    }
}
