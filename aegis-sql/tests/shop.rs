//! Incidents of a small shop.

use std::path::Path;
use std::time::Duration;

use aegis_core::machine::{Entry, Opened, Phase, Record, Settings};
use aegis_core::model::{IncidentKind, SignalKind, Symptom};
use aegis_core::port::{Batch, Journal, Lease, NewIncident, SlotChange};
use aegis_core::testkit::mint::redacted;
use aegis_core::{IncidentId, ServiceName, Timestamp};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

pub(crate) const LONG: Duration = Duration::from_secs(3_600);

/// An incident whose fingerprint is its id.
pub(crate) fn new(id: &str) -> NewIncident {
    let at = Timestamp::from_ms(0);
    let (incident, service) = (IncidentId::new(id), ServiceName::new("shop"));
    let kind = IncidentKind::Crash;
    let first = Symptom::new(at, id.into(), SignalKind::Error(None), redacted("it broke"));
    let opened = Opened::new(incident.clone(), service.clone(), kind, first, Settings::default());
    NewIncident {
        id: incident,
        service,
        fingerprint: id.into(),
        kind,
        at,
        opened: Record::Opened(Box::new(opened)),
        reopen: None,
    }
}

/// One record after `seq` that says `why`.
pub(crate) fn held(lease: &Lease, seq: u64, why: &str) -> Batch {
    let at = Timestamp::from_ms(seq.cast_signed());
    let record = Record::Held { why: why.to_owned(), until: at };
    Batch {
        incident: lease.incident.clone(),
        expected_seq: seq,
        fence: lease.fence,
        entries: vec![Entry { seq: seq + 1, at, record }],
        effects: vec![],
        letters: Vec::new(),
        phase: Phase::Drafting,
        slot: SlotChange::Keep,
    }
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
