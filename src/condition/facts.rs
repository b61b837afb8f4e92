//! The facts about a call as the interpreter asks for them: only those that a condition comes to.

use std::fmt;

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer};
use cel::common::types::{self, CelBool, CelDouble, CelInt, CelList, CelString, Type};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;

use super::names::{Kind, Names};

impl Kind {
    /// What a fact is that a call does not have.
    fn nothing(self) -> Fact<'static> {
        match self {
            Self::Bool => Fact::Bool(false),
            Self::Int => Fact::Int(0),
            Self::Double => Fact::Double(0.0),
            Self::Text | Self::Headers => Fact::Text(""),
            Self::Texts => Fact::Texts(&[]),
        }
    }
}

/// The value of a fact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fact<'f> {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number; what is larger than it can say is cut.
    Int(u64),
    /// A number with a fraction.
    Double(f64),
    /// A text.
    Text(&'f str),
    /// Several texts.
    Texts(&'f [String]),
}

/// As conditions write it.
impl fmt::Display for Fact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Double(value) => write!(f, "{value:?}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Texts(values) => write!(f, "{values:?}"),
        }
    }
}

/// What is known of a call.
pub trait Facts: Send + Sync {
    /// The fact of this name, see [`FACTS`](super::FACTS); `None` when the call does not have it.
    fn fact(&self, name: &str) -> Option<Fact<'_>>;

    /// The request header of this name, lower case.
    fn header(&self, name: &str) -> Option<&str>;
}

/// Hands facts to the interpreter.
pub(super) struct Resolver<'f> {
    pub(super) facts: &'f dyn Facts,
    /// What else may be asked for.
    pub(super) names: &'f Names,
}

impl VariableResolver for Resolver<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        if name == "request.headers" {
            return Some(CowVal::owned(Headers(self.facts)));
        }
        let fact = self.facts.fact(name).or_else(|| self.names.kind(name).map(Kind::nothing));
        Some(match fact? {
            Fact::Bool(value) => CowVal::owned(CelBool::from(value)),
            Fact::Int(value) => CowVal::owned(CelInt::from(i64::try_from(value).unwrap_or(i64::MAX))),
            Fact::Double(value) => CowVal::owned(CelDouble::from(value)),
            Fact::Text(value) => CowVal::owned(CelString::from(value)),
            Fact::Texts(values) => {
                let boxed =
                    |value: &'b String| -> Box<dyn Val + 'b> { Box::new(CelString::from(value.as_str())) };
                CowVal::owned(CelList::from(values.iter().map(boxed).collect::<Vec<_>>()))
            }
        })
    }
}

/// The request headers: one that is not there is `""`.
struct Headers<'f>(&'f dyn Facts);

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Headers")
    }
}

impl Headers<'_> {
    fn named(name: &dyn Val) -> Result<&str, ExecutionError> {
        let name = name.downcast_ref::<CelString<'_>>();
        name.map(CelString::inner).ok_or_else(ExecutionError::missing_argument_or_target)
    }
}

impl<'f> Val for Headers<'f> {
    fn get_type(&self) -> &Type {
        Self::cel_type()
    }

    fn cel_type() -> &'static Type {
        &types::MAP_TYPE
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(Headers(self.0))
    }
}

impl Indexer for Headers<'_> {
    fn get<'b, 'v>(&'b self, name: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let value = self.0.header(Self::named(name)?).unwrap_or_default();
        Ok(CowVal::owned(CelString::from(value.to_owned())))
    }

    fn steal<'v>(self: Box<Self>, name: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(name).map(CowVal::into_owned)
    }
}

impl Container for Headers<'_> {
    fn contains(&self, name: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(self.0.header(Self::named(name)?).is_some())
    }
}
