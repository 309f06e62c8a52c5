//! Error rate, latency and traffic from a service's own `/metrics`.

mod delta;
mod exposition;

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aegis_core::model::{Metric, Missing, Point, Query, Readings, Samples};
use aegis_core::stage::MetricSource;
use aegis_core::{Error, Result, Timestamp};
use async_trait::async_trait;
use reqwest::{Method, Url};

use crate::http::{Http, Reach, describe, parse_url, unresolved};
use delta::{Buckets, Counters};

/// Scrapes that are kept for comparison.
const MAX_KEPT: usize = 240;
/// Names that a message lists.
const MAX_LISTED: usize = 20;

/// Scrapes an endpoint in the Prometheus text format and answers from the difference between two
/// scrapes.
///
/// Answers [`Metric::ErrorRate`], [`Metric::RequestRate`] and the latency percentiles. The first
/// scrape has nothing to compare with and is [`Missing::NoData`]; so is a span without requests, but
/// for the request rate. A name that is not there is [`Missing::Failed`] with the names that are,
/// never 0. Each call scrapes once; an answer of more than 4 MiB is refused.
///
/// Only public addresses are asked unless the host says otherwise.
///
/// ```
/// use aegis_local::sources::Scrape;
/// let scrape = Scrape::new("http://127.0.0.1:8000/metrics")?
///     .allow_private()
///     .with_requests("shop_http_requests_total")
///     .with_latency("shop_http_request_duration_seconds");
/// # Ok::<(), aegis_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Scrape {
    url: Url,
    reach: Reach,
    timeout: Duration,
    max_bytes: usize,
    apart: Duration,
    requests: String,
    latency: String,
    labels: Vec<String>,
    kept: Arc<Mutex<VecDeque<Snapshot>>>,
}

/// One scrape.
#[derive(Debug, Clone)]
struct Snapshot {
    at: Timestamp,
    counters: Arc<Counters>,
}

