//! What a request says that not every dialect has a word for: enough to know whom it can be told to, without writing it.
//!
//! | what the request has | who cannot be told |
//! |---|---|
//! | something that only its own dialect knows | everybody else |
//! | a member that a provider refuses | that provider ([`Quirks::refused`](super::openai_like::Quirks::refused)) |
//! | more than 4, or 5, texts that end the answer | OpenAI, or Gemini |
//! | an image by its address, if the model fetches none or the address does not say what it is | Gemini |
//! | the result of a call that is not there | Gemini |
//! | a tool called by the user, an image or a result by the assistant | OpenAI |

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::conversation::{Content, Conversation, Unsupported};
use super::dialect::{Caller, Dialect, Format};
use super::image::{Image, Reach};

/// Most texts that end an answer, with OpenAI.
pub(super) const OPENAI_STOPS: usize = 4;
/// Most texts that end an answer, with Gemini.
pub(super) const GEMINI_STOPS: usize = 5;

/// Said of an image that the model does not fetch.
pub(super) const NOT_FETCHED: &str = "an image by its URL";
/// Said of an image whose media type Gemini would want to be told.
pub(super) const UNTYPED_ADDRESS: &str = "an image by a URL that is not public or does not end in its type";

/// What was seen in a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// Why the body could not be looked over.
    pub(super) unread: Option<Unsupported>,
    /// What no other dialect has a word for.
    pub(super) foreign: Option<Unsupported>,
    /// The members of the body that are given.
    pub(super) members: Vec<String>,
    pub(super) stops: usize,
    /// The hardest way to an image.
    pub(super) image: Reach,
    pub(super) result_without_call: bool,
    /// What only OpenAI wants said by the other side.
    pub(super) misplaced: Option<&'static str>,
}

impl Survey {
    /// Of a body that cannot be looked over: it is told to nobody whose dialect is another one to the letter.
    pub(super) fn unread(why: Unsupported) -> Self {
        Self { unread: Some(why), ..Self::default() }
    }

    /// Of a conversation that has been read.
    pub(super) fn of(conversation: &Conversation) -> Self {
        let mut survey = Self::default();
        survey.take(conversation);
        for part in conversation.turns.iter().flat_map(|turn| &turn.parts) {
            match &part.content {
                Content::Image(image) => survey.see(image),
                Content::ToolResult(result) => {
                    result.images.iter().for_each(|image| survey.see(image));
                    survey.result_without_call |= result.name.is_empty();
                }
                Content::Text(_) | Content::ToolCall(_) | Content::Thinking => {}
            }
        }
        survey
    }

    /// Notes what no other dialect has a word for; the first counts.
    pub(super) fn refuse(&mut self, why: Unsupported) {
        self.foreign.get_or_insert(why);
    }

    /// Notes how a model comes by an image.
    pub(super) fn see(&mut self, image: &Image) {
        self.image = self.image.max(image.reach());
    }

    /// Notes what has been read of the members beside the messages.
    fn take(&mut self, conversation: &Conversation) {
        self.stops = conversation.stop.len();
    }

    /// Whether a provider that speaks `dialect` can be told all that the request of a `caller` says; `fetches_images` is said of the model
    /// ([`Addressee::fetches_images`](super::conversation::Addressee::fetches_images)).
    ///
    /// # Errors
    /// [`Unsupported`] names what it cannot be told.
    pub fn fits(&self, caller: Caller, dialect: &Dialect, fetches_images: bool) -> Result<(), Unsupported> {
        if dialect.is_spoken_by(caller) {
            return Ok(());
        }
        if let Some(unread) = &self.unread {
            return Err(unread.clone());
        }
        if dialect.format == caller.format() {
            let refused = dialect.quirks.refused.iter();
            let given = refused.copied().find(|name| self.members.iter().any(|given| given == name));
            return given.map_or(Ok(()), |name| Err(Unsupported::new(name)));
        }
        if let Some(foreign) = &self.foreign {
            return Err(foreign.clone());
        }
        let unsayable = match dialect.format {
            Format::OpenAi if self.stops > OPENAI_STOPS => Some("more than 4 stop sequences"),
            Format::OpenAi => self.misplaced,
            Format::Responses => Some("a call of another dialect"),
            Format::Anthropic => None,
            Format::Gemini if self.stops > GEMINI_STOPS => Some("more than 5 stop sequences"),
            Format::Gemini if self.result_without_call => Some("a tool result without its call"),
            Format::Gemini => match self.image {
                Reach::Inline => None,
                _ if !fetches_images => Some(NOT_FETCHED),
                Reach::TypedAddress(_) => None,
                Reach::Address => Some(UNTYPED_ADDRESS),
            },
        };
        unsayable.map_or(Ok(()), |what| Err(Unsupported::new(what)))
    }
}

