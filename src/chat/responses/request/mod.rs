//! Requests.

mod input;
mod read;
mod tools;

pub(in crate::chat) use read::read;