impl Scrape {
    /// Scrapes `url`, with the names that Prometheus' client libraries suggest:
    /// `http_requests_total` with a label `status`, `code` or `status_code`, and the histogram
    /// `http_request_duration_seconds`.
    ///
    /// # Errors
    ///
    /// `Invalid` where `url` is not `http` or `https` with a host.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self {
            url: parse_url(url).map_err(|e| e.at("scrape"))?,
            reach: Reach::public(),
            timeout: Duration::from_secs(5),
            max_bytes: 4 * 1024 * 1024,
            apart: Duration::from_secs(1),
            requests: String::from("http_requests_total"),
            latency: String::from("http_request_duration_seconds"),
            labels: ["status", "code", "status_code"].map(String::from).to_vec(),
            kept: Arc::default(),
        })
    }

    /// Lets it reach loopback and private addresses; never link-local or metadata ones.
    #[must_use]
    pub fn allow_private(mut self) -> Self {
        self.reach.allow_private();
        self
    }

    /// Lets it reach `address`, whatever it is.
    #[must_use]
    pub fn allow_address(mut self, address: IpAddr) -> Self {
        self.reach.allow(address);
        self
    }

    /// Names the counter of requests.
    #[must_use]
    pub fn with_requests(mut self, name: impl Into<String>) -> Self {
        self.requests = name.into();
        self
    }

    /// Names the histogram of latencies in seconds, without `_bucket`.
    #[must_use]
    pub fn with_latency(mut self, name: impl Into<String>) -> Self {
        self.latency = name.into();
        self
    }

    /// Names the label of the requests' counter that holds the status.
    #[must_use]
    pub fn with_status_label(mut self, label: impl Into<String>) -> Self {
        self.labels = vec![label.into()];
        self
    }

    /// Says how far apart two scrapes must be to be compared; 1 s by default.
    #[must_use]
    pub fn with_apart(mut self, apart: Duration) -> Self {
        self.apart = apart;
        self
    }

    /// Bounds the exchange, in time and in bytes of the answer.
    #[must_use]
    pub fn with_bounds(mut self, timeout: Duration, bytes: usize) -> Self {
        self.timeout = timeout;
        self.max_bytes = bytes;
        self
    }

    async fn fetch(&self) -> Result<(Counters, BTreeSet<String>)> {
        let http = Http::new(self.reach.clone(), self.timeout, false)?;
        let request = http.request(Method::GET, self.url.clone())?;
        let answer = Http::send(request, self.max_bytes)
            .await
            .map_err(|e| unresolved(&e).unwrap_or_else(|| Error::unavailable(describe(e))))?;
        if !(200..=299).contains(&answer.status) {
            return Err(Error::unavailable(format!("/metrics answered {}", answer.status)));
        }
        if answer.cut {
            let bound = self.max_bytes;
            return Err(Error::invalid(format!("/metrics is longer than {bound} bytes")));
        }
        let bucket = self.bucket();
        let read =
            exposition::parse(&answer.text(), |name| name == self.requests || name == bucket);
        if read.names.is_empty() {
            return Err(Error::invalid("the answer is no Prometheus text"));
        }
        if read.malformed > 0 {
            tracing::debug!(target: "aegis::scrape", lines = read.malformed, "lines are no samples");
        }
        Ok((Counters::of(read.samples), read.names))
    }

    fn bucket(&self) -> String {
        format!("{}_bucket", self.latency)
    }

    /// Keeps `snapshot` and answers with the one to compare it with: of those far enough apart the
    /// one whose age is nearest to the window, at most twice as old.
    fn keep(&self, snapshot: Snapshot, window: Duration) -> Option<Snapshot> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = snapshot.at;
        kept.retain(|old| old.at < now);
        let age = |old: &Snapshot| now.since(old.at);
        let before = kept
            .iter()
            .filter(|old| age(old) >= self.apart && age(old) <= (2 * window).max(2 * self.apart))
            .min_by_key(|old| age(old).abs_diff(window))
            .cloned();
        if kept.back().is_none_or(|last| age(last) >= self.apart) {
            if kept.len() == MAX_KEPT {
                kept.pop_front();
            }
            kept.push_back(snapshot);
        }
        before
    }

    fn read(
        &self,
        metric: &Metric,
        now: &Snapshot,
        before: Option<&Snapshot>,
        names: &BTreeSet<String>,
    ) -> Readings {
        let wanted = match metric {
            Metric::ErrorRate | Metric::RequestRate => self.requests.clone(),
            Metric::LatencyP50 | Metric::LatencyP95 | Metric::LatencyP99 => self.bucket(),
            _ => return Readings::Missing(Missing::Unsupported),
        };
        if !now.counters.has(&wanted) {
            return Readings::Missing(Missing::Failed(absent(&wanted, names)));
        }
        if *metric == Metric::ErrorRate && !now.counters.has_label(&wanted, &self.labels) {
            let why = format!("{wanted} has none of the labels {}", self.labels.join(", "));
            return Readings::Missing(Missing::Failed(why));
        }
        let Some(before) = before else { return Readings::Missing(Missing::NoData) };
        let rises = now.counters.rises(&before.counters, &wanted);
        let found = match metric {
            Metric::RequestRate => {
                let all: f64 = rises.iter().map(|r| r.1).sum();
                Some((all / now.at.since(before.at).as_secs_f64(), all))
            }
            Metric::ErrorRate => {
                let all: f64 = rises.iter().map(|r| r.1).sum();
                let failed: f64 = rises.iter().filter(|r| self.is_error(r.0)).map(|r| r.1).sum();
                (all > 0.0).then(|| (failed / all, all))
            }
            latency => {
                let buckets = Buckets::of(&rises);
                let share = match latency {
                    Metric::LatencyP50 => 0.50,
                    Metric::LatencyP95 => 0.95,
                    _ => 0.99,
                };
                buckets.quantile(share).map(|value| (value, buckets.total()))
            }
        };
        match found {
            Some((value, events)) => {
                // A count of events: never negative, and far below 2^53.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let weight = events.round() as u64;
                Readings::Values(vec![Point::new(now.at, value).with_weight(weight)])
            }
            None => Readings::Missing(Missing::NoData),
        }
    }

    /// Whether the labels say 5xx.
    fn is_error(&self, labels: &[(String, String)]) -> bool {
        labels.iter().any(|(label, value)| {
            self.labels.contains(label) && value.len() == 3 && value.starts_with('5')
        })
    }
}

fn absent(wanted: &str, names: &BTreeSet<String>) -> String {
    let listed: Vec<&str> = names.iter().take(MAX_LISTED).map(String::as_str).collect();
    let more = names.len().saturating_sub(MAX_LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("there is no {wanted}; there is {}{more}", listed.join(", "))
}

#[async_trait]
impl MetricSource for Scrape {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        let (counters, names) = self.fetch().await.map_err(|e| e.at("scrape"))?;
        let now = Snapshot { at: query.now, counters: Arc::new(counters) };
        let before = self.keep(now.clone(), query.window);
        let answer =
            |metric: &Metric| (metric.clone(), self.read(metric, &now, before.as_ref(), &names));
        Ok(Samples::new(query.metrics.iter().map(answer).collect()))
    }
}
