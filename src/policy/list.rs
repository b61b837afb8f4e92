//! Lists that are never empty, so that looking something up cannot fail.

/// At least one entry, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NonEmpty<T> {
    first: T,
    rest: Vec<T>,
}

impl<T> NonEmpty<T> {
    /// `None` when there is no entry.
    pub(super) fn new(entries: Vec<T>) -> Option<Self> {
        let mut entries = entries.into_iter();
        Some(Self { first: entries.next()?, rest: entries.collect() })
    }

    /// The entry at `index`; the first one when there are not so many.
    pub(super) fn at(&self, index: u16) -> &T {
        usize::from(index).checked_sub(1).and_then(|index| self.rest.get(index)).unwrap_or(&self.first)
    }

    /// All entries with their indices.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &T)> {
        (0_u16..).zip(std::iter::once(&self.first).chain(&self.rest))
    }
}
