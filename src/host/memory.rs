//! A host in memory, for tests and for replaying recorded calls: what a worker would see, without a proxy.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use super::{
    Callout, CalloutId, Callouts, Clock, Direction, Headers, HostError, MetricId, Metrics, Shared,
    SharedData, Stream, StreamId, Streams,
};

/// A reply that the filter sent by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// A callout that the filter has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// Name of the cluster.
    pub cluster: String,
    /// `:method`.
    pub method: String,
    /// `:path`.
    pub path: String,
    /// Body.
    pub body: Vec<u8>,
    /// Its deadline.
    pub timeout: Duration,
}

/// What is known of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recorded {
    /// How many values it has.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
}

/// Shared data, clock and counters of one VM.
#[derive(Debug, Default)]
pub struct MemoryHost {
    shared: RefCell<HashMap<String, (Vec<u8>, u32)>>,
    versions: Cell<u32>,
    now: Cell<Duration>,
    counters: RefCell<Vec<(String, u64)>>,
    histograms: RefCell<Vec<(String, Recorded)>>,
    streams: RefCell<HashMap<StreamId, Rc<MemoryStream>>>,
    last_stream: Cell<u32>,
}

impl MemoryHost {
    /// Sets the clock.
    pub fn set_time(&self, now: Duration) {
        self.now.set(now);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.now.set(self.now.get().saturating_add(by));
    }

    /// Bytes of all keys and values in shared data.
    #[must_use]
    pub fn shared_bytes(&self) -> usize {
        self.shared
            .borrow()
            .iter()
            .fold(0, |sum, (k, (v, _))| sum.saturating_add(k.len()).saturating_add(v.len()))
    }

    /// The value of a counter; 0 when nothing was counted.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        self.counters.borrow().iter().find(|(n, _)| n == name).map_or(0, |(_, v)| *v)
    }

    /// What was put into a histogram.
    #[must_use]
    pub fn histogram(&self, name: &str) -> Recorded {
        let histograms = self.histograms.borrow();
        histograms.iter().find(|(n, _)| n == name).map_or_else(Recorded::default, |(_, recorded)| *recorded)
    }

    /// All counters that were defined.
    #[must_use]
    pub fn counters(&self) -> Vec<(String, u64)> {
        self.counters.borrow().clone()
    }
}

impl SharedData for MemoryHost {
    fn shared_data(&self, key: &str) -> Shared {
        self.shared
            .borrow()
            .get(key)
            .map_or_else(Shared::default, |(value, cas)| Shared { value: value.clone(), cas: Some(*cas) })
    }

    fn set_shared_data(&self, key: &str, value: &[u8], cas: Option<u32>) -> Result<(), HostError> {
        let mut shared = self.shared.borrow_mut();
        if let (Some(expected), Some((_, current))) = (cas, shared.get(key))
            && expected != *current
        {
            return Err(HostError::CasMismatch);
        }
        let version = self.versions.get().wrapping_add(1);
        self.versions.set(version);
        shared.insert(key.to_owned(), (value.to_vec(), version));
        Ok(())
    }
}

impl Clock for MemoryHost {
    fn now(&self) -> Duration {
        self.now.get()
    }
}

impl Metrics for MemoryHost {
    fn define_counter(&self, name: &str) -> Result<MetricId, HostError> {
        let mut counters = self.counters.borrow_mut();
        let index = counters.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
            counters.push((name.to_owned(), 0));
            counters.len().saturating_sub(1)
        });
        u32::try_from(index).map(MetricId).map_err(|_| HostError::Status(u32::MAX))
    }

    fn increment(&self, metric: MetricId, by: u64) {
        let mut counters = self.counters.borrow_mut();
        if let Some((_, value)) = usize::try_from(metric.0).ok().and_then(|i| counters.get_mut(i)) {
            *value = value.saturating_add(by);
        }
    }

    fn define_histogram(&self, name: &str) -> Result<MetricId, HostError> {
        let mut histograms = self.histograms.borrow_mut();
        let index = histograms.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
            histograms.push((name.to_owned(), Recorded::default()));
            histograms.len().saturating_sub(1)
        });
        u32::try_from(index).map(MetricId).map_err(|_| HostError::Status(u32::MAX))
    }

    fn record(&self, metric: MetricId, value: u64) {
        let mut histograms = self.histograms.borrow_mut();
        if let Some((_, recorded)) = usize::try_from(metric.0).ok().and_then(|i| histograms.get_mut(i)) {
            recorded.count = recorded.count.saturating_add(1);
            recorded.sum = recorded.sum.saturating_add(value);
        }
    }
}

