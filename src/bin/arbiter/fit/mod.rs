//! `arbiter fit`: the weights of the learned scorer, from prompts whose answers have been graded.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "native only, and every index is below the length that it was made from"
)]

mod figures;
mod ground;
mod ridge;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use llm_arbiter::chat::request::Shape;
use llm_arbiter::complexity::{self, Calibration, Classify, Head, Inputs, Judged, Scorer};
use llm_arbiter::embedding::Sieve;
use llm_arbiter::policy::Policy;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use self::figures::Figures;
use crate::lines::{self, LineFault, LinesError, openai};

const EXPECTED: &str = r#"{"prompt": TEXT or "body": CHAT REQUEST, "strong": 0..1, "weak": 0..1 or "good_enough": true or false; "group": TEXT if you like}"#;
/// With fewer labels the intervals are wider than what there is to gain.
const ENOUGH: usize = 200;
/// Fewest labels that can be fitted to and judged at all.
const FEWEST: usize = 20;

/// Why weights cannot be fitted.
#[derive(Debug, Error)]
pub enum FitError {
    /// The labels cannot be read.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// There is nothing to learn from.
    #[error("{found} prompts can be used, and at least {FEWEST} are needed, {ENOUGH} to be worth something")]
    TooFew {
        /// How many there are.
        found: usize,
    },
    /// The answers are all as good as each other.
    #[error(
        "the strong model's answers are on average no better than the weak one's: there is nothing to learn; label prompts on which the weak model fails"
    )]
    NoGap,
    /// All prompts are of one group.
    #[error(
        "all prompts are of one group, so no part of them can judge the rest; name at least two groups, or none"
    )]
    OneGroup,
    /// The weights cannot be computed.
    #[error("the inputs are not numbers that can be fitted to; is a prompt broken?")]
    Singular,
    /// The weights cannot be written.
    #[error("{}: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A line: what was asked, and how good the answers were.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'l> {
    prompt: Option<String>,
    #[serde(borrow)]
    body: Option<&'l RawValue>,
    #[serde(default = "openai")]
    dialect: String,
    strong: Option<f64>,
    weak: Option<f64>,
    good_enough: Option<bool>,
    /// Prompts of one group, such as a conversation, are judged by weights that have seen none of them.
    group: Option<String>,
}

/// A prompt that can be learned from.
#[derive(Debug, Clone)]
struct Example {
    inputs: Inputs,
    heuristic: f64,
    strong: f64,
    weak: f64,
    group: String,
}

/// Fits weights to the labels, writes them to `output`, and says what they are worth.
///
/// # Errors
/// [`FitError`] says what to change.
pub fn run(policy: &Policy, sieve: &Sieve, labels: &Path, output: &Path) -> Result<String, FitError> {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} prompts read") {
        bar.set_style(style);
    }
    let examples = lines::map(labels, |line| {
        bar.inc(1);
        example(policy, sieve, line)
    })?;
    bar.finish_and_clear();
    let read = examples.len();
    let examples: Vec<Example> = examples.into_iter().flatten().collect();
    if examples.len() < FEWEST {
        return Err(FitError::TooFew { found: examples.len() });
    }
    let judged = |needs: &[f64]| -> Vec<Judged> {
        let each = examples.iter().zip(needs);
        each.map(|(e, need)| Judged { need: ridge::rounded(*need), strong: e.strong, weak: e.weak }).collect()
    };
    if examples.iter().map(|e| e.strong - e.weak).sum::<f64>() <= 0.0 {
        return Err(FitError::NoGap);
    }
    if examples.iter().all(|example| example.group == examples[0].group) {
        return Err(FitError::OneGroup);
    }
    let fit = ridge::fit(&examples)?;
    let unseen = judged(&fit.unseen);
    let head = Head::new(sieve, fit.bias, fit.weights, ground::of(&examples), Calibration::of(&unseen));
    let text = serde_json::to_string(&head)
        .map_err(|error| FitError::Unwritable { path: output.to_owned(), source: error.into() })?;
    std::fs::write(output, text + "\n")
        .map_err(|source| FitError::Unwritable { path: output.to_owned(), source })?;
    let heuristic: Vec<f64> = examples.iter().map(|example| example.heuristic).collect();
    let mut report = format!("{} prompts, {} of them with nothing to go by\n\n", read, read - examples.len());
    report.push_str(Figures::HEADING);
    let _ = writeln!(report, "{}", Figures::of("learned", &unseen));
    let _ = writeln!(report, "{}", Figures::of("heuristic", &judged(&heuristic)));
    report.push_str(
        "random            50.0                    80.0                    0.500, by definition\n\n",
    );
    report.push_str(
        "By the text alone, every prompt judged by weights that had not seen it or its group; in brackets 95 % intervals, as if no two prompts were alike.\n",
    );
    if examples.len() < ENOUGH {
        let _ = writeln!(
            report,
            "Fewer than {ENOUGH} labels: the intervals say how little can be told. Keep the heuristic until the interval of \
             `learned` lies above its own."
        );
    }
    let _ = writeln!(
        report,
        "The weights are in {}; name it in the policy as classify.weights.",
        output.display()
    );
    Ok(report)
}

/// The example in a line; `None` if there is nothing in its prompt to go by.
fn example(policy: &Policy, sieve: &Sieve, line: &str) -> Result<Option<Example>, LineFault> {
    let Line { prompt, body, dialect, strong, weak, good_enough, group } =
        serde_json::from_str(line).map_err(|source| LineFault::Shape { source, expected: EXPECTED })?;
    let (strong, weak) = match (strong, weak, good_enough) {
        (Some(strong), Some(weak), None) => (strong, weak),
        (None, None, Some(good_enough)) => (1.0, f64::from(u8::from(good_enough))),
        _ => return Err(LineFault::Grades),
    };
    if !(0.0..=1.0).contains(&strong) || !(0.0..=1.0).contains(&weak) {
        return Err(LineFault::Grades);
    }
    let request = lines::request(policy, prompt.as_deref(), body, &dialect)?;
    let text = request.said_last();
    let by_heuristic = Classify { scorer: Scorer::Heuristic, boundaries: policy.classify.boundaries };
    let heuristic = complexity::assess(&by_heuristic, None, &text, &Shape::default()).score;
    // The same prompt twice must not judge itself.
    let group = group.unwrap_or_else(|| text.to_string());
    Ok(complexity::inputs(sieve, &text).map(|inputs| Example { inputs, heuristic, strong, weak, group }))
}
