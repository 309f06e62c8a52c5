//! What the tables themselves hold, and what is damaged in them.

use std::time::Duration;

use aegis_core::ErrorKind;
use aegis_core::port::{Filter, Journal as _, Message};
use aegis_sql::{PostgresConfig, PostgresJournal, owner};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::{quick, raw};
use crate::corruption::{DAMAGE, four, shows};
use crate::shop::{LONG, driven, held, new};

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_names_its_incident_and_its_place() {
    let cluster = quick();
    let journal = PostgresJournal::create_or_open(&cluster.url()).await.unwrap();
    let leases = four(&journal).await;
    let damage = format!(
        "SET search_path = aegis;
         DROP TRIGGER journal_is_append_only ON journal;
         DROP TRIGGER journal_keeps_open_incidents ON journal;
         {DAMAGE}"
    );
    raw(&cluster, &damage).await;
    shows(&journal, &leases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_refuse_to_rewrite_history() {
    let cluster = quick();
    let journal = PostgresJournal::create_or_open(&cluster.url()).await.unwrap();
    driven(&journal, &["aa".into()]).await;
    let mut conn = PgConnection::connect(&cluster.url()).await.unwrap();
    for sql in ["UPDATE aegis.journal SET body = '1'", "DELETE FROM aegis.journal"] {
        assert!(sqlx::query(sql).execute(&mut conn).await.is_err(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_switch_that_can_not_be_read_is_an_error() {
    let cluster = quick();
    let journal = PostgresJournal::create_or_open(&cluster.url()).await.unwrap();
    raw(&cluster, "INSERT INTO aegis.control (id, body) VALUES (1, '{\"killed\":')").await;
    assert_eq!(journal.control().await.unwrap_err().kind(), ErrorKind::Internal);
}

/// A process of this machine that is gone is known to be; one of another machine may live.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_incident_of_a_dead_process_of_this_machine_is_free_at_once() {
    let cluster = quick();
    let journal = PostgresJournal::create_or_open(&cluster.url()).await.unwrap();
    let me = owner();
    let parts: Vec<&str> = me.split(':').collect();
    let gone = [parts[0], "4194305", parts[2], parts[3]].join(":");
    let elsewhere = me.replacen(parts[0], "00000000-0000-0000-0000-000000000000", 1);
    for (id, driver) in [("b", &elsewhere), ("a", &gone)] {
        journal.open(new(id)).await.unwrap();
        assert_eq!(journal.claim(driver, &[], LONG, 1).await.unwrap().len(), 1);
    }
    let taken = journal.claim(&me, &[], LONG, 10).await.unwrap();
    assert_eq!(taken.iter().map(|l| l.incident.as_str()).collect::<Vec<_>>(), ["a"]);
}

/// Plans that are made while a journal is empty are kept for as long as nobody analyses its tables.
#[tokio::test(flavor = "multi_thread")]
async fn no_statement_reads_a_whole_table_also_where_it_was_planned_on_an_empty_one() {
    let cluster = quick();
    raw(&cluster, "ALTER SYSTEM SET autovacuum = off").await;
    raw(&cluster, "SELECT pg_reload_conf()").await;
    PostgresJournal::migrate(&cluster.url()).await.unwrap();
    let config = PostgresConfig::new().with_connections(1);
    let journal = PostgresJournal::connect_with(&cluster.url(), config).await.unwrap();
    let read = async || {
        let mut conn = PgConnection::connect(&cluster.url()).await.unwrap();
        let sql = "SELECT coalesce(sum(seq_tup_read), 0)::bigint FROM pg_stat_user_tables";
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut conn).await.unwrap()
    };
    let use_it = async |ids: &[String]| {
        for _ in 0..8 {
            journal.claim("other", &[], Duration::ZERO, 1).await.unwrap();
        }
        for id in ids {
            journal.open(new(id)).await.unwrap();
        }
        for lease in journal.claim("driver", &[], LONG, ids.len()).await.unwrap() {
            let seq = journal.load(&lease.incident).await.unwrap().unwrap().summary.seq;
            journal.commit(held(&lease, seq, "it waits")).await.unwrap();
            journal.renew(&lease).await.unwrap();
            journal.tell(&lease.incident, Message::Resolved).await.unwrap();
            journal.release(&lease).await.unwrap();
        }
        journal.reserve("counter", "key", 1, 1_000).await.unwrap();
        journal.used("counter").await.unwrap();
        journal.letters("other", 10).await.unwrap();
        journal.list(&Filter::new().open(true).limit(5)).await.unwrap();
        journal.control().await.unwrap();
    };
    use_it(&[]).await;
    use_it(&[String::from("first")]).await;
    let before = read().await;
    let ids: Vec<String> = (0..100).map(|n| format!("i{n:03}")).collect();
    use_it(&ids).await;
    // Counted once the connection ends.
    journal.close().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(read().await - before, 0, "rows read without an index");
}
