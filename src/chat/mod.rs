//! Chat requests, answers and streams in the dialects of callers and providers.
//!
//! Where caller and provider speak the same dialect, a body is read once; what must change is spliced into the original
//! bytes, and everything else survives as it came. Where they do not, `translate` goes by way of [`conversation`] and
//! [`answer`], so that each dialect has one reader and one writer, whatever it meets.

pub mod answer;
mod anthropic;
mod azure;
pub mod claude;
pub mod completion;
pub mod conversation;
pub mod dialect;
mod edits;
pub mod excerpt;
mod gemini;
pub mod head;
pub mod headers;
pub mod image;
mod json_schema;
pub mod listing;
mod metered;
mod mistral;
pub mod model_name;
mod number;
pub mod observe;
mod openai;
mod openai_like;
pub mod operation;
pub mod redress;
pub mod registry;
pub mod renewal;
pub mod request;
pub mod responses;
pub mod shortcoming;
pub mod splice;
pub mod sse;
pub mod survey;
pub mod translate;
mod unsaid;
pub mod usage;
mod vertex;
pub mod whole;

pub use dialect::{Caller, Dialect, Format};
pub use head::AnswerHead;
pub use operation::Operation;
pub use request::ChatRequest;
pub use usage::Usage;
