//! Numbers for the names of counters: a period would be ten times as long if it had the names themselves.

use std::cell::RefCell;
use std::collections::HashMap;

use super::counts::{Counts, MOST_NAMES};
use crate::host::SharedData;

/// Key of the names in shared data, one in each line; a name's number is its line.
pub(super) const KEY: &str = "arbiter.history.names";
/// How often a change is tried that other workers are quicker with.
pub(super) const TRIES: usize = 32;
/// Longest name that is kept, in bytes.
const LONGEST: usize = 250;

/// The numbers that a worker knows, of at most [`MOST_NAMES`]: what counters beyond them count is in Envoy's metrics, not in the history.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: RefCell<HashMap<String, u16>>,
}

impl Names {
    /// Most bytes of all names.
    pub(super) const MOST_BYTES: u64 = (MOST_NAMES * (LONGEST + 1)) as u64;

    /// All names, by their numbers.
    pub(super) fn all<H: SharedData>(&self, host: &H) -> Vec<String> {
        let value = host.shared_data(KEY).value;
        String::from_utf8_lossy(&value).lines().map(str::to_owned).collect()
    }

    /// What was counted, by numbers; new names get theirs. What has no number is left out.
    pub(super) fn numbered<H: SharedData>(&self, host: &H, counted: &[(String, u64)]) -> Counts {
        let mut known = self.known.borrow_mut();
        let is_fit = |name: &&str| name.len() <= LONGEST && !name.contains('\n');
        let names = counted.iter().map(|(name, _)| name.as_str());
        let new: Vec<&str> = names.filter(|name| !known.contains_key(*name)).filter(is_fit).collect();
        if !new.is_empty()
            && known.len() < MOST_NAMES
            && let Some(all) = enter(host, &new)
        {
            *known = all;
        }
        let mut counts = Counts::default();
        for (name, by) in counted {
            if let Some(number) = known.get(name) {
                counts.add(*number, *by);
            }
        }
        counts
    }
}

/// Enters names that are new, as far as there is room; all of them with their numbers. `None`: other workers were quicker every time.
fn enter<H: SharedData>(host: &H, new: &[&str]) -> Option<HashMap<String, u16>> {
    for _ in 0..TRIES {
        let found = host.shared_data(KEY);
        let mut text = String::from_utf8_lossy(&found.value).into_owned();
        let mut known: HashMap<String, u16> = text.lines().map(str::to_owned).zip(0_u16..).collect();
        let before = known.len();
        for name in new {
            if known.len() < MOST_NAMES && !known.contains_key(*name) {
                let number = u16::try_from(known.len()).unwrap_or(u16::MAX);
                known.insert((*name).to_owned(), number);
                text.push_str(name);
                text.push('\n');
            }
        }
        if known.len() == before || host.set_shared_data(KEY, text.as_bytes(), found.cas).is_ok() {
            return Some(known);
        }
    }
    None
}
