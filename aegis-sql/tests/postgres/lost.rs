//! Connections that are ended and a server that crashes, in the middle of commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aegis_core::machine::Record;
use aegis_core::port::{Journal as _, Lease};
use aegis_sql::testkit::Cluster;
use aegis_sql::{PostgresConfig, PostgresJournal};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::shop::{driven, held};

const PRODUCERS: usize = 6;

/// How often each is done; the long run asks for more.
fn runs() -> u32 {
    std::env::var("AEGIS_PG_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(2)
}

/// Commits to incidents of their own until told to stop, and remembers what was acknowledged.
struct Load {
    journal: PostgresJournal,
    leases: Vec<Lease>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    producers: Vec<tokio::task::JoinHandle<u64>>,
}

impl Load {
    async fn start(cluster: &Cluster) -> Self {
        let config = PostgresConfig::new().with_connections(PRODUCERS as u32).with_waits(
            Duration::from_secs(5),
            Duration::from_secs(10),
            Duration::from_secs(30),
        );
        PostgresJournal::migrate(&cluster.url()).await.unwrap();
        let journal = PostgresJournal::connect_with(&cluster.url(), config).await.unwrap();
        let ids: Vec<String> = (0..PRODUCERS).map(|n| format!("i{n}")).collect();
        let leases = driven(&journal, &ids).await;
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let produce = |lease: &Lease| {
            let (journal, lease) = (journal.clone(), lease.clone());
            let (stop, count) = (Arc::clone(&stop), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let mut seq = 1;
                while !stop.load(Ordering::Relaxed) {
                    match journal.commit(held(&lease, seq, &format!("{seq}"))).await {
                        Ok(now) => {
                            assert_eq!(now, seq + 1, "acknowledged another than it asked for");
                            seq = now;
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                        // Nobody can tell: it is looked up, as the planner does.
                        Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
                seq
            })
        };
        let producers = leases.iter().map(produce).collect();
        Self { journal, leases, stop, acknowledged, producers }
    }

    /// Waits until `more` commits were acknowledged.
    async fn progress(&self, more: u64) {
        let until = self.acknowledged.load(Ordering::Relaxed) + more;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        while self.acknowledged.load(Ordering::Relaxed) < until {
            assert!(tokio::time::Instant::now() < deadline, "nothing is acknowledged any more");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// What was acknowledged is there, each once and in its order, and nothing else is.
    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for (producer, lease) in self.producers.into_iter().zip(&self.leases) {
            let seq = producer.await.unwrap();
            let stored = self.journal.load(&lease.incident).await.unwrap().unwrap();
            assert_eq!(stored.summary.seq, seq, "{}", lease.incident);
            for entry in &stored.entries[1..] {
                let Record::Held { why, .. } = &entry.record else { panic!("{entry:?}") };
                assert_eq!(*why, (entry.seq - 1).to_string());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_are_ended_mid_commit_lose_nothing_and_repeat_nothing() {
    let cluster = Cluster::start().unwrap();
    let load = Load::start(&cluster).await;
    let mut admin = PgConnection::connect(&cluster.url()).await.unwrap();
    let mut ended = 0;
    for _ in 0..10 * runs() {
        load.progress(20).await;
        let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'aegis'";
        ended += sqlx::query(all).fetch_all(&mut admin).await.unwrap().len();
    }
    assert!(ended > 0, "no connection was ended");
    load.progress(20).await;
    load.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_crashes_or_is_started_again_under_load_loses_nothing() {
    let mut cluster = Cluster::start().unwrap();
    let load = Load::start(&cluster).await;
    for run in 0..runs() {
        load.progress(50).await;
        let ended = if run % 2 == 0 { cluster.crash() } else { cluster.stop() };
        ended.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        cluster.resume().unwrap();
    }
    load.progress(50).await;
    load.end().await;
}

/// A commit that waits for a standby that is not there is on the disk already: ended then, nobody was
/// told.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commit_whose_answer_was_lost_is_found_and_not_made_again() {
    let cluster = Cluster::start().unwrap();
    let journal = PostgresJournal::create_or_open(&cluster.url()).await.unwrap();
    let lease = driven(&journal, &["a".into()]).await.remove(0);
    let mut admin = PgConnection::connect(&cluster.url()).await.unwrap();
    let standby = "ALTER SYSTEM SET synchronous_standby_names = 'nobody'";
    sqlx::query(standby).execute(&mut admin).await.unwrap();
    sqlx::query("SELECT pg_reload_conf()").execute(&mut admin).await.unwrap();
    // The server takes the setting over at a moment of its own: until then commits wait for nobody.
    let (own, waits) = (journal.clone(), Arc::new(AtomicBool::new(false)));
    let last = Arc::clone(&waits);
    let commits = tokio::spawn(async move {
        let mut seq = 1;
        while !last.load(Ordering::SeqCst) {
            seq = own.commit(held(&lease, seq, "once")).await.unwrap();
        }
        seq
    });
    let look = "SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'aegis' AND wait_event = 'SyncRep'";
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while sqlx::query_scalar::<_, i64>(look).fetch_one(&mut admin).await.unwrap() == 0 {
        assert!(tokio::time::Instant::now() < deadline, "no commit waits for a standby");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    waits.store(true, Ordering::SeqCst);
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'aegis' AND wait_event = 'SyncRep'";
    assert_eq!(sqlx::query(end).fetch_all(&mut admin).await.unwrap().len(), 1);
    let seq = commits.await.unwrap();
    assert!(seq >= 2);
    let stored = journal.load(&"a".into()).await.unwrap().unwrap();
    assert_eq!(stored.entries.len() as u64, seq);
}
