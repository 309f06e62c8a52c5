//! Incidents of a small shop.

use std::path::Path;
use std::time::Duration;

use aegis_core::Timestamp;
use aegis_core::machine::{Entry, Phase, Record};
use aegis_core::model::{SignalKind, Symptom};
use aegis_core::port::{Batch, Journal, Lease, NewIncident};
use aegis_core::testkit::mint;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

pub(crate) const LONG: Duration = Duration::from_secs(3_600);

/// An incident whose fingerprint is its id.
pub(crate) fn new(id: &str) -> NewIncident {
    let (at, kind) = (Timestamp::from_ms(0), SignalKind::Error(None));
    mint::incident(id, "shop", Symptom::new(at, id.into(), kind, mint::redacted("it broke")))
}

/// One record after `seq` that says `why`.
pub(crate) fn held(lease: &Lease, seq: u64, why: &str) -> Batch {
    let at = Timestamp::from_ms(seq.cast_signed());
    let record = Record::Held { why: why.to_owned(), until: at };
    let entries = vec![Entry { seq: seq + 1, at, record }];
    Batch { entries, ..Batch::new(lease, seq, Phase::Drafting) }
}

/// Opens `ids` and takes their leases, in the order of their ids.
pub(crate) async fn driven(journal: &impl Journal, ids: &[String]) -> Vec<Lease> {
    for id in ids {
        journal.open(new(id)).await.unwrap();
    }
    let leases = journal.claim("driver", &[], LONG, 1_000).await.unwrap();
    assert_eq!(leases.len(), ids.len());
    leases
}

/// The file without the journal, as an operator's `sqlite3` sees it.
pub(crate) async fn raw(path: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}
