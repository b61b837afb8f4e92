//! The way back: a provider's answer becomes one in the caller's dialect, or a failure that Envoy can retry.
//!
//! Streams are never held. A whole answer is held until it is known to be one: until then the next model can still be asked.

use super::{Provider, Trip};
use crate::chat::answer::{ApiError, ErrorKind};
use crate::chat::translate::{self, StreamTranslator};
use crate::filter::call::Failure;
use crate::filter::{Flow, OWN_PREFIX, RETRY_HEADER};
use crate::host::{Direction, Host};

/// Longest whole answer that is held, in bytes. A longer one goes on unchecked if it needs no translation.
const MAX_ANSWER: usize = 1 << 20;
/// Longest error that is read, in bytes.
const MAX_ERROR: usize = 1 << 16;

/// What is done with the answer.
#[derive(Debug)]
pub(super) enum Reply {
    /// It has not come.
    Awaited,
    /// It goes as it came.
    AsItCame,
    /// It is whole and held until its end.
    Whole {
        /// How much of it has come, in bytes.
        size: usize,
    },
    /// It is an error, whose body is read.
    Error {
        /// As the provider gave it.
        status: u16,
        /// Whether the headers wait as well.
        held: bool,
        /// How much of it has come, in bytes.
        size: usize,
    },
    /// It is streamed and translated.
    Stream(Box<StreamTranslator>),
    /// It has been replaced; what still comes is swallowed.
    Replaced,
}

impl Reply {
    /// Whether the attempt has failed if it is over now.
    pub(super) fn is_unfinished(&self) -> bool {
        matches!(self, Self::Awaited | Self::Whole { .. } | Self::Error { held: true, .. })
    }
}

/// The head of an answer.
#[derive(Debug, Default)]
struct Head<'h> {
    status: u16,
    content_type: &'h str,
    is_encoded: bool,
    length: usize,
}

impl<'h> Head<'h> {
    fn of(headers: &'h [(String, String)]) -> Self {
        let mut head = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                ":status" => head.status = value.parse().unwrap_or(0),
                "content-type" => head.content_type = value,
                "content-encoding" => head.is_encoded = value != "identity",
                "content-length" => head.length = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        head
    }

    fn is_stream(&self) -> bool {
        let media_type = self.content_type.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("text/event-stream")
    }
}

impl Trip {
    /// Whether the answer is in the caller's own format.
    fn is_native(&self) -> bool {
        self.endpoint.dialect.format == self.call.caller.format()
    }

    /// Whether a model is left that has not been asked.
    fn has_next(&self) -> bool {
        self.call.next_model().is_some()
    }

    pub(super) fn on_response_headers<H: Host>(
        &mut self,
        role: &Provider,
        host: &H,
        end_of_stream: bool,
    ) -> Flow {
        let headers = host.headers(Direction::Response);
        for (name, _) in headers.iter().filter(|(name, _)| name.starts_with(OWN_PREFIX)) {
            host.set_header(Direction::Response, name, None);
        }
        let head = Head::of(&headers);
        let (reply, flow) = match head.status {
            200 if head.is_stream() => (self.streamed(host, &head), Flow::Continue),
            200 if self.is_native() && (head.is_encoded || head.length > MAX_ANSWER) => {
                (Reply::AsItCame, Flow::Continue)
            }
            200 => (Reply::Whole { size: 0 }, Flow::Pause),
            400.. => self.failed(role, host, head.status),
            _ => (Reply::AsItCame, Flow::Continue),
        };
        self.reply = reply;
        if end_of_stream {
            return self.bodiless(role, host);
        }
        flow
    }

    fn streamed<H: Host>(&self, host: &H, head: &Head<'_>) -> Reply {
        if self.is_native() || head.is_encoded {
            return Reply::AsItCame;
        }
        host.set_header(Direction::Response, "content-length", None);
        let Self { endpoint, call, began, .. } = self;
        let translator = StreamTranslator::new(endpoint.dialect.format, call.caller, began.as_secs());
        Reply::Stream(Box::new(translator))
    }

    /// An error: where Envoy asks the next model, it must know at once; else the body is read first.
    fn failed<H: Host>(&mut self, role: &Provider, host: &H, status: u16) -> (Reply, Flow) {
        if matches!(status, 401 | 403) {
            log::error!(
                "{} answered {status}: the credential of its provider is refused",
                self.endpoint.model
            );
        }
        self.call.fail(host, &status.to_string());
        let set = |name, value: &str| host.set_header(Direction::Response, name, Some(value));
        let mapped = translate::status(status, self.call.caller);
        if mapped != status {
            set(":status", &mapped.to_string());
        }
        set("content-type", "application/json");
        host.set_header(Direction::Response, "content-length", None);
        let held = !(role.policy.failover.retries(status) && self.has_next());
        (Reply::Error { status, held, size: 0 }, if held { Flow::Pause } else { Flow::Continue })
    }

    /// The headers are all there is.
    fn bodiless<H: Host>(&mut self, role: &Provider, host: &H) -> Flow {
        if matches!(self.reply, Reply::Whole { .. }) {
            self.note_malformed(role, host);
        }
        self.reply = Reply::AsItCame;
        Flow::Continue
    }

