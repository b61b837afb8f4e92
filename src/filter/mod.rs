//! Per-stream state machines, one per role. Thin: host events in, core calls, host actions out.
//!
//! They are generic over the [`host`](crate::host), so the whole of them runs natively in tests.

pub(crate) mod call;
pub mod console;
mod fault;
pub mod plugin;
pub mod provider;
pub mod role;
pub mod router;
pub mod timed;

pub use role::{Flow, Role};
