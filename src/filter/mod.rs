//! Per-stream state machines.
