//! `arbiter score`: how hard requests are, and which tier they go to, by the code that decides it in the filter.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use llm_arbiter::cache::recall::{Caching, Recall};
use llm_arbiter::chat::{ChatRequest, Operation};
use llm_arbiter::complexity;
use llm_arbiter::identity::Attribute;
use llm_arbiter::policy::{ModelId, Policy};
use llm_arbiter::routing::{Circumstances, Credentials, Forward, Plan, Premises, Ruling, plan};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::lines::{self, LineFault, LinesError, openai};
use crate::policy_file::PolicyFile;

const EXPECTED: &str = r#"{"id": ..., "prompt": TEXT} or {"id": ..., "body": CHAT REQUEST}; for rules also "identity", "headers", "path", "at""#;

/// A line: a prompt, or a chat request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<'l> {
    id: Value,
    prompt: Option<String>,
    #[serde(borrow)]
    body: Option<&'l RawValue>,
    #[serde(default = "openai")]
    dialect: String,
    /// What is known of who asks, as rules see it.
    #[serde(default)]
    identity: BTreeMap<String, String>,
    /// Request headers, by lower-case name.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Path, as rules see it.
    #[serde(default)]
    path: String,
    /// When, in seconds since the Unix epoch.
    #[serde(default)]
    at: u64,
}

impl<'l> Line<'l> {
    /// Reads a line.
    ///
    /// # Errors
    /// [`LineFault`] when it has another shape.
    pub fn read(line: &'l str) -> Result<Self, LineFault> {
        serde_json::from_str(line).map_err(|source| LineFault::Shape { source, expected: EXPECTED })
    }

    /// Its request.
    ///
    /// # Errors
    /// [`LineFault`] when the filter would not read it.
    pub fn request(&self, policy: &Policy) -> Result<ChatRequest, LineFault> {
        lines::request(policy, self.prompt.as_deref(), self.body, &self.dialect)
    }

    /// What rules may ask besides, and the time after the Unix epoch.
    pub fn circumstances(&self) -> (Circumstances, Duration) {
        let attribute = |(name, value): (&String, &String)| (name.clone(), Attribute::Text(value.clone()));
        let header = |(name, value): (&String, &String)| (name.clone(), value.clone());
        let circumstances = Circumstances {
            method: "POST".to_owned(),
            path: self.path.clone(),
            attributes: self.identity.iter().map(attribute).collect(),
            headers: self.headers.iter().map(header).collect(),
            ..Circumstances::default()
        };
        (circumstances, Duration::from_secs(self.at))
    }
}

/// Scores every line of the file (`-`: of the standard input), in order. Blank lines are skipped. `with_inputs` adds what the
/// learned scorer weighs.
///
/// # Errors
/// [`LinesError`] names the first line that cannot be scored.
pub fn lines(file: &PolicyFile, path: &Path, with_inputs: bool) -> Result<String, LinesError> {
    let verdicts = lines::map(path, |line| score(file, line, with_inputs))?;
    Ok(verdicts.into_iter().map(|verdict| format!("{verdict}\n")).collect())
}

fn score(file: &PolicyFile, line: &str, with_inputs: bool) -> Result<Value, LineFault> {
    let policy = &file.policy;
    let line = Line::read(line)?;
    let request = line.request(policy)?;
    let (circumstances, now) = line.circumstances();
    let (encoder, call) = (file.encoder.as_deref(), (&request, &Operation::Chat));
    let ruling = Ruling::of(policy, encoder, call, &circumstances, now);
    let id = line.id;
    if let Some(denial) = ruling.denial(policy) {
        return Ok(json!({"id": id, "rule": ruling.name(policy), "denied": denial.message}));
    }
    let mut verdict = match plan(
        policy,
        file.encoder.as_deref(),
        &Credentials::all(),
        &request,
        Premises::of(&ruling),
        Recall::Forward(Caching::Off),
    ) {
        Plan::Forward(forward) => verdict(policy, &id, &forward),
        Plan::Refuse(none) => json!({"id": id, "refused": none.to_string()}),
        Plan::Reply(_) => json!({"id": id}),
    };
    if let (Some(rule), Value::Object(verdict)) = (ruling.name(policy), &mut verdict) {
        verdict.insert("rule".into(), rule.into());
    }
    if let (true, Some(sieve), Value::Object(verdict)) = (with_inputs, &file.encoder, &mut verdict) {
        let inputs = complexity::inputs(sieve, &request.said_last());
        verdict.insert("inputs".into(), inputs.map_or(Value::Null, |inputs| json!(inputs.numbers())));
    }
    Ok(verdict)
}

fn verdict(policy: &Policy, id: &Value, forward: &Forward) -> Value {
    let Forward { complexity, candidates, .. } = forward;
    let signals = complexity.as_ref().map(|complexity| complexity.reasons.as_slice()).unwrap_or_default();
    let reasons: Vec<&str> = signals.iter().map(|signal| signal.as_str()).collect();
    let name = |id: &ModelId| policy.model(*id).name.as_str();
    let models: Vec<&str> = candidates.models.iter().map(name).collect();
    let mut verdict = json!({
        "id": id,
        "complexity": complexity.as_ref().map(|complexity| complexity.score),
        "tier": candidates.decision.tier(policy).map(|tier| &tier.name),
        "reasons": reasons,
        "models": models
    });
    if let (false, Value::Object(verdict)) = (candidates.left_out.0.is_empty(), &mut verdict) {
        verdict.insert("left_out".into(), candidates.left_out.to_string().into());
    }
    verdict
}
