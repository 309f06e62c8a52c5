//! Incidents of a process that is gone are free at once.

use std::time::{Duration, Instant};

use aegis_core::port::Journal as _;
use aegis_sql::{SqliteJournal, owner};

use crate::child::Running;
use crate::shop::{LONG, held, new};

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_of_a_killed_process_is_free_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aegis.db");
    let journal = SqliteJournal::create_or_open(&file).await.unwrap();
    journal.open(new("a")).await.unwrap();
    journal.open(new("b")).await.unwrap();

    let mut child = Running::start("claim -", &file);
    assert_eq!(child.next("claimed ").as_deref(), Some("2"));
    let none = journal.claim(&owner(), &[], LONG, 10).await.unwrap();
    assert_eq!(none, vec![], "the child lives and drives both");

    // Dead, and not yet asked for its status by its parent: a zombie in /proc.
    child.0.kill().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let taken = loop {
        let taken = journal.claim(&owner(), &[], LONG, 1).await.unwrap();
        if !taken.is_empty() {
            break taken;
        }
        assert!(Instant::now() < deadline, "the lease of a killed process was not free");
    };
    assert_eq!(taken[0].incident.as_str(), "a");
    assert_eq!(journal.commit(held(&taken[0], 1, "mine")).await.unwrap(), 2);

    child.0.wait().unwrap();
    let taken = journal.claim(&owner(), &[], LONG, 10).await.unwrap();
    assert_eq!(taken.len(), 1, "its other lease is free too, and mine is not");
    assert_eq!(taken[0].incident.as_str(), "b");
}

#[tokio::test]
async fn a_lease_of_a_name_that_tells_nothing_waits_for_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::create_or_open(folder.path().join("aegis.db")).await.unwrap();
    journal.open(new("a")).await.unwrap();
    assert_eq!(journal.claim("replica-7", &[], LONG, 1).await.unwrap().len(), 1);
    assert_eq!(journal.claim(&owner(), &[], LONG, 1).await.unwrap(), vec![]);
}
