//! Whether the answer to one message serves another one: first what forbids it, whatever the likeness, then how likely it is.
//!
//! Two messages are compared without the document that both are about; [`Veto`] names what sets them apart. What no veto forbids
//! is weighed by a [`Verifier`].

mod agreement;
mod alignment;
mod difference;
mod head;
mod inputs;
mod language;
mod lexicon;
mod message;
mod names;
mod order;
mod question;
mod recent;
mod verifier;
mod vetoes;
mod words;

pub use agreement::agree;
pub use head::{Head, HeadError, Step};
pub use inputs::{INPUTS, Inputs, WORD_INPUTS, WordInputs};
pub use language::language_tag;
pub use verifier::{Pair, Verifier};
pub use vetoes::Veto;
