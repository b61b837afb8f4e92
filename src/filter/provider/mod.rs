//! The `provider` role: an upstream filter that runs once per attempt and stands between the call and the provider that this
//! attempt goes to: path, host, credential, model and dialect on the way there, the caller's dialect on the way back.
//!
//! Envoy hands every attempt a fresh body, but the headers as the attempt before left them: everything is set anew.

mod endpoint;
mod response;
mod role;
#[cfg(test)]
mod tests;
mod trip;

pub use endpoint::ProviderError;
pub use role::ProviderRole;

use std::rc::Rc;

use self::response::Receiving;
use self::trip::{Change, Trip};
use super::{Flow, Role};
use crate::host::{Direction, Host};

/// One attempt.
#[derive(Debug)]
pub struct ProviderStream {
    role: Rc<ProviderRole>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Nothing has come yet, or the attempt is none of ours.
    Idle,
    /// The request's body is collected, since it must be changed.
    Sending {
        trip: Trip,
        change: Change,
        /// How much of it has come, in bytes.
        size: usize,
    },
    /// The request is on its way as it shall be.
    Awaiting(Trip),
    /// The provider answers.
    Receiving(Receiving),
}

impl ProviderStream {
    /// An attempt whose headers have not come yet.
    #[must_use]
    pub fn new(role: Rc<ProviderRole>) -> Self {
        Self { role, phase: Phase::Idle }
    }

    fn take_phase(&mut self) -> Phase {
        std::mem::replace(&mut self.phase, Phase::Idle)
    }

    /// The request is complete.
    fn send<H: Host>(&mut self, host: &H) -> Flow {
        let (mut trip, change, size) = match self.take_phase() {
            Phase::Sending { trip, change, size } => (trip, change, size),
            other => {
                self.phase = other;
                return Flow::Continue;
            }
        };
        let sent = trip.send(&self.role, host, change, size);
        self.phase = Phase::Awaiting(trip);
        if sent { Flow::Continue } else { Flow::Pause }
    }
}

impl Role for ProviderStream {
    /// Fits the headers to the provider that the attempt goes to. The body is read only if it must change.
    fn on_request_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow {
        let Some(trip) = Trip::begin(&self.role, host) else { return Flow::Continue };
        let change = if end_of_stream { Change::AsItIs } else { trip.change() };
        if change == Change::AsItIs {
            self.phase = Phase::Awaiting(trip);
            return Flow::Continue;
        }
        self.phase = Phase::Sending { trip, change, size: 0 };
        Flow::Pause
    }

    /// Collects the body if it must be changed.
    fn on_request_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow {
        let Phase::Sending { size: collected, .. } = &mut self.phase else { return Flow::Continue };
        *collected = size;
        if end_of_stream { self.send(host) } else { Flow::Pause }
    }

    /// No trailer goes on: none of them is part of a call.
    fn on_request_trailers<H: Host>(&mut self, host: &H) -> Flow {
        host.clear_trailers(Direction::Request);
        self.send(host)
    }

    /// Chooses what is done with the answer, by its head.
    fn on_response_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow {
        let (Phase::Sending { trip, .. } | Phase::Awaiting(trip)) = self.take_phase() else {
            return Flow::Continue;
        };
        let (receiving, flow) = Receiving::begin(trip, &self.role, host, end_of_stream);
        self.phase = Phase::Receiving(receiving);
        flow
    }

    /// Translates or checks the answer.
    fn on_response_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow {
        match &mut self.phase {
            Phase::Receiving(receiving) => receiving.flow(&self.role, host, size, end_of_stream),
            _ => Flow::Continue,
        }
    }

    fn on_response_trailers<H: Host>(&mut self, host: &H) -> Flow {
        host.clear_trailers(Direction::Response);
        match &mut self.phase {
            Phase::Receiving(receiving) => receiving.end(&self.role, host),
            _ => Flow::Continue,
        }
    }

    /// If the answer had not ended, the attempt has failed.
    fn on_done<H: Host>(&mut self, host: &H) {
        let unanswered = match self.take_phase() {
            Phase::Sending { trip, .. } | Phase::Awaiting(trip) => Some((trip, 0)),
            Phase::Receiving(receiving) => receiving.into_unfinished(),
            Phase::Idle => None,
        };
        if let Some((trip, received)) = unanswered {
            trip.unanswered(&self.role, host, received);
        }
    }
}
