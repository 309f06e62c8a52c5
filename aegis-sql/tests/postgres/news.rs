//! Who drives incidents is told at once that there is something to do.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::machine::{Phase, Record, Said};
use aegis_core::planner::{Handle, PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Journal, Lease, Message, SystemClock};
use aegis_core::testkit::stages::{Shop, honest};
use aegis_core::testkit::{World, soon};
use aegis_core::{IncidentId, Revision};
use aegis_sql::testkit::Cluster;
use aegis_sql::{PostgresConfig, PostgresJournal};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::quick;
use crate::shop::{LONG, held, new};

const PATIENCE: Duration = Duration::from_secs(60);

/// A planner that looks by itself once in an hour.
fn planner(journal: PostgresJournal) -> Handle {
    let mut config = PlannerConfig::new().with_lease(LONG * 3);
    config.mail_every = LONG;
    let clock = Arc::new(SystemClock);
    let shop = Shop::new(World::new(clock, Revision::new("0")));
    honest(&shop, PolicyConfig::new(Autonomy::Observe))
        .service(ServiceConfig::new("shop"))
        .config(config)
        .journal(Arc::new(journal))
        .build()
        .unwrap()
        .start()
        .unwrap()
}

async fn words(journal: &PostgresJournal, id: &IncidentId) -> usize {
    let stored = journal.load(id).await.unwrap().unwrap();
    stored.entries.iter().filter(|e| matches!(e.record, Record::Person { .. })).count()
}

async fn say(journal: &PostgresJournal, id: &IncidentId) {
    let word = Message::Person { by: "kim".into(), said: Said::Resume };
    journal.tell(id, word).await.unwrap();
}

/// Ends every connection that listens; returns how many there were.
async fn deafen(cluster: &Cluster) -> i64 {
    let mut admin = PgConnection::connect(&cluster.url()).await.unwrap();
    let listeners = "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid))
        FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    sqlx::query_scalar(listeners).fetch_one(&mut admin).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_another_process_leaves_is_taken_up_at_once_also_after_a_lost_connection() {
    let mut cluster = quick();
    let journal = PostgresJournal::create_or_open(&cluster.url()).await.unwrap();
    let other = PostgresJournal::connect(&cluster.url()).await.unwrap();
    let planner = planner(journal);
    let waits = async |id: &IncidentId| {
        other.load(id).await.unwrap().unwrap().summary.phase == Phase::AwaitingHuman
    };
    other.open(new("i1")).await.unwrap();
    let id = IncidentId::new("i1");
    soon("taken up", async || waits(&id).await).await;
    say(&other, &id).await;
    soon("heard", async || words(&other, &id).await == 1).await;
    soon("listened to", async || deafen(&cluster).await == 1).await;
    say(&other, &id).await;
    soon("heard after a lost connection", async || words(&other, &id).await == 2).await;
    cluster.crash().unwrap();
    cluster.resume().unwrap();
    soon("there again", async || other.load(&id).await.is_ok()).await;
    say(&other, &id).await;
    soon("heard after a crash", async || words(&other, &id).await == 3).await;
    planner.shutdown().await.unwrap();
}

/// Waits until nothing is heard of what was done before.
async fn quiet(journal: &PostgresJournal) -> u64 {
    let mut seen = 0;
    while let Ok(heard) = tokio::time::timeout(Duration::from_millis(500), journal.news(seen)).await
    {
        seen = heard;
    }
    seen
}

async fn opened(journal: &PostgresJournal, id: &str) -> Lease {
    journal.open(new(id)).await.unwrap();
    journal.claim("driver", &[], LONG, 1).await.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ordinary_transitions_and_other_schemas_wake_nobody() {
    let cluster = quick();
    let config = |schema: &str| PostgresConfig::new().with_schema(schema);
    for schema in ["one", "two"] {
        PostgresJournal::migrate_with(&cluster.url(), &config(schema)).await.unwrap();
    }
    let one = PostgresJournal::connect_with(&cluster.url(), config("one")).await.unwrap();
    let two = PostgresJournal::connect_with(&cluster.url(), config("two")).await.unwrap();
    let lease = opened(&one, "i1").await;
    let seen = quiet(&one).await;
    let silent = async |seen| {
        let waits = tokio::time::timeout(Duration::from_millis(500), one.news(seen));
        assert!(waits.await.is_err(), "woken for nothing");
    };
    one.commit(held(&lease, 1, "it waits")).await.unwrap();
    one.renew(&lease).await.unwrap();
    opened(&two, "i1").await;
    silent(seen).await;
    // What all who share a journal wait for comes to each of them.
    let heard = async || tokio::time::timeout(PATIENCE, one.news(seen)).await.unwrap();
    one.release(&lease).await.unwrap();
    let (a, b) = tokio::join!(heard(), heard());
    assert!(a > seen && b > seen);
    let seen = quiet(&one).await;
    let lease = one.claim("driver", &[], LONG, 1).await.unwrap().remove(0);
    let mut last = held(&lease, 2, "it is over");
    last.phase = Phase::Healed;
    one.commit(last).await.unwrap();
    one.release(&lease).await.unwrap();
    silent(seen).await;
}
