//! How a journal on SQLite is run.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

/// SQLite's page, in bytes.
const PAGE: u64 = 4_096;

/// Bounds of a [`SqliteJournal`](crate::SqliteJournal).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SqliteConfig {
    /// Connections that read beside the one that writes; 2 unless set, at least 1.
    pub readers: u32,
    /// Writes that may wait before callers are held back; 1,024 unless set, at least 1.
    pub queue: usize,
    /// Writes that share one transaction; 256 unless set, at least 1.
    pub group: usize,
    /// How long another process may hold the file, in milliseconds; 5,000 unless set.
    pub busy_ms: u64,
    /// The size that the file may grow to, in bytes; unbounded unless set.
    pub max_bytes: Option<u64>,
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self { readers: 2, queue: 1_024, group: 256, busy_ms: 5_000, max_bytes: None }
    }
}

impl SqliteConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads over `readers` connections.
    #[must_use]
    pub fn with_readers(mut self, readers: u32) -> Self {
        self.readers = readers;
        self
    }

    /// Lets `queue` writes wait, and `group` of them share a transaction.
    #[must_use]
    pub fn with_queue(mut self, queue: usize, group: usize) -> Self {
        (self.queue, self.group) = (queue, group);
        self
    }

    /// Waits for another process for `busy`.
    #[must_use]
    pub fn with_busy(mut self, busy: Duration) -> Self {
        self.busy_ms = u64::try_from(busy.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Lets the file grow to `bytes`; beyond, a write fails and nothing is lost.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    pub(super) fn busy(&self) -> Duration {
        // SQLite counts in a C int.
        Duration::from_millis(self.busy_ms.min(i32::MAX as u64))
    }

    /// A connection that reads.
    pub(super) fn reader(&self, path: &Path) -> SqliteConnectOptions {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        options.busy_timeout(self.busy()).disable_statement_logging()
    }

    /// The connection that writes; a commit is on the disk when it returns.
    pub(super) fn writer(&self, path: &Path) -> SqliteConnectOptions {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(self.busy())
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .disable_statement_logging();
        match self.max_bytes {
            Some(bytes) => options.pragma("max_page_count", (bytes / PAGE).max(1).to_string()),
            None => options,
        }
    }
}
