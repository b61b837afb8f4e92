//! The way back: a provider's answer becomes one in the caller's dialect, or a failure that Envoy can retry.
//!
//! A whole answer is held until it is known to be one, a stream until its first event: until then the next model can still be asked.

use super::endpoint::Endpoint;
use super::role::ProviderRole;
use super::trip::Trip;
use crate::chat::headers::{is_returned, names_request};
use crate::chat::translate::{self, Opening, StreamTranslator};
use crate::chat::{AnswerHead, Operation, whole};
use crate::envoy::{MAX_ANSWER, RETRY_HEADER};
use crate::filter::Flow;
use crate::filter::fault::Fault;
use crate::host::{Direction, Headers, Host};
use crate::routing::Failure;

/// Longest beginning of a stream that is held until its first event is there, in bytes.
const MAX_OPENING: usize = 1 << 14;
/// Longest error that is read, in bytes.
const MAX_ERROR: usize = 1 << 16;

/// An answer on its way to the caller.
#[derive(Debug)]
pub(super) struct Receiving {
    trip: Trip,
    handling: Handling,
}

/// What is done with the answer's body.
#[derive(Debug)]
enum Handling {
    /// It goes as it came.
    AsItCame,
    /// It is whole and held until its end.
    Whole {
        /// How much of it has come, in bytes.
        size: usize,
        /// Whether it says that it is JSON.
        is_json: bool,
    },
    /// It is an error, which is read.
    Error(ErrorBody),
    /// It is streamed, and held until its first event shows that it is an answer.
    Opening {
        /// How much of it has come, in bytes.
        size: usize,
    },
    /// It is streamed and translated.
    Stream(Box<StreamTranslator>),
    /// These bytes take its place; what still comes is swallowed.
    Replaced(Vec<u8>),
}

/// An error that is read before it goes on.
#[derive(Debug, Clone, Copy)]
struct ErrorBody {
    /// As the provider gave it.
    status: u16,
    /// Whether the headers wait as well.
    held: bool,
    /// How much of it has come, in bytes.
    size: usize,
}

impl Receiving {
    /// Chooses what is done with the answer, by its head.
    pub(super) fn begin<H: Host>(
        trip: Trip,
        role: &ProviderRole,
        host: &H,
        end_of_stream: bool,
    ) -> (Self, Flow) {
        let headers = host.headers(Direction::Response);
        pass_on(host, &headers, &trip.call.request_id);
        let head = AnswerHead::of(headers.iter());
        let mut receiving = Self { trip, handling: Handling::AsItCame };
        let flow = match head.status {
            // Only answers are known so well that one which is none can be told.
            200 if receiving.trip.call.operation != Operation::Chat => Flow::Continue,
            200 if head.is_stream() => receiving.streamed(role, host, &head),
            200 if receiving.is_native() && (head.is_encoded || head.length > MAX_ANSWER) => Flow::Continue,
            200 => {
                receiving.handling = Handling::Whole { size: 0, is_json: head.is_json() };
                Flow::Pause
            }
            400.. => receiving.failed(role, host, head.status),
            _ => Flow::Continue,
        };
        if end_of_stream {
            if head.status == 200 {
                receiving.malformed(host, true, 0);
            }
            receiving.handling = Handling::AsItCame;
            return (receiving, Flow::Continue);
        }
        (receiving, flow)
    }

    /// The attempt, if it has failed when it is over now, and how many bytes of an answer it has received.
    pub(super) fn into_unfinished(self) -> Option<(Trip, usize)> {
        match self.handling {
            Handling::Whole { size, .. } => Some((self.trip, size)),
            Handling::Opening { .. } | Handling::Error(ErrorBody { held: true, .. }) => Some((self.trip, 0)),
            _ => None,
        }
    }

    /// Whether the answer is in the caller's own format.
    fn is_native(&self) -> bool {
        self.trip.dialect.format == self.trip.call.caller.format()
    }

    /// Whether a model is left that has not been asked.
    fn has_next(&self) -> bool {
        self.trip.call.next_model().is_some()
    }

