//! The function `matches`, with patterns that are written in the policy: each is compiled once by every worker.

use std::cell::RefCell;
use std::collections::BTreeMap;

use cel::common::types::{self, CelBool, CelString};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env, ExecutionError};
use regex_lite::{Regex, RegexBuilder};

/// Most bytes that a compiled pattern may take.
const MAX_BYTES: usize = 64 << 10;

/// Most patterns that are kept: those of policies before this one go.
const MAX_PATTERNS: usize = 256;

thread_local! {
    static COMPILED: RefCell<BTreeMap<String, Regex>> = const { RefCell::new(BTreeMap::new()) };
}

/// Compiles a pattern.
///
/// # Errors
/// The pattern's fault.
pub(super) fn compile(pattern: &str) -> Result<Regex, regex_lite::Error> {
    RegexBuilder::new(pattern).size_limit(MAX_BYTES).build()
}

/// Makes `TEXT.matches(PATTERN)` known.
///
/// # Errors
/// [`DeclarationError`] where it is known already.
pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    let arguments = vec![types::STRING_TYPE];
    env.add_member_overload("matches", "matches_string", types::STRING_TYPE, arguments, matches)
}

fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [text, pattern] = arguments.as_slice() else {
        return Err(ExecutionError::invalid_argument_count(2, arguments.len()));
    };
    let texts = text.downcast_ref::<CelString<'_>>().zip(pattern.downcast_ref::<CelString<'_>>());
    let Some((text, pattern)) = texts.map(|(text, pattern)| (text.inner(), pattern.inner())) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let matched = COMPILED.with_borrow_mut(|compiled| {
        if let Some(regex) = compiled.get(pattern) {
            return Ok(regex.is_match(text));
        }
        let regex = compile(pattern).map_err(|error| ExecutionError::function_error("matches", error))?;
        let matched = regex.is_match(text);
        if compiled.len() >= MAX_PATTERNS {
            compiled.clear();
        }
        compiled.insert(pattern.to_owned(), regex);
        Ok(matched)
    });
    matched.map(|matched| CowVal::owned(CelBool::from(matched)))
}
