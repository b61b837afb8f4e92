//! `arbiter score`: how hard requests are, and which tier they go to, by the code that decides it in the filter.

use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};

use llm_arbiter::chat::request::{Limits, RequestError};
use llm_arbiter::chat::{Caller, ChatRequest};
use llm_arbiter::complexity;
use llm_arbiter::policy::Policy;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use thiserror::Error;

/// The model name with which the choice is left to the policy.
const AUTO: &str = "auto";

/// A line: a prompt, or a chat request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'l> {
    id: Value,
    prompt: Option<String>,
    #[serde(borrow)]
    body: Option<&'l RawValue>,
    #[serde(default = "openai")]
    dialect: String,
}

fn openai() -> String {
    Caller::OpenAi.as_str().to_owned()
}

/// Why lines cannot be scored.
#[derive(Debug, Error)]
pub enum ScoreError {
    /// The lines cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file; `-` is the standard input.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
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
    #[error("{0}; a line is {{\"id\": ..., \"prompt\": TEXT}} or {{\"id\": ..., \"body\": CHAT REQUEST}}")]
    Shape(#[from] serde_json::Error),
    /// Both of them, or none.
    #[error("it must have either `prompt` or `body`")]
    Ambiguous,
    /// No dialect that callers use.
    #[error("there is no dialect `{0}` for a body; it must be one of openai, anthropic")]
    Dialect(String),
    /// A body that the filter would not read.
    #[error("body: {0}")]
    Body(#[from] RequestError),
}

/// Scores every line of the file (`-`: of the standard input), in order. Blank lines are skipped.
///
/// # Errors
/// [`ScoreError`] names the first line that cannot be scored.
pub fn lines(policy: &Policy, path: &Path) -> Result<String, ScoreError> {
    let text = read(path).map_err(|source| ScoreError::Unreadable { path: path.to_owned(), source })?;
    let mut scored = String::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let verdict = score(policy, line).map_err(|fault| ScoreError::Line { number, fault })?;
        let _ = writeln!(scored, "{verdict}");
    }
    Ok(scored)
}

fn read(path: &Path) -> std::io::Result<String> {
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(path)
}

fn score(policy: &Policy, line: &str) -> Result<Value, LineFault> {
    let Line { id, prompt, body, dialect } = serde_json::from_str(line)?;
    let body = match (prompt, body) {
        (Some(prompt), None) => {
            json!({"model": AUTO, "messages": [{"role": "user", "content": prompt}]}).to_string()
        }
        (None, Some(body)) => body.get().to_owned(),
        _ => return Err(LineFault::Ambiguous),
    };
    let caller = Caller::named(&dialect).ok_or(LineFault::Dialect(dialect))?;
    let request = ChatRequest::parse(body.as_bytes(), caller, Limits { max_depth: policy.admit.max_depth })?;
    let verdict = complexity::assess(&policy.classify, &request.last_user_text, &request.shape);
    let decision = policy.decide(&request.model, verdict.level);
    let reasons: Vec<&str> = verdict.reasons.iter().map(|signal| signal.as_str()).collect();
    Ok(json!({
        "id": id,
        "complexity": verdict.score,
        "tier": decision.tier(policy).map(|tier| &tier.name),
        "reasons": reasons
    }))
}
