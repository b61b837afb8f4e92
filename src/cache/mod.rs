//! Answers that were given before.
//!
//! A key cannot be made without a tenant's [`Partition`](crate::identity::Partition), so one tenant's answer cannot reach another.

pub mod conversations;
pub mod directives;
mod directory;
pub mod exact;
pub mod invalidation;
pub mod key;
mod milliseconds;
pub mod origin;
pub mod recall;
pub mod semantic;
mod slots;
pub mod tag;

pub use key::{CacheKey, KeyName, Variant};
