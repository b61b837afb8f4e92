//! Whether the answer to one message serves another one: first what forbids it, whatever the likeness.
//!
//! Two messages are compared without the document that both are about; [`Veto`] names what sets them apart.

mod difference;
mod language;
mod lexicon;
mod message;
mod names;
mod order;
mod question;
mod vetoes;
mod words;

pub use vetoes::Veto;

use difference::difference;
use message::Message;

/// What two messages ask, where nothing forbids that one answer serves both.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// The message that was answered, without what both share.
    pub answered: String,
    /// The message to be answered, likewise.
    pub asked: String,
    /// Whether a document was taken out of both.
    pub has_document: bool,
}

/// Compares the message that was answered with the one to be answered.
///
/// # Errors
/// The [`Veto`] that forbids to answer the one with the answer to the other.
pub fn compare(answered: &str, asked: &str) -> Result<Asked, Veto> {
    let difference = difference(answered, asked)?;
    {
        let (left, right) = (Message::read(&difference.one), Message::read(&difference.other));
        let alone = |message| vetoes::alone(message, difference.has_document);
        let veto = alone(&right).or_else(|| alone(&left)).or_else(|| vetoes::between(&left, &right));
        if let Some(veto) = veto {
            return Err(veto);
        }
    }
    Ok(Asked { answered: difference.one, asked: difference.other, has_document: difference.has_document })
}
