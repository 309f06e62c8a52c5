//! Aegis sees what Prometheus sees.
//!
//! - [`Prometheus`] is a source of metrics: the golden signals of services, by PromQL that can be
//!   replaced. It works with Thanos, Mimir, Cortex and VictoriaMetrics, too. What is missing there is
//!   missing here, never zero and never healthy.
//! - `Alerts` (feature `webhooks`) takes what Alertmanager sends. An alert and a sample that tell the
//!   same trouble are one incident.
//! - [`Silences`] keeps alerts quiet while a heal is under way.
//! - [`Client`] is the query API itself.
//! - [`own`] is the other way round: Prometheus sees what Aegis does.
//!
//! ```
//! use std::time::Duration;
//!
//! use aegis_core::Timestamp;
//! use aegis_core::model::{Metric, Query, Readings};
//! use aegis_core::stage::MetricSource as _;
//! use aegis_prometheus::{EndpointConfig, Prometheus, PrometheusConfig};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> aegis_core::Result<()> {
//! # // Stands for a Prometheus in which nothing was scraped so far.
//! # use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};
//! # let server = MockServer::start().await;
//! # let nothing = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
//! # let answer = ResponseTemplate::new(200).set_body_string(nothing);
//! # Mock::given(any()).respond_with(answer).mount(&server).await;
//! # let base = server.uri();
//! // let base = "http://localhost:9090";
//! let prometheus = Prometheus::new(PrometheusConfig::new(EndpointConfig::new(base)))?;
//! let now = Timestamp::from_ms(1_700_000_000_000);
//! let query = Query::new("shop".into(), now, Duration::from_secs(30), vec![Metric::ErrorRate]);
//! let samples = prometheus.sample(&query).await?;
//! match samples.get(&Metric::ErrorRate) {
//!     Some(Readings::Values(points)) => println!("{points:?}"),
//!     other => println!("nobody knows: {other:?}"),
//! }
//! # assert!(matches!(samples.get(&Metric::ErrorRate), Some(Readings::Missing(_))));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "webhooks")]
mod alerts;
mod client;
mod http;
pub mod own;
mod silences;
mod source;

#[cfg(feature = "webhooks")]
pub use alerts::{Alerts, AlertsConfig, Refusal, Taken};
pub use client::{Answer, Client, Data, Instant, Labels, Method, Range, Reply, Sample};
pub use http::{Auth, EndpointConfig};
pub use silences::{Silences, SilencesConfig};
pub use source::{Histograms, LatencyUnit, Names, Prometheus, PrometheusConfig, QueryConfig};

/// Milliseconds, as configurations count.
fn ms(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
