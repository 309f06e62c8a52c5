//! The contract that every journal keeps, by one process and by two.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aegis_core::policy::Control;
use aegis_core::port::{
    Batch, Filter, Journal, Lease, Letter, Message, NewIncident, Opened, Stored, Summary,
};
use aegis_core::testkit::conformance::journal;
use aegis_core::{IncidentId, Result, ServiceName};
use aegis_sql::SqliteJournal;
use async_trait::async_trait;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_journal_on_sqlite_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let files = AtomicUsize::new(0);
    journal::test_all(async || {
        let file = format!("{}.db", files.fetch_add(1, Ordering::Relaxed));
        let journal = SqliteJournal::create_or_open(folder.path().join(file)).await.unwrap();
        Arc::new(journal) as Arc<dyn Journal>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_that_share_a_file_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let files = AtomicUsize::new(0);
    journal::test_all(async || {
        let file = format!("{}.db", files.fetch_add(1, Ordering::Relaxed));
        let file = folder.path().join(file);
        let first = SqliteJournal::create_or_open(&file).await.unwrap();
        let second = SqliteJournal::connect(&file).await.unwrap();
        Arc::new(Pair::of(first, second)) as Arc<dyn Journal>
    })
    .await;
}

/// Two journals that share what they keep, as two processes have them; each call goes to the other one.
#[derive(Debug)]
pub(crate) struct Pair<J> {
    both: [J; 2],
    calls: AtomicUsize,
}

impl<J> Pair<J> {
    pub(crate) fn of(first: J, second: J) -> Self {
        Self { both: [first, second], calls: AtomicUsize::new(0) }
    }

    fn next(&self) -> &J {
        &self.both[self.calls.fetch_add(1, Ordering::Relaxed) % 2]
    }
}

#[async_trait]
impl<J: Journal> Journal for Pair<J> {
    async fn open(&self, new: NewIncident) -> Result<Opened> {
        self.next().open(new).await
    }
    async fn commit(&self, batch: Batch) -> Result<u64> {
        self.next().commit(batch).await
    }
    async fn claim(
        &self,
        owner: &str,
        services: &[ServiceName],
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        self.next().claim(owner, services, ttl, limit).await
    }
    async fn renew(&self, lease: &Lease) -> Result<()> {
        self.next().renew(lease).await
    }
    async fn release(&self, lease: &Lease) -> Result<()> {
        self.next().release(lease).await
    }
    async fn tell(&self, id: &IncidentId, message: Message) -> Result<u64> {
        self.next().tell(id, message).await
    }

    async fn letters(&self, owner: &str, limit: usize) -> Result<Vec<Letter>> {
        self.next().letters(owner, limit).await
    }

    async fn load(&self, id: &IncidentId) -> Result<Option<Stored>> {
        self.next().load(id).await
    }
    async fn list(&self, filter: &Filter) -> Result<Vec<Summary>> {
        self.next().list(filter).await
    }
    async fn reserve(&self, counter: &str, key: &str, amount: u64, limit: u64) -> Result<()> {
        self.next().reserve(counter, key, amount, limit).await
    }
    async fn settle(&self, counter: &str, key: &str, used: u64) -> Result<()> {
        self.next().settle(counter, key, used).await
    }
    async fn used(&self, counter: &str) -> Result<u64> {
        self.next().used(counter).await
    }
    async fn control(&self) -> Result<Control> {
        self.next().control().await
    }
    async fn switch(&self, from: &Control, to: Control) -> Result<()> {
        self.next().switch(from, to).await
    }
}
