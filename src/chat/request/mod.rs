//! A chat request, read in one pass over its bytes.

mod canonical;
mod doubt;
mod human;
mod members;
mod messages;
mod plain;
mod sized;
mod spelling;
#[cfg(test)]
mod tests;
mod text;
mod turns;
mod view;
mod vocabulary;

pub use turns::Turns;
pub use view::{Canonical, ChatRequest, Limits, RequestError, Sampling, Shape, StreamOptions};
