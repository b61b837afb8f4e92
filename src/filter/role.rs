//! What a role is: the events of one stream.

use crate::host::{CalloutId, CalloutResponse, Host};

/// What the host does with the stream after a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Hand on what has come so far.
    Continue,
    /// Keep it until a later callback says otherwise.
    Pause,
}

/// One stream in a role, as the host sees it. Bodies come in pieces; `size` is the length of all that the callback may see, what
/// is held included, in bytes.
pub trait Role {
    /// The request's headers have come; at `end_of_stream` they are all of it.
    fn on_request_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow;

    /// A piece of the request's body has come.
    fn on_request_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow;

    /// The request ends in trailers: its body had no end of its own.
    fn on_request_trailers<H: Host>(&mut self, host: &H) -> Flow;

    /// The response's headers have come; at `end_of_stream` they are all of it.
    fn on_response_headers<H: Host>(&mut self, host: &H, end_of_stream: bool) -> Flow;

    /// A piece of the response's body has come.
    fn on_response_body<H: Host>(&mut self, host: &H, size: usize, end_of_stream: bool) -> Flow;

    /// The response ends in trailers: its body had no end of its own.
    fn on_response_trailers<H: Host>(&mut self, host: &H) -> Flow;

    /// A callout of this stream has been answered; `None`: it has not been in time. The request goes on at [`Flow::Continue`].
    fn on_callout<H: Host>(
        &mut self,
        _host: &H,
        _callout: CalloutId,
        _response: Option<&CalloutResponse>,
    ) -> Flow {
        Flow::Pause
    }

    /// The stream is over, however it ended. May be called again; then there is nothing left to do.
    fn on_done<H: Host>(&mut self, host: &H);
}
