//! What is reported: metrics, the access log, and the header that says what was decided.

mod access_log;
mod counterfactual;
mod decision_header;
mod metrics;
mod outcome;
mod request;

pub use access_log::{AccessRecord, Attempted, failed};
pub use counterfactual::Counterfactual;
pub use decision_header::DecisionHeader;
pub use metrics::{Counters, Description, LABELS, METRICS, Metric, reference};
pub use outcome::Outcome;
pub use request::RequestRecord;
