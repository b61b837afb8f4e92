//! The boundary as proxy-wasm host calls (ABI 0.2.1).
//!
//! Byte variants of the calls are used throughout: the string variants assume UTF-8, which a header need not be.

use std::time::{Duration, UNIX_EPOCH};

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType, MetricType, Status};

use super::{
    Callout, CalloutId, CalloutResponse, Callouts, Clock, Direction, Headers, HostError, MetricId, Metrics,
    Shared, SharedData, Stream, StreamId, Streams,
};

/// The proxy that runs this module; host calls act on the stream whose callback is being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Proxy;

impl From<Status> for HostError {
    fn from(status: Status) -> Self {
        match status {
            Status::CasMismatch => Self::CasMismatch,
            other => Self::Status(other as u32),
        }
    }
}

impl SharedData for Proxy {
    fn shared_data(&self, key: &str) -> Shared {
        hostcalls::get_shared_data(key)
            .map(|(value, cas)| Shared { value: value.unwrap_or_default(), cas })
            .unwrap_or_default()
    }

    fn set_shared_data(&self, key: &str, value: &[u8], cas: Option<u32>) -> Result<(), HostError> {
        hostcalls::set_shared_data(key, Some(value), cas).map_err(HostError::from)
    }
}

impl Clock for Proxy {
    fn now(&self) -> Duration {
        hostcalls::get_current_time()
            .ok()
            .and_then(|now| now.duration_since(UNIX_EPOCH).ok())
            .unwrap_or_default()
    }
}

impl Metrics for Proxy {
    fn define_counter(&self, name: &str) -> Result<MetricId, HostError> {
        hostcalls::define_metric(MetricType::Counter, name).map(MetricId).map_err(HostError::from)
    }

    fn increment(&self, metric: MetricId, by: u64) {
        // A counter that the host no longer knows has nobody left to read it.
        let _ = hostcalls::increment_metric(metric.0, i64::try_from(by).unwrap_or(i64::MAX));
    }

    fn define_histogram(&self, name: &str) -> Result<MetricId, HostError> {
        hostcalls::define_metric(MetricType::Histogram, name).map(MetricId).map_err(HostError::from)
    }

    fn record(&self, metric: MetricId, value: u64) {
        let _ = hostcalls::record_metric(metric.0, value);
    }
}

impl Callouts for Proxy {
    fn call_out(&self, callout: &Callout<'_>) -> Result<CalloutId, HostError> {
        let headers =
            vec![(":method", callout.method), (":path", callout.path), (":authority", callout.authority)];
        let body = Some(callout.body).filter(|body| !body.is_empty());
        hostcalls::dispatch_http_call(callout.cluster, headers, body, Vec::new(), callout.timeout)
            .map(CalloutId)
            .map_err(HostError::from)
    }
}

impl Proxy {
    /// What the callout has been answered with whose callback is being served; `None` when it has not been in time.
    pub(crate) fn callout_response(headers: usize, body_size: usize) -> Option<CalloutResponse> {
        if headers == 0 {
            return None;
        }
        let status = hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, ":status").ok()??;
        let body = hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, body_size).ok().flatten();
        let status = std::str::from_utf8(&status).ok()?.parse().ok()?;
        Some(CalloutResponse { status, body: body.unwrap_or_default() })
    }
}

impl Streams for Proxy {
    fn turn_to(&self, stream: StreamId) -> Result<(), HostError> {
        hostcalls::set_effective_context(stream.0).map_err(HostError::from)
    }

    fn resume_request(&self) {
        if let Err(status) = hostcalls::resume_http_request() {
            log::error!("a request that has waited cannot go on: status {}", status as u32);
        }
    }
}

impl Stream for Proxy {
    fn headers(&self, direction: Direction) -> Headers {
        hostcalls::get_map_bytes(header_map(direction)).unwrap_or_default().into()
    }

    fn set_header(&self, direction: Direction, name: &str, value: Option<&str>) {
        if let Err(status) = hostcalls::set_map_value(header_map(direction), name, value) {
            log::warn!("header {name} could not be set: status {}", status as u32);
        }
    }

    fn set_headers(&self, direction: Direction, headers: &[(&str, &[u8])]) {
        if let Err(status) = hostcalls::set_map_bytes(header_map(direction), headers.to_vec()) {
            log::warn!("headers could not be set: status {}", status as u32);
        }
    }

    fn clear_trailers(&self, direction: Direction) {
        let trailers = match direction {
            Direction::Request => MapType::HttpRequestTrailers,
            Direction::Response => MapType::HttpResponseTrailers,
        };
        if let Err(status) = hostcalls::set_map_bytes(trailers, Vec::new()) {
            log::warn!("trailers could not be removed: status {}", status as u32);
        }
    }

    fn body(&self, direction: Direction, size: usize) -> Vec<u8> {
        hostcalls::get_buffer(body_buffer(direction), 0, size).ok().flatten().unwrap_or_default()
    }

    fn set_body(&self, direction: Direction, size: usize, bytes: &[u8]) {
        if let Err(status) = hostcalls::set_buffer(body_buffer(direction), 0, size, bytes) {
            log::warn!("a body could not be replaced: status {}", status as u32);
        }
    }

    fn reply(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) {
        if let Err(status) = hostcalls::send_http_response(u32::from(status), headers.to_vec(), Some(body)) {
            log::warn!("a reply could not be sent: status {}", status as u32);
        }
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        hostcalls::get_property(path.to_vec()).ok().flatten()
    }

    fn set_filter_state(&self, name: &str, value: &[u8]) {
        if let Err(status) = hostcalls::set_property(vec![name], Some(value)) {
            log::warn!("filter state {name} could not be set: status {}", status as u32);
        }
    }
}

fn header_map(direction: Direction) -> MapType {
    match direction {
        Direction::Request => MapType::HttpRequestHeaders,
        Direction::Response => MapType::HttpResponseHeaders,
    }
}

fn body_buffer(direction: Direction) -> BufferType {
    match direction {
        Direction::Request => BufferType::HttpRequestBody,
        Direction::Response => BufferType::HttpResponseBody,
    }
}
