//! What two readers of a body could understand differently: the first case that is met.

use super::spelling::is_spelled_like;
use super::view::RequestError;

/// What has been met so far.
#[derive(Debug, Default)]
pub(super) struct Doubt(Option<RequestError>);

impl Doubt {
    /// Counts a member that may stand there only once.
    pub(super) fn once(&mut self, member: &str, count: &mut u8) {
        *count = count.saturating_add(1);
        if *count > 1 {
            self.0.get_or_insert_with(|| RequestError::Duplicate { member: member.to_owned() });
        }
    }

    /// Notes a member that a server could take for `member`.
    pub(super) fn misspelled(&mut self, member: &'static str) {
        self.0.get_or_insert(RequestError::Misspelled { member });
    }

    /// Adds what was met in a part of the body.
    pub(super) fn add(&mut self, part: Self) {
        self.0 = self.0.take().or(part.0);
    }

    pub(super) fn into_error(self) -> Option<RequestError> {
        self.0
    }
}

/// A key of an object of which some members count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// One of them.
    Known(&'static str),
    /// None of them, but one that a server could take for it.
    Like(&'static str),
    /// Another one.
    Other,
}

impl Key {
    /// What `key` is, where `names` count.
    pub(super) fn of(key: &str, names: &[&'static str]) -> Self {
        let named = |is_it: &dyn Fn(&str) -> bool| names.iter().copied().find(|name| is_it(name));
        match (named(&|name| name == key), named(&|name| is_spelled_like(key, name))) {
            (Some(name), _) => Self::Known(name),
            (None, Some(name)) => Self::Like(name),
            (None, None) => Self::Other,
        }
    }
}
