//! Commits that arrive together share a transaction and nothing else.

use std::sync::Arc;

use aegis_core::ErrorKind;
use aegis_core::port::Journal as _;
use aegis_sql::{SqliteConfig, SqliteJournal};

use crate::shop::{driven, held};

const PRODUCERS: usize = 64;
const ROUNDS: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn producers_share_transactions_and_not_failures() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aegis.db");
    let journal = Arc::new(SqliteJournal::create_or_open(&file).await.unwrap());
    let ids: Vec<String> = (0..PRODUCERS).map(|n| format!("i{n:02}")).collect();
    let leases = driven(&*journal, &ids).await;
    let before = journal.stats();
    let produce = |lease: aegis_core::port::Lease| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            for seq in 1..=ROUNDS {
                let (good, stale) = (held(&lease, seq, "good"), held(&lease, seq + 7, "stale"));
                // Side by side, so that most groups hold refused ones.
                let (good, stale) = tokio::join!(journal.commit(good), journal.commit(stale));
                assert_eq!(good.unwrap(), seq + 1);
                assert_eq!(stale.unwrap_err().kind(), ErrorKind::Stale);
            }
        })
    };
    for task in leases.into_iter().map(produce).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let after = journal.stats();
    let writes = after.writes - before.writes;
    let transactions = after.transactions - before.transactions;
    assert_eq!(writes, 2 * ROUNDS * PRODUCERS as u64);
    assert!(transactions < writes / 4, "{writes} writes took {transactions} transactions");
    for id in &ids {
        let stored = journal.load(&id.as_str().into()).await.unwrap().unwrap();
        assert_eq!(stored.summary.seq, ROUNDS + 1);
        let text = serde_json::to_string(
            &stored.entries[1..].iter().map(|e| &e.record).collect::<Vec<_>>(),
        );
        assert!(!text.unwrap().contains("stale"), "{id} holds a record that was refused");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_short_queue_holds_callers_back_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aegis.db");
    SqliteJournal::migrate(&file).await.unwrap();
    let config = SqliteConfig::new().with_queue(1, 3);
    let journal = Arc::new(SqliteJournal::connect_with(&file, config).await.unwrap());
    let reserve = |n: u32| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move { journal.reserve("c", &n.to_string(), 1, 1_000).await })
    };
    for task in (0..100).map(reserve).collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    assert_eq!(journal.used("c").await.unwrap(), 100);
}
