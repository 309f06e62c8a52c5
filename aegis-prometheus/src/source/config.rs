//! What Prometheus is asked about a service.

use std::collections::BTreeMap;
use std::time::Duration;

use aegis_core::model::Metric;
use serde::Deserialize;

use super::Names;
use crate::client::Method;
use crate::http::EndpointConfig;

/// A query of the host's own for one metric, in place of the usual one.
///
/// `query` and `events` are PromQL with places in them:
///
/// | place | stands for |
/// |---|---|
/// | `{match}` | a matcher of the service label for one service or many: `service="shop"` |
/// | `{label}` | the name of the service label, to group by |
/// | `{service}` | the service's name, in double quotes; such a query asks for one service at a time |
/// | `{route}`, `{method}`, `{path}` | the route, or its parts where it is like `GET /cart`; in double quotes |
/// | `{window}` | how far back a rate reaches: the step and one and a half scrape intervals, as `45s` |
/// | `{step}`, `{seconds}` | the time between two samples, as `30s` and as a number |
///
/// A query answers one series a service, in the metric's [unit](Metric::unit). For a gauge write
/// `last_over_time(gauge{{match}}[{window}])`, which does not show what is long gone.
///
/// ```
/// use aegis_core::model::Metric;
/// use aegis_prometheus::QueryConfig;
///
/// // CPU of a container, by what Kubernetes lets it use.
/// let cpu = QueryConfig::new(
///     Metric::Cpu,
///     r#"sum(rate(container_cpu_usage_seconds_total{container="{service}"}[{window}]))
///        / sum(kube_pod_container_resource_limits{container="{service}", resource="cpu"})"#,
/// );
/// // Health by the blackbox exporter.
/// let health = QueryConfig::new(
///     Metric::Health,
///     "min by ({label}) (last_over_time(probe_success{{match}}[{window}]))",
/// );
/// # let _ = (cpu, health);
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct QueryConfig {
    /// The metric that it answers. The route `{route}` stands for every route that has no query of its
    /// own.
    pub metric: Metric,
    /// The value.
    pub query: String,
    /// The events behind the value since the sample before; unknown unless set.
    #[serde(default)]
    pub events: Option<String>,
}

impl QueryConfig {
    /// Answers `metric` by `query`.
    pub fn new(metric: Metric, query: impl Into<String>) -> Self {
        Self { metric, query: query.into(), events: None }
    }

    /// Counts the events behind each value by this query.
    #[must_use]
    pub fn with_events(mut self, query: impl Into<String>) -> Self {
        self.events = Some(query.into());
        self
    }
}

/// A Prometheus as configured.
///
/// ```
/// use aegis_prometheus::{EndpointConfig, PrometheusConfig};
/// use std::time::Duration;
///
/// let config = PrometheusConfig::new(EndpointConfig::new("http://localhost:9090"))
///     .with_service_label("job")
///     .with_scrape_interval(Duration::from_secs(30));
/// # let _ = config;
/// let read = |json| serde_json::from_str::<PrometheusConfig>(json);
/// assert!(read(r#"{"endpoint": {"base": "http://localhost:9090"}, "service_label": "app"}"#).is_ok());
/// assert!(read(r#"{"endpoint": {"base": "http://localhost:9090"}, "servce_label": "app"}"#).is_err());
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PrometheusConfig {
    /// Where it is. Its time bounds all queries of a sample together; keep it below the time between two
    /// samples.
    pub endpoint: EndpointConfig,
    /// How queries are sent; by POST unless set.
    #[serde(default)]
    pub method: Method,
    /// Parameters of each query, as Thanos' `partial_response` and `dedup`.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// The label that holds a service's name; `service` unless set.
    #[serde(default = "service_label")]
    pub service_label: String,
    /// The longest time between two scrapes, in milliseconds; 15,000 unless set. A rate reaches back one
    /// and a half of it beyond the step that it is asked for, to the sample before: a longer one sees
    /// through gaps, and lets the first look at a release see more of what ran before.
    #[serde(default = "scrape_interval_ms")]
    pub scrape_interval_ms: u64,
    /// How old the newest sample of a service may be, in milliseconds, before nothing that is known of
    /// it counts; four scrape intervals unless set.
    #[serde(default)]
    pub stale_after_ms: Option<u64>,
    /// The query of the time of a service's newest sample, as seconds; that of the newest `up` unless
    /// set.
    #[serde(default = "newest")]
    pub newest: String,
    /// Queries at the same time, of all samples together; 8 unless set, at least 1.
    #[serde(default = "at_once")]
    pub at_once: usize,
    /// How long a sample waits for others to go out with it, in milliseconds; 250 unless set, and never
    /// more than a tenth of the time between two samples. With 0 each goes out alone.
    #[serde(default = "gather_ms")]
    pub gather_ms: u64,
    /// The names that the usual queries are made of.
    #[serde(default)]
    pub names: Names,
    /// Queries in place of the usual ones, and for metrics of the host's own.
    #[serde(default)]
    pub queries: Vec<QueryConfig>,
}

fn service_label() -> String {
    String::from("service")
}

fn scrape_interval_ms() -> u64 {
    15_000
}

fn newest() -> String {
    String::from("max by ({label}) (timestamp(up{{match}}))")
}

fn at_once() -> usize {
    8
}

fn gather_ms() -> u64 {
    250
}

impl PrometheusConfig {
    /// The Prometheus at `endpoint`, with the usual names.
    pub fn new(endpoint: EndpointConfig) -> Self {
        Self {
            endpoint,
            method: Method::Post,
            parameters: BTreeMap::new(),
            service_label: service_label(),
            scrape_interval_ms: scrape_interval_ms(),
            stale_after_ms: None,
            newest: newest(),
            at_once: at_once(),
            gather_ms: gather_ms(),
            names: Names::default(),
            queries: Vec::new(),
        }
    }

    /// Sends queries this way.
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Adds a parameter to each query.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// Names the label that holds a service's name.
    #[must_use]
    pub fn with_service_label(mut self, label: impl Into<String>) -> Self {
        self.service_label = label.into();
        self
    }

    /// Says how often targets are scraped, at the least.
    #[must_use]
    pub fn with_scrape_interval(mut self, interval: Duration) -> Self {
        self.scrape_interval_ms = crate::ms(interval);
        self
    }

    /// Says how old a service's newest sample may be, and by which query its time is known.
    #[must_use]
    pub fn with_stale_after(mut self, age: Duration, newest: impl Into<String>) -> Self {
        self.stale_after_ms = Some(crate::ms(age));
        self.newest = newest.into();
        self
    }

    /// Says how long a sample waits for others to go out with it.
    #[must_use]
    pub fn with_gather(mut self, wait: Duration) -> Self {
        self.gather_ms = crate::ms(wait);
        self
    }

    /// Names what the usual queries are made of.
    #[must_use]
    pub fn with_names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// Adds a query of the host's own.
    #[must_use]
    pub fn with_query(mut self, query: QueryConfig) -> Self {
        self.queries.push(query);
        self
    }

    pub(super) fn scrape_interval(&self) -> Duration {
        Duration::from_millis(self.scrape_interval_ms)
    }

    pub(super) fn gather(&self) -> Duration {
        Duration::from_millis(self.gather_ms)
    }

    pub(super) fn stale_after(&self) -> Duration {
        let four = self.scrape_interval_ms.saturating_mul(4);
        Duration::from_millis(self.stale_after_ms.unwrap_or(four))
    }
}
