//! Which model answered a conversation last, and how much of it that model's provider still has in its prompt cache.
//!
//! A conversation is known again by the hash of what its last answer was given to. A fixed number of places in shared data, each
//! given to the conversation that came last.

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use foldhash::fast::FixedState;

use super::tag::ModelTag;
use crate::host::{Clock, SharedData};
use crate::identity::Partition;

/// Places for conversations.
const PLACES: u64 = 8192;
/// Bytes of what is kept of one.
const LENGTH: usize = 32;
/// What a value costs its host besides its bytes: its key, and a node of a table.
const PLACE_BYTES: u64 = 160;

/// A conversation of a tenant, up to what was said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationKey(u64);

/// What is known of a conversation's last answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastAnswer {
    /// The model that gave it.
    pub model: ModelTag,
    /// Tokens of the conversation that its provider has in its prompt cache.
    pub cached: u64,
    /// Tokens of the answer.
    pub output: u64,
}

/// The conversations that are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversations {
    /// How long providers keep a prompt in their caches.
    pub ttl: Duration,
}

impl ConversationKey {
    /// The key of a tenant's conversation in which this was said, as a hash.
    #[must_use]
    pub fn new(partition: &Partition, said: u64) -> Self {
        let mut hash = FixedState::with_seed(PLACES).build_hasher();
        for part in partition.parts() {
            hash.write_usize(part.len());
            hash.write(part);
        }
        hash.write_u64(said);
        Self(hash.finish())
    }

    fn place(self) -> String {
        format!("arbiter.conversation.{}", self.0 % PLACES)
    }
}

impl Conversations {
    /// Most memory that they take, in bytes.
    #[must_use]
    pub fn bound() -> u64 {
        PLACES.saturating_mul(PLACE_BYTES.saturating_add(LENGTH as u64))
    }

    /// What is known of the last answer in a conversation, while its provider still has the prompt.
    pub fn last_answer<H: SharedData + Clock>(&self, host: &H, key: ConversationKey) -> Option<LastAnswer> {
        let value = host.shared_data(&key.place()).value;
        let value: &[u8; LENGTH] = value.as_slice().try_into().ok()?;
        let mut numbers = value.chunks_exact(8).filter_map(|bytes| bytes.first_chunk::<8>()).copied();
        let (whose, model) = (numbers.next().map(u64::from_le_bytes)?, numbers.next()?);
        let (said_at, counts) =
            (numbers.next().map(u64::from_le_bytes)?, numbers.next().map(u64::from_le_bytes)?);
        let age = host.now().checked_sub(Duration::from_millis(said_at)).unwrap_or_default();
        let (cached, output) = (counts >> 32, counts & u64::from(u32::MAX));
        (whose == key.0 && age <= self.ttl).then_some(LastAnswer { model: ModelTag(model), cached, output })
    }

    /// Keeps what is known of the last answer in a conversation. Where the host refuses, nothing is known.
    pub fn answered<H: SharedData + Clock>(&self, host: &H, key: ConversationKey, last: &LastAnswer) {
        let LastAnswer { model, cached, output } = last;
        let most = |count: &u64| (*count).min(u32::MAX.into());
        let now = u64::try_from(host.now().as_millis()).unwrap_or(u64::MAX);
        let counts = most(cached) << 32 | most(output);
        let numbers = [key.0.to_le_bytes(), model.0, now.to_le_bytes(), counts.to_le_bytes()];
        let _ = host.set_shared_data(&key.place(), &numbers.concat(), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::MemoryHost;

    #[test]
    fn a_conversation_is_known_while_the_provider_has_its_prompt() {
        let host = MemoryHost::default();
        let conversations = Conversations { ttl: Duration::from_secs(300) };
        let key = |tenant: &str, said| {
            ConversationKey::new(&Partition::of_header("x-tenant", Some(tenant.as_bytes())), said)
        };
        let last = LastAnswer { model: ModelTag::of("mini"), cached: 2048, output: 100 };
        conversations.answered(&host, key("acme", 1), &last);

        assert_eq!(conversations.last_answer(&host, key("acme", 1)), Some(last));
        assert_eq!(conversations.last_answer(&host, key("acme", 2)), None);
        assert_eq!(conversations.last_answer(&host, key("other", 1)), None);
        host.advance(Duration::from_secs(300));
        assert_eq!(conversations.last_answer(&host, key("acme", 1)), Some(last));
        host.advance(Duration::from_millis(1));
        assert_eq!(conversations.last_answer(&host, key("acme", 1)), None);
    }
}
