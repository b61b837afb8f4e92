//! What is reported: metrics, the access log, and the header that says what was decided.

mod access_log;
mod decision_header;
mod metrics;
mod request;

pub use access_log::{AccessRecord, Attempted, Outcome, failed};
pub use decision_header::DecisionHeader;
pub use metrics::{Counters, Description, LABELS, METRICS, Metric, reference};
pub use request::RequestRecord;
