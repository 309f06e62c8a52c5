//! History, exported and checked and thinned out, the same on every database.

use aegis_core::machine::{Phase, Record};
use aegis_core::port::{Batch, Filter, Message};
use aegis_core::{ErrorKind, Timestamp};
use aegis_sql::{Archive, PostgresJournal, SqliteJournal, check_export};

use crate::postgres::{quick, raw as raw_postgres};
use crate::shop::{driven, held, new, raw};

/// `n` incidents; those with an even number are closed, at that many seconds.
async fn some(journal: &impl Archive, n: u64) {
    let ids: Vec<String> = (0..n).map(|n| format!("i{n}")).collect();
    for (n, lease) in (0..).zip(driven(journal, &ids).await) {
        journal.commit(held(&lease, 1, "a word")).await.unwrap();
        if n % 2 == 0 {
            let mut close = held(&lease, 2, "x");
            close.entries[0].record = Record::Resolved;
            close.entries[0].at = Timestamp::from_ms(n * 1_000);
            let close = Batch { phase: Phase::Abandoned, ..close };
            journal.commit(close).await.unwrap();
        }
        journal.reserve(&format!("merge/incident/i{n}"), "k", 1, 9).await.unwrap();
    }
}

async fn archives(journal: &impl Archive) {
    some(journal, 6).await;
    let text = journal.export(&"i2".into()).await.unwrap();
    assert_eq!(text.lines().count(), 3);
    assert_eq!(check_export(&text).unwrap(), journal.check(&"i2".into()).await.unwrap());
    let missing = journal.check(&"nobody".into()).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);

    // Only what is closed, and old enough, and no more than was asked for.
    assert_eq!(journal.prune(Timestamp::from_ms(4_000), 1).await.unwrap(), 1);
    assert_eq!(journal.prune(Timestamp::from_ms(4_000), 10).await.unwrap(), 1);
    assert_eq!(journal.prune(Timestamp::from_ms(4_000), 10).await.unwrap(), 0);
    let left = journal.list(&Filter::new()).await.unwrap();
    let left: Vec<&str> = left.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(left, ["i5", "i4", "i3", "i1"]);
    assert!(journal.load(&"i0".into()).await.unwrap().is_none());
    assert_eq!(journal.used("merge/incident/i0").await.unwrap(), 0);
    assert_eq!(journal.used("merge/incident/i1").await.unwrap(), 1);
    journal.tell(&"i1".into(), Message::Resolved).await.unwrap();

    // An incident that is opened again goes on with its chain.
    let mut again = new("i6");
    again.fingerprint = "i4".into();
    again.reopen = Some((Timestamp::from_ms(0), again.opened.clone()));
    again.at = Timestamp::from_ms(9_000);
    journal.open(again).await.unwrap();
    assert_eq!(journal.export(&"i4".into()).await.unwrap().lines().count(), 4);
    journal.check(&"i4".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn history_on_sqlite_is_exported_checked_and_thinned_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aegis.db");
    let journal = SqliteJournal::create_or_open(&file).await.unwrap();
    archives(&journal).await;
    raw(
        &file,
        "DROP TRIGGER journal_is_append_only;
         UPDATE journal SET body = replace(body, 'a word', 'another') WHERE incident = 'i1' AND seq = 2",
    )
    .await;
    let error = journal.check(&"i1".into()).await.unwrap_err();
    assert!(error.to_string().contains("record 2 of incident i1 was changed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_on_postgresql_is_exported_checked_and_thinned_out() {
    let cluster = quick();
    let journal = PostgresJournal::create_or_open(&cluster.url()).await.unwrap();
    archives(&journal).await;
    raw_postgres(
        &cluster,
        "SET search_path = aegis; DROP TRIGGER journal_is_append_only ON journal;
         UPDATE journal SET body = replace(body, 'a word', 'another') WHERE incident = 'i1' AND seq = 2",
    )
    .await;
    let error = journal.check(&"i1".into()).await.unwrap_err();
    assert!(error.to_string().contains("record 2 of incident i1 was changed"), "{error}");
}
