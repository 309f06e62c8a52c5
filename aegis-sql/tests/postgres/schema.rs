//! A schema is applied by an explicit call, and never by surprise.

use aegis_core::ErrorKind;
use aegis_core::port::Journal as _;
use aegis_sql::{PostgresConfig, PostgresJournal};

use super::{quick, raw};
use crate::shop::driven;

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_missing_older_newer_or_of_something_else_is_refused() {
    let cluster = quick();
    let url = cluster.url();
    let refused = async |words: &str| {
        let error = PostgresJournal::connect(&url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(words), "{error}");
    };
    refused("holds no journal: apply it with PostgresJournal::migrate").await;
    PostgresJournal::migrate(&url).await.unwrap();
    PostgresJournal::connect(&url).await.unwrap();
    raw(&cluster, "UPDATE aegis.meta SET value = 0 WHERE key = 'schema'").await;
    refused("has version 0").await;
    raw(&cluster, "UPDATE aegis.meta SET value = 99 WHERE key = 'schema'").await;
    refused("has version 99 and this program knows up to 1").await;
    let error = PostgresJournal::migrate(&url).await.unwrap_err();
    assert!(error.to_string().contains("version 99"), "{error}");

    raw(&cluster, "CREATE SCHEMA shop; CREATE TABLE shop.orders (id bigint)").await;
    let shop = PostgresConfig::new().with_schema("shop");
    for error in [
        PostgresJournal::migrate_with(&url, &shop).await.unwrap_err(),
        PostgresJournal::connect_with(&url, shop).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("tables of something else"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn migrating_again_or_at_once_changes_nothing() {
    let cluster = quick();
    let opened: Vec<_> = (0..8)
        .map(|_| {
            let url = cluster.url();
            tokio::spawn(async move { PostgresJournal::create_or_open(&url).await })
        })
        .collect();
    for journal in opened {
        journal.await.unwrap().unwrap().close().await;
    }
    let journal = PostgresJournal::connect(&cluster.url()).await.unwrap();
    driven(&journal, &["a".into()]).await;
    PostgresJournal::migrate(&cluster.url()).await.unwrap();
    assert!(journal.load(&"a".into()).await.unwrap().is_some());
}

#[tokio::test]
async fn nobody_at_the_other_end_is_told_apart_from_a_wrong_name() {
    let nobody = "postgres://a@localhost/b?host=/nowhere";
    let error = PostgresJournal::connect(nobody).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let cluster = quick();
    let wrong = cluster.url().replace("/postgres?", "/nothing?");
    let error = PostgresJournal::connect(&wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
}
