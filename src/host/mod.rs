//! The boundary to the proxy: everything that the filters and the store ask of it.
//!
//! Two implementations: `proxy_wasm` inside Envoy, and [`memory`] for tests. Calls never panic; what a host refuses
//! comes back as a [`HostError`] or as nothing.

pub mod memory;
#[cfg(target_arch = "wasm32")]
pub mod proxy_wasm;

use std::time::Duration;

use thiserror::Error;

/// A call that the host refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HostError {
    /// A compare-and-swap met a newer value.
    #[error("the shared value has changed since it was read")]
    CasMismatch,
    /// Anything else; the host's status code.
    #[error("the host answered with status {0}")]
    Status(u32),
}

/// A value in shared data and the token that a compare-and-swap needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shared {
    /// The bytes; empty when the key was never set.
    pub value: Vec<u8>,
    /// The version of the value; `None` when the key was never set.
    pub cas: Option<u32>,
}

/// Data that all workers of one `vm_id` share. Values are copied at every call.
pub trait SharedData {
    /// Reads `key`; a key that was never set reads as empty.
    fn shared_data(&self, key: &str) -> Shared;

    /// Writes `key`. With `cas`, only if nobody has written since.
    ///
    /// # Errors
    /// [`HostError::CasMismatch`] when somebody has.
    fn set_shared_data(&self, key: &str, value: &[u8], cas: Option<u32>) -> Result<(), HostError>;
}

/// The one clock.
pub trait Clock {
    /// Time since the Unix epoch.
    fn now(&self) -> Duration;
}

/// A metric that the host has defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricId(pub u32);

/// Counters and histograms. Names are the host's; see [`crate::telemetry`] for what is counted.
pub trait Metrics {
    /// Defines a counter, or finds it by its name.
    ///
    /// # Errors
    /// [`HostError`] when the host has no room for it.
    fn define_counter(&self, name: &str) -> Result<MetricId, HostError>;

    /// Adds to a counter.
    fn increment(&self, metric: MetricId, by: u64);

    /// Defines a histogram, or finds it by its name.
    ///
    /// # Errors
    /// [`HostError`] when the host has no room for it.
    fn define_histogram(&self, name: &str) -> Result<MetricId, HostError>;

    /// Puts a value into a histogram.
    fn record(&self, metric: MetricId, value: u64);
}

/// One direction of a stream's headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Towards the provider.
    Request,
    /// Towards the caller.
    Response,
}

/// Headers in order, names in lower case, values as the bytes that they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> + Clone {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// All values of a header, in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter().filter(move |(found, _)| *found == name).map(|(_, value)| value)
    }
}

impl From<Vec<(String, Vec<u8>)>> for Headers {
    fn from(headers: Vec<(String, Vec<u8>)>) -> Self {
        Self(headers)
    }
}

/// Everything at once.
pub trait Host: SharedData + Clock + Metrics + Callouts + Stream + Streams {}

impl<H: SharedData + Clock + Metrics + Callouts + Stream + Streams> Host for H {}

/// One of the streams of this worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamId(pub u32);

/// Reaching streams whose callback is not being served.
pub trait Streams {
    /// Makes the calls of [`Stream`] that follow act on this stream, until the next such call or the end of the callback.
    ///
    /// # Errors
    /// [`HostError`] when there is no such stream any more.
    fn turn_to(&self, stream: StreamId) -> Result<(), HostError>;

    /// Lets the request go on that has been paused.
    fn resume_request(&self);
}

/// An HTTP request of the filter's own, to a cluster of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Callout<'c> {
    /// Name of the cluster.
    pub cluster: &'c str,
    /// `:authority`.
    pub authority: &'c str,
    /// `:method`.
    pub method: &'c str,
    /// `:path`.
    pub path: &'c str,
    /// The body; empty for none.
    pub body: &'c [u8],
    /// After which time there is no answer any more.
    pub timeout: Duration,
}

/// A callout that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalloutId(pub u32);

/// What a callout was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalloutResponse {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Asking somebody else while the stream waits. The answer comes in a later callback of the same stream, if that still lives.
pub trait Callouts {
    /// Sends the request.
    ///
    /// # Errors
    /// [`HostError`] when the host cannot, for want of such a cluster for example; no answer comes then.
    fn call_out(&self, callout: &Callout<'_>) -> Result<CalloutId, HostError>;
}

/// What a filter may ask about, and do to, its stream.
pub trait Stream {
    /// All headers in order.
    fn headers(&self, direction: Direction) -> Headers;

    /// Sets or (with `None`) removes a header.
    fn set_header(&self, direction: Direction, name: &str, value: Option<&str>);

    /// Puts these headers in the place of all that are there.
    fn set_headers(&self, direction: Direction, headers: &[(&str, &[u8])]);

    /// Removes all trailers; only in the callback that they come with.
    fn clear_trailers(&self, direction: Direction);

    /// The body bytes that the current callback may see, `size` of them.
    fn body(&self, direction: Direction, size: usize) -> Vec<u8>;

    /// Replaces the first `size` of those bytes; what comes after them stays.
    fn set_body(&self, direction: Direction, size: usize, bytes: &[u8]);

    /// Answers the caller now; nothing goes to a provider.
    fn reply(&self, status: u16, headers: &[(&str, &str)], body: &[u8]);

    /// A property by its path, as the host encodes it.
    fn property(&self, path: &[&str]) -> Option<Vec<u8>>;

    /// Publishes filter state `wasm.<name>` for access logs.
    fn set_filter_state(&self, name: &str, value: &[u8]);
}
