//! The journal as its callers see it.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::policy::Control;
use aegis_core::port::{
    Batch, Filter, Journal, Lease, Letter, Message, NewIncident, Opened, Stored, Summary,
};
use aegis_core::{Error, ErrorKind, IncidentId, Result, ServiceName};
use async_trait::async_trait;
use sqlx::postgres::PgPool;
use tokio::time::Instant;

use super::commit::{self, Failed};
use super::error::{failed, is_unknown};
use super::news::News;
use super::{PostgresConfig, counter, lease, letter, open, read, schema};
use crate::claim::Claim;
use crate::row::{Body, control_body, letter_body};

/// Between two looks for the outcome of a write whose connection was lost.
const PAUSE: Duration = Duration::from_millis(50);

/// Keeps incidents in one PostgreSQL database, for every replica that shares it.
///
/// A commit is one statement, on the disk when it returns. Leases run by the database's clock, and a
/// fence keeps a replica that was paused past its lease from writing. Where the connection is lost in
/// the middle of a commit, or the server goes down, the journal looks up what became of it before it
/// answers.
///
/// It keeps settings in its sessions: connect to the server itself, or to a pooler in session mode.
/// PostgreSQL 14 or later.
#[derive(Debug, Clone)]
pub struct PostgresJournal {
    pool: PgPool,
    recover: Duration,
    news: Arc<News>,
}

impl PostgresJournal {
    /// Creates the schema `aegis` in the database at `url` where it is missing, and brings it up to date.
    ///
    /// One that is up to date stays as it is. One that a later version wrote, or that holds something
    /// else, is refused unchanged.
    pub async fn migrate(url: &str) -> Result<()> {
        Self::migrate_with(url, &PostgresConfig::default()).await
    }

    /// Like [`migrate`](Self::migrate), in a schema of your own.
    pub async fn migrate_with(url: &str, config: &PostgresConfig) -> Result<()> {
        schema::migrate(&config.options(url)?, config).await
    }

    /// Connects to a journal whose schema is up to date; `Invalid` where it is not, `Unavailable` where
    /// nobody answers.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::connect_with(url, PostgresConfig::default()).await
    }

    /// Like [`connect`](Self::connect), with bounds of your own.
    pub async fn connect_with(url: &str, config: PostgresConfig) -> Result<Self> {
        let options = config.options(url)?;
        schema::check(&options, &config).await?;
        let news = Arc::new(News::new(options.clone(), &config.schema));
        let pool = config.pool().connect_with(options).await;
        let pool = pool.map_err(|e| failed("opening the journal", e))?;
        Ok(Self { pool, recover: config.recover(), news })
    }

    /// Migrates and connects, for a host that owns its schema.
    pub async fn create_or_open(url: &str) -> Result<Self> {
        Self::migrate(url).await?;
        Self::connect(url).await
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Closes the connections.
    pub async fn close(self) {
        self.news.end();
        self.pool.close().await;
    }

    /// Opens once more where nobody can tell what became of the first: it is the same incident then.
    async fn open_again(
        &self,
        new: &NewIncident,
        opened: &Body,
        reopened: Option<&Body>,
        error: Error,
    ) -> Result<Opened> {
        let what = || format!("opening incident {}", new.id);
        let until = Instant::now() + self.recover;
        while Instant::now() < until {
            tokio::time::sleep(PAUSE).await;
            match open::open(&self.pool, new, opened, reopened).await {
                // Ids are never used twice: what exists under this one was opened by this call.
                Ok(Ok(Opened::Existing(id))) if id == new.id => return Ok(Opened::Created(id)),
                Ok(answer) => return answer,
                Err(e) if is_transient(&e) => {}
                Err(e) => return Err(failed(&what(), e)),
            }
        }
        Err(error)
    }

    /// Finds out what became of a commit, and commits again where nothing did.
    async fn commit_again(&self, batch: &Batch, bodies: &[Body], error: Error) -> Result<u64> {
        let until = Instant::now() + self.recover;
        while Instant::now() < until {
            tokio::time::sleep(PAUSE).await;
            match commit::look_up(&self.pool, batch, bodies).await {
                Ok(Some(seq)) => return Ok(seq),
                Ok(None) => match commit::once(&self.pool, batch, bodies).await {
                    Ok(seq) => return Ok(seq),
                    Err(Failed::Unknown(_)) => {}
                    // Another try of ours may have gone through in between.
                    Err(Failed::Known(e)) if e.kind() == ErrorKind::Stale => {}
                    Err(Failed::Known(e)) if e.kind() == ErrorKind::Unavailable => {}
                    Err(Failed::Known(e)) => return Err(e),
                },
                Err(e) if e.kind() == ErrorKind::Unavailable => {}
                Err(e) => return Err(e),
            }
        }
        Err(error)
    }
}

