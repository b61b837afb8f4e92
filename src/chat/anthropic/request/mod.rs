//! Requests.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub(in crate::chat) use read::read;
pub(in crate::chat) use write::write;
