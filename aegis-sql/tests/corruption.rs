//! A damaged row names itself and does not stop the others.

use aegis_core::port::{Filter, Journal, Lease};
use aegis_core::{ErrorKind, Retry};
use aegis_sql::SqliteJournal;

use crate::shop::{LONG, driven, held, raw};

/// What is done to the records of the four incidents, beside their guards.
pub(crate) const DAMAGE: &str =
    "UPDATE journal SET body = '{\"held\":{\"why\":' WHERE incident = 'bb' AND seq = 3;
     DELETE FROM journal WHERE incident = 'cc' AND seq = 2;
     UPDATE incident SET phase = 'Dreaming' WHERE id = 'dd';";

/// Four incidents of four records, of which [`DAMAGE`] damages three.
pub(crate) async fn four(journal: &impl Journal) -> Vec<Lease> {
    let leases = driven(journal, &["aa".into(), "bb".into(), "cc".into(), "dd".into()]).await;
    for lease in &leases {
        for seq in 1..4 {
            journal.commit(held(lease, seq, "x")).await.unwrap();
        }
    }
    leases
}

/// What is damaged names itself, and does not stop the others.
pub(crate) async fn shows(journal: &impl Journal, leases: &[Lease]) {
    let error = journal.load(&"bb".into()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Internal, Retry::Never));
    assert!(error.to_string().contains("record 3 of incident bb"), "{error}");
    let error = journal.load(&"cc".into()).await.unwrap_err();
    assert!(error.to_string().contains("the journal of incident cc"), "{error}");
    assert!(error.to_string().contains("2 is the first amiss"), "{error}");
    let error = journal.load(&"dd".into()).await.unwrap_err();
    assert!(error.to_string().contains("the row of incident dd"), "{error}");
    assert!(error.to_string().contains("Dreaming"), "{error}");

    assert_eq!(journal.load(&"aa".into()).await.unwrap().unwrap().summary.seq, 4);
    assert_eq!(journal.commit(held(&leases[0], 4, "on")).await.unwrap(), 5);
    let rows = journal.list(&Filter::new()).await.unwrap();
    let ids: Vec<&str> = rows.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, ["cc", "bb", "aa"]);
    for lease in leases {
        journal.release(lease).await.unwrap();
    }
    assert_eq!(journal.claim("another", &[], LONG, 10).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_damaged_record_names_its_incident_and_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aegis.db");
    let journal = SqliteJournal::create_or_open(&file).await.unwrap();
    let leases = four(&journal).await;
    let guards = "DROP TRIGGER journal_is_append_only; DROP TRIGGER journal_keeps_open_incidents";
    raw(&file, guards).await;
    raw(&file, DAMAGE).await;
    shows(&journal, &leases).await;
}

#[tokio::test]
async fn the_file_refuses_to_rewrite_history() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aegis.db");
    let journal = SqliteJournal::create_or_open(&file).await.unwrap();
    driven(&journal, &["aa".into()]).await;
    let url = format!("sqlite://{}", file.display());
    let mut conn = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
    for sql in ["UPDATE journal SET body = '1'", "DELETE FROM journal"] {
        assert!(sqlx::query(sql).execute(&mut conn).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn a_kill_switch_that_can_not_be_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aegis.db");
    let journal = SqliteJournal::create_or_open(&file).await.unwrap();
    raw(&file, "INSERT INTO control (id, body) VALUES (1, '{\"killed\":')").await;
    assert_eq!(journal.control().await.unwrap_err().kind(), ErrorKind::Internal);
}
