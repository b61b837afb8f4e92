//! Two messages as the semantic cache compares them.

use std::sync::Arc;

use super::difference::{DOCUMENT, difference};
use super::head::{Head, HeadError};
use super::inputs::{Inputs, inputs};
use super::message::Message;
use super::vetoes::{self, Veto};
use crate::embedding::Sieve;

/// What holds more words than a document must have, and is not read before it is compared; in bytes.
const LONGEST_REQUEST: usize = DOCUMENT * 16;

/// What two messages give where nothing forbids that one answer serves both.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// How likely the answer to the one serves the other, 0..=1.
    pub score: f64,
    /// What was weighed.
    pub inputs: Inputs,
    /// The message that was answered, and the one to be answered, without a document that they share.
    pub asked: (String, String),
}

/// Compares messages.
#[derive(Debug)]
pub struct Verifier {
    encoder: Arc<Sieve>,
    head: Head,
}

impl Verifier {
    /// The verifier in the module, with the encoder in the module.
    ///
    /// # Errors
    /// [`HeadError`] says why its weights cannot be used.
    pub fn new(encoder: Arc<Sieve>) -> Result<Self, HeadError> {
        let head = Head::bundled(encoder.fingerprint())?;
        Ok(Self { encoder, head })
    }

    /// Its weights.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Why no answer to another message could serve a short one; a longer one may be about a document, which says nothing of it.
    #[must_use]
    pub fn refuses(&self, text: &str) -> Option<Veto> {
        if text.len() > LONGEST_REQUEST {
            return None;
        }
        let message = Message::read(text);
        if message.words.len() > DOCUMENT { None } else { vetoes::alone(&message, false) }
    }

    /// How likely the answer to one message serves another one.
    ///
    /// # Errors
    /// The [`Veto`] that forbids it.
    pub fn compare(&self, answered: &str, asked: &str) -> Result<Verdict, Veto> {
        let difference = difference(answered, asked)?;
        let (left, right) = (Message::read(&difference.one), Message::read(&difference.other));
        let alone = |message| vetoes::alone(message, difference.has_document);
        if let Some(veto) = alone(&right).or_else(|| alone(&left)).or_else(|| vetoes::between(&left, &right))
        {
            return Err(veto);
        }
        let tokens = [&difference.one, &difference.other].map(|text| self.encoder.token_vectors(text));
        let [left_tokens, right_tokens] = &tokens;
        let inputs = inputs((&left, left_tokens), (&right, right_tokens), difference.has_document);
        let score = self.head.score(&inputs);
        Ok(Verdict { score, inputs, asked: (difference.one, difference.other) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::embedding::bundled;

    fn verifier() -> Verifier {
        Verifier::new(bundled().unwrap()).unwrap()
    }

    /// Text that looks like what people and programs write, and text that does not.
    fn any_text() -> impl Strategy<Value = String> {
        let words = prop::sample::select(vec![
            "Is",
            "it",
            "not",
            "5,000",
            "k8s",
            "a.b()",
            "\"quoted\"",
            "it's",
            "Berlin",
            "WWW",
            "-3",
            "€5",
            "\n\n",
            "。",
            "in",
            "to",
        ]);
        prop_oneof![".{0,80}", prop::collection::vec(words, 0..60).prop_map(|words| words.join(" "))]
    }

    #[test]
    fn a_message_is_compared_without_the_document_that_it_shares() {
        let document = "The board met and agreed on the budget of the coming year. ".repeat(6);
        let (answered, asked) =
            (format!("Sum up:\n\n{document}"), format!("Please summarize this.\n\n{document}"));
        let verdict = verifier().compare(&answered, &asked).unwrap();
        assert_eq!(verdict.asked, ("Sum up:".into(), "Please summarize this.".into()));
        assert!((0.0..=1.0).contains(&verdict.score));
    }

    proptest! {
        #[test]
        fn any_two_texts_can_be_compared(one in any_text(), other in any_text(), document in any_text()) {
            let (left, right) = (format!("{one}\n\n{document}"), format!("{document}\n{other}"));
            let verifier = verifier();
            for (one, other) in [(&one, &other), (&left, &right)] {
                if let Ok(verdict) = verifier.compare(one, other) {
                    prop_assert!((0.0..=1.0).contains(&verdict.score), "{}", verdict.score);
                }
            }
        }

        #[test]
        fn nothing_sets_a_message_apart_from_itself(text in any_text()) {
            let message = Message::read(&text);
            prop_assert_eq!(vetoes::between(&message, &message), None);
        }
    }
}
