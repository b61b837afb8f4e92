//! `arbiter ready`: a health check for images that have nothing else to ask with.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use thiserror::Error;

/// How long Envoy may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why Envoy is not ready.
#[derive(Debug, Error)]
pub enum ReadyError {
    /// Nobody answers there.
    #[error("Envoy's administration interface does not answer at {0}: {1}; name its address with --admin")]
    Unreachable(SocketAddr, std::io::Error),
    /// It answers, but does not serve.
    #[error("Envoy at {0} is not ready: {1}")]
    NotReady(SocketAddr, String),
}

/// Asks `/ready` of the administration interface, which says 200 as soon as Envoy serves.
///
/// # Errors
/// [`ReadyError`] says what stands in the way.
pub fn ready(admin: SocketAddr) -> Result<(), ReadyError> {
    let status = status(admin).map_err(|error| ReadyError::Unreachable(admin, error))?;
    if status.split(' ').nth(1) == Some("200") {
        return Ok(());
    }
    Err(ReadyError::NotReady(admin, status))
}

/// The status line of the answer (RFC 9112).
fn status(admin: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect_timeout(&admin, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    write!(connection, "GET /ready HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
