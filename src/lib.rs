//! LLM cost policy enforced inside a stock Envoy.
//!
//! One proxy-wasm module reads chat requests, decides what each one is worth spending on, answers what it has answered
//! before, rewrites the rest for the cheapest model that can do the job, and keeps the books.
//!
//! The way of a request, and the module that does each step:
//!
//! | step | module |
//! |---|---|
//! | is it for us? | [`admission`] |
//! | read the request without losing a byte | [`chat`] |
//! | who asks? | [`identity`] |
//! | have we answered it before? | [`cache`] |
//! | has another instance? | [`sharing`] |
//! | have we answered one that asks for the same? | [`semantic`] |
//! | how hard is it? | [`complexity`] |
//! | which rule holds for it? | [`condition`], [`policy`] |
//! | who may be asked, in which order, and what of? | [`routing`] |
//! | what did it cost, what did it save? | [`ledger`] |
//! | what is reported | [`telemetry`] |
//!
//! [`policy`] is what a team has written down about all of it; [`envoy`] is what the filter and the proxy's configuration agree
//! on. These are pure: they know nothing of a running proxy. [`filter`] carries values between them and the [`host`], which is one
//! narrow boundary with two sides: `host::proxy_wasm` in Envoy and [`host::memory`] in tests and where calls are replayed.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "a test may panic"))]

pub mod admission;
pub mod cache;
pub mod calendar;
pub mod chat;
pub mod complexity;
pub mod condition;
pub mod embedding;
#[cfg(target_arch = "wasm32")]
mod entry;
pub mod envoy;
pub mod filter;
pub mod host;
pub mod identity;
pub mod ledger;
pub mod policy;
pub mod routing;
pub mod semantic;
pub mod sharing;
pub mod telemetry;
