//! What the host tells the helper and what it answers, over one socket.
//!
//! Each message is its length in four bytes, the lowest first, and then itself. The host sends one
//! order; the helper answers with one status and then with each report that the status names. The
//! socket is the host's lifeline as well: once it closes, everything inside dies.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Limits;

/// Largest message that is read.
pub(crate) const LARGEST: u32 = 256 << 20;

/// One command and all that is around it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// An empty folder that becomes the root.
    pub(crate) root: PathBuf,
    /// The unchanged tree.
    pub(crate) tree: PathBuf,
    /// Files of the tree that are changed; no text deletes one.
    pub(crate) changes: Vec<(String, Option<String>)>,
    /// Paths of the host that are seen, read-only.
    pub(crate) visible: Vec<PathBuf>,
    /// Folders of the host that are covered by private ones.
    pub(crate) covers: Vec<PathBuf>,
    /// Files at `/aegis`.
    pub(crate) files: BTreeMap<String, String>,
    /// Names of the files in `/out` that are brought out.
    pub(crate) collect: Vec<String>,
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) limits: Limits,
}

/// How it ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) end: Ended,
    /// Milliseconds that the command ran.
    pub(crate) ms: u64,
    /// Which of the files to collect follow.
    pub(crate) reports: Vec<String>,
}

/// Why it ended.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ended {
    /// With this code; negative is the signal.
    Exited(i32),
    /// At the wall clock's limit.
    TimedOut,
    /// At another limit: `memory`, `processes`.
    Exceeded(String),
    /// Before the command ran: it can't be held.
    Refused(String),
}

/// Sends one message.
pub(crate) fn send(to: &mut impl Write, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).ok().filter(|n| *n <= LARGEST);
    let length = length.ok_or_else(|| io::Error::other("a message is too long"))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(message)
}

/// Receives one message.
pub(crate) fn receive(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > LARGEST {
        return Err(io::Error::other("a message is too long"));
    }
    let mut message = Vec::new();
    from.take(length.into()).read_to_end(&mut message)?;
    if message.len() as u64 != u64::from(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(message)
}
