//! Requests.

mod read;
mod survey;
mod write;

pub(in crate::chat) use read::read;
pub(in crate::chat) use survey::survey;
pub(in crate::chat) use write::write;
