//! Fields of a document that are words or numbers with a meaning: what they may be, and what a person is told when they are not.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use super::PolicyError;
use crate::condition::{Kind, Names};
use crate::envoy::OWN_PREFIX;

pub(super) fn fault<T>(path: impl Display, message: impl Display) -> Result<T, PolicyError> {
    Err(PolicyError { path: path.to_string(), message: message.to_string() })
}

/// The nearest of `known`, or all of them when none is near.
pub(super) fn suggest(unknown: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(unknown, name), *name))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match nearest {
        Some((likeness, name)) if likeness > 0.75 => format!("did you mean `{name}`?"),
        _ => format!("it must be one of {}", known.join(", ")),
    }
}

/// A whole number and a unit: `500ms`, `30s`, `10m`, `1h`, `7d`.
pub(super) fn duration(path: &str, text: &str) -> Result<Duration, PolicyError> {
    match read_duration(text) {
        Some(duration) => Ok(duration),
        None => fault(path, format!("`{text}` is no duration; write for example 500ms, 30s, 10m, 1h or 7d")),
    }
}

/// A duration as text, at least a millisecond; `None` if it is none.
#[must_use]
pub fn read_duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let milliseconds_per_unit = match text.strip_prefix(digits) {
        Some("ms") => 1,
        Some("s") => 1000,
        Some("m") => 60_000,
        Some("h") => 3_600_000,
        Some("d") => 86_400_000,
        _ => 0,
    };
    let milliseconds = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(milliseconds_per_unit));
    milliseconds.filter(|milliseconds| *milliseconds > 0).map(Duration::from_millis)
}

/// A host name or an address.
pub(super) fn check_host(path: &str, host: &str) -> Result<(), PolicyError> {
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/@".contains(c)) {
        return fault(path, "must be a host name or an address, without scheme, port or path");
    }
    Ok(())
}

pub(super) fn check_port(path: &str, port: u16) -> Result<(), PolicyError> {
    if port == 0 { fault(path, "must be between 1 and 65535") } else { Ok(()) }
}

pub(super) fn header_name(path: &str, name: &str) -> Result<String, PolicyError> {
    let name = name.to_ascii_lowercase();
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) {
        return fault(path, "must be a header name");
    }
    if name == "host" {
        return fault(path, "says which server is asked, not who asks");
    }
    if name.starts_with(OWN_PREFIX) {
        return fault(path, format!("headers that begin with `{OWN_PREFIX}` are removed from every request"));
    }
    Ok(name)
}

/// The index of `name` among `known`.
pub(super) fn reference(
    path: impl Display,
    name: &str,
    known: &[&str],
    what: &str,
) -> Result<u16, PolicyError> {
    match (0_u16..).zip(known).find(|(_, known)| **known == name) {
        Some((index, _)) => Ok(index),
        None => fault(path, format!("there is no {what} `{name}`; {}", suggest(name, known))),
    }
}

/// An attribute of `identity` that is one text.
pub(super) fn check_attribute(path: &str, name: &str, names: &Names) -> Result<(), PolicyError> {
    let texts = names.attributes.iter().filter(|(_, kind)| **kind == Kind::Text);
    let known: Vec<&str> = texts.map(|(name, _)| name.as_str()).collect();
    reference(path, name, &known, "attribute of `identity`").map(drop)
}

/// Names stand in headers, metrics and cluster names.
pub(super) fn check_name(path: &str, name: &str) -> Result<(), PolicyError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
    if name.is_empty() || name.len() > 128 || !name.chars().all(is_plain) {
        return fault(path, "a name has 1 to 128 letters, digits, or any of `. _ : / -`");
    }
    if name == "auto" {
        return fault(path, "`auto` means: decide; it cannot be a name");
    }
    Ok(())
}

pub(super) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Names that stand twice, with the entry that repeats them.
pub(super) fn repeated<'n>(names: impl Iterator<Item = &'n str>) -> Option<(usize, &'n str)> {
    let mut seen = BTreeMap::new();
    names.enumerate().find(|(at, name)| seen.insert(*name, *at).is_some())
}

/// What most abilities are without a word.
pub(super) fn enabled() -> bool {
    true
}
