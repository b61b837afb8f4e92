//! How long the filter works on a call: what its callers wait for because of it, and what a worker of Envoy cannot do meanwhile.

use std::rc::Rc;
use std::time::Duration;

use super::role::{Flow, Role};
use super::router::{Router, RouterStream};
use crate::host::{CalloutId, CalloutResponse, Host, StreamId};

/// A stream of the router, timed if it is its turn.
#[derive(Debug)]
pub struct TimedStream {
    router: Rc<Router>,
    stream: RouterStream,
    /// Time spent so far; `None`: it is not timed, or has been reported.
    spent: Option<Duration>,
}

impl TimedStream {
    /// A stream at its start; `id` is the host's for it.
    #[must_use]
    pub fn new(router: Rc<Router>, id: StreamId) -> Self {
        let spent = router.times_next().then_some(Duration::ZERO);
        Self { stream: RouterStream::new(Rc::clone(&router), id), router, spent }
    }

    fn timed<H: Host, T>(&mut self, host: &H, work: impl FnOnce(&mut RouterStream) -> T) -> T {
        let Some(spent) = self.spent else { return work(&mut self.stream) };
        let start = host.now();
        let done = work(&mut self.stream);
        self.spent = Some(spent.saturating_add(host.now().saturating_sub(start)));
        done
    }
}

impl Role for TimedStream {
    fn on_request_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow {
        self.timed(host, |stream| stream.on_request_headers(host, end_of_stream))
    }

    fn on_request_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow {
        self.timed(host, |stream| stream.on_request_body(host, size, end_of_stream))
    }

    fn on_request_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.timed(host, |stream| stream.on_request_trailers(host))
    }

    fn on_response_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow {
        self.timed(host, |stream| stream.on_response_headers(host, end_of_stream))
    }

    fn on_response_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow {
        self.timed(host, |stream| stream.on_response_body(host, size, end_of_stream))
    }

    fn on_response_trailers<H: Host>(&mut self, host: &H) -> Flow {
        self.timed(host, |stream| stream.on_response_trailers(host))
    }

    fn on_callout<H: Host>(
        &mut self,
        host: &H,
        callout: CalloutId,
        response: Option<&CalloutResponse>,
    ) -> Flow {
        self.timed(host, |stream| stream.on_callout(host, callout, response))
    }

    fn on_done<H: Host>(&mut self, host: &H) {
        self.timed(host, |stream| stream.on_done(host));
        if let Some(spent) = self.spent.take() {
            self.router.has_spent(host, spent);
        }
    }
}
