//! Conditions of rules, in CEL (the Common Expression Language, <https://github.com/cel-expr/cel-spec>): compiled once, evaluated per call.
//!
//! The interpreter is a library; what it is given has been checked before: every name, type and function is known, so that little is left
//! that can go wrong with a call, and nothing that could take long (see [`checker`]).

mod checker;
mod facts;
mod names;
mod regex;
mod shortcut;
#[cfg(test)]
mod tests;

pub use checker::{ConditionError, MAX_LENGTH};
pub use facts::{Fact, Facts};
pub use names::{FACTS, Kind, Names};

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use cel::common::types::CelBool;
use cel::{Context, Env, IdedExpr, Value};
use thiserror::Error;

use self::checker::Checked;
use self::facts::Resolver;
use self::shortcut::Shortcut;

/// CEL's standard functions as far as they are used, and macros.
static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    // It can only fail if the library had a function of that name already.
    if let Err(error) = regex::declare(&mut env) {
        log::error!("conditions cannot match patterns: {error}");
    }
    Arc::new(env)
});

/// A condition that can be evaluated.
#[derive(Debug, Clone)]
pub struct Condition {
    source: String,
    expression: Arc<IdedExpr>,
    shortcut: Arc<Shortcut>,
    headers: BTreeSet<String>,
    facts: BTreeSet<String>,
}

/// Why a condition has no answer for a call: a number too large, or a division by zero.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Undecided(String);

impl Condition {
    /// Compiles `source`, which may name what is in `names`.
    ///
    /// # Errors
    /// [`ConditionError`] for the first thing that is wrong.
    pub fn compile(source: &str, names: &Names) -> Result<Self, ConditionError> {
        let Checked { expression, headers, facts } = checker::check(&STANDARD, source, names)?;
        let shortcut = Arc::new(Shortcut::of(&expression, names));
        Ok(Self { source: source.to_owned(), expression: Arc::new(expression), shortcut, headers, facts })
    }

    /// As it is written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The facts that it reads, by name.
    pub fn facts(&self) -> impl Iterator<Item = &str> {
        self.facts.iter().map(String::as_str)
    }

    /// The request headers that it reads, lower case.
    #[must_use]
    pub fn headers(&self) -> &BTreeSet<String> {
        &self.headers
    }
}

/// What is known of a call, for all conditions that it is held against.
pub struct Known<'f>(Resolver<'f>);

impl<'f> Known<'f> {
    /// The facts about a call; what `names` names and the call does not have is `0`, `false` or empty.
    #[must_use]
    pub fn new(facts: &'f dyn Facts, names: &'f Names) -> Self {
        Self(Resolver { facts, names })
    }

    /// Evaluates conditions.
    #[must_use]
    pub fn evaluator(&self) -> Evaluator<'_> {
        Evaluator { known: &self.0, context: OnceCell::new() }
    }
}

/// Evaluates conditions for one call.
pub struct Evaluator<'e> {
    known: &'e Resolver<'e>,
    /// The interpreter's, made when it is asked.
    context: OnceCell<Context<'e, 'e>>,
}

impl<'e> Evaluator<'e> {
    /// Whether a condition holds for the call.
    ///
    /// # Errors
    /// [`Undecided`] where arithmetic with the call's numbers has no result.
    pub fn holds(&self, condition: &Condition) -> Result<bool, Undecided> {
        match condition.shortcut.answer(self.known.facts) {
            Some(held) => Ok(held),
            None => self.interpret(condition),
        }
    }

    fn interpret(&self, condition: &Condition) -> Result<bool, Undecided> {
        let context = self.context.get_or_init(|| {
            let mut context = Context::with_env(Arc::clone(&STANDARD));
            context.set_variable_resolver(self.known);
            context
        });
        let value = Value::resolve_val(&condition.expression, context);
        let value = value.map_err(|error| Undecided(error.to_string()))?;
        let held = value.downcast_ref::<CelBool>().map(|held| *held.inner());
        held.ok_or_else(|| Undecided("it is neither true nor false".to_owned()))
    }
}

/// The same words say the same.
impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}
