//! The one task that writes: what arrives together shares a transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aegis_core::policy::Control;
use aegis_core::port::{Batch, Lease, NewIncident, Opened, refused};
use aegis_core::{Error, ErrorKind, IncidentId, Result, Timestamp};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Row as _};
use tokio::sync::{mpsc, oneshot};

use super::commit::Transaction;
use super::error::{again, failed};
use super::{archive, commit, counter, lease, letter, open};
use crate::claim::Claim;
use crate::row::Body;

/// A write, with its records encoded by the caller.
#[derive(Debug)]
pub(super) enum Write {
    Open { new: Box<NewIncident>, opened: Body, reopened: Option<Body> },
    Commit { batch: Box<Batch>, bodies: Vec<Body> },
    Claim(Claim),
    Tell { id: IncidentId, body: String },
    Prune { before: Timestamp, limit: i64 },
    Renew { lease: Lease, ttl_ms: i64 },
    Release(Lease),
    Reserve { counter: String, key: String, amount: u64, limit: u64 },
    Settle { counter: String, key: String, used: u64 },
    Control { from: Control, to: String },
}

/// What a write answers.
#[derive(Debug)]
pub(super) enum Done {
    Opened(Opened),
    Seq(u64),
    Leases(Vec<Lease>),
    Nothing,
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) write: Write,
    pub(super) reply: oneshot::Sender<Result<Done>>,
}

impl Job {
    fn answer(self, result: Result<Done>) {
        // Who dropped the call loads the incident before it writes again.
        let _ = self.reply.send(result);
    }
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) writes: AtomicU64,
    pub(super) transactions: AtomicU64,
}

pub(super) struct Writer {
    pub(super) conn: SqliteConnection,
    pub(super) queue: mpsc::Receiver<Job>,
    pub(super) group: usize,
    pub(super) counts: Arc<Counts>,
}

impl Writer {
    /// Writes until every sender is gone and the queue is empty.
    pub(super) async fn run(mut self) {
        while let Some(job) = self.queue.recv().await {
            if job.reply.is_closed() {
                continue;
            }
            let failed = match &job.write {
                Write::Commit { batch, bodies } if self.queue.is_empty() => {
                    let result = self.alone(batch, bodies).await;
                    let failed =
                        result.as_ref().err().filter(|e| e.kind() == ErrorKind::Unavailable);
                    let failed = failed.map(again);
                    job.answer(result.map(Done::Seq));
                    failed
                }
                _ => self.transaction(job).await.err(),
            };
            if let Some(e) = failed {
                // What waits would only wait as long again.
                while let Ok(job) = self.queue.try_recv() {
                    job.answer(Err(again(&e)));
                }
            }
        }
        if let Err(e) = self.conn.close().await {
            tracing::warn!(error = %e, "the journal's file was not closed cleanly");
        }
    }

    /// Commits what nothing waits beside.
    async fn alone(&mut self, batch: &Batch, bodies: &[Body]) -> Result<u64> {
        let done = commit::commit(&mut self.conn, batch, bodies, Transaction::Own).await;
        if done.is_ok() {
            self.count(1);
        } else {
            let _ = exec(&mut self.conn, "ROLLBACK").await;
        }
        done
    }

    /// Commits `first` and what arrives meanwhile; answers once all of it is on the disk. An error
    /// where no transaction can be begun.
    async fn transaction(&mut self, first: Job) -> Result<()> {
        if let Err(e) = self.begin().await {
            first.answer(Err(again(&e)));
            return Err(e);
        }
        let mut jobs = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next.take() {
            let result = apply(&mut self.conn, &job.write).await;
            let broken = result.is_err() && !self.undo().await;
            jobs.push((job, result));
            if broken {
                self.one_by_one(jobs).await;
                return Ok(());
            }
            if jobs.len() < self.group {
                next = self.queue.try_recv().ok();
            }
        }
        self.commit(jobs).await;
        Ok(())
    }

