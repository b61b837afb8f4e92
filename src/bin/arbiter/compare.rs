//! `arbiter compare`: whether the answer to one message may serve another one, by the code that decides it in the filter.

use std::path::Path;
use std::sync::Arc;

use llm_arbiter::embedding::{Encoders, LoadError};
use llm_arbiter::semantic::{HeadError, Verifier};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::lines::{self, LineFault, LinesError};

const EXPECTED: &str = r#"{"id": ..., "answered": TEXT, "asked": TEXT}"#;

/// A line: the message that was answered, and the one to be answered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: Value,
    answered: String,
    asked: String,
}

/// Why messages cannot be compared.
#[derive(Debug, Error)]
pub enum CompareError {
    /// A line.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// The encoder in the command.
    #[error("encoder: {0}")]
    Encoder(#[from] Arc<LoadError>),
    /// The verifier in the command.
    #[error("verifier: {0}")]
    Verifier(#[from] HeadError),
}

/// Compares the two messages of every line of the file (`-`: of the standard input), in order. Blank lines are skipped.
/// `with_inputs` adds what the verifier weighs.
///
/// # Errors
/// [`CompareError`] names the first line that cannot be read.
pub fn lines(path: &Path, with_inputs: bool) -> Result<String, CompareError> {
    let verifier = Verifier::new(Encoders::bundled()?)?;
    let verdicts = lines::map(path, |line| {
        let Line { id, answered, asked } =
            serde_json::from_str(line).map_err(|source| LineFault::Shape { source, expected: EXPECTED })?;
        let verdict = verifier.first_look(&answered, &asked).and_then(|pair| {
            let score = verifier.second_look(&pair)?;
            if !with_inputs {
                return Ok(json!({"id": id, "veto": null, "score": score}));
            }
            let inputs = verifier.inputs(&pair)?;
            let ((answered, asked), inputs) = (pair.asked, inputs.as_slice());
            Ok(json!({"id": id, "veto": null, "score": score, "inputs": inputs, "answered": answered, "asked": asked}))
        });
        Ok(verdict.unwrap_or_else(|veto| json!({"id": id, "veto": veto.name()})))
    })?;
    Ok(verdicts.into_iter().map(|verdict| format!("{verdict}\n")).collect())
}
