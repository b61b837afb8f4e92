//! A request whose body is being collected, until it is one that can be planned.

use super::role::RouterRole;
use crate::admission::{RequestHead, Unreadable};
use crate::cache::directives::RequestDirectives;
use crate::cache::recall::{Caching, Recall};
use crate::chat::registry::FEATURE_HEADERS;
use crate::chat::request::{Canonical, Limits};
use crate::chat::{Caller, ChatRequest};
use crate::host::{Direction, Headers, Host};
use crate::identity::Partition;

/// What the headers have said, and how much of the body has come.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) caller: Caller,
    /// What the caller says in a header of its dialect that asks for features.
    pub(super) features: String,
    partition: Partition,
    pub(super) directives: RequestDirectives,
    pub(super) accepts_encoding: bool,
    /// How much of the body has been collected, in bytes.
    pub(super) size: usize,
}

impl Reading {
    /// Takes from the headers what will be needed later.
    pub(super) fn new(
        caller: Caller,
        partition: Partition,
        head: &RequestHead<'_>,
        headers: &Headers,
    ) -> Self {
        let features = FEATURE_HEADERS.iter().find_map(|name| headers.get(name));
        let features = features.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
        Self {
            caller,
            features: features.to_owned(),
            partition,
            directives: RequestDirectives::parse(head.cache_control),
            accepts_encoding: head.accepts_encoding,
            size: 0,
        }
    }

    /// Reads the body, which is complete.
    pub(super) fn read<H: Host>(&self, role: &RouterRole, host: &H) -> Result<ChatRequest, Unreadable> {
        let limits = Limits { max_depth: role.policy.admit.max_depth };
        let is_cached = role.cache.is_some() && !self.directives.no_store;
        let canonical = if is_cached { Canonical::Keep } else { Canonical::Skip };
        let body = host.body(Direction::Request, self.size);
        ChatRequest::parse(body, self.caller, limits, canonical).map_err(Unreadable::Body)
    }

    /// Asks the cache.
    pub(super) fn recall<H: Host>(&self, role: &RouterRole, host: &H, request: &ChatRequest) -> Recall {
        match &role.cache {
            None => Recall::Forward(Caching::Off),
            Some(cache) => {
                cache.recall(host, &self.partition, &role.policy.revision, &self.directives, request)
            }
        }
    }
}
