#![allow(clippy::unwrap_used)]
use std::time::Duration;

use aegis_core::Timestamp;
use aegis_core::model::{Metric, Missing, Query, Readings};

use super::parse::Entry;
use super::window::Window;

const NOW: i64 = 1_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);

fn entry(ago_s: i64, target: &str, status: u16, ms: Option<u64>) -> Entry {
    Entry {
        at: Timestamp::from_ms(NOW - ago_s * 1000),
        method: "GET".into(),
        target: target.into(),
        status,
        latency: ms.map(Duration::from_millis),
    }
}

fn window(entries: impl IntoIterator<Item = Entry>) -> Window {
    let mut window = Window::new(15 * MINUTE, 1000);
    entries.into_iter().for_each(|e| window.push(e));
    window
}

fn query(window: Duration) -> Query {
    Query::new("shop".into(), Timestamp::from_ms(NOW), window, Vec::new())
}

fn one(window: &Window, metric: Metric) -> Option<(f64, u64)> {
    window.read(&query(MINUTE), &metric).last().map(|p| (p.value, p.weight))
}

fn missing(window: &Window, metric: Metric) -> Missing {
    match window.read(&query(MINUTE), &metric) {
        Readings::Missing(why) => why,
        Readings::Values(points) => panic!("{points:?}"),
    }
}

#[test]
fn rates_weigh_their_requests() {
    let mut requests = vec![entry(600, "/old", 500, None)];
    requests.extend((0..30).map(|i| entry(59 - i, "/a", if i < 3 { 503 } else { 200 }, None)));
    let w = window(requests);
    assert_eq!(one(&w, Metric::ErrorRate), Some((0.1, 30)));
    assert_eq!(one(&w, Metric::RequestRate), Some((0.5, 30)));
}

#[test]
fn the_end_of_the_window_is_exclusive() {
    let w =
        window([entry(600, "/", 200, None), entry(60, "/", 500, None), entry(0, "/", 200, None)]);
    assert_eq!(one(&w, Metric::ErrorRate), Some((1.0, 1)));
}

#[test]
fn percentiles_are_nearest_ranks() {
    let w = window((1..=100).map(|i| entry(30, "/", 200, Some(i))));
    assert_eq!(one(&w, Metric::LatencyP50), Some((0.050, 100)));
    assert_eq!(one(&w, Metric::LatencyP95), Some((0.095, 100)));
    assert_eq!(one(&w, Metric::LatencyP99), Some((0.099, 100)));
}

#[test]
fn a_log_without_durations_does_not_know_latency() {
    let w = window([entry(30, "/", 200, None)]);
    assert_eq!(missing(&w, Metric::LatencyP95), Missing::Unsupported);
    let w = window([entry(600, "/", 200, Some(5)), entry(30, "/", 200, None)]);
    assert_eq!(missing(&w, Metric::LatencyP95), Missing::NoData);
}

#[test]
fn silence_is_no_health() {
    let w = window([entry(600, "/", 200, Some(5))]);
    assert_eq!(missing(&w, Metric::ErrorRate), Missing::NoData);
    assert_eq!(missing(&w, Metric::LatencyP50), Missing::NoData);
    assert_eq!(missing(&w, Metric::RouteErrors("GET /".into())), Missing::NoData);
    assert_eq!(one(&w, Metric::RequestRate), Some((0.0, 0)));

    let long_ago = window([entry(3600, "/", 200, None)]);
    assert_eq!(missing(&long_ago, Metric::RequestRate), Missing::NoData);
    let never = window([]);
    assert_eq!(missing(&never, Metric::RequestRate), Missing::NoData);
    assert_eq!(missing(&never, Metric::Cpu), Missing::Unsupported);
}

#[test]
fn a_route_is_found_by_either_name() {
    let w = window([
        entry(30, "/products/7/rating?x=1", 500, None),
        entry(29, "/products/8/rating", 200, None),
        entry(28, "/products/8", 200, None),
    ]);
    let requests = |r: &str| one(&w, Metric::RouteRequests(r.into()));
    let errors = |r: &str| one(&w, Metric::RouteErrors(r.into()));
    assert_eq!(requests("GET /products/{id}/rating"), Some((2.0, 2)));
    assert_eq!(requests("GET /products/7/rating"), Some((1.0, 1)));
    assert_eq!(requests("POST /products/7/rating"), Some((0.0, 0)));
    assert_eq!(errors("GET /products/{id}/rating"), Some((1.0, 2)));
    assert_eq!(errors("GET /products/8/rating"), Some((0.0, 1)));
    assert_eq!(errors("GET /nobody/asked"), None);
}

#[test]
fn a_query_with_steps_gets_a_point_each() {
    let w = window([
        entry(600, "/", 200, None),
        entry(55, "/", 500, None),
        entry(15, "/", 200, None),
        entry(5, "/", 500, None),
    ]);
    let query = query(MINUTE).with_step(Duration::from_secs(20));
    let readings = w.read(&query, &Metric::ErrorRate);
    let points: Vec<_> = readings.points().iter().map(|p| (p.at.as_ms() - NOW, p.value)).collect();
    assert_eq!(points, [(-40_000, 1.0), (0, 0.5)]);
    let traffic = w.read(&query, &Metric::RouteRequests("GET /".into()));
    let counts: Vec<_> = traffic.points().iter().map(|p| p.value).collect();
    assert_eq!(counts, [1.0, 0.0, 2.0]);
}

#[test]
fn a_full_window_rates_only_the_span_that_it_covers() {
    let mut w = Window::new(15 * MINUTE, 100);
    (0..600).for_each(|i| w.push(entry(60 - i / 10, "/", 200, None)));
    let (rate, weight) = one(&w, Metric::RequestRate).unwrap();
    assert_eq!(weight, 100);
    assert!((rate - 10.0).abs() < 1.5, "{rate}");
}

#[test]
fn failures_come_nearest_first() {
    let w = window([
        entry(50, "/a", 500, None),
        entry(41, "/b?q=1", 502, None),
        entry(40, "/c", 404, None),
        entry(38, "/d", 500, None),
        entry(5, "/e", 500, None),
    ]);
    let at = Timestamp::from_ms(NOW - 40_000);
    let near = w.failures_near(at, Duration::from_secs(10), 2);
    let targets: Vec<_> = near.iter().map(|r| r.target.as_str()).collect();
    assert_eq!(targets, ["/b?q=1", "/d"]);
    assert_eq!(w.failures_near(at, Duration::from_secs(10), 9).len(), 3);
}
