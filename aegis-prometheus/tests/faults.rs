//! Faults of the service and of Prometheus, as the source tells them and as core takes them.

use std::time::{Duration, Instant};

use aegis_core::detect::State;
use aegis_core::model::{Metric, Missing, Readings, Samples, Unit};
use aegis_core::port::{Clock as _, SystemClock};
use aegis_core::stage::MetricSource as _;
use aegis_core::{Error, ErrorKind};
use aegis_prometheus::{Client, Data, EndpointConfig, QueryConfig};

use crate::bed::{Prometheus, Shop, Watcher, look, missing, query, until};

const WATCHED: [Metric; 5] =
    [Metric::Health, Metric::ErrorRate, Metric::LatencyP95, Metric::RequestRate, Metric::Memory];
/// What users feel, and what is missing where there are none.
const FELT: [Metric; 2] = [Metric::ErrorRate, Metric::LatencyP95];
/// Scrapes in which a fault is seen after its first bad sample: three suspicious ones open, and the
/// first reach into the past.
const SOON: u64 = 7;

struct Bed {
    shop: Shop,
    prometheus: Prometheus,
    source: aegis_prometheus::Prometheus,
    watcher: Watcher,
}

impl Bed {
    /// A shop that is well and known.
    async fn new() -> Self {
        let shop = Shop::open().await;
        let prometheus = Prometheus::watching(&[("shop", shop.at)]).await;
        let source = prometheus.ready(&WATCHED).await;
        // The first rates begin before the first scrape.
        shop.next_scrape().await;
        shop.next_scrape().await;
        let watcher = Watcher::learned(&WATCHED, async || {
            shop.next_scrape().await;
            look(&source, &WATCHED).await
        })
        .await;
        Self { shop, prometheus, source, watcher }
    }

    async fn look(&mut self) -> (Samples, Vec<Metric>) {
        let samples = look(&self.source, &WATCHED).await.unwrap();
        let opened = self.watcher.see(Some(&samples));
        (samples, opened)
    }

    /// Looks after each scrape until `metric` leaves its baseline; what was seen then.
    async fn opens(&mut self, metric: &Metric) -> Samples {
        self.shop.next_scrape().await;
        let (began, first) = (Instant::now(), self.shop.scrapes());
        loop {
            let (samples, opened) = self.look().await;
            let scrapes = self.shop.scrapes() - first;
            if opened.contains(metric) {
                let seconds = began.elapsed().as_secs_f64();
                println!("{metric} is off {scrapes} scrapes and {seconds:.1} s after the first");
                return samples;
            }
            assert!(scrapes < SOON, "{metric}: {samples:?}");
            self.shop.next_scrape().await;
        }
    }

    /// Looks until nothing is known of `metrics`.
    async fn goes_blind_to(&mut self, metrics: &[Metric]) -> Samples {
        let Self { source, watcher, .. } = self;
        until("blindness", async || {
            let samples = look(source, &WATCHED).await.unwrap();
            watcher.see(Some(&samples));
            metrics.iter().all(|m| watcher.state(m) == State::Blind).then_some(samples)
        })
        .await
    }

    /// Looks until Prometheus gave no answer so often that nothing is known; the last reason.
    async fn goes_dark(&mut self) -> Error {
        let Self { source, watcher, .. } = self;
        until("darkness", async || match source.sample(&query(&WATCHED)).await {
            Ok(samples) => panic!("{samples:?}"),
            Err(e) => {
                watcher.see(None);
                (watcher.state(&Metric::Health) == State::Blind).then_some(e)
            }
        })
        .await
    }

