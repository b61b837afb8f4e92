//! How hard is this request?
//!
//! A scorer turns the last user message and the conversation's shape into a [`Complexity`]: a score, a level, and the
//! [`Signal`]s that led to it. Scorers look at the text once, allocate nothing for it, and never fail.

mod features;
mod heuristic;
mod level;
mod settings;
mod signal;
mod vocabulary;
mod wordcount;
mod words;

pub use level::{Complexity, Level};
pub use settings::{Boundaries, Classify, Scorer};
pub use signal::Signal;

use crate::chat::request::Shape;

/// Scores a request by its last user message and the conversation's shape.
#[must_use]
pub fn assess(classify: &Classify, last_user_text: &str, shape: &Shape) -> Complexity {
    match classify.scorer {
        Scorer::Heuristic => heuristic::assess(classify.boundaries, last_user_text, shape),
        Scorer::Wordcount => wordcount::assess(last_user_text),
    }
}