    pub(super) fn on_response_body<H: Host>(
        &mut self,
        role: &Provider,
        host: &H,
        size: usize,
        end_of_stream: bool,
    ) -> Flow {
        match &mut self.reply {
            Reply::Awaited | Reply::AsItCame => Flow::Continue,
            Reply::Replaced => {
                host.set_body(Direction::Response, size, &[]);
                Flow::Continue
            }
            Reply::Stream(translator) => {
                let translated = translator.feed(&host.body(Direction::Response, size), end_of_stream);
                host.set_body(Direction::Response, size, &translated);
                Flow::Continue
            }
            Reply::Whole { size: held } => {
                *held = size;
                match (end_of_stream, size > MAX_ANSWER) {
                    (true, _) => self.on_response_end(role, host),
                    (false, true) => self.too_long(role, host, size),
                    (false, false) => Flow::Pause,
                }
            }
            Reply::Error { status, held, size: read } => {
                *read = size;
                let (status, held) = (*status, *held);
                match (end_of_stream, size > MAX_ERROR) {
                    (true, _) => self.on_response_end(role, host),
                    (false, true) => {
                        self.reply = Reply::Replaced;
                        self.error(role, host, status, held, size, false)
                    }
                    (false, false) => Flow::Pause,
                }
            }
        }
    }

    /// The answer has ended: its body, or its trailers are here.
    pub(super) fn on_response_end<H: Host>(&mut self, role: &Provider, host: &H) -> Flow {
        match std::mem::replace(&mut self.reply, Reply::AsItCame) {
            Reply::Whole { size } => self.whole(role, host, size),
            Reply::Error { status, held, size } => self.error(role, host, status, held, size, true),
            _ => Flow::Continue,
        }
    }

    /// A whole answer has ended.
    fn whole<H: Host>(&mut self, role: &Provider, host: &H, size: usize) -> Flow {
        let body = host.body(Direction::Response, size);
        let format = self.endpoint.dialect.format;
        if self.is_native() {
            if !translate::is_answer(&body, format) {
                self.malformed(role, host, size);
            }
            return Flow::Continue;
        }
        match translate::answer(&body, format, self.call.caller, self.began.as_secs()) {
            Ok(translated) => replace(host, size, &translated),
            Err(_) => self.malformed(role, host, size),
        }
        Flow::Continue
    }

    /// A whole answer is longer than what is held.
    fn too_long<H: Host>(&mut self, role: &Provider, host: &H, size: usize) -> Flow {
        if self.is_native() {
            self.reply = Reply::AsItCame;
        } else {
            self.malformed(role, host, size);
            self.reply = Reply::Replaced;
        }
        Flow::Continue
    }

    /// What came is no answer: it becomes an error, after which the next model can be asked.
    fn malformed<H: Host>(&mut self, role: &Provider, host: &H, size: usize) {
        self.note_malformed(role, host);
        let message = format!("{} gave an answer that cannot be read", self.endpoint.model);
        let error = ApiError::new(ErrorKind::Server, message);
        replace(host, size, &translate::write_error(&error, self.call.caller));
    }

    fn note_malformed<H: Host>(&mut self, role: &Provider, host: &H) {
        self.call.fail(host, Failure::Malformed.as_str());
        // A status that Envoy does not retry, where it must not retry any more.
        let status = if self.has_next() && !role.late_retries { "424" } else { "502" };
        host.set_header(Direction::Response, ":status", Some(status));
        host.set_header(Direction::Response, "content-type", Some("application/json"));
    }

    /// An error has ended, or is longer than what is read of it.
    fn error<H: Host>(
        &mut self,
        role: &Provider,
        host: &H,
        status: u16,
        held: bool,
        size: usize,
        end_of_stream: bool,
    ) -> Flow {
        let body = host.body(Direction::Response, size);
        let error = translate::read_error(status, &body, self.endpoint.dialect.format);
        let stays = self.is_native() && end_of_stream && translate::is_error(status, &body, self.call.caller);
        let body = if stays { body } else { translate::write_error(&error, self.call.caller) };
        if held && end_of_stream {
            host.set_header(Direction::Response, "content-length", Some(&body.len().to_string()));
        }
        if !stays {
            host.set_body(Direction::Response, size, &body);
        }
        if held && error.is_context_length() && self.next_is_larger(role) {
            self.call.fail(host, Failure::ContextLength.as_str());
            if role.late_retries {
                host.set_header(Direction::Response, RETRY_HEADER, Some(Failure::ContextLength.as_str()));
            }
        }
        Flow::Continue
    }

    /// Whether the next model takes longer prompts than this one.
    fn next_is_larger(&self, role: &Provider) -> bool {
        let window = |endpoint: &super::Endpoint| endpoint.abilities.context_window;
        let next = self.call.next_model().and_then(|model| role.endpoint(model));
        match (window(&self.endpoint), next.and_then(|next| window(next))) {
            (Some(this), Some(next)) => next > this,
            _ => false,
        }
    }
}

/// Replaces all of a body that is held together with its headers.
fn replace<H: Host>(host: &H, size: usize, body: &[u8]) {
    host.set_header(Direction::Response, "content-length", Some(&body.len().to_string()));
    host.set_body(Direction::Response, size, body);
}
