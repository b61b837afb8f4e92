//! `arbiter check --explain`: which rule decides a request, and why, step by step.

use std::fmt::Write;
use std::path::Path;

use llm_arbiter::cache::recall::{Caching, Recall};
use llm_arbiter::chat::Operation;
use llm_arbiter::policy::{Effect, ModelId, Policy, Rule};
use llm_arbiter::routing::{Credentials, Plan, Premises, Ruling, Step, plan};

use crate::lines::{LineFault, LinesError};
use crate::policy_file::PolicyFile;
use crate::score::Line;

/// Explains what becomes of the request in a file, which is a line of `arbiter score`.
///
/// # Errors
/// [`LinesError`] when the file cannot be read, or is no such line.
pub fn request(file: &PolicyFile, path: &Path) -> Result<String, LinesError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| LinesError::Unreadable { path: path.to_owned(), source })?;
    explained(file, &text).map_err(|fault| LinesError::Line { number: 1, fault })
}

fn explained(file: &PolicyFile, text: &str) -> Result<String, LineFault> {
    let policy = &file.policy;
    let line = Line::read(text)?;
    let request = line.request(policy)?;
    let (circumstances, now) = line.circumstances();
    let (encoder, call) = (file.encoder.as_deref(), (&request, &Operation::Chat));
    let mut said = String::new();
    for step in Ruling::steps(policy, encoder, call, &circumstances, now) {
        said.push_str(&step_in_words(policy, &step));
    }
    let ruling = Ruling::of(policy, encoder, call, &circumstances, now);
    match ruling.name(policy) {
        Some(name) => drop(writeln!(said, "rule: {name}")),
        None => said.push_str("rule: none holds\n"),
    }
    if let Some(denial) = ruling.denial(policy) {
        let _ = writeln!(said, "refused with {}: {}", denial.status, denial.message);
        return Ok(said);
    }
    let recall = Recall::Forward(Caching::Off);
    match plan(policy, encoder, &Credentials::all(), &request, Premises::of(&ruling), recall) {
        Plan::Forward(forward) => {
            if let Some(complexity) = &forward.complexity {
                let _ = writeln!(said, "complexity: {} ({:.2})", complexity.level, complexity.score);
            }
            let decision = forward.candidates.decision;
            let tier = decision.tier(policy).map_or("none", |tier| tier.name.as_str());
            let _ = writeln!(said, "tier: {tier} ({})", decision.reason.as_str());
            let name = |id: &ModelId| policy.model(*id).name.as_str();
            let models: Vec<&str> = forward.candidates.models.iter().map(name).collect();
            let _ = writeln!(said, "asked in this order: {}", models.join(", "));
            if let Some(escalation) = &forward.escalation {
                let causes: Vec<&str> = escalation.causes.iter().map(|cause| cause.as_str()).collect();
                let _ = writeln!(
                    said,
                    "asks the next of them too where an answer lacks something: {}",
                    causes.join(", ")
                );
            }
            if !forward.candidates.left_out.0.is_empty() {
                let _ = writeln!(said, "left out: {}", forward.candidates.left_out);
            }
        }
        Plan::Refuse(none) => drop(writeln!(said, "refused: {none}")),
        Plan::Reply(_) => {}
    }
    Ok(said)
}

/// A rule, whether it holds, and the facts that its condition names.
fn step_in_words(policy: &Policy, step: &Step) -> String {
    let Some(Rule { name, when, then, .. }) = policy.rules.get(step.rule) else {
        return String::new();
    };
    let verdict = match (&step.holds, step.is_enforced) {
        (Ok(false), _) => "does not hold".to_owned(),
        (Ok(true), true) => "holds".to_owned(),
        (Ok(true), false) => "would hold, and is only watched".to_owned(),
        (Err(why), _) => {
            let follows = if matches!(then, Effect::Deny(_)) { "holds" } else { "does not hold" };
            format!("{follows}, because its condition has no result: {why}")
        }
    };
    let mut text = format!("rule {name}: {verdict}\n");
    if let Some(when) = when {
        let _ = writeln!(text, "  when {}", when.source());
    }
    for (fact, value) in &step.facts {
        let _ = writeln!(text, "    {fact} = {value}");
    }
    text
}
