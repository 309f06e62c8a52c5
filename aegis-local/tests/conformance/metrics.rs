use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::Timestamp;
use aegis_core::model::{Metric, Query, Readings};
use aegis_core::port::{Clock, SystemClock};
use aegis_core::stage::MetricSource;
use aegis_core::testkit::conformance;
use aegis_local::sources::{AccessLog, FirstOf, HealthProbe, MachineLoad, ProcessLoad, Scrape};

use crate::sources::machine::Running;
use crate::sources::scrape::{metrics, scrape};
use crate::sources::server::{Reply, Server};

const MINUTE: Duration = Duration::from_secs(60);

fn known() -> Vec<Metric> {
    vec![
        Metric::Health,
        Metric::ErrorRate,
        Metric::LatencyP50,
        Metric::Cpu,
        Metric::LatencyP95,
        Metric::LatencyP99,
        Metric::RequestRate,
        Metric::Memory,
        Metric::RouteRequests("GET /items/{id}".into()),
        Metric::RouteErrors("GET /items/{id}".into()),
    ]
}

/// The suite, whole and in steps of ten seconds.
async fn keeps_its_contract(source: &impl MetricSource) {
    let query = Query::new("shop".into(), SystemClock.now(), MINUTE, known());
    conformance::metrics::test_all(source, &query).await;
    conformance::metrics::test_all(source, &query.with_step(Duration::from_secs(10))).await;
}

/// Asks until `metric` has values: what the suite sees then is more than that nothing is known.
async fn measured(source: &impl MetricSource, metric: &Metric) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let asked = vec![metric.clone()];
        let query = Query::new("shop".into(), SystemClock.now(), MINUTE, asked);
        let readings = source.sample(&query).await.unwrap().series.remove(0).1;
        if matches!(readings, Readings::Values(_)) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{metric} has no values: {readings:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Writes a log of the last minutes, a request every half second, some of them failed.
fn write_log(path: &Path, now: Timestamp) {
    let mut log = OpenOptions::new().create(true).append(true).open(path).unwrap();
    for i in 0..400_u32 {
        let at = now.minus(Duration::from_millis(500) * (400 - i)).as_ms();
        let status = if i % 7 == 0 { 500 } else { 200 };
        let (id, took) = (i % 20, i % 90);
        writeln!(
            log,
            r#"{{"ts":{at},"method":"GET","path":"/items/{id}","status":{status},"latency":"{took}ms"}}"#
        )
        .unwrap();
    }
}

fn log_in(folder: &Path) -> AccessLog {
    let path = folder.join("access.log");
    write_log(&path, SystemClock.now());
    AccessLog::new(path)
}

async fn scraped() -> (Server, Scrape) {
    let server = Server::start(metrics(1000, 50, 900, 150)).await;
    let scrape = scrape(&server);
    let before = SystemClock.now().minus(Duration::from_secs(20));
    let query = Query::new("shop".into(), before, MINUTE, vec![Metric::RequestRate]);
    scrape.sample(&query).await.unwrap();
    server.set("", metrics(1090, 60, 990, 160));
    (server, scrape)
}

#[tokio::test]
async fn a_health_probe_keeps_the_contract() {
    let server = Server::start(Reply::new(200, "ok")).await;
    let probe = HealthProbe::new(&server.url("/health")).unwrap().allow_private();
    keeps_its_contract(&probe).await;
    server.set("", Reply::new(503, "no"));
    keeps_its_contract(&probe).await;
}

#[tokio::test]
async fn an_access_log_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(folder.path());
    measured(&log, &Metric::RouteErrors("GET /items/{id}".into())).await;
    keeps_its_contract(&log).await;
    keeps_its_contract(&AccessLog::new(folder.path().join("none.log"))).await;
}

#[tokio::test]
async fn a_log_that_is_written_meanwhile_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(log_in(folder.path()));
    let _following = log.follow(Duration::from_millis(1));
    let path = folder.path().join("access.log");
    let writer = tokio::spawn(async move {
        loop {
            write_log(&path, SystemClock.now());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    keeps_its_contract(&log).await;
    writer.abort();
}

#[tokio::test]
async fn a_scrape_keeps_the_contract() {
    let (_server, scrape) = scraped().await;
    measured(&scrape, &Metric::LatencyP95).await;
    keeps_its_contract(&scrape).await;
}

#[tokio::test]
async fn loads_keep_the_contract() {
    let process = Running::shell("read end");
    let (service, machine) = (ProcessLoad::of(process.0.id()), MachineLoad::new());
    measured(&service, &Metric::Cpu).await;
    measured(&machine, &Metric::Cpu).await;
    keeps_its_contract(&service).await;
    keeps_its_contract(&machine).await;
    keeps_its_contract(&ProcessLoad::by(Arc::new(|| None))).await;
}

#[tokio::test]
async fn all_sources_as_one_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let (server, scrape) = scraped().await;
    let process = Running::shell("read end");
    let probe = HealthProbe::new(&server.url("/health")).unwrap().allow_private();
    let all = FirstOf::new(vec![
        Arc::new(probe),
        Arc::new(log_in(folder.path())),
        Arc::new(scrape),
        Arc::new(ProcessLoad::of(process.0.id())),
    ]);
    for metric in known() {
        measured(&all, &metric).await;
    }
    keeps_its_contract(&all).await;
}