    fn streamed<H: Host>(&mut self, role: &ProviderRole, host: &H, head: &AnswerHead<'_>) -> Flow {
        match (self.is_native(), head.is_encoded) {
            (true, true) => return Flow::Continue,
            // Nobody has asked for a compressed answer.
            (false, true) => {
                self.handling = Handling::Replaced(self.malformed(host, true, 0));
                return Flow::Continue;
            }
            (_, false) => {}
        }
        if self.has_next() && role.late_retries {
            self.handling = Handling::Opening { size: 0 };
            return Flow::Pause;
        }
        self.stream(host);
        Flow::Continue
    }

    /// The stream goes on to the caller.
    fn stream<H: Host>(&mut self, host: &H) {
        self.handling = if self.is_native() {
            Handling::AsItCame
        } else {
            host.set_header(Direction::Response, "content-length", None);
            let Trip { endpoint, call, dialect, began, redress } = &self.trip;
            let translator =
                StreamTranslator::new(dialect.format, call.caller, endpoint.given(*began, redress));
            Handling::Stream(Box::new(translator))
        };
    }

    /// An error: where Envoy asks the next model, it must know at once; else the body is read first.
    fn failed<H: Host>(&mut self, role: &ProviderRole, host: &H, status: u16) -> Flow {
        let Trip { endpoint, call, .. } = &mut self.trip;
        if matches!(status, 401 | 403) {
            log::error!("{} answered {status}: the credential of its provider is refused", endpoint.model);
        }
        call.fail(host, Failure::Status(status), 0);
        let set = |name, value: &str| host.set_header(Direction::Response, name, Some(value));
        let shown = shown_to_envoy(translate::status(status, call.caller));
        if shown != status {
            set(":status", &shown.to_string());
        }
        set("content-type", "application/json");
        for name in ["content-length", "content-encoding"] {
            host.set_header(Direction::Response, name, None);
        }
        let held = !(role.policy.failover.retries(status) && self.has_next());
        self.handling = Handling::Error(ErrorBody { status, held, size: 0 });
        if held { Flow::Pause } else { Flow::Continue }
    }

    /// A piece of the body is here.
    pub(super) fn flow<H: Host>(
        &mut self,
        role: &ProviderRole,
        host: &H,
        size: usize,
        end_of_stream: bool,
    ) -> Flow {
        match &mut self.handling {
            Handling::AsItCame => Flow::Continue,
            Handling::Replaced(bytes) => {
                host.set_body(Direction::Response, size, &std::mem::take(bytes));
                Flow::Continue
            }
            Handling::Opening { size: held } => {
                *held = size;
                self.open(role, host, size, end_of_stream)
            }
            Handling::Stream(translator) => {
                let translated = translator.feed(&host.body(Direction::Response, size), end_of_stream);
                host.set_body(Direction::Response, size, &translated);
                Flow::Continue
            }
            Handling::Whole { size: held, .. } => {
                *held = size;
                match (end_of_stream, size > MAX_ANSWER) {
                    (true, _) => self.end(role, host),
                    (false, true) => self.too_long(role, host, size),
                    (false, false) => Flow::Pause,
                }
            }
            Handling::Error(error) => {
                error.size = size;
                let error = *error;
                match (end_of_stream, size > MAX_ERROR) {
                    (true, _) => self.end(role, host),
                    (false, true) => {
                        self.handling = Handling::Replaced(Vec::new());
                        self.error(role, host, error, false)
                    }
                    (false, false) => Flow::Pause,
                }
            }
        }
    }