/// How a caller's dialect is looked over; the walk through the members is the same in each.
pub(super) trait Words {
    /// Whose words they are.
    const NAME: &'static str;
    /// As much of a message as is looked at.
    type Message: DeserializeOwned;
    /// As much of a tool as is looked at.
    type Tool: DeserializeOwned;

    /// Looks at the messages.
    fn messages(messages: &[Self::Message], survey: &mut Survey);

    /// Looks at the tools.
    fn tools(tools: &[Self::Tool], survey: &mut Survey);

    /// Reads any other member that is given.
    ///
    /// # Errors
    /// [`Unsupported`] names what no other dialect has a word for.
    fn member(conversation: &mut Conversation, name: &str, value: &Value) -> Result<(), Unsupported>;
}

/// Looks a body over.
///
/// # Errors
/// [`Unsupported`] when a member is not what the dialect has there.
pub(super) fn look_over<W: Words>(body: &[u8]) -> Result<Survey, Unsupported> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    deserializer
        .deserialize_map(Members::<W>(PhantomData))
        .map_err(|error| Unsupported::new(format!("a body that is not as {} has it: {error}", W::NAME)))
}

struct Members<W>(PhantomData<W>);

impl<'de, W: Words> Visitor<'de> for Members<W> {
    type Value = Survey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a chat request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Survey, A::Error> {
        let (mut survey, mut conversation) = (Survey::default(), Conversation::default());
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            match &*name {
                "messages" => {
                    let Elements(messages) = members.next_value()?;
                    W::messages(&messages, &mut survey);
                }
                "tools" => {
                    let Elements(seen) = members.next_value()?;
                    W::tools(&seen, &mut survey);
                }
                _ => {
                    let value: Value = members.next_value()?;
                    if value.is_null() {
                        continue;
                    }
                    if let Err(why) = W::member(&mut conversation, &name, &value) {
                        survey.refuse(why);
                    }
                    survey.members.push(name.into_owned());
                }
            }
        }
        survey.take(&conversation);
        Ok(survey)
    }
}

/// The calls of tools that results can refer to. In a turn the first call of an id counts, of several turns the last.
#[derive(Debug, Default)]
pub(super) struct Calls<'m> {
    /// Ids of earlier turns, and whether the call names its tool.
    earlier: BTreeMap<&'m str, bool>,
    turn: BTreeMap<&'m str, bool>,
}

impl<'m> Calls<'m> {
    /// The other side speaks.
    pub(super) fn begin_turn(&mut self) {
        self.earlier.extend(std::mem::take(&mut self.turn));
    }

    pub(super) fn call(&mut self, id: &'m str, has_name: bool) {
        self.turn.entry(id).or_insert(has_name);
    }

    /// Whether a call with this id, which names its tool, stands before.
    pub(super) fn knows(&self, id: &str) -> bool {
        let call = self.turn.get(id).or_else(|| self.earlier.get(id));
        call.copied().unwrap_or(false)
    }
}

/// A string, or another value, which counts as an empty one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Word(pub(super) String);

/// Whether a value is anything but `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Given(pub(super) bool);

/// The elements of a list; any other value has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Elements<T>(pub(super) Vec<T>);

impl<T> Default for Elements<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// What a visitor makes of each kind of value; by default, what it makes of none.
pub(super) trait Seen<'de>: Default {
    fn text(_: &str) -> Self {
        Self::default()
    }

    fn null() -> Self {
        Self::default()
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

/// Looks at a value of whatever kind.
pub(super) fn see<'de, S: Seen<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<S, D::Error> {
    struct Any<S>(PhantomData<S>);
    impl<'de, S: Seen<'de>> Visitor<'de> for Any<S> {
        type Value = S;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }

        fn visit_unit<E>(self) -> Result<S, E> {
            Ok(S::null())
        }

        fn visit_bool<E>(self, _: bool) -> Result<S, E> {
            Ok(S::default())
        }

        fn visit_u64<E>(self, _: u64) -> Result<S, E> {
            Ok(S::default())
        }

        fn visit_i64<E>(self, _: i64) -> Result<S, E> {
            Ok(S::default())
        }

        fn visit_f64<E>(self, _: f64) -> Result<S, E> {
            Ok(S::default())
        }

        fn visit_str<E>(self, text: &str) -> Result<S, E> {
            Ok(S::text(text))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<S, A::Error> {
            S::list(list)
        }

        fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<S, A::Error> {
            S::object(object)
        }
    }
    deserializer.deserialize_any(Any(PhantomData))
}

impl Seen<'_> for Word {
    fn text(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<'de, T: Deserialize<'de>> Seen<'de> for Elements<T> {
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Self(elements))
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        see(deserializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Elements<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        see(deserializer)
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<IgnoredAny>::deserialize(deserializer)?.is_some()))
    }
}
