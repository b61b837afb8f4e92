//! `arbiter simulate`: what a policy would have done with recorded requests, by the code that does it in the filter.
//!
//! Requests come one after the other, each after the answer to the one before it. Models answer with what was recorded, at
//! their own prices. The clock is that of the records, so nothing takes time and no worker is ever short of it; a shared store is not
//! asked. Memory is that of the policy's caches, however long the trace is.

mod line;
mod page;
mod progress;
mod replay;
mod replayed;
mod report;
mod terminal;
mod totals;
mod trace;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use llm_arbiter::policy::Policy;
use thiserror::Error;

use self::progress::Progress;
use self::replay::Replay;
use self::report::{Changes, Report, Tally};
use self::totals::Totals;
use self::trace::Record;
use crate::lines::{self, LineFault, LinesError};

/// What is replayed, and what is told about it.
#[derive(Debug, Args)]
pub struct Options {
    /// The policy, YAML or JSON.
    #[arg(long)]
    pub policy: PathBuf,
    /// A policy that it is compared with, in the report.
    #[arg(long)]
    pub compare: Option<PathBuf>,
    /// The requests, in the order in which they came; `-` is the standard input.
    #[arg(long, default_value = "-")]
    trace: PathBuf,
    /// Print a report instead of a line for each request.
    #[arg(long)]
    report: bool,
    /// Write the report as JSON to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write the report as one HTML page to this file.
    #[arg(long)]
    html: Option<PathBuf>,
}

/// Why a trace cannot be replayed.
#[derive(Debug, Error)]
pub enum SimulateError {
    /// A line.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// The standard output.
    #[error("the results cannot be written: {0}")]
    Output(#[from] io::Error),
    /// A file of the report.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A policy on its way through the trace.
#[derive(Debug)]
struct Run {
    replay: Replay,
    tally: Tally,
}

impl Run {
    fn new(file: &Path, policy: Policy) -> Self {
        let tally = Tally::new(file.display().to_string(), &policy);
        Self { replay: Replay::new(policy), tally }
    }
}

/// Replays every line of the trace under `policy`, and under `other` if there is one. Prints what became of each under the first, in order, then the
/// totals to the standard error; or a report. Blank lines are skipped.
///
/// # Errors
/// [`SimulateError`] names the first line that cannot be read.
pub fn run(policy: Policy, other: Option<Policy>, options: &Options) -> Result<(), SimulateError> {
    let mut first = Run::new(&options.policy, policy);
    let compared = options.compare.as_deref().zip(other);
    let mut second = compared.map(|(file, policy)| (Run::new(file, policy), Changes::default()));
    let mut totals = Totals::default();
    let mut output = BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    let mut progress = Progress::new(&options.trace);
    lines::each(&options.trace, |line| {
        progress.advance(line.len());
        let record =
            Record::read(line).map_err(|source| LineFault::Shape { source, expected: line::EXPECTED })?;
        let result = first.replay.request(&record);
        totals.add(&result);
        first.tally.add(&result);
        if let Some((run, changes)) = &mut second {
            let otherwise = run.replay.request(&record);
            run.tally.add(&otherwise);
            changes.add(&result, &otherwise);
        }
        if !options.report && written.is_ok() {
            written = serde_json::to_writer(&mut output, &result)
                .map_err(io::Error::from)
                .and_then(|()| output.write_all(b"\n"));
        }
        Ok(())
    })?;
    let requests = progress.end();
    written?;
    let mut policies = vec![first.tally.close(first.replay.figures())];
    let changes = second.map(|(run, changes)| {
        policies.push(run.tally.close(run.replay.figures()));
        changes.close()
    });
    let report = Report { requests, policies, changes };
    if options.report {
        output.write_all(terminal::text(&report).as_bytes())?;
    }
    output.flush()?;
    write(options.json.as_deref(), || serde_json::to_string(&report).unwrap_or_default())?;
    write(options.html.as_deref(), || page::html(&report))?;
    if !options.report {
        eprintln!("{totals}");
    }
    Ok(())
}

fn write(path: Option<&Path>, text: impl FnOnce() -> String) -> Result<(), SimulateError> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text()).map_err(|source| SimulateError::File { path: path.to_owned(), source })
}
