//! A service whose visitors come with each scrape, so that what a scrape shows is known.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Upper bounds of the buckets of latency, in seconds.
const BOUNDS: [f64; 7] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0];

/// What comes between two scrapes, and what the process uses.
#[derive(Debug, Clone)]
pub(crate) struct Traffic {
    pub(crate) requests: u64,
    /// How many of them fail.
    pub(crate) failures: u64,
    pub(crate) seconds: f64,
    pub(crate) memory: f64,
}

#[derive(Debug, Clone, Default)]
struct Counters {
    requests: BTreeMap<u16, u64>,
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
    cpu: f64,
}

#[derive(Debug)]
struct Inner {
    traffic: Traffic,
    counters: Counters,
    scrapes: watch::Sender<u64>,
    answers: bool,
}

/// The service; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) at: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    task: JoinHandle<()>,
}

impl Shop {
    /// 20 requests a scrape, none of which fails, each of 20 ms.
    pub(crate) async fn open() -> Self {
        let traffic = Traffic { requests: 20, failures: 0, seconds: 0.02, memory: 100e6 };
        let inner = Inner {
            traffic,
            counters: Counters::default(),
            scrapes: watch::Sender::new(0),
            answers: true,
        };
        let inner = Arc::new(Mutex::new(inner));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let router = Router::new().route("/metrics", get(metrics)).with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { at, inner, task }
    }

    /// Changes what comes from the next scrape on.
    pub(crate) fn traffic(&self, change: impl FnOnce(&mut Traffic)) {
        change(&mut self.inner.lock().unwrap().traffic);
    }

    /// How often it was scraped.
    pub(crate) fn scrapes(&self) -> u64 {
        *self.inner.lock().unwrap().scrapes.borrow()
    }

    /// Waits until it is scraped again.
    pub(crate) async fn next_scrape(&self) {
        let mut scrapes = self.inner.lock().unwrap().scrapes.subscribe();
        tokio::time::timeout(super::PATIENCE, scrapes.changed()).await.unwrap().unwrap();
    }

    /// Starts anew: its counters begin at 0.
    pub(crate) fn restart(&self) {
        self.inner.lock().unwrap().counters = Counters::default();
    }

    /// Whether it shows its metrics.
    pub(crate) fn answers(&self, answers: bool) {
        self.inner.lock().unwrap().answers = answers;
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn metrics(State(shop): State<Arc<Mutex<Inner>>>) -> Result<String, axum::http::StatusCode> {
    let mut shop = shop.lock().unwrap();
    shop.scrapes.send_modify(|scrapes| *scrapes += 1);
    if !shop.answers {
        return Err(axum::http::StatusCode::SERVICE_UNAVAILABLE);
    }
    let Traffic { requests, failures, seconds, memory } = shop.traffic.clone();
    let counters = &mut shop.counters;
    *counters.requests.entry(200).or_default() += requests - failures;
    if failures > 0 {
        *counters.requests.entry(500).or_default() += failures;
    }
    for (bucket, bound) in counters.buckets.iter_mut().zip(BOUNDS) {
        *bucket += if seconds <= bound { requests } else { 0 };
    }
    counters.count += requests;
    counters.sum += seconds * requests as f64;
    counters.cpu += 0.25;
    let mut out = String::from("# TYPE http_requests_total counter\n");
    for (status, n) in &counters.requests {
        let labels = format!("method=\"GET\",route=\"/cart\",status=\"{status}\"");
        writeln!(out, "http_requests_total{{{labels}}} {n}").unwrap();
    }
    out.push_str("# TYPE http_request_duration_seconds histogram\n");
    for (n, bound) in counters.buckets.iter().zip(BOUNDS) {
        writeln!(out, "http_request_duration_seconds_bucket{{le=\"{bound}\"}} {n}").unwrap();
    }
    let Counters { count, sum, cpu, .. } = counters;
    writeln!(out, "http_request_duration_seconds_bucket{{le=\"+Inf\"}} {count}").unwrap();
    writeln!(out, "http_request_duration_seconds_sum {sum}").unwrap();
    writeln!(out, "http_request_duration_seconds_count {count}").unwrap();
    writeln!(out, "process_cpu_seconds_total {cpu}").unwrap();
    writeln!(out, "process_resident_memory_bytes {memory}").unwrap();
    writeln!(out, "process_open_fds 32\nprocess_max_fds 1024").unwrap();
    Ok(out)
}
