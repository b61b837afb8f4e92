//! What is reported: metrics and the access log.
