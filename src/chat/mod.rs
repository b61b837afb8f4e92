//! Chat requests, answers and streams in the dialects of callers and providers.
//!
//! Where caller and provider speak the same dialect, a body is read once; what must change is spliced into the original
//! bytes, and everything else survives as it came. Where they do not, `translate` goes by way of [`conversation`] and
//! [`answer`], so that each dialect has one reader and one writer, whatever it meets.

pub mod answer;
mod anthropic;
mod azure;
pub mod conversation;
mod delta;
pub mod dialect;
mod gemini;
mod mistral;
mod openai;
mod openai_like;
pub mod request;
pub mod response;
pub mod splice;
pub mod sse;
pub mod stream;
pub mod translate;
pub mod usage;

pub use anthropic::observe::MessageObserver;
pub use dialect::{Caller, Dialect, Format};
pub use request::ChatRequest;
pub use usage::Usage;
