//! Many services behind one Prometheus: what is asked, what answers, and what judges it.

mod answers;
mod host;
mod page;
mod real;
mod watch;

use std::time::Duration;

use aegis_core::model::{Metric, Query};
use aegis_core::{ServiceName, Timestamp};
use aegis_prometheus::{EndpointConfig, Histograms, Names, PrometheusConfig};

pub use answers::{Answers, answer};
pub use real::Real;
pub use watch::{Verdicts, Watch};

/// What answered so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Served {
    /// Queries that were answered.
    pub requests: u64,
    /// Bytes of their answers.
    pub bytes: u64,
}

/// The route whose errors are counted.
const ROUTE: &str = "/cart";
/// From one tick to the next.
const STEP: Duration = Duration::from_secs(2);

/// Services that have the same metrics.
#[derive(Debug)]
pub struct Fleet {
    /// Their names.
    pub services: Vec<ServiceName>,
    /// The metrics of each: every one that has a usual query, and the errors of a route.
    pub metrics: Vec<Metric>,
}

impl Fleet {
    /// As many services as have `series` together, at least one.
    pub fn new(series: usize) -> Self {
        let metrics = vec![
            Metric::Health,
            Metric::ErrorRate,
            Metric::LatencyP50,
            Metric::LatencyP95,
            Metric::LatencyP99,
            Metric::RequestRate,
            Metric::Cpu,
            Metric::Memory,
            Metric::Saturation,
            Metric::RouteErrors(format!("GET {ROUTE}")),
        ];
        let services = series.div_ceil(metrics.len()).max(1);
        Self { services: (0..services).map(|n| name(n).as_str().into()).collect(), metrics }
    }

    /// How many series are judged.
    pub fn series(&self) -> usize {
        self.services.len() * self.metrics.len()
    }

    /// The Prometheus at `base`, asked by the usual queries.
    pub fn config(&self, base: &str) -> PrometheusConfig {
        let endpoint = EndpointConfig::new(base).with_timeout(Duration::from_secs(60));
        let names = Names::default()
            .with_limits(2.0, page::MEMORY * 2)
            .with_histograms(Histograms::Classic);
        PrometheusConfig::new(endpoint).with_scrape_interval(STEP).with_names(names)
    }

    /// The question of one tick, of whatever service.
    pub fn query(&self, now: Timestamp) -> Query {
        Query::new(self.services[0].clone(), now, STEP, self.metrics.clone())
    }
}

/// The name of the service with this number.
fn name(service: usize) -> String {
    format!("service-{service:05}")
}

/// The number of the service with this name.
fn number(service: &str) -> Option<usize> {
    service.strip_prefix("service-")?.parse().ok()
}
