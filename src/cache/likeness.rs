//! How an answer to another message was found to serve this one.

/// How an answer to another message was found to serve this one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// How likely it serves it, 0..=1.
    pub score: f64,
}
