//! Two messages as the semantic cache compares them.

use std::cell::RefCell;
use std::rc::Rc;

use super::difference::{DOCUMENT, difference};
use super::head::{Head, HeadError};
use super::inputs::{Inputs, WordInputs, inputs, word_inputs};
use super::message::Message;
use super::recent::Recent;
use super::vetoes::{self, Veto};
use crate::embedding::{Encoders, TokenVectors};

/// What holds more words than a document must have, and is not read before it is compared; in bytes.
const LONGEST_REQUEST: usize = DOCUMENT * 16;

/// Bytes that the vectors of messages that were read may take: those of about 200 messages of 24 tokens.
const MOST_KEPT: usize = 8 << 20;

/// Two messages that nothing forbids to answer alike, as their words show them.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The message that was answered, and the one to be answered, without a document that they share.
    pub asked: (String, String),
    /// How likely the answer to the one serves the other by the words alone, 0..=1.
    pub score: f64,
    /// Whether that is likely enough to read them closely.
    pub is_likely: bool,
    words: WordInputs,
}

/// Compares messages.
#[derive(Debug)]
pub struct Verifier {
    encoders: Encoders,
    head: Head,
    recent: RefCell<Recent>,
}

impl Verifier {
    /// The verifier in the module, with the encoders in the module.
    ///
    /// # Errors
    /// [`HeadError`] says why its weights cannot be used.
    pub fn new(encoders: Encoders) -> Result<Self, HeadError> {
        let head = Head::bundled(encoders.sieve.fingerprint())?;
        Ok(Self { encoders, head, recent: RefCell::new(Recent::new(MOST_KEPT)) })
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

    /// Two messages as their words show them; in microseconds.
    ///
    /// # Errors
    /// The [`Veto`] that forbids to answer them alike.
    pub fn first_look(&self, answered: &str, asked: &str) -> Result<Pair, Veto> {
        let difference = difference(answered, asked)?;
        let (left, right) = (Message::read(&difference.one), Message::read(&difference.other));
        let alone = |message| vetoes::alone(message, difference.has_document);
        if let Some(veto) = alone(&right).or_else(|| alone(&left)).or_else(|| vetoes::between(&left, &right))
        {
            return Err(veto);
        }
        let tokens = [&difference.one, &difference.other].map(|text| self.encoders.sieve.token_vectors(text));
        let [left_tokens, right_tokens] = &tokens;
        let words = word_inputs((&left, left_tokens), (&right, right_tokens), difference.has_document);
        let (score, is_likely) = self.head.first_look(&words);
        Ok(Pair { asked: (difference.one, difference.other), score, is_likely, words })
    }

    /// How likely one answer serves both messages of a pair, 0..=1: with their tokens in context, in milliseconds, if their words make it
    /// likely, and else by their words.
    ///
    /// # Errors
    /// [`Veto::Document`] if one of them has too many tokens.
    pub fn second_look(&self, pair: &Pair) -> Result<f64, Veto> {
        if pair.is_likely { Ok(self.head.score(&self.inputs(pair)?)) } else { Ok(pair.score) }
    }

    /// All that is weighed of a pair.
    ///
    /// # Errors
    /// [`Veto::Document`] if a message has too many tokens.
    pub fn inputs(&self, pair: &Pair) -> Result<Inputs, Veto> {
        let (answered, asked) = &pair.asked;
        let vectors = |text: &str| self.vectors(text).ok_or(Veto::Document);
        Ok(inputs(&pair.words, &*vectors(answered)?, &*vectors(asked)?))
    }

    fn vectors(&self, text: &str) -> Option<Rc<TokenVectors>> {
        let read = || self.encoders.in_context.token_vectors(text);
        match self.recent.try_borrow_mut() {
            Ok(mut recent) => recent.of(text, read),
            Err(_) => read().map(Rc::new),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::embedding::Encoders;

    fn verifier() -> Verifier {
        Verifier::new(Encoders::bundled().unwrap()).unwrap()
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
        let pair = verifier().first_look(&answered, &asked).unwrap();
        assert_eq!(pair.asked, ("Sum up:".into(), "Please summarize this.".into()));
        assert!((0.0..=1.0).contains(&pair.score));
    }

    proptest! {
        #[test]
        fn any_two_texts_can_be_compared(one in any_text(), other in any_text(), document in any_text()) {
            let (left, right) = (format!("{one}\n\n{document}"), format!("{document}\n{other}"));
            let verifier = verifier();
            for (one, other) in [(&one, &other), (&left, &right)] {
                if let Ok(score) = verifier.first_look(one, other).and_then(|pair| verifier.second_look(&pair)) {
                    prop_assert!((0.0..=1.0).contains(&score), "{}", score);
                }
                if let Ok(inputs) = verifier.first_look(one, other).and_then(|pair| verifier.inputs(&pair)) {
                    prop_assert!(inputs.iter().all(|number| number.is_finite()), "{inputs:?}");
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
