//! A full disk fails writes and loses nothing.

use std::sync::Arc;

use aegis_core::port::Journal as _;
use aegis_core::{ErrorKind, Retry};
use aegis_sql::{SqliteConfig, SqliteJournal};

use crate::shop::{driven, held};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_disk_fails_what_does_not_fit_and_keeps_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aegis.db");
    SqliteJournal::migrate(&file).await.unwrap();
    let config = SqliteConfig::new().with_max_bytes(2 * 1_024 * 1_024);
    let journal = Arc::new(SqliteJournal::connect_with(&file, config).await.unwrap());
    let ids: Vec<String> = (0..16).map(|n| format!("i{n:02}")).collect();
    let leases = driven(&*journal, &ids).await;
    let fill = |(n, lease): (usize, aegis_core::port::Lease)| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            // Different sizes, so that the small ones still fit where the large ones fail.
            let text = "x".repeat(1 << (6 + n));
            let mut seq = 1;
            loop {
                match journal.commit(held(&lease, seq, &text)).await {
                    Ok(next) => seq = next,
                    Err(e) => return (lease, seq, e),
                }
            }
        })
    };
    let mut ends = Vec::new();
    for task in leases.into_iter().enumerate().map(fill).collect::<Vec<_>>() {
        ends.push(task.await.unwrap());
    }
    for (lease, seq, error) in &ends {
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Exhausted, Retry::Backoff));
        assert!(error.to_string().contains("full"), "{error}");
        let stored = journal.load(&lease.incident).await.unwrap().unwrap();
        assert_eq!(stored.summary.seq, *seq, "{} is not where it was acknowledged", lease.incident);
    }
    assert!(ends.iter().any(|(_, seq, _)| *seq > 1), "nothing fitted at all");

    // With room again it goes on from where it was.
    Arc::into_inner(journal).unwrap().close().await;
    let journal = SqliteJournal::connect(&file).await.unwrap();
    for (lease, seq, _) in &ends {
        assert_eq!(journal.commit(held(lease, *seq, "room")).await.unwrap(), seq + 1);
    }
}