/// One stream: its headers, its current body bytes, and what the filter did to it.
#[derive(Debug, Default)]
pub struct MemoryStream {
    /// Request headers.
    pub request_headers: RefCell<Vec<(String, String)>>,
    /// Response headers.
    pub response_headers: RefCell<Vec<(String, String)>>,
    /// The request bytes that the current callback sees.
    pub request_body: RefCell<Vec<u8>>,
    /// The response bytes that the current callback sees.
    pub response_body: RefCell<Vec<u8>>,
    /// Properties by path joined with `.`.
    pub properties: RefCell<HashMap<String, Vec<u8>>>,
    /// Filter state by name.
    pub filter_state: RefCell<HashMap<String, Vec<u8>>>,
    /// The reply, if the filter answered by itself.
    pub reply: RefCell<Option<Reply>>,
    /// The callouts, in order; the id of each is its place.
    pub callouts: RefCell<Vec<Called>>,
    /// Request and response trailers.
    pub trailers: RefCell<HashMap<Direction, Vec<(String, String)>>>,
    /// Whether the host refuses callouts.
    pub refuses_callouts: Cell<bool>,
    /// Whether a request that was paused was told to go on.
    pub resumed: Cell<bool>,
}

impl Callouts for MemoryStream {
    fn call_out(&self, callout: &Callout<'_>) -> Result<CalloutId, HostError> {
        if self.refuses_callouts.get() {
            return Err(HostError::Status(2));
        }
        let mut callouts = self.callouts.borrow_mut();
        let id = u32::try_from(callouts.len()).map(CalloutId).map_err(|_| HostError::Status(u32::MAX))?;
        callouts.push(Called {
            cluster: callout.cluster.to_owned(),
            method: callout.method.to_owned(),
            path: callout.path.to_owned(),
            body: callout.body.to_vec(),
            timeout: callout.timeout,
        });
        Ok(id)
    }
}

impl MemoryStream {
    fn header_list(&self, direction: Direction) -> &RefCell<Vec<(String, String)>> {
        match direction {
            Direction::Request => &self.request_headers,
            Direction::Response => &self.response_headers,
        }
    }

    /// One header, its values joined by `,`.
    #[must_use]
    pub fn header(&self, direction: Direction, name: &str) -> Option<String> {
        let headers = self.header_list(direction).borrow();
        let values: Vec<&str> = headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
        (!values.is_empty()).then(|| values.join(","))
    }

    fn body_bytes(&self, direction: Direction) -> &RefCell<Vec<u8>> {
        match direction {
            Direction::Request => &self.request_body,
            Direction::Response => &self.response_body,
        }
    }
}

impl Stream for MemoryStream {
    fn headers(&self, direction: Direction) -> Headers {
        let headers = self.header_list(direction).borrow();
        headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
            .collect::<Vec<_>>()
            .into()
    }

    fn set_header(&self, direction: Direction, name: &str, value: Option<&str>) {
        let mut headers = self.header_list(direction).borrow_mut();
        headers.retain(|(n, _)| n != name);
        if let Some(value) = value {
            headers.push((name.to_owned(), value.to_owned()));
        }
    }

    fn set_headers(&self, direction: Direction, headers: &[(&str, &[u8])]) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        *self.header_list(direction).borrow_mut() =
            headers.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect();
    }

    fn clear_trailers(&self, direction: Direction) {
        self.trailers.borrow_mut().remove(&direction);
    }

    fn body(&self, direction: Direction, size: usize) -> Vec<u8> {
        let bytes = self.body_bytes(direction).borrow();
        bytes.get(..size).unwrap_or(&bytes).to_vec()
    }

    /// Like Envoy, replaces the first `size` bytes and leaves what comes after them.
    fn set_body(&self, direction: Direction, size: usize, bytes: &[u8]) {
        let mut body = self.body_bytes(direction).borrow_mut();
        let rest = body.get(size..).unwrap_or_default().to_vec();
        *body = [bytes, &rest].concat();
    }

    fn reply(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        *self.reply.borrow_mut() = Some(Reply { status, headers, body: body.to_vec() });
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        let property = self.properties.borrow().get(&path.join(".")).cloned();
        property.or_else(|| self.filter_state.borrow().get(*path.first()?).cloned())
    }

    fn set_filter_state(&self, name: &str, value: &[u8]) {
        self.filter_state.borrow_mut().insert(name.to_owned(), value.to_vec());
    }
}

