//! A schema is applied by an explicit call, and never by surprise.

use std::fs::{self, File};

use aegis_core::ErrorKind;
use aegis_core::port::{Journal as _, Message};
use aegis_sql::{Archive as _, SqliteJournal};

use crate::shop::{driven, held, raw};

#[tokio::test]
async fn a_file_without_a_schema_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aegis.db");
    let error = SqliteJournal::connect(&file).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("aegis.db"), "{error}");
    assert!(error.to_string().contains("SqliteJournal::migrate"), "{error}");
    assert!(!file.exists(), "connecting made a file");

    File::create(&file).unwrap();
    let error = SqliteJournal::connect(&file).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("has no schema"), "{error}");
    assert_eq!(fs::metadata(&file).unwrap().len(), 0, "connecting wrote to the file");

    SqliteJournal::migrate(&file).await.unwrap();
    SqliteJournal::connect(&file).await.unwrap();
}

#[tokio::test]
async fn an_older_schema_is_refused_until_it_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aegis.db");
    SqliteJournal::migrate(&file).await.unwrap();
    raw(&file, "UPDATE meta SET value = 0 WHERE key = 'schema'").await;
    let error = SqliteJournal::connect(&file).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("has schema 0"), "{error}");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aegis.db");
    SqliteJournal::migrate(&file).await.unwrap();
    raw(&file, "UPDATE meta SET value = 99 WHERE key = 'schema'").await;
    let before = fs::read(&file).unwrap();
    for error in [
        SqliteJournal::connect(&file).await.unwrap_err(),
        SqliteJournal::migrate(&file).await.unwrap_err(),
        SqliteJournal::create_or_open(&file).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("schema 99"), "{error}");
        assert!(error.to_string().contains("knows up to 2"), "{error}");
    }
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn migrating_again_or_at_once_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aegis.db");
    let opened: Vec<_> = (0..8)
        .map(|_| {
            let file = file.clone();
            tokio::spawn(async move { SqliteJournal::create_or_open(file).await })
        })
        .collect();
    for journal in opened {
        journal.await.unwrap().unwrap();
    }
    let journal = SqliteJournal::connect(&file).await.unwrap();
    driven(&journal, &["a".into()]).await;
    SqliteJournal::migrate(&file).await.unwrap();
    assert!(journal.load(&"a".into()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_database_of_something_else_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.db");
    raw(&file, "CREATE TABLE orders (id INTEGER PRIMARY KEY)").await;
    let before = fs::read(&file).unwrap();
    for error in [
        SqliteJournal::connect(&file).await.unwrap_err(),
        SqliteJournal::create_or_open(&file).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("of something else"), "{error}");
    }
    assert_eq!(fs::read(&file).unwrap(), before);
}

/// A file as the first version of the schema left it, with an incident in it.
#[tokio::test]
async fn a_journal_of_the_previous_schema_opens_once_it_is_migrated_and_keeps_what_it_held() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aegis.db");
    raw(&file, include_str!("../migrations/sqlite/0001_journal.sql")).await;
    let current = folder.path().join("current.db");
    let journal = SqliteJournal::create_or_open(&current).await.unwrap();
    let lease = driven(&journal, &["a".into()]).await.remove(0);
    journal.commit(held(&lease, 1, "kept")).await.unwrap();
    let before = journal.load(&"a".into()).await.unwrap().unwrap();
    journal.close().await;
    // Its rows, in the tables of then.
    let sql = format!(
        "PRAGMA application_id = 1097164649; ATTACH '{}' AS new;
         INSERT INTO meta (key, value) VALUES ('schema', 1);
         INSERT INTO incident SELECT id, service, fingerprint, kind, phase, seq, fence, lease_owner,
             lease_until, opened_at, updated_at, closed FROM new.incident;
         INSERT INTO journal SELECT incident, seq, at, kind, body FROM new.journal;",
        current.display()
    );
    raw(&file, &sql).await;

    let error = SqliteJournal::connect(&file).await.unwrap_err();
    assert!(error.to_string().contains("has schema 1 and this program needs 2"), "{error}");
    let journal = SqliteJournal::create_or_open(&file).await.unwrap();
    assert_eq!(journal.load(&"a".into()).await.unwrap().unwrap(), before);
    assert_eq!(journal.commit(held(&lease, 2, "on")).await.unwrap(), 3);
    journal.check(&"a".into()).await.unwrap();
    journal.tell(&"a".into(), Message::Resolved).await.unwrap();
}
