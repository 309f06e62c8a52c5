//! The contract that every journal keeps, by one process and by two.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aegis_core::port::{Journal, JournalLayer};
use aegis_core::testkit::conformance::journal;
use aegis_sql::SqliteJournal;

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
}

impl<J: Journal> JournalLayer for Pair<J> {
    fn inner(&self) -> &dyn Journal {
        &self.both[self.calls.fetch_add(1, Ordering::Relaxed) % 2]
    }
}
