//! Aegis sees what Prometheus sees.
//!
//! [`own`] is the other way round: Prometheus sees what Aegis does.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod client;
mod http;
pub mod own;
mod source;

pub use client::{Answer, Client, Data, Instant, Labels, Method, Range, Reply, Sample};
pub use http::{Auth, EndpointConfig};
pub use source::{Histograms, LatencyUnit, Names, Prometheus, PrometheusConfig, QueryConfig};
