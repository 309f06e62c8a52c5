//! What the host tells the helper and what it answers, over one socket.
//!
//! Each message is its length in four bytes, the lowest first, and then itself. The host sends one
//! order; the helper answers with one status and then with each report that the status names. The
//! socket is the host's lifeline as well: once it closes, everything inside dies.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Limits, Sidecar, Tier};

/// Largest message that is read.
const LARGEST: u32 = 256 << 20;

/// One file to put over a tree; no text deletes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) text: Option<String>,
}

/// One command and all that is around it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) tier: Tier,
    /// An empty folder that becomes the root, or holds the run's own folders.
    pub(crate) root: PathBuf,
    /// The unchanged tree.
    pub(crate) tree: PathBuf,
    /// Files of the tree that are changed.
    pub(crate) changes: Vec<Change>,
    /// Paths of the host that are seen, read-only.
    pub(crate) visible: Vec<PathBuf>,
    /// Folders of the host that are covered by private ones.
    pub(crate) covers: Vec<PathBuf>,
    /// Files at `/aegis`.
    pub(crate) files: BTreeMap<String, String>,
    /// Names of the files in `/out` that are brought out.
    pub(crate) collect: Vec<String>,
    /// What is started before the command.
    pub(crate) sidecars: Vec<Sidecar>,
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) limits: Limits,
}

/// How it ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Why it ended; why the command did not run.
    pub(crate) end: Result<End, Failure>,
    /// Microseconds that the command ran.
    pub(crate) us: u64,
    /// Which of the files to collect follow.
    pub(crate) reports: Vec<String>,
}

/// Why a command did not run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Failure {
    /// It can't be held.
    Refused(String),
    /// What it needs beside it did not get ready.
    Sidecar(String),
}

impl From<io::Error> for Failure {
    fn from(why: io::Error) -> Self {
        Self::Refused(why.to_string())
    }
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum End {
    /// The command ended with this code; negative is the signal that ended it.
    Exited(i32),
    /// The wall clock's limit was reached.
    TimedOut,
    /// Another limit was reached: `cpu`, `memory`, `processes`, and `disk` in the Reduced tier.
    Exceeded(String),
}

impl End {
    /// The code that the command ended with by itself.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Exited(code) if *code >= 0 => Some(*code),
            _ => None,
        }
    }

    /// The signal that ended the command, where no limit of ours did.
    pub fn signal(&self) -> Option<i32> {
        match self {
            Self::Exited(code) if *code < 0 => code.checked_neg(),
            _ => None,
        }
    }
}

/// What goes before a message.
pub(crate) fn header(message: &[u8]) -> io::Result<[u8; 4]> {
    let length = u32::try_from(message.len()).ok().filter(|n| *n <= LARGEST);
    Ok(length.ok_or_else(too_long)?.to_le_bytes())
}

/// The bytes of the message that comes after a header.
pub(crate) fn length(header: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(header);
    if length > LARGEST { Err(too_long()) } else { Ok(length as usize) }
}

fn too_long() -> io::Error {
    io::Error::other("a message is too long")
}

/// Sends one message.
pub(super) fn send(to: &mut impl Write, message: &[u8]) -> io::Result<()> {
    to.write_all(&header(message)?)?;
    to.write_all(message)
}

/// Receives one message.
pub(super) fn receive(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut header = [0; 4];
    from.read_exact(&mut header)?;
    let mut message = vec![0; length(header)?];
    from.read_exact(&mut message)?;
    Ok(message)
}
