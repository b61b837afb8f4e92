//! Requests.

mod read;
mod write;

pub(in crate::chat) use read::read;
pub(in crate::chat) use write::write;
