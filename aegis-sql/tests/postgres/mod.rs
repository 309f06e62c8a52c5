//! A real server, private to each test.

mod lost;
mod news;
mod rules;
mod schema;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aegis_core::port::Journal;
use aegis_core::testkit::conformance::journal;
use aegis_sql::testkit::Cluster;
use aegis_sql::{PostgresConfig, PostgresJournal};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::conformance::Pair;

/// A server for what does not ask whether commits survive.
pub(crate) fn quick() -> Cluster {
    Cluster::start_with(&["fsync=off"]).unwrap()
}

/// The database without the journal, as an operator's `psql` sees it.
pub(crate) async fn raw(cluster: &Cluster, sql: &str) {
    let mut conn = PgConnection::connect(&cluster.url()).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_journal_on_postgresql_keeps_the_contract() {
    let cluster = quick();
    let schemas = AtomicUsize::new(0);
    let fresh = || {
        let schema = format!("s{}", schemas.fetch_add(1, Ordering::Relaxed));
        PostgresConfig::new().with_schema(schema)
    };
    journal::test_all(async || {
        let config = fresh();
        PostgresJournal::migrate_with(&cluster.url(), &config).await.unwrap();
        let journal = PostgresJournal::connect_with(&cluster.url(), config).await.unwrap();
        Arc::new(journal) as Arc<dyn Journal>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_that_share_a_database_keep_the_contract() {
    let cluster = quick();
    let schemas = AtomicUsize::new(0);
    journal::test_all(async || {
        let schema = format!("s{}", schemas.fetch_add(1, Ordering::Relaxed));
        let config = PostgresConfig::new().with_schema(schema).with_connections(3);
        PostgresJournal::migrate_with(&cluster.url(), &config).await.unwrap();
        let first = PostgresJournal::connect_with(&cluster.url(), config.clone()).await.unwrap();
        let second = PostgresJournal::connect_with(&cluster.url(), config).await.unwrap();
        Arc::new(Pair::of(first, second)) as Arc<dyn Journal>
    })
    .await;
}
