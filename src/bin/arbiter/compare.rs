//! `arbiter compare`: whether the answer to one message may serve another one, by the code that decides it in the filter.

use std::path::Path;

use llm_arbiter::semantic;
use serde::Deserialize;
use serde_json::{Value, json};

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

/// Compares the two messages of every line of the file (`-`: of the standard input), in order. Blank lines are skipped.
///
/// # Errors
/// [`LinesError`] names the first line that cannot be read.
pub fn lines(path: &Path) -> Result<String, LinesError> {
    let verdicts = lines::map(path, |line| {
        let Line { id, answered, asked } =
            serde_json::from_str(line).map_err(|source| LineFault::Shape { source, expected: EXPECTED })?;
        Ok(match semantic::compare(&answered, &asked) {
            Err(veto) => json!({"id": id, "veto": veto.name()}),
            Ok(pair) => json!({"id": id, "veto": null, "answered": pair.answered, "asked": pair.asked}),
        })
    })?;
    Ok(verdicts.into_iter().map(|verdict| format!("{verdict}\n")).collect())
}