    /// Looks until everything is there again.
    async fn sees_again(&mut self) {
        let source = &self.source;
        until("sight", async || {
            let samples = look(source, &WATCHED).await?;
            missing(&samples).is_empty().then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_burst_is_seen_within_a_few_scrapes() {
    let mut bed = Bed::new().await;
    bed.shop.traffic(|traffic| traffic.failures = 10);
    let samples = bed.opens(&Metric::ErrorRate).await;
    assert_eq!(bed.watcher.state(&Metric::LatencyP95), State::Normal, "{samples:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_latency_step_is_seen_within_a_few_scrapes() {
    let mut bed = Bed::new().await;
    bed.shop.traffic(|traffic| traffic.seconds = 0.4);
    let samples = bed.opens(&Metric::LatencyP95).await;
    assert_eq!(bed.watcher.state(&Metric::ErrorRate), State::Normal, "{samples:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_leak_is_seen_before_the_memory_is_used_up() {
    let mut bed = Bed::new().await;
    let mut samples = None;
    for _ in 0..30 {
        bed.shop.traffic(|traffic| traffic.memory += 10e6);
        bed.shop.next_scrape().await;
        let (seen, opened) = bed.look().await;
        if opened.contains(&Metric::Memory) {
            samples = Some(seen);
            break;
        }
    }
    let memory = samples.unwrap().get(&Metric::Memory).unwrap().last().unwrap().value;
    println!("a leak of 1% of the limit a scrape is seen at {:.0}% of it", memory * 100.0);
    assert!(memory < 0.4, "{memory}");
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_that_ends_is_a_rate_of_zero_and_nothing_known_of_errors_and_latency() {
    let mut bed = Bed::new().await;
    bed.shop.traffic(|traffic| traffic.requests = 0);
    bed.opens(&Metric::RequestRate).await;
    let samples = bed.goes_blind_to(&FELT).await;
    assert_eq!(missing(&samples), FELT);
    for metric in &FELT {
        assert_eq!(samples.get(metric), Some(&Readings::Missing(Missing::NoData)));
    }
    let rate = samples.get(&Metric::RequestRate).unwrap().last().unwrap();
    assert_eq!((rate.value, rate.weight), (0.0, 0));
    bed.watcher.blind_to(Some(&samples), &FELT);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_that_is_gone_is_unhealthy_and_nothing_else_is_known() {
    let mut bed = Bed::new().await;
    bed.shop.answers(false);
    bed.opens(&Metric::Health).await;
    let rest = &WATCHED[1..];
    let samples = bed.goes_blind_to(rest).await;
    assert_eq!(missing(&samples), rest);
    assert_eq!(samples.get(&Metric::Health).unwrap().last().unwrap().value, 0.0);
    bed.watcher.blind_to(Some(&samples), &FELT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_scraped_no_more_is_stale_and_not_as_it_last_was() {
    let mut bed = Bed::new().await;
    // One that starts anew without the target has its last samples, and no mark that they are the last.
    bed.prometheus.configure(&[]);
    bed.prometheus.stop().await;
    bed.prometheus.start_again().await;
    let files = Metric::Custom("open files".into(), Unit::Count);
    let raw = QueryConfig::new(files.clone(), "process_open_fds{{match}}");
    let source =
        aegis_prometheus::Prometheus::new(bed.prometheus.config().with_query(raw)).unwrap();
    let why = until("staleness", async || {
        match look(&source, std::slice::from_ref(&files)).await?.get(&files)? {
            Readings::Missing(Missing::Failed(why)) => Some(why.clone()),
            _ => None,
        }
    })
    .await;
    assert!(why.contains("s ago, more than 4.0 s"), "{why}");
    let client = Client::new(EndpointConfig::new(bed.prometheus.server.base())).unwrap();
    let reply =
        client.query("process_open_fds{service=\"shop\"}", SystemClock.now()).await.unwrap();
    let shown = reply.answer().unwrap().data;
    assert!(matches!(shown, Data::Vector(series) if series.len() == 1));

    let samples = bed.goes_blind_to(&WATCHED).await;
    assert_eq!(missing(&samples), WATCHED);
    bed.watcher.blind_to(Some(&samples), &FELT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_taken_away_is_missing() {
    let mut bed = Bed::new().await;
    bed.prometheus.configure(&[("cart", bed.shop.at)]);
    bed.prometheus.server.reload();
    let samples = bed.goes_blind_to(&WATCHED).await;
    assert_eq!(missing(&samples), WATCHED);
    bed.watcher.blind_to(Some(&samples), &FELT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_service_is_no_negative_traffic_and_no_anomaly() {
    let mut bed = Bed::new().await;
    let mut rates = Vec::new();
    for n in 0..6 {
        if n == 1 {
            bed.shop.restart();
        }
        bed.shop.next_scrape().await;
        let (samples, opened) = bed.look().await;
        assert_eq!(opened, []);
        rates.extend(samples.get(&Metric::RequestRate).unwrap().last().map(|point| point.value));
    }
    assert!(rates.len() >= 3 && rates.iter().all(|rate| (5.0..40.0).contains(rate)), "{rates:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_that_hangs_is_left_in_time_and_nothing_is_known_meanwhile() {
    let mut bed = Bed::new().await;
    let mut quick = bed.prometheus.config();
    quick.endpoint = quick.endpoint.with_timeout(Duration::from_millis(300));
    let patient =
        std::mem::replace(&mut bed.source, aegis_prometheus::Prometheus::new(quick).unwrap());
    bed.prometheus.server.hang();
    let error = bed.goes_dark().await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    bed.watcher.blind_to(None, &WATCHED);
    bed.prometheus.server.go_on();
    bed.source = patient;
    bed.sees_again().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_that_restarts_is_missed_and_seen_again() {
    let mut bed = Bed::new().await;
    bed.prometheus.stop().await;
    let error = bed.goes_dark().await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    bed.watcher.blind_to(None, &WATCHED);
    bed.prometheus.start_again().await;
    bed.sees_again().await;
}
