//! What the tables themselves hold, and what is damaged in them.

use aegis_core::ErrorKind;
use aegis_core::port::Journal as _;
use aegis_sql::{PostgresJournal, owner};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::{quick, raw};
use crate::corruption::{DAMAGE, four, shows};
use crate::shop::{LONG, driven, new};

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
