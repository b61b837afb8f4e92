//! What instances share: answers, in a Redis that is reached over HTTP ([Webdis](https://webd.is)), by the key that they have in
//! the local cache. Pure: what is asked and what an answer to it means; the asking is the filter's.

mod store;

pub use store::{Question, SharedAnswer, SharedStore, Storing};
