use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::Timestamp;
use aegis_core::model::{Metric, Missing, Query, Readings};
use aegis_core::port::{Clock, SystemClock};
use aegis_core::stage::MetricSource;
use aegis_local::requests::RequestLog;
use aegis_local::sources::AccessLog;

const MINUTE: Duration = Duration::from_secs(60);
/// 10 October 2000, 13:56 UTC.
const NOW: Timestamp = Timestamp::from_ms(971_186_160_000);

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn line(second: u32, target: &str, status: u16) -> String {
    format!(
        "127.0.0.1 - - [10/Oct/2000:13:55:{second:02} +0000] \"GET {target} HTTP/1.1\" {status} 9 \"-\" \"curl\" 0.020\n"
    )
}

async fn ask(log: &AccessLog, metric: Metric) -> Readings {
    let query = Query::new("shop".into(), NOW, MINUTE, vec![metric]);
    log.sample(&query).await.unwrap().series.remove(0).1
}

fn value(readings: &Readings) -> (f64, u64) {
    let point = readings.last().unwrap_or_else(|| panic!("{readings:?}"));
    (point.value, point.weight)
}

#[tokio::test]
async fn a_log_is_followed_from_what_it_holds_already() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    append(&path, &(line(10, "/a", 200) + &line(11, "/products/7/rating?x=1", 500)));
    let log = AccessLog::new(&path);
    assert_eq!(value(&ask(&log, Metric::ErrorRate).await), (0.5, 2));
    append(&path, &(line(40, "/b", 200) + &line(41, "/b", 200)));
    fs::rename(&path, folder.path().join("access.log.1")).unwrap();
    append(&path, &line(50, "/b", 200));
    assert_eq!(value(&ask(&log, Metric::ErrorRate).await), (0.2, 5));
    assert_eq!(value(&ask(&log, Metric::LatencyP99).await), (0.02, 5));
    let route = Metric::RouteErrors("GET /products/{id}/rating".into());
    assert_eq!(value(&ask(&log, route).await), (1.0, 1));

    let near = log.failures_near(NOW, MINUTE, 5).await.unwrap();
    assert_eq!(near.len(), 1);
    assert_eq!((near[0].target.as_str(), near[0].status), ("/products/7/rating?x=1", 500));
    assert_eq!(log.failures_near(NOW, Duration::from_secs(5), 5).await.unwrap(), []);
}

#[tokio::test]
async fn only_the_end_of_a_large_log_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let one = line(10, "/a", 200);
    append(&path, &(one.repeat(50) + &line(20, "/a", 500)));
    let log = AccessLog::new(&path).with_backfill(one.len() as u64 * 2 + 5);
    assert_eq!(value(&ask(&log, Metric::ErrorRate).await), (0.5, 2));
}

#[tokio::test]
async fn no_log_and_no_requests_are_no_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let log = AccessLog::new(&path);
    for metric in [Metric::ErrorRate, Metric::RequestRate, Metric::LatencyP50] {
        assert_eq!(ask(&log, metric).await, Readings::Missing(Missing::NoData));
    }
    assert_eq!(ask(&log, Metric::Cpu).await, Readings::Missing(Missing::Unsupported));
    append(&path, "");
    assert_eq!(ask(&log, Metric::RequestRate).await, Readings::Missing(Missing::NoData));
}

#[tokio::test]
async fn a_log_that_is_gone_does_not_mean_that_nobody_asks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    append(&path, &line(1, "/a", 200).replace("13:55", "13:50"));
    let log = AccessLog::new(&path);
    assert_eq!(value(&ask(&log, Metric::RequestRate).await), (0.0, 0));
    fs::remove_file(&path).unwrap();
    ask(&log, Metric::RequestRate).await;
    assert_eq!(ask(&log, Metric::RequestRate).await, Readings::Missing(Missing::NoData));
}

#[tokio::test]
async fn malformed_lines_cost_themselves_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    append(&path, "Traceback (most recent call last):\nnonsense\n");
    let log = AccessLog::new(&path);
    let nothing = ask(&log, Metric::ErrorRate).await;
    assert!(matches!(nothing, Readings::Missing(Missing::Failed(_))), "{nothing:?}");
    append(&path, &(line(10, "/a", 500) + &line(10, "/a", 500).replace("2000", "2999")));
    append(&path, &line(11, "/a", 500));
    assert_eq!(value(&ask(&log, Metric::ErrorRate).await), (1.0, 2));
}

#[tokio::test]
async fn health_checks_can_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    append(&path, &(line(10, "/health?x", 200).repeat(9) + &line(11, "/a", 500)));
    let log = AccessLog::new(&path).ignoring("/health");
    assert_eq!(value(&ask(&log, Metric::ErrorRate).await), (1.0, 1));
}

#[tokio::test]
async fn a_log_that_is_followed_misses_no_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let log = Arc::new(AccessLog::new(&path));
    let following = log.follow(Duration::from_millis(5));
    for i in 0..3 {
        append(&path, &line(10 + i, "/a", 500));
        let old = folder.path().join(format!("access.log.{i}"));
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while log.failures_near(NOW, MINUTE, 9).await.unwrap().len() <= i as usize {
            assert!(tokio::time::Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
        fs::rename(&path, old).unwrap();
    }
    drop(following);
    assert_eq!(log.failures_near(NOW, MINUTE, 9).await.unwrap().len(), 3);
}

fn json_line(at: Timestamp, target: &str) -> String {
    format!("{{\"ts\":{},\"method\":\"GET\",\"path\":\"{target}\",\"status\":500}}\n", at.as_ms())
}

/// Requests of `route` that count since `from`.
async fn since(log: &AccessLog, from: Timestamp, route: &str) -> f64 {
    let now = SystemClock.now();
    let metric = Metric::RouteRequests(format!("GET {route}"));
    let query = Query::new("shop".into(), now, now.since(from), vec![metric]);
    log.sample(&query).await.unwrap().series[0].1.last().map_or(0.0, |point| point.value)
}

#[tokio::test]
async fn what_is_logged_while_the_log_is_followed_counts_when_it_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let begun = SystemClock.now();
    append(&path, &json_line(begun.minus(Duration::from_secs(5)), "/before"));
    let log = Arc::new(AccessLog::new(&path));
    let _following = log.follow(Duration::from_millis(5));
    assert_eq!(since(&log, begun.minus(MINUTE), "/before").await, 1.0);

    // A request of five seconds, logged by when it began, and one of long ago, logged by somebody else.
    append(&path, &json_line(begun.minus(Duration::from_secs(400)), "/ancient"));
    append(&path, &json_line(begun.minus(Duration::from_secs(5)), "/slow"));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while since(&log, begun, "/slow").await < 1.0 {
        assert!(tokio::time::Instant::now() < deadline, "it never counts");
        tokio::task::yield_now().await;
    }
    assert_eq!(since(&log, begun, "/ancient").await, 0.0);
    assert_eq!(since(&log, begun, "/before").await, 0.0, "it was there already");
    let near = log.failures_near(SystemClock.now(), Duration::from_secs(4), 9).await.unwrap();
    assert_eq!(near.iter().map(|r| r.target.as_str()).collect::<Vec<_>>(), ["/slow"]);
}

#[tokio::test]
async fn one_path_alone_can_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    append(&path, &(line(10, "/health?x", 200) + &line(10, "/health/all", 500)));
    let log = AccessLog::new(&path).ignoring_path("http://127.0.0.1:80/health?deep=1");
    assert_eq!(value(&ask(&log, Metric::ErrorRate).await), (1.0, 1));
}
