//! The journal as its callers see it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aegis_core::policy::Control;
use aegis_core::port::{
    Batch, Filter, Journal, Lease, Letter, Message, NewIncident, Opened, Stored, Summary,
};
use aegis_core::{Error, IncidentId, Result, ServiceName};
use async_trait::async_trait;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqlitePoolOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::error::failed;
use super::writer::{Counts, Done, Job, Write, Writer};
use super::{SqliteConfig, letter, read, schema};
use crate::claim::Claim;
use crate::row::{Body, control_body, letter_body, ttl_ms};

/// Keeps incidents in one SQLite file, for all processes of one machine.
///
/// The file is in WAL mode with `synchronous=FULL`: a commit that returned survives a crash and a
/// power loss. One task writes; commits that arrive together share a transaction, each in a savepoint
/// of its own, so that one that is refused takes nothing with it. Leases run by the database's clock.
///
/// Methods need a Tokio runtime with time, and the writing task lives on the one that the journal was
/// opened on: without it, writes are `Unavailable`. Keep the file on a local disk; WAL does not work
/// across machines.
#[derive(Debug)]
pub struct SqliteJournal {
    path: PathBuf,
    queue: mpsc::Sender<Job>,
    readers: SqlitePool,
    writer: JoinHandle<()>,
    counts: Arc<Counts>,
}

/// What a journal has written since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SqliteStats {
    /// Writes that were answered from a committed transaction, refused ones included.
    pub writes: u64,
    /// Transactions that were committed.
    pub transactions: u64,
}

impl SqliteJournal {
    /// Creates the file where it is missing and brings its schema up to date.
    ///
    /// A file that is up to date stays as it is. One that a later version wrote, or that belongs to
    /// something else, is refused unchanged.
    pub async fn migrate(path: impl AsRef<Path>) -> Result<()> {
        let path = schema::absolute(path.as_ref())?;
        schema::migrate(&path, &SqliteConfig::default()).await
    }

    /// Opens a file whose schema is up to date; `Invalid` where it is not, `NotFound` without one.
    pub async fn connect(path: impl AsRef<Path>) -> Result<Self> {
        Self::connect_with(path, SqliteConfig::default()).await
    }

    /// Like [`connect`](Self::connect), with bounds of your own.
    pub async fn connect_with(path: impl AsRef<Path>, config: SqliteConfig) -> Result<Self> {
        let path = schema::absolute(path.as_ref())?;
        schema::check(&path, &config).await?;
        let error = |e| failed(&format!("opening the journal {}", path.display()), e);
        let conn = SqliteConnection::connect_with(&config.writer(&path)).await.map_err(error)?;
        let pool = SqlitePoolOptions::new()
            .max_connections(config.readers.max(1))
            .acquire_timeout(config.busy().max(Duration::from_millis(100)))
            .test_before_acquire(false);
        let readers = pool.connect_with(config.reader(&path)).await.map_err(error)?;
        let (sender, queue) = mpsc::channel(config.queue.max(1));
        let counts = Arc::new(Counts::default());
        let group = config.group.max(1);
        let writer = Writer { conn, queue, group, counts: Arc::clone(&counts) };
        let writer = tokio::spawn(writer.run());
        Ok(Self { path, queue: sender, readers, writer, counts })
    }