/// Whether another try may reach the server.
fn is_transient(e: &sqlx::Error) -> bool {
    is_unknown(e) || matches!(e, sqlx::Error::PoolTimedOut | sqlx::Error::Tls(_))
}

#[async_trait]
impl Journal for PostgresJournal {
    async fn open(&self, new: NewIncident) -> Result<Opened> {
        let opened = Body::of(&new.opened)?;
        let reopened = new.reopen.as_ref().map(|(_, record)| Body::of(record)).transpose()?;
        match open::open(&self.pool, &new, &opened, reopened.as_ref()).await {
            Ok(answer) => answer,
            Err(e) => {
                let unknown = is_unknown(&e);
                let error = failed(&format!("opening incident {}", new.id), e);
                match unknown {
                    true => self.open_again(&new, &opened, reopened.as_ref(), error).await,
                    false => Err(error),
                }
            }
        }
    }

    async fn commit(&self, batch: Batch) -> Result<u64> {
        batch.check()?;
        let bodies =
            batch.entries.iter().map(|e| Body::of(&e.record)).collect::<Result<Vec<_>>>()?;
        match commit::once(&self.pool, &batch, &bodies).await {
            Ok(seq) => Ok(seq),
            Err(Failed::Known(e)) => Err(e),
            Err(Failed::Unknown(e)) => self.commit_again(&batch, &bodies, e).await,
        }
    }

    async fn claim(
        &self,
        owner: &str,
        services: &[ServiceName],
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        lease::claim(&self.pool, &Claim::new(owner, services, ttl, limit)).await
    }

    async fn claim_waiting(
        &self,
        owner: &str,
        services: &[ServiceName],
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        lease::claim(&self.pool, &Claim::new(owner, services, ttl, limit).waiting()).await
    }

    async fn renew(&self, lease: &Lease) -> Result<()> {
        lease::renew(&self.pool, lease).await
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        lease::release(&self.pool, lease).await
    }

    async fn tell(&self, id: &IncidentId, message: Message) -> Result<u64> {
        letter::tell(&self.pool, id, &letter_body(&message)?).await
    }

    async fn letters(&self, owner: &str, limit: usize) -> Result<Vec<Letter>> {
        letter::waiting(&self.pool, owner, limit).await
    }

    async fn news(&self, seen: u64) -> u64 {
        self.news.after(seen).await
    }

    async fn load(&self, id: &IncidentId) -> Result<Option<Stored>> {
        read::load(&self.pool, id).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Summary>> {
        read::list(&self.pool, filter).await
    }

    async fn reserve(&self, counter: &str, key: &str, amount: u64, limit: u64) -> Result<()> {
        counter::reserve(&self.pool, counter, key, amount, limit).await
    }

    async fn settle(&self, counter: &str, key: &str, used: u64) -> Result<()> {
        counter::settle(&self.pool, counter, key, used).await
    }

    async fn used(&self, counter: &str) -> Result<u64> {
        counter::used(&self.pool, counter).await
    }

    async fn control(&self) -> Result<Control> {
        let conn = self.pool.acquire().await;
        let conn = conn.map_err(|e| failed("reading what is switched", e));
        counter::control(&mut *conn?).await
    }

    async fn switch(&self, from: &Control, to: Control) -> Result<()> {
        counter::switch(&self.pool, from, &control_body(&to)?).await
    }
}
