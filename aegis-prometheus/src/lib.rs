//! Aegis sees what Prometheus sees.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "webhooks")]
mod alerts;
mod client;
mod http;
mod silences;
mod source;

#[cfg(feature = "webhooks")]
pub use alerts::{Alerts, AlertsConfig, Refusal, Taken};
pub use client::{Answer, Client, Data, Instant, Labels, Method, Range, Reply, Sample};
pub use http::{Auth, EndpointConfig};
pub use silences::{Silences, SilencesConfig};
pub use source::{Histograms, LatencyUnit, Names, Prometheus, PrometheusConfig, QueryConfig};
