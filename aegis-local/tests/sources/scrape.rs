use std::time::Duration;

use aegis_core::Timestamp;
use aegis_core::model::{Metric, Missing, Query, Readings, Samples};
use aegis_core::stage::MetricSource;
use aegis_local::sources::Scrape;

use super::server::{Reply, Server};

pub(crate) fn metrics(ok: u32, failed: u32, fast: u32, slow: u32) -> Reply {
    let all = fast + slow;
    Reply::new(
        200,
        format!(
            "# TYPE shop_total counter\n\
             shop_total{{status=\"200\"}} {ok}\n\
             shop_total{{status=\"500\"}} {failed}\n\
             # TYPE shop_seconds histogram\n\
             shop_seconds_bucket{{le=\"0.1\"}} {fast}\n\
             shop_seconds_bucket{{le=\"0.5\"}} {all}\n\
             shop_seconds_bucket{{le=\"+Inf\"}} {all}\n\
             shop_seconds_sum 1.5\nshop_seconds_count {all}\n"
        ),
    )
}

pub(crate) fn scrape(server: &Server) -> Scrape {
    Scrape::new(&server.url("/metrics"))
        .unwrap()
        .allow_private()
        .with_requests("shop_total")
        .with_latency("shop_seconds")
}

async fn ask(scrape: &Scrape, at_s: i64) -> Samples {
    let metrics = vec![Metric::ErrorRate, Metric::RequestRate, Metric::LatencyP95, Metric::Memory];
    let now = Timestamp::from_ms(at_s * 1000);
    let query = Query::new("shop".into(), now, Duration::from_secs(30), metrics);
    scrape.sample(&query).await.unwrap()
}

fn value(samples: &Samples, metric: &Metric) -> (f64, u64) {
    let point = samples.get(metric).unwrap().last().unwrap();
    (point.value, point.weight)
}

#[tokio::test]
async fn rates_come_from_the_difference_of_two_scrapes() {
    let server = Server::start(metrics(1000, 50, 900, 150)).await;
    let scrape = scrape(&server);
    let first = ask(&scrape, 100).await;
    for (metric, readings) in &first.series {
        let why = if *metric == Metric::Memory { Missing::Unsupported } else { Missing::NoData };
        assert_eq!(*readings, Readings::Missing(why), "{metric}");
    }
    server.set("", metrics(1090, 60, 990, 160));
    let second = ask(&scrape, 130).await;
    assert_eq!(value(&second, &Metric::ErrorRate), (0.1, 100));
    let (rate, weight) = value(&second, &Metric::RequestRate);
    assert!((rate - 100.0 / 30.0).abs() < 1e-9 && weight == 100, "{rate}");
    // 95 of 100: in the middle of the bucket from 0.1 to 0.5.
    let (p95, weight) = value(&second, &Metric::LatencyP95);
    assert!((p95 - 0.3).abs() < 1e-9 && weight == 100, "{p95}");
}

#[tokio::test]
async fn a_restarted_service_begins_at_zero() {
    let server = Server::start(metrics(1000, 50, 900, 150)).await;
    let scrape = scrape(&server);
    ask(&scrape, 100).await;
    server.set("", metrics(30, 10, 40, 0));
    let after = ask(&scrape, 130).await;
    assert_eq!(value(&after, &Metric::ErrorRate), (0.25, 40));
}

#[tokio::test]
async fn silence_is_no_health() {
    let server = Server::start(metrics(10, 0, 10, 0)).await;
    let scrape = scrape(&server);
    ask(&scrape, 100).await;
    let idle = ask(&scrape, 130).await;
    assert_eq!(idle.get(&Metric::ErrorRate), Some(&Readings::Missing(Missing::NoData)));
    assert_eq!(idle.get(&Metric::LatencyP95), Some(&Readings::Missing(Missing::NoData)));
    assert_eq!(value(&idle, &Metric::RequestRate), (0.0, 0));
}

#[tokio::test]
async fn scrapes_that_are_too_close_or_too_far_apart_are_not_compared() {
    let server = Server::start(metrics(10, 0, 10, 0)).await;
    let scrape = scrape(&server).with_apart(Duration::from_secs(10));
    ask(&scrape, 100).await;
    server.set("", metrics(20, 0, 20, 0));
    let close = ask(&scrape, 105).await;
    assert_eq!(close.get(&Metric::RequestRate), Some(&Readings::Missing(Missing::NoData)));
    let far = ask(&scrape, 500).await;
    assert_eq!(far.get(&Metric::RequestRate), Some(&Readings::Missing(Missing::NoData)));
}

#[tokio::test]
async fn a_wrong_name_fails_and_lists_what_there_is() {
    let server = Server::start(metrics(10, 0, 10, 0)).await;
    let wrong = Scrape::new(&server.url("/metrics")).unwrap().allow_private();
    ask(&wrong, 100).await;
    let samples = ask(&wrong, 130).await;
    let Some(Readings::Missing(Missing::Failed(why))) = samples.get(&Metric::ErrorRate) else {
        panic!("{samples:?}");
    };
    assert!(why.contains("no http_requests_total") && why.contains("shop_total"), "{why}");
    let latency = samples.get(&Metric::LatencyP95);
    assert!(matches!(latency, Some(Readings::Missing(Missing::Failed(_)))), "{latency:?}");

    let label = scrape(&server).with_status_label("result");
    ask(&label, 100).await;
    let samples = ask(&label, 130).await;
    let rate = samples.get(&Metric::ErrorRate);
    assert!(matches!(rate, Some(Readings::Missing(Missing::Failed(_)))), "{rate:?}");
}

#[tokio::test]
async fn what_is_no_scrape_is_an_error() {
    let server = Server::start(Reply::new(200, "<html>hello</html>")).await;
    let now = Timestamp::from_ms(0);
    let window = Duration::from_secs(30);
    let query = Query::new("shop".into(), now, window, vec![Metric::ErrorRate]);
    assert!(scrape(&server).sample(&query).await.is_err());
    server.set("", Reply::new(404, ""));
    assert!(scrape(&server).sample(&query).await.is_err());
    server.set("", metrics(1, 1, 1, 1));
    let small = scrape(&server).with_bounds(Duration::from_secs(5), 100);
    assert!(small.sample(&query).await.is_err());
}
