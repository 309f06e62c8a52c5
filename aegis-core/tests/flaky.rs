//! A journal that fails when a test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aegis_core::policy::Control;
use aegis_core::port::{
    Batch, Journal, JournalLayer, Lease, MemoryJournal, NewIncident, Opened, Stored,
};
use aegis_core::{Error, ErrorKind, IncidentId, Result, Retry, ServiceName};
use async_trait::async_trait;

use crate::bed::Bed;

/// The journal in memory, with faults as state.
#[derive(Debug, Default)]
pub(crate) struct Flaky {
    pub(crate) inner: Arc<MemoryJournal>,
    /// Opening fails.
    pub(crate) no_open: AtomicBool,
    /// Loading fails.
    pub(crate) no_load: AtomicBool,
    /// Reading the ledger fails.
    pub(crate) no_used: AtomicBool,
    /// Taking from a counter fails.
    pub(crate) full: AtomicBool,
    /// The kill switch is thrown with the next commit of an intent.
    pub(crate) kill_on_intent: AtomicBool,
    pub(crate) claims: AtomicUsize,
}

impl Flaky {
    /// The journal of `bed`, in good order yet.
    pub(crate) fn of(bed: &Bed) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(&bed.journal), ..Self::default() })
    }
}

fn unless(flag: &AtomicBool) -> Result<()> {
    if flag.load(Ordering::SeqCst) {
        Err(Error::unavailable("the journal is away"))
    } else {
        Ok(())
    }
}

#[async_trait]
impl JournalLayer for Flaky {
    fn inner(&self) -> &dyn Journal {
        &*self.inner
    }

    async fn open(&self, new: NewIncident) -> Result<Opened> {
        unless(&self.no_open)?;
        self.inner.open(new).await
    }

    async fn commit(&self, batch: Batch) -> Result<u64> {
        let intent = batch.effects.iter().any(|e| e.request.is_some());
        let seq = self.inner.commit(batch).await?;
        if intent && self.kill_on_intent.swap(false, Ordering::SeqCst) {
            let from = self.inner.control().await?;
            let killed = Control::new().with_killed("at the last moment");
            self.inner.switch(&from, killed).await?;
        }
        Ok(seq)
    }

    async fn claim(
        &self,
        owner: &str,
        services: &[ServiceName],
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        let leases = self.inner.claim(owner, services, ttl, limit).await?;
        self.claims.fetch_add(leases.len(), Ordering::SeqCst);
        Ok(leases)
    }

    async fn load(&self, id: &IncidentId) -> Result<Option<Stored>> {
        unless(&self.no_load)?;
        self.inner.load(id).await
    }

    async fn reserve(&self, counter: &str, key: &str, amount: u64, limit: u64) -> Result<()> {
        if self.full.load(Ordering::SeqCst) {
            let full = Error::new(ErrorKind::Exhausted, "the disk is full");
            return Err(full.with_retry(Retry::Backoff));
        }
        self.inner.reserve(counter, key, amount, limit).await
    }

    async fn used(&self, counter: &str) -> Result<u64> {
        unless(&self.no_used)?;
        self.inner.used(counter).await
    }

    async fn control(&self) -> Result<Control> {
        let control = self.inner.control().await;
        // As a real one would, between a read and the write that follows it.
        tokio::task::yield_now().await;
        control
    }
}