    /// A stream that is held has more to show.
    fn open<H: Host>(&mut self, role: &ProviderRole, host: &H, size: usize, end_of_stream: bool) -> Flow {
        let body = host.body(Direction::Response, size);
        match translate::opening(&body, self.trip.dialect.format) {
            Opening::Open if end_of_stream => self.ended_unopened(role, host, size),
            Opening::Open if size <= MAX_OPENING && !self.is_late(role, host) => return Flow::Pause,
            Opening::Error(error) => {
                let status = error.kind.status();
                self.trip.call.fail(host, Failure::Status(status), 0);
                let set = |name, value: &str| host.set_header(Direction::Response, name, Some(value));
                let shown = shown_to_envoy(translate::status(status, self.trip.call.caller));
                set(":status", &shown.to_string());
                set("content-type", "application/json");
                replace(host, size, &translate::write_error(&error, self.trip.call.caller));
                self.handling = Handling::Replaced(Vec::new());
            }
            Opening::Open | Opening::Answer => {
                self.stream(host);
                return self.flow(role, host, size, end_of_stream);
            }
        }
        Flow::Continue
    }

    /// A stream has ended before its first event.
    fn ended_unopened<H: Host>(&mut self, role: &ProviderRole, host: &H, size: usize) {
        let fault = self.malformed(host, role.late_retries, size);
        replace(host, size, &fault);
        self.handling = Handling::AsItCame;
    }

    /// Whether Envoy, which sees nothing of what is held, will soon take the provider for silent: comments have come, no event.
    fn is_late<H: Host>(&self, role: &ProviderRole, host: &H) -> bool {
        host.now().saturating_sub(self.trip.began) >= role.policy.failover.per_try_idle_timeout.mul_f64(0.5)
    }

    /// The answer has ended: its body, or its trailers are here.
    pub(super) fn end<H: Host>(&mut self, role: &ProviderRole, host: &H) -> Flow {
        match std::mem::replace(&mut self.handling, Handling::AsItCame) {
            Handling::Whole { size, is_json } => self.whole(role, host, size, is_json),
            Handling::Error(error) => self.error(role, host, error, true),
            Handling::Opening { size } => {
                self.ended_unopened(role, host, size);
                Flow::Continue
            }
            _ => Flow::Continue,
        }
    }

    /// A whole answer has ended. What is read of it here is told to the router, if it is JSON by its own account.
    fn whole<H: Host>(&mut self, role: &ProviderRole, host: &H, size: usize, is_json: bool) -> Flow {
        let body = host.body(Direction::Response, size);
        let Trip { endpoint, call, dialect, began, redress } = &mut self.trip;
        let (format, caller) = (dialect.format, call.caller);
        let is_native = format == caller.format();
        let translated = if is_native {
            None
        } else {
            let Ok(translated) = translate::answer(&body, format, caller, endpoint.given(*began, redress))
            else {
                let fault = self.malformed(host, role.late_retries, size);
                replace(host, size, &fault);
                return Flow::Continue;
            };
            Some(translated)
        };
        let completion = whole::read(translated.as_deref().unwrap_or(&body), caller);
        if completion.is_none() && is_native && !translate::is_answer(&body, format) {
            let fault = self.malformed(host, role.late_retries, size);
            replace(host, size, &fault);
            return Flow::Continue;
        }
        if let Some(translated) = &translated {
            replace(host, size, translated);
        }
        if is_json && completion.is_some() {
            call.completion = completion;
            call.publish(host);
        }
        if self.has_next() && role.late_retries {
            self.escalate(host, translated.as_deref().unwrap_or(&body));
        }
        Flow::Continue
    }

    /// Has the next model asked if the answer lacks something. If that cannot be, this answer goes to the caller.
    fn escalate<H: Host>(&mut self, host: &H, answer: &[u8]) {
        let (call, length) = (&mut self.trip.call, answer.len());
        let Some(escalation) = &call.escalation else { return };
        let Some(answer) = whole::answer(answer, call.caller) else { return };
        let Some(cause) = escalation.cause(&answer) else { return };
        let failure = Failure::Lacking(cause);
        if let Some(attempt) = call.attempts.last_mut() {
            attempt.usage = call.completion.and_then(|completion| completion.usage);
        }
        call.fail(host, failure, length);
        host.set_header(Direction::Response, RETRY_HEADER, Some(&failure.to_string()));
    }

    /// A whole answer is longer than what is held.
    fn too_long<H: Host>(&mut self, role: &ProviderRole, host: &H, size: usize) -> Flow {
        if self.is_native() {
            self.handling = Handling::AsItCame;
        } else {
            let fault = self.malformed(host, role.late_retries, size);
            replace(host, size, &fault);
            self.handling = Handling::Replaced(Vec::new());
        }
        Flow::Continue
    }

