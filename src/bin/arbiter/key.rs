//! `arbiter key hash`: what a policy has of a key.

use std::io::{BufRead, stdin};

use llm_arbiter::identity::keys::{MIN_KEY_LENGTH, hash, to_hex};
use thiserror::Error;

/// Why a key is not hashed.
#[derive(Debug, Error)]
pub enum KeyError {
    /// There was nothing to read.
    #[error(
        "the key comes as one line on the standard input, for example: openssl rand -hex 32 | tee key.txt | arbiter key hash"
    )]
    Missing,
    /// It can be guessed.
    #[error("the key has {0} bytes; whoever sees the policy could guess one of fewer than {MIN_KEY_LENGTH}")]
    Short(usize),
    /// The input cannot be read.
    #[error("the key cannot be read: {0}")]
    Input(#[from] std::io::Error),
}

/// Hashes the key on the standard input, which does not appear anywhere.
///
/// # Errors
/// [`KeyError`] says what a key must be.
pub fn hashed() -> Result<String, KeyError> {
    let mut line = String::new();
    stdin().lock().read_line(&mut line)?;
    let key = line.trim();
    match key.len() {
        0 => Err(KeyError::Missing),
        length if length < MIN_KEY_LENGTH => Err(KeyError::Short(length)),
        _ => Ok(format!("{}\n", to_hex(&hash(key.as_bytes())))),
    }
}