    /// Migrates and connects, for a host that owns its file.
    pub async fn create_or_open(path: impl AsRef<Path>) -> Result<Self> {
        Self::migrate(path.as_ref()).await?;
        Self::connect(path).await
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was written since it was opened.
    pub fn stats(&self) -> SqliteStats {
        SqliteStats {
            writes: self.counts.writes.load(Ordering::Relaxed),
            transactions: self.counts.transactions.load(Ordering::Relaxed),
        }
    }

    /// Waits until what was asked for is written, and closes the file.
    ///
    /// Dropping a journal does the same without the wait.
    pub async fn close(self) {
        drop(self.queue);
        // The writer goes last: it is the one that can fold the write-ahead log into the file.
        self.readers.close().await;
        // An error means that its runtime is gone, and its connection with it.
        let _ = self.writer.await;
    }

    pub(super) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    pub(super) async fn write(&self, write: Write) -> Result<Done> {
        let gone = || {
            let why = "the task that writes the journal has ended, with its runtime";
            Error::unavailable(why).at("journal")
        };
        let (reply, answer) = oneshot::channel();
        self.queue.send(Job { write, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    async fn claimed(&self, claim: Claim) -> Result<Vec<Lease>> {
        match self.write(Write::Claim(claim)).await? {
            Done::Leases(leases) => Ok(leases),
            other => mismatch(&other),
        }
    }
}

/// An answer that belongs to another write.
pub(super) fn mismatch<T>(done: &Done) -> Result<T> {
    Err(Error::internal(format!("the journal's writer answered {done:?}")).at("journal"))
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn open(&self, new: NewIncident) -> Result<Opened> {
        let opened = Body::of(&new.opened)?;
        let reopened = new.reopen.as_ref().map(|(_, record)| Body::of(record)).transpose()?;
        match self.write(Write::Open { new: Box::new(new), opened, reopened }).await? {
            Done::Opened(opened) => Ok(opened),
            other => mismatch(&other),
        }
    }

    async fn commit(&self, batch: Batch) -> Result<u64> {
        batch.check()?;
        let bodies = batch.entries.iter().map(|e| Body::of(&e.record)).collect::<Result<_>>()?;
        match self.write(Write::Commit { batch: Box::new(batch), bodies }).await? {
            Done::Seq(seq) => Ok(seq),
            other => mismatch(&other),
        }
    }

    async fn claim(
        &self,
        owner: &str,
        services: &[ServiceName],
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        self.claimed(Claim::new(owner, services, ttl, limit)).await
    }

    async fn claim_waiting(
        &self,
        owner: &str,
        services: &[ServiceName],
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        self.claimed(Claim::new(owner, services, ttl, limit).waiting()).await
    }

    async fn renew(&self, lease: &Lease) -> Result<()> {
        let ttl_ms = ttl_ms(lease.ttl);
        self.write(Write::Renew { lease: lease.clone(), ttl_ms }).await.map(drop)
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        self.write(Write::Release(lease.clone())).await.map(drop)
    }

    async fn tell(&self, id: &IncidentId, message: Message) -> Result<u64> {
        let (id, body) = (id.clone(), letter_body(&message)?);
        match self.write(Write::Tell { id, body }).await? {
            Done::Seq(number) => Ok(number),
            other => mismatch(&other),
        }
    }

    async fn letters(&self, owner: &str, limit: usize) -> Result<Vec<Letter>> {
        letter::waiting(&self.readers, owner, limit).await
    }

    async fn load(&self, id: &IncidentId) -> Result<Option<Stored>> {
        read::load(&self.readers, id).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Summary>> {
        read::list(&self.readers, filter).await
    }

    async fn reserve(&self, counter: &str, key: &str, amount: u64, limit: u64) -> Result<()> {
        let (counter, key) = (counter.to_owned(), key.to_owned());
        self.write(Write::Reserve { counter, key, amount, limit }).await.map(drop)
    }

    async fn settle(&self, counter: &str, key: &str, used: u64) -> Result<()> {
        let (counter, key) = (counter.to_owned(), key.to_owned());
        self.write(Write::Settle { counter, key, used }).await.map(drop)
    }

    async fn used(&self, counter: &str) -> Result<u64> {
        read::used(&self.readers, counter).await
    }

    async fn control(&self) -> Result<Control> {
        read::control(&self.readers).await
    }

    async fn switch(&self, from: &Control, to: Control) -> Result<()> {
        let to = control_body(&to)?;
        self.write(Write::Control { from: from.clone(), to }).await.map(drop)
    }
}
