//! Programs that a command needs beside it: a database, a queue.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::poll::PollTimeout;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::order::Failure;
use super::watch::Watch;

/// How long to wait between two looks, in milliseconds.
const PAUSE: u8 = 10;

/// How much of what a sidecar said is read.
const SAID: u64 = 4_096;

/// A program that is started in a command's sandbox before it, and ends with it.
///
/// It shares the command's network, files, environment and limits, and starts from nothing in each run.
/// The command is started once it accepts connections.
///
/// ```
/// use std::time::Duration;
/// use aegis_local::sandbox::Sidecar;
/// let database = Sidecar::new("initdb -D /tmp/db && exec postgres -D /tmp/db -k /tmp", 5432)
///     .with_ready(Duration::from_secs(20));
/// assert_eq!((database.port, database.ready_ms), (5432, 20_000));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Sidecar {
    /// Starts it in the foreground, through `sh -c` in the tree.
    pub start: String,
    /// TCP port of 127.0.0.1 that accepts connections once it is ready.
    pub port: u16,
    /// Milliseconds until it has to be ready: 10,000.
    #[serde(default = "ready_ms")]
    pub ready_ms: u64,
}

fn ready_ms() -> u64 {
    10_000
}

impl Sidecar {
    /// A program that `start` starts and that listens on `port`.
    pub fn new(start: impl Into<String>, port: u16) -> Self {
        Self { start: start.into(), port, ready_ms: ready_ms() }
    }

    /// Sets how long it may take to accept connections.
    #[must_use]
    pub fn with_ready(mut self, ready: Duration) -> Self {
        self.ready_ms = u64::try_from(ready.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Waits until it accepts connections; false where the host is gone.
    pub(super) fn wait(
        &self,
        process: Pid,
        watch: &mut Watch<'_>,
        log: &Path,
    ) -> Result<bool, Failure> {
        let begun = Instant::now();
        let failed = |what: String| {
            let (start, port, said) = (&self.start, self.port, last_words(log));
            Err(Failure::Sidecar(format!("{start:?} {what} (port {port}); it said: {said}")))
        };
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if watch.host_is_gone(PollTimeout::from(PAUSE))? {
                return Ok(false);
            }
            if let Some(end) = watch.ended(process)? {
                return failed(format!("ended before it was ready, with {end:?}"));
            }
            if let Some(limit) = watch.exceeded()? {
                return failed(format!("reached the limit of {limit} before it was ready"));
            }
            if begun.elapsed() >= Duration::from_millis(self.ready_ms) {
                return failed(format!("was not ready within {} ms", self.ready_ms));
            }
        }
        Ok(true)
    }
}

/// Where the output of the sidecar of this number goes.
pub(super) fn log(out: &Path, number: usize) -> PathBuf {
    out.join(format!("sidecar-{number}.log"))
}

/// The last line that says something.
fn last_words(log: &Path) -> String {
    let tail = || {
        let mut file = File::open(log)?;
        let from = file.metadata()?.len().saturating_sub(SAID);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(SAID).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = tail().unwrap_or_default();
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing").to_owned()
}
