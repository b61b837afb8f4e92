//! The last decisions, in shared data: a line of JSON each.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use crate::host::SharedData;

/// How many there are.
const MOST: usize = 64;
/// Longest line that is kept, in bytes.
const LONGEST: usize = 2048;
/// Key of the lines in shared data, the oldest first.
const KEY: &str = "arbiter.decisions";
/// How often it is tried to add to them when other workers are quicker.
const TRIES: usize = 8;

/// What one worker has decided and not told the others yet.
#[derive(Debug, Default)]
pub struct Recent {
    lines: RefCell<VecDeque<String>>,
}

impl Recent {
    /// Most bytes of shared data that they take.
    pub const BOUND: u64 = (MOST * (LONGEST + 1)) as u64;

    /// Adds a record of the access log, `now` after the Unix epoch, of a call that counts under `team`.
    pub fn push(&self, record: &[u8], team: &str, now: Duration) {
        let members = record.strip_prefix(b"{").and_then(|members| std::str::from_utf8(members).ok());
        let Some(members) = members else { return };
        // Records always have members, so that a comma stands between.
        let line = format!("{{\"time\":{:.3},\"team\":{},{members}", now.as_secs_f64(), Value::from(team));
        if line.len() <= LONGEST {
            let mut lines = self.lines.borrow_mut();
            lines.push_back(line);
            if lines.len() > MOST {
                lines.pop_front();
            }
        }
    }

    /// Tells the other workers. What others are quicker with every time waits for the next time.
    pub fn share<H: SharedData>(&self, host: &H) {
        let mut new = self.lines.borrow_mut();
        if new.is_empty() {
            return;
        }
        for _ in 0..TRIES {
            let found = host.shared_data(KEY);
            let before = String::from_utf8_lossy(&found.value);
            let lines: Vec<&str> = before.lines().chain(new.iter().map(String::as_str)).collect();
            let kept = lines.get(lines.len().saturating_sub(MOST)..).unwrap_or_default().join("\n");
            if host.set_shared_data(KEY, kept.as_bytes(), found.cas).is_ok() {
                new.clear();
                return;
            }
        }
    }

    /// The decisions of all workers, the latest first.
    pub fn all<H: SharedData>(host: &H) -> Vec<Value> {
        let value = host.shared_data(KEY).value;
        let text = String::from_utf8_lossy(&value);
        let mut lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let time = |line: &Value| line.get("time").and_then(Value::as_f64).unwrap_or_default();
        lines.sort_by(|a, b| time(b).total_cmp(&time(a)));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::MemoryHost;

    #[test]
    fn the_last_of_all_workers_are_there_the_latest_first() {
        let host = MemoryHost::default();
        let (one, other) = (Recent::default(), Recent::default());
        for number in 0..100 {
            let worker = if number % 2 == 0 { &one } else { &other };
            worker.push(br#"{"outcome":"hit"}"#, "a\"b", Duration::from_secs(number));
            if number % 10 == 9 {
                one.share(&host);
                other.share(&host);
            }
        }
        let all = Recent::all(&host);
        assert_eq!(all.len(), MOST);
        assert_eq!(all[0].to_string(), r#"{"time":99.0,"team":"a\"b","outcome":"hit"}"#);
        assert!(u64::try_from(host.shared_bytes()).unwrap() < Recent::BOUND);
    }

    #[test]
    fn what_is_no_record_or_too_long_is_left_out() {
        let (host, recent) = (MemoryHost::default(), Recent::default());
        recent.push(b"?", "", Duration::ZERO);
        recent.push(format!(r#"{{"a":"{}"}}"#, "x".repeat(LONGEST)).as_bytes(), "", Duration::ZERO);
        recent.share(&host);
        assert!(Recent::all(&host).is_empty());
    }
}
