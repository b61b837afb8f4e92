//! What is reported: metrics, the access log, and the header that says what was decided.

mod access_log;
mod counterfactual;
mod decision_header;
mod description;
mod gen_ai;
pub mod history;
mod inference;
mod meters;
mod metrics;
mod open_label;
mod outcome;
mod recent;
mod request;
mod span;
pub mod summary;

#[cfg(not(target_arch = "wasm32"))]
pub use access_log::access_log_schema;
pub use access_log::{AccessRecord, Attempted, failed};
pub use counterfactual::Counterfactual;
pub use decision_header::DecisionHeader;
pub use description::{Description, GenAi, Instrument, Metric};
pub use inference::{Inference, milliseconds, operation_name};
pub use meters::Meters;
pub use metrics::{TIMES, TOKENS, labels, metrics, reference};
pub use open_label::OpenLabel;
pub use outcome::Outcome;
pub use recent::Recent;
pub use request::RequestRecord;
pub use span::{SPAN_ATTRIBUTES, span_attributes};