/// A stream on a VM: the whole host that one call sees.
#[derive(Debug)]
pub struct MemoryCall<'vm> {
    /// The VM, shared with other calls.
    pub vm: &'vm MemoryHost,
    /// The stream of this call.
    pub stream: Rc<MemoryStream>,
    id: StreamId,
    /// The stream that calls act on, if it is another one.
    other: RefCell<Option<Rc<MemoryStream>>>,
}

impl<'vm> MemoryCall<'vm> {
    /// A new stream of the VM.
    #[must_use]
    pub fn new(vm: &'vm MemoryHost, stream: MemoryStream) -> Self {
        let id = StreamId(vm.last_stream.get().wrapping_add(1));
        vm.last_stream.set(id.0);
        let stream = Rc::new(stream);
        vm.streams.borrow_mut().insert(id, Rc::clone(&stream));
        Self { vm, stream, id, other: RefCell::default() }
    }

    /// By which the host knows the stream.
    #[must_use]
    pub fn id(&self) -> StreamId {
        self.id
    }

    fn current(&self) -> Rc<MemoryStream> {
        Rc::clone(self.other.borrow().as_ref().unwrap_or(&self.stream))
    }
}

impl Drop for MemoryCall<'_> {
    fn drop(&mut self) {
        self.vm.streams.borrow_mut().remove(&self.id);
    }
}

impl Streams for MemoryCall<'_> {
    fn turn_to(&self, stream: StreamId) -> Result<(), HostError> {
        let found = self.vm.streams.borrow().get(&stream).cloned().ok_or(HostError::Status(2))?;
        *self.other.borrow_mut() = Some(found);
        Ok(())
    }

    fn resume_request(&self) {
        self.current().resumed.set(true);
    }
}

impl SharedData for MemoryCall<'_> {
    fn shared_data(&self, key: &str) -> Shared {
        self.vm.shared_data(key)
    }

    fn set_shared_data(&self, key: &str, value: &[u8], cas: Option<u32>) -> Result<(), HostError> {
        self.vm.set_shared_data(key, value, cas)
    }
}

impl Clock for MemoryCall<'_> {
    fn now(&self) -> Duration {
        self.vm.now()
    }
}

impl Metrics for MemoryCall<'_> {
    fn define_counter(&self, name: &str) -> Result<MetricId, HostError> {
        self.vm.define_counter(name)
    }

    fn increment(&self, metric: MetricId, by: u64) {
        self.vm.increment(metric, by);
    }

    fn define_histogram(&self, name: &str) -> Result<MetricId, HostError> {
        self.vm.define_histogram(name)
    }

    fn record(&self, metric: MetricId, value: u64) {
        self.vm.record(metric, value);
    }
}

impl Callouts for MemoryCall<'_> {
    fn call_out(&self, callout: &Callout<'_>) -> Result<CalloutId, HostError> {
        self.current().call_out(callout)
    }
}

impl Stream for MemoryCall<'_> {
    fn headers(&self, direction: Direction) -> Headers {
        self.current().headers(direction)
    }

    fn set_header(&self, direction: Direction, name: &str, value: Option<&str>) {
        self.current().set_header(direction, name, value);
    }

    fn set_headers(&self, direction: Direction, headers: &[(&str, &[u8])]) {
        self.current().set_headers(direction, headers);
    }

    fn clear_trailers(&self, direction: Direction) {
        self.current().clear_trailers(direction);
    }

    fn body(&self, direction: Direction, size: usize) -> Vec<u8> {
        self.current().body(direction, size)
    }

    fn set_body(&self, direction: Direction, size: usize, bytes: &[u8]) {
        self.current().set_body(direction, size, bytes);
    }

    fn reply(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) {
        self.current().reply(status, headers, body);
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.current().property(path)
    }

    fn set_filter_state(&self, name: &str, value: &[u8]) {
        self.current().set_filter_state(name, value);
    }
}