    /// SQLite gave up the whole transaction: what one write did must not fail the others.
    async fn one_by_one(&mut self, jobs: Vec<(Job, Result<Done>)>) {
        let _ = exec(&mut self.conn, "ROLLBACK").await;
        for (job, _) in jobs {
            if let Err(e) = self.begin().await {
                job.answer(Err(e));
                continue;
            }
            let result = apply(&mut self.conn, &job.write).await;
            if result.is_err() {
                let _ = exec(&mut self.conn, "ROLLBACK").await;
                job.answer(result);
            } else {
                self.commit(vec![(job, result)]).await;
            }
        }
    }

    async fn commit(&mut self, jobs: Vec<(Job, Result<Done>)>) {
        let committed = exec(&mut self.conn, "COMMIT").await;
        if committed.is_err() {
            let _ = exec(&mut self.conn, "ROLLBACK").await;
        } else {
            self.count(jobs.len() as u64);
        }
        for (job, result) in jobs {
            match &committed {
                Ok(()) => job.answer(result),
                Err(e) => job.answer(result.and_then(|_| Err(again(e)))),
            }
        }
    }

    fn count(&self, writes: u64) {
        self.counts.transactions.fetch_add(1, Ordering::Relaxed);
        self.counts.writes.fetch_add(writes, Ordering::Relaxed);
    }

    async fn begin(&mut self) -> Result<()> {
        let begun = exec(&mut self.conn, "BEGIN IMMEDIATE").await;
        if begun.is_err() {
            // Where an earlier rollback failed, its transaction must not keep the lock.
            let _ = exec(&mut self.conn, "ROLLBACK").await;
        }
        begun
    }

    /// Takes back what one write did; false where the whole transaction is gone.
    async fn undo(&mut self) -> bool {
        exec(&mut self.conn, "ROLLBACK TO op; RELEASE op").await.is_ok()
    }
}

/// Does one write; its first statement begins the savepoint `op`, its last one releases it.
async fn apply(conn: &mut SqliteConnection, write: &Write) -> Result<Done> {
    match write {
        Write::Open { new, opened, reopened } => {
            open::open(conn, new, opened, reopened.as_ref()).await.map(Done::Opened)
        }
        Write::Commit { batch, bodies } => {
            commit::commit(conn, batch, bodies, Transaction::Shared).await.map(Done::Seq)
        }
        Write::Claim(claim) => lease::claim(conn, claim).await.map(Done::Leases),
        Write::Prune { before, limit } => {
            archive::prune(conn, *before, *limit).await.map(Done::Seq)
        }
        Write::Tell { id, body } => letter::tell(conn, id, body).await.map(Done::Seq),
        Write::Renew { lease, ttl_ms } => {
            lease::renew(conn, lease, *ttl_ms).await.map(|()| Done::Nothing)
        }
        Write::Release(lease) => lease::release(conn, lease).await.map(|()| Done::Nothing),
        Write::Reserve { counter, key, amount, limit } => {
            counter::reserve(conn, counter, key, *amount, *limit).await.map(|()| Done::Nothing)
        }
        Write::Settle { counter, key, used } => {
            counter::settle(conn, counter, key, *used).await.map(|()| Done::Nothing)
        }
        Write::Control { from, to } => {
            counter::switch(conn, from, to).await.map(|()| Done::Nothing)
        }
    }
}

async fn exec(conn: &mut SqliteConnection, sql: &'static str) -> Result<()> {
    sqlx::query(sql).execute(conn).await.map(drop).map_err(|e| failed("writing the journal", e))
}

/// Ends the savepoint of a write that succeeded.
pub(super) async fn release(conn: &mut SqliteConnection) -> Result<()> {
    exec(conn, "RELEASE op").await
}

/// `NotFound` where there is no such incident, else `otherwise`.
pub(super) async fn missing_or(
    conn: &mut SqliteConnection,
    incident: &aegis_core::IncidentId,
    otherwise: impl FnOnce(u64) -> Error,
) -> Error {
    let row = sqlx::query("SELECT seq FROM incident WHERE id = ?1")
        .bind(incident.as_str())
        .fetch_optional(conn)
        .await;
    match row.and_then(|row| row.map(|r| r.try_get::<i64, _>(0)).transpose()) {
        Ok(Some(seq)) => otherwise(seq.cast_unsigned()),
        Ok(None) => refused::missing(incident),
        Err(e) => failed("looking for an incident", e),
    }
}
