//! How far a replay has come, for whoever waits for it at a terminal.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Cells of the bar.
const CELLS: usize = 30;
/// Time between two updates.
const PAUSE: Duration = Duration::from_millis(200);
/// Requests between two looks at the clock.
const STRIDE: u64 = 256;

/// How far a replay has come.
#[derive(Debug)]
pub struct Progress {
    /// Length of the trace in bytes; `None`: not known, or nobody is told.
    length: Option<u64>,
    bytes: u64,
    requests: u64,
    shown: Instant,
}

impl Progress {
    /// At the beginning of a trace; only a terminal is told.
    pub fn new(trace: &Path) -> Self {
        let length = std::fs::metadata(trace).ok().map(|file| file.len());
        let length = length.filter(|length| *length > 0 && std::io::stderr().is_terminal());
        Self { length, bytes: 0, requests: 0, shown: Instant::now() }
    }

    /// A line of so many bytes comes.
    pub fn advance(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX)).saturating_add(1);
        self.requests = self.requests.saturating_add(1);
        if self.length.is_some() && self.requests.is_multiple_of(STRIDE) && self.shown.elapsed() >= PAUSE {
            self.show();
            self.shown = Instant::now();
        }
    }

    /// The trace is over; how many requests it had.
    pub fn end(self) -> u64 {
        if self.length.is_some() {
            self.show();
            eprintln!();
        }
        self.requests
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a bar is no measurement"
    )]
    fn show(&self) {
        let part = (self.bytes as f64 / self.length.unwrap_or(1) as f64).min(1.0);
        let done = "#".repeat((part * CELLS as f64) as usize);
        let _ = write!(
            std::io::stderr(),
            "\r[{done:<CELLS$}] {:>3.0} %, {} requests",
            part * 100.0,
            self.requests
        );
    }
}
