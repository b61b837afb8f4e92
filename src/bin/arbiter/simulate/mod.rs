//! `arbiter simulate`: what a policy would have done with recorded requests, by the code that does it in the filter.
//!
//! Requests come one after the other, each after the answer to the one before it. Models answer with what was recorded, at
//! their own prices. The clock is that of the records, so nothing takes time and no worker is ever short of it; a shared store is not
//! asked.

mod replay;
mod report;
mod trace;

use std::io::{self, BufWriter, Write};
use std::path::Path;

use llm_arbiter::policy::Policy;
use thiserror::Error;

use self::replay::Replay;
use self::report::Totals;
use self::trace::Record;
use crate::lines::{self, LineFault, LinesError};

/// Why a trace cannot be replayed.
#[derive(Debug, Error)]
pub enum SimulateError {
    /// A line.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// The standard output.
    #[error("the results cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Replays every line of the file (`-`: of the standard input) and prints what became of it, in order; then the totals, to the standard
/// error. Blank lines are skipped.
///
/// # Errors
/// [`SimulateError`] names the first line that cannot be read.
pub fn run(policy: Policy, trace: &Path) -> Result<(), SimulateError> {
    let mut replay = Replay::new(policy);
    let mut totals = Totals::default();
    let mut output = BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    lines::each(trace, |line| {
        let record: Record<'_> = serde_json::from_str(line)
            .map_err(|source| LineFault::Shape { source, expected: trace::EXPECTED })?;
        let result = replay.request(&record);
        totals.add(&result);
        if written.is_ok() {
            written = serde_json::to_writer(&mut output, &result)
                .map_err(io::Error::from)
                .and_then(|()| output.write_all(b"\n"));
        }
        Ok(())
    })?;
    written?;
    output.flush()?;
    eprintln!("{totals}");
    Ok(())
}
