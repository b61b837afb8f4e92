//! From a complete request body to what happens with the request.

use std::time::Duration;

use super::candidates::Asking;
use super::forwarded::{Asked, Caching, Forwarded, Verdict};
use super::{Router, reply, settle};
use crate::cache::directives::RequestDirectives;
use crate::cache::exact::{Bypass, Lookup, admissible};
use crate::cache::{CacheKey, Partition};
use crate::chat::request::{Limits, RequestError};
use crate::chat::splice::{Edit, splice};
use crate::chat::{Caller, ChatRequest};
use crate::complexity;
use crate::filter::CLUSTER_HEADER;
use crate::filter::admit::{PassReason, RequestHead};
use crate::filter::call::Call;
use crate::host::{Direction, Host};
use crate::policy::{ModelId, Policy, TenantSource};

/// A request whose body is being collected.
#[derive(Debug)]
pub(super) struct Reading {
    caller: Caller,
    beta: String,
    partition: Partition,
    directives: RequestDirectives,
    accepts_encoding: bool,
    size: usize,
}

/// What happens with a request whose body is complete.
pub(super) enum Next {
    /// It goes on as it came.
    Pass,
    /// It has been answered.
    Replied,
    /// It goes to a provider.
    Forward(Box<Forwarded>),
}

impl Reading {
    /// Takes from the headers what the decision will need.
    pub(super) fn new(
        policy: &Policy,
        caller: Caller,
        head: &RequestHead<'_>,
        headers: &[(String, String)],
    ) -> Self {
        let value =
            |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let partition = match &policy.tenant {
            TenantSource::Header(name) => Partition::of_header(value(name)),
            TenantSource::ApiKey => {
                Partition::of_api_key(["authorization", "x-api-key", "api-key"].into_iter().find_map(value))
            }
        };
        Self {
            caller,
            beta: head.beta.to_owned(),
            partition,
            directives: RequestDirectives::parse(head.cache_control),
            accepts_encoding: head.accepts_encoding,
            size: 0,
        }
    }

    /// Notes how much of the body has been collected, in bytes.
    pub(super) fn collected(&mut self, size: usize) {
        self.size = size;
    }

    /// Reads the body and acts on it.
    pub(super) fn decide<H: Host>(self, router: &Router, host: &H) -> Next {
        let body = host.body(Direction::Request, self.size);
        let limits = Limits { max_depth: router.policy.admit.max_depth };
        match ChatRequest::parse(&body, self.caller, limits) {
            Ok(request) => self.route(router, host, &body, &request),
            Err(RequestError::InvalidJson { .. }) => pass(router, host, PassReason::InvalidJson),
            Err(RequestError::UnknownShape { .. }) => pass(router, host, PassReason::UnknownShape),
            Err(refusal @ (RequestError::Duplicate { .. } | RequestError::TooDeep { .. })) => {
                reply::refuse(router, host, self.caller, &refusal)
            }
        }
    }

    fn route<H: Host>(self, router: &Router, host: &H, body: &[u8], request: &ChatRequest<'_>) -> Next {
        let asked = Asked::new(self.caller, request);
        match self.recall(router, host, request) {
            Recall::Hit(hit) if reply::send_hit(router, host, &asked, &hit) => Next::Replied,
            Recall::Hit(hit) => self.forward(router, host, body, request, asked, Caching::Replace(hit.key)),
            Recall::Forward(caching) => self.forward(router, host, body, request, asked, caching),
        }
    }

    /// Looks the request up in the exact cache, as far as policy and caller allow.
    fn recall<H: Host>(&self, router: &Router, host: &H, request: &ChatRequest<'_>) -> Recall {
        let (Some(cache), Some(bounds)) = (&router.cache, &router.policy.exact_cache) else {
            return Recall::Forward(Caching::Off);
        };
        if self.directives.no_store {
            return Recall::Forward(Caching::Bypass(Bypass::NoStore));
        }
        if let Err(bypass) = admissible(&request.sampling, bounds) {
            return Recall::Forward(Caching::Bypass(bypass));
        }
        let key = CacheKey::new(&self.partition, &router.policy.revision, &request.model, &request.digest);
        if self.directives.no_cache {
            return Recall::Forward(Caching::Refresh(key));
        }
        match cache.lookup(host, &key, self.directives.max_age) {
            Lookup::Hit { answer, age, ttl_left } => Recall::Hit(Hit { key, answer, age, ttl_left }),
            Lookup::Miss => Recall::Forward(Caching::Store(key)),
            Lookup::TooOld => Recall::Forward(Caching::Replace(key)),
        }
    }

    /// Decides where the request goes and sends it on, changed only where it must be.
    fn forward<H: Host>(
        self,
        router: &Router,
        host: &H,
        body: &[u8],
        request: &ChatRequest<'_>,
        asked: Asked,
        caching: Caching,
    ) -> Next {
        let complexity = complexity::assess(&router.policy.classify, &request.last_user_text, &request.shape);
        let decision = router.policy.decide(&request.model, complexity.level);
        let candidates = match Asking::new(self.caller, body, request).candidates(router, decision) {
            Ok(candidates) => candidates,
            Err(none) => return reply::no_candidate(router, host, self.caller, &none),
        };
        let decision = candidates.decision;
        let set = |name, value: Option<&str>| host.set_header(Direction::Request, name, value);
        let model = router.policy.model(decision.model);
        let include_usage = request.stream && self.caller == Caller::OpenAi;
        let mut length = body.len();
        if let Some(edited) = splice(body, request, Edit { model: &model.upstream_name, include_usage }) {
            length = edited.len();
            set("content-length", Some(&length.to_string()));
            host.set_body(Direction::Request, self.size, &edited);
        }
        set(CLUSTER_HEADER, Some(&candidates.cluster));
        if self.accepts_encoding {
            // A compressed answer could be neither counted nor stored.
            set("accept-encoding", None);
        }
        let name = |id: &ModelId| router.policy.model(*id).name.clone();
        let call = Call {
            caller: self.caller,
            stream: request.stream,
            length,
            models: candidates.models.iter().map(name).collect(),
            beta: self.beta,
            attempts: Vec::new(),
        };
        call.publish(host);
        Next::Forward(Box::new(Forwarded { asked, verdict: Verdict { complexity, decision }, caching }))
    }
}

/// What the cache has to say about a request.
enum Recall {
    Hit(Hit),
    Forward(Caching),
}

/// An answer out of the cache.
pub(super) struct Hit {
    key: CacheKey,
    pub(super) answer: Vec<u8>,
    pub(super) age: Duration,
    pub(super) ttl_left: Duration,
}

fn pass<H: Host>(router: &Router, host: &H, reason: PassReason) -> Next {
    settle::passed(router, host, reason);
    Next::Pass
}
