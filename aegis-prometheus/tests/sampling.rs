//! Golden signals out of a real Prometheus.

use aegis_core::model::{Metric, Missing, Point, Query, Readings, Samples, Unit};
use aegis_core::planner::ServiceConfig;
use aegis_core::port::{Clock as _, SystemClock};
use aegis_core::stage::MetricSource as _;
use aegis_core::testkit::conformance;
use aegis_core::{ErrorKind, ServiceName};
use aegis_prometheus::{Histograms, LatencyUnit, Names, QueryConfig};

use crate::bed::{Prometheus, SECOND, Shop, look, query, until};

fn every() -> Vec<Metric> {
    vec![
        Metric::Health,
        Metric::ErrorRate,
        Metric::LatencyP50,
        Metric::LatencyP95,
        Metric::LatencyP99,
        Metric::RequestRate,
        Metric::Cpu,
        Metric::Memory,
        Metric::Saturation,
        Metric::RouteRequests("GET /cart".into()),
        Metric::RouteErrors("GET /cart".into()),
        Metric::RouteRequests("/cart".into()),
    ]
}

fn last(samples: &Samples, metric: &Metric) -> Point {
    let readings = samples.get(metric).unwrap();
    readings.last().unwrap_or_else(|| panic!("{metric}: {readings:?}"))
}

/// Rates reach over two scrapes and Prometheus draws them out to their ends.
fn near(value: f64, wanted: f64) -> bool {
    (value - wanted).abs() <= 0.3 * wanted
}

