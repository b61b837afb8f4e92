//! Which request an answer was given to that is served again.

/// Which request an answer was given to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Origin {
    /// The very same one, earlier.
    Stored,
    /// The very same one, which was on its way to a provider when this one came.
    Collapsed,
    /// One that asks for the same in other words.
    Likeness {
        /// How likely the answer serves both, 0..=1.
        score: f64,
    },
}
