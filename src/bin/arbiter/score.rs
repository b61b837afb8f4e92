//! `arbiter score`: how hard requests are, and which tier they go to, by the code that decides it in the filter.

use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};

use llm_arbiter::cache::recall::{Caching, Recall};
use llm_arbiter::chat::request::{Canonical, Limits, RequestError};
use llm_arbiter::chat::{Caller, ChatRequest};
use llm_arbiter::policy::{ModelId, Policy};
use llm_arbiter::routing::decision::AUTO;
use llm_arbiter::routing::{Credentials, Forward, Plan, plan};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use thiserror::Error;

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
    let limits = Limits { max_depth: policy.admit.max_depth };
    let request = ChatRequest::parse(body.into_bytes(), caller, limits, Canonical::Skip)?;
    match plan(policy, &Credentials::all(), &request, Recall::Forward(Caching::Off)) {
        Plan::Forward(forward) => Ok(verdict(policy, &id, &forward)),
        Plan::Refuse(none) => Ok(json!({"id": id, "refused": none.to_string()})),
        Plan::Reply(_) => Ok(json!({"id": id})),
    }
}

fn verdict(policy: &Policy, id: &Value, forward: &Forward) -> Value {
    let Forward { complexity, candidates, .. } = forward;
    let reasons: Vec<&str> = complexity.reasons.iter().map(|signal| signal.as_str()).collect();
    let name = |id: &ModelId| policy.model(*id).name.as_str();
    let models: Vec<&str> = candidates.models.iter().map(name).collect();
    let mut verdict = json!({
        "id": id,
        "complexity": complexity.score,
        "tier": candidates.decision.tier(policy).map(|tier| &tier.name),
        "reasons": reasons,
        "models": models
    });
    if let (false, Value::Object(verdict)) = (candidates.left_out.0.is_empty(), &mut verdict) {
        verdict.insert("left_out".into(), candidates.left_out.to_string().into());
    }
    verdict
}
