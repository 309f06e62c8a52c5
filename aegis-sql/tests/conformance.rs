//! The contract that every journal keeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aegis_core::port::Journal;
use aegis_core::testkit::conformance::journal;
use aegis_sql::SqliteJournal;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_journal_on_sqlite_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let files = AtomicU32::new(0);
    journal::test_all(async || {
        let file = format!("{}.db", files.fetch_add(1, Ordering::Relaxed));
        let journal = SqliteJournal::create_or_open(folder.path().join(file)).await.unwrap();
        Arc::new(journal) as Arc<dyn Journal>
    })
    .await;
}
