//! The journal with somebody beside it who notices when nothing can be written.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::policy::Control;
use aegis_core::port::{
    Batch, Filter, Journal, Lease, Letter, Message, NewIncident, Opened, Stored, Summary,
};
use aegis_core::{ErrorKind, IncidentId, Result, ServiceName};
use async_trait::async_trait;
use tokio::sync::watch;

/// Why nothing can be written; `None` while it can.
pub(super) type Trouble = watch::Receiver<Option<String>>;

/// A journal whose writes are watched.
#[derive(Debug)]
pub(super) struct Witness {
    journal: Arc<dyn Journal>,
    trouble: watch::Sender<Option<String>>,
}

impl Witness {
    pub(super) fn of(journal: Arc<dyn Journal>) -> (Arc<Self>, Trouble) {
        let (trouble, seen) = watch::channel(None);
        (Arc::new(Self { journal, trouble }), seen)
    }

    /// Notes how a write of records ended; an answer about the incident is a write that worked.
    fn note<T>(&self, done: Result<T>) -> Result<T> {
        let answered =
            |kind| matches!(kind, ErrorKind::Stale | ErrorKind::Fenced | ErrorKind::Conflict);
        let why = done.as_ref().err().filter(|e| !answered(e.kind())).map(ToString::to_string);
        self.trouble.send_if_modified(|known| {
            // Said once as long as it lasts, whatever part of it each write meets.
            let turned = known.is_some() != why.is_some();
            if turned {
                *known = why;
            }
            turned
        });
        done
    }
}

#[async_trait]
impl Journal for Witness {
    async fn open(&self, new: NewIncident) -> Result<Opened> {
        self.note(self.journal.open(new).await)
    }

    async fn commit(&self, batch: Batch) -> Result<u64> {
        self.note(self.journal.commit(batch).await)
    }

    async fn claim(
        &self,
        owner: &str,
        services: &[ServiceName],
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        self.journal.claim(owner, services, ttl, limit).await
    }

    async fn renew(&self, lease: &Lease) -> Result<()> {
        self.note(self.journal.renew(lease).await)
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        self.journal.release(lease).await
    }

    async fn tell(&self, id: &IncidentId, message: Message) -> Result<u64> {
        self.journal.tell(id, message).await
    }

    async fn letters(&self, owner: &str, limit: usize) -> Result<Vec<Letter>> {
        self.journal.letters(owner, limit).await
    }

    async fn load(&self, id: &IncidentId) -> Result<Option<Stored>> {
        self.journal.load(id).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Summary>> {
        self.journal.list(filter).await
    }

    async fn reserve(&self, counter: &str, key: &str, amount: u64, limit: u64) -> Result<()> {
        self.journal.reserve(counter, key, amount, limit).await
    }

    async fn settle(&self, counter: &str, key: &str, used: u64) -> Result<()> {
        self.journal.settle(counter, key, used).await
    }

    async fn used(&self, counter: &str) -> Result<u64> {
        self.journal.used(counter).await
    }

    async fn control(&self) -> Result<Control> {
        self.journal.control().await
    }

    async fn switch(&self, from: &Control, to: Control) -> Result<()> {
        self.journal.switch(from, to).await
    }
}
