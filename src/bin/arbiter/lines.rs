//! Lines of JSON that hold a prompt or a chat request.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use llm_arbiter::chat::request::{Canonical, Limits, RequestError};
use llm_arbiter::chat::{Caller, ChatRequest};
use llm_arbiter::policy::Policy;
use llm_arbiter::routing::decision::AUTO;
use serde_json::json;
use serde_json::value::RawValue;
use thiserror::Error;

/// Why lines cannot be used.
#[derive(Debug, Error)]
pub enum LinesError {
    /// The lines cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file; `-` is the standard input.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line is not what is expected.
    #[error("line {number}: {fault}")]
    Line {
        /// From 1.
        number: usize,
        /// What is wrong with it.
        fault: LineFault,
    },
}

/// What is wrong with a line.
#[derive(Debug, Error)]
pub enum LineFault {
    /// Not JSON, or with other members.
    #[error("{source}; a line is {expected}")]
    Shape {
        /// What the reader says.
        source: serde_json::Error,
        /// What it should have been.
        expected: &'static str,
    },
    /// Both of them, or none.
    #[error("it must have either `prompt` or `body`")]
    Ambiguous,
    /// No dialect that callers use.
    #[error("there is no dialect `{0}` for a body; it must be one of openai, anthropic")]
    Dialect(String),
    /// A body that the filter would not read.
    #[error("body: {0}")]
    Body(#[from] RequestError),
    /// No grades, or grades that say nothing.
    #[error("it must have `strong` and `weak`, each 0 to 1, or else `good_enough`")]
    Grades,
}

/// The dialect of a body that does not say.
pub fn openai() -> String {
    Caller::OpenAi.as_str().to_owned()
}

/// What `make` makes of every line of the file (`-`: of the standard input), in order. Blank lines are skipped.
///
/// # Errors
/// [`LinesError`] names the first line that cannot be used.
pub fn map<T>(path: &Path, mut make: impl FnMut(&str) -> Result<T, LineFault>) -> Result<Vec<T>, LinesError> {
    let mut made = Vec::new();
    each(path, |line| {
        made.push(make(line)?);
        Ok(())
    })?;
    Ok(made)
}

/// Does `act` on every line of the file (`-`: of the standard input), in order, with one in memory. Blank lines are skipped.
///
/// # Errors
/// [`LinesError`] names the first line that cannot be used.
pub fn each(path: &Path, mut act: impl FnMut(&str) -> Result<(), LineFault>) -> Result<(), LinesError> {
    let unreadable = |source| LinesError::Unreadable { path: path.to_owned(), source };
    for (number, line) in (1..).zip(open(path).map_err(unreadable)?.lines()) {
        let line = line.map_err(unreadable)?;
        if !line.trim().is_empty() {
            act(&line).map_err(|fault| LinesError::Line { number, fault })?;
        }
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(BufReader::new(File::open(path)?)))
}

/// The request of a line: a prompt alone is a request of one message.
///
/// # Errors
/// [`LineFault`] says what is wrong.
pub fn request(
    policy: &Policy,
    prompt: Option<&str>,
    body: Option<&RawValue>,
    dialect: &str,
) -> Result<ChatRequest, LineFault> {
    let body = match (prompt, body) {
        (Some(prompt), None) => {
            json!({"model": AUTO, "messages": [{"role": "user", "content": prompt}]}).to_string()
        }
        (None, Some(body)) => body.get().to_owned(),
        _ => return Err(LineFault::Ambiguous),
    };
    let caller = Caller::named(dialect).ok_or_else(|| LineFault::Dialect(dialect.to_owned()))?;
    let limits = Limits { max_depth: policy.admit.max_depth };
    Ok(ChatRequest::parse(body.into_bytes(), caller, limits, Canonical::Skip)?)
}
