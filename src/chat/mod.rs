//! Chat requests, responses and streams in the OpenAI Chat Completions dialect.
//!
//! A body is read once. What must change is spliced into the original bytes; everything else survives as it came.

mod delta;
pub mod error;
pub mod request;
pub mod response;
pub mod splice;
pub mod sse;
pub mod stream;
pub mod usage;

pub use request::ChatRequest;
pub use usage::Usage;