#[tokio::test(flavor = "multi_thread")]
async fn every_golden_signal_is_read_in_its_unit_and_with_its_weight() {
    let shop = Shop::open().await;
    shop.traffic(|traffic| traffic.failures = 5);
    let prometheus = Prometheus::watching(&[("shop", shop.at)]).await;
    let source = prometheus.ready(&every()).await;
    let samples = until("rates over full windows", async || {
        let samples = look(&source, &every()).await?;
        near(samples.get(&Metric::RequestRate)?.last()?.value, 20.0).then_some(samples)
    })
    .await;
    let value = |metric: &Metric| last(&samples, metric).value;
    assert_eq!(value(&Metric::Health), 1.0);
    assert!(near(value(&Metric::ErrorRate), 0.25), "{samples:?}");
    // Between the bounds of its bucket.
    for latency in [Metric::LatencyP50, Metric::LatencyP95, Metric::LatencyP99] {
        assert!((0.01..=0.025).contains(&value(&latency)), "{samples:?}");
    }
    assert!(near(value(&Metric::Cpu), 0.25), "{samples:?}");
    assert_eq!(value(&Metric::Memory), 0.1);
    assert_eq!(value(&Metric::Saturation), 32.0 / 1_024.0);
    for route in ["GET /cart", "/cart"] {
        assert!(near(value(&Metric::RouteRequests(route.into())), 20.0), "{samples:?}");
    }
    assert!(near(value(&Metric::RouteErrors("GET /cart".into())), 5.0), "{samples:?}");
    for weighed in [Metric::ErrorRate, Metric::LatencyP95, Metric::RequestRate] {
        assert!(near(last(&samples, &weighed).weight as f64, 20.0), "{samples:?}");
    }
    source.check(&ServiceConfig::new("shop").with_metrics(every())).await.unwrap();
    conformance::metrics::test_all(&source, &query(&every())).await;
    let range = Query::new("shop".into(), SystemClock.now(), 4 * SECOND, every());
    conformance::metrics::test_all(&source, &range.with_step(SECOND)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_has_a_point_a_step() {
    let shop = Shop::open().await;
    let prometheus = Prometheus::watching(&[("shop", shop.at)]).await;
    let source = prometheus.ready(&[Metric::RequestRate]).await;
    let all = until("four steps", async || {
        let now = SystemClock.now();
        let query = Query::new("shop".into(), now, 4 * SECOND, vec![Metric::RequestRate]);
        let samples = source.sample(&query.with_step(SECOND)).await.ok()?;
        let points = samples.get(&Metric::RequestRate)?.points().to_vec();
        (points.len() == 4).then_some((now, points))
    })
    .await;
    let (now, points) = all;
    for (n, point) in points.iter().rev().enumerate() {
        assert_eq!(point.at, now.minus(SECOND * u32::try_from(n).unwrap()));
        assert_eq!(point.weight, point.value.round() as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_services_are_answered_by_one_query_each() {
    let (shop, cart) = (Shop::open().await, Shop::open().await);
    cart.traffic(|traffic| (traffic.requests, traffic.seconds) = (200, 0.2));
    let prometheus = Prometheus::watching(&[("shop", shop.at), ("cart.eu", cart.at)]).await;
    let metrics = [Metric::RequestRate, Metric::LatencyP95, Metric::ErrorRate];
    let source = prometheus.ready(&metrics).await;
    let services: Vec<ServiceName> = ["cart.eu", "shop", "cartxeu"].map(Into::into).to_vec();
    let all = until("rates over full windows", async || {
        let all = source.sample_each(&services, &query(&metrics)).await.ok()?;
        let rate = |n: usize| Some(all[n].get(&Metric::RequestRate)?.last()?.value);
        (near(rate(0)?, 200.0) && near(rate(1)?, 20.0)).then_some(all)
    })
    .await;
    assert!(last(&all[0], &Metric::LatencyP95).value > 0.1);
    assert!(last(&all[1], &Metric::LatencyP95).value < 0.1);
    assert_eq!(last(&all[1], &Metric::ErrorRate).value, 0.0);
    // What no target is named by is missing, and is not a pattern that fits another.
    for (_, readings) in &all[2].series {
        assert!(matches!(readings, Readings::Missing(_)), "{readings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_name_fails_the_start_and_never_looks_like_health() {
    let shop = Shop::open().await;
    let prometheus = Prometheus::watching(&[("shop", shop.at)]).await;
    prometheus.ready(&every()).await;
    let names = || Names::default().with_limits(1.0, 1_000_000_000);
    let depth = Metric::Custom("queue depth".into(), Unit::Count);
    for (config, named) in [
        (prometheus.config().with_service_label("app"), "time of the newest sample"),
        (
            prometheus.config().with_names(names().with_requests("requests_total", "status")),
            "request rate",
        ),
        (
            prometheus.config().with_names(names().with_requests("http_requests_total", "code")),
            "error rate",
        ),
        (
            prometheus.config().with_names(names().with_latency("latency", LatencyUnit::Seconds)),
            "latency P95",
        ),
        (
            prometheus.config().with_names(names().with_histograms(Histograms::Native)),
            "latency P95",
        ),
        (prometheus.config().with_names(Names::default()), "there is no query of it"),
        (
            prometheus.config().with_query(QueryConfig::new(depth.clone(), "queue_depth{{match}}")),
            "queue depth: nothing is found by: queue_depth{service=\"shop\"}",
        ),
        (
            prometheus.config().with_query(QueryConfig::new(depth.clone(), "sum(")),
            "queue depth: prometheus: Prometheus answers 400: bad_data",
        ),
        (
            prometheus
                .config()
                .with_query(QueryConfig::new(depth.clone(), "http_requests_total or up")),
            "several series",
        ),
    ] {
        let asks_depth = config.queries.iter().any(|query| query.metric == depth);
        let mut metrics = every();
        metrics.extend(asks_depth.then(|| depth.clone()));
        let source = aegis_prometheus::Prometheus::new(config).unwrap();
        let service = ServiceConfig::new("shop").with_metrics(metrics);
        let error = source.check(&service).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(named), "{named}: {error}");
    }
    // A label that is not there shows no failures: that is not the same as none.
    let wrong =
        prometheus.config().with_names(names().with_requests("http_requests_total", "code"));
    let source = aegis_prometheus::Prometheus::new(wrong).unwrap();
    let samples = look(&source, &[Metric::ErrorRate, Metric::RequestRate]).await.unwrap();
    assert_eq!(samples.get(&Metric::ErrorRate), Some(&Readings::Missing(Missing::NoData)));
    assert!(samples.get(&Metric::RequestRate).unwrap().last().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_query_that_fails_costs_its_own_metric() {
    let shop = Shop::open().await;
    let prometheus = Prometheus::watching(&[("shop", shop.at)]).await;
    prometheus.ready(&[Metric::RequestRate]).await;
    let broken = Metric::Custom("broken".into(), Unit::Count);
    let queue = Metric::Custom("open files".into(), Unit::Count);
    let config = prometheus
        .config()
        .with_query(QueryConfig::new(broken.clone(), "sum("))
        .with_query(QueryConfig::new(queue.clone(), "process_open_fds{service=\"{service}\"}"));
    let source = aegis_prometheus::Prometheus::new(config).unwrap();
    let metrics = [broken.clone(), Metric::RequestRate, queue.clone()];
    let samples = look(&source, &metrics).await.unwrap();
    match samples.get(&broken) {
        Some(Readings::Missing(Missing::Failed(why))) => {
            assert!(why.contains("parse error"), "{why}")
        }
        other => panic!("{other:?}"),
    }
    assert!(samples.get(&Metric::RequestRate).unwrap().last().is_some());
    assert_eq!(last(&samples, &queue).value, 32.0);
}