    /// What came is no answer: it becomes an error, after which the next model can be asked if Envoy `may_retry` now. Returns the
    /// body of that error. So many bytes of the answer have been `received`.
    fn malformed<H: Host>(&mut self, host: &H, may_retry: bool, received: usize) -> Vec<u8> {
        self.trip.call.fail(host, Failure::Malformed, received);
        // A status that Envoy does not retry, where it must not retry any more.
        let status = if self.has_next() && !may_retry { "424" } else { "500" };
        host.set_header(Direction::Response, ":status", Some(status));
        host.set_header(Direction::Response, "content-type", Some("application/json"));
        for name in ["content-length", "content-encoding"] {
            host.set_header(Direction::Response, name, None);
        }
        let Trip { endpoint, call, .. } = &self.trip;
        Fault::Malformed { model: &endpoint.model }.body(call.caller)
    }

    /// An error has ended, or is longer than what is read of it.
    fn error<H: Host>(
        &mut self,
        role: &ProviderRole,
        host: &H,
        error: ErrorBody,
        end_of_stream: bool,
    ) -> Flow {
        let ErrorBody { status, held, size } = error;
        let Trip { call, dialect, .. } = &self.trip;
        let body = host.body(Direction::Response, size);
        let error = translate::read_error(status, &body, dialect.format);
        let stays = self.is_native() && end_of_stream && translate::is_error(status, &body, call.caller);
        let body = if stays { body } else { translate::write_error(&error, call.caller) };
        if held && end_of_stream {
            host.set_header(Direction::Response, "content-length", Some(&body.len().to_string()));
        }
        if !stays {
            host.set_body(Direction::Response, size, &body);
        }
        if held && error.is_context_length() && self.next_is_larger(role) {
            self.trip.call.fail(host, Failure::ContextLength, 0);
            if role.late_retries {
                let reason = Failure::ContextLength.to_string();
                host.set_header(Direction::Response, RETRY_HEADER, Some(&reason));
            }
        }
        Flow::Continue
    }

    /// Whether the next model takes longer prompts than this one.
    fn next_is_larger(&self, role: &ProviderRole) -> bool {
        let window = |endpoint: &Endpoint| endpoint.abilities.context_window;
        let next = self.trip.call.next_model().and_then(|model| role.endpoint(model));
        match (window(&self.trip.endpoint), next.and_then(|next| window(next))) {
            (Some(this), Some(next)) => next > this,
            _ => false,
        }
    }
}

/// Leaves only the headers that reach the caller, among them one that names the request: the provider's own name for it, else ours.
fn pass_on<H: Host>(host: &H, headers: &Headers, request_id: &str) {
    let is_named = headers.all(REQUEST_ID).next().is_some();
    let id = headers.iter().find(|(name, _)| names_request(name)).map_or(request_id.as_bytes(), |(_, id)| id);
    let id = Some(id).filter(|id| !is_named && !id.is_empty());
    if id.is_none() && headers.iter().all(|(name, _)| is_returned(name)) {
        return;
    }
    let mut returned: Vec<_> = headers.iter().filter(|(name, _)| is_returned(name)).collect();
    returned.extend(id.map(|id| (REQUEST_ID, id)));
    host.set_headers(Direction::Response, &returned);
}

/// Where OpenAI's SDKs look for the name of a request.
const REQUEST_ID: &str = "x-request-id";

/// What Envoy is shown for a status. Those that count as failures of a gateway eject a model; a caller who asks for what takes
/// too long could bring this one about. The router puts it back.
fn shown_to_envoy(status: u16) -> u16 {
    if status == 504 { 500 } else { status }
}

/// Replaces all of a body that is held together with its headers.
fn replace<H: Host>(host: &H, size: usize, body: &[u8]) {
    host.set_header(Direction::Response, "content-length", Some(&body.len().to_string()));
    host.set_body(Direction::Response, size, body);
}
