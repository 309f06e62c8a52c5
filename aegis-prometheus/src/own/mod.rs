//! Aegis itself, watched by Prometheus.
//!
//! [`Metrics`] takes what a planner says and hands it to the [`metrics`] facade: which exporter stands
//! behind that is the host's to choose. [`ModelFigures`] adds what language models cost. The names are
//! in [`FAMILIES`]; [`RULES`] are alerts over them, [`DASHBOARD`] is a page for Grafana.
//!
//! ```
//! use std::sync::Arc;
//!
//! use aegis_core::policy::{Autonomy, PolicyConfig};
//! use aegis_core::planner::Planner;
//! use aegis_prometheus::own::{FAMILIES, Kind, Metrics};
//!
//! // Histograms want buckets: an exporter is told them by name.
//! for family in FAMILIES {
//!     if let Kind::Histogram(buckets) = family.kind {
//!         println!("{} {buckets:?}", family.name);
//!     }
//! }
//! let policy = PolicyConfig::new(Autonomy::Propose);
//! let planner = Planner::builder(policy).telemetry(Arc::new(Metrics::new()));
//! # let _ = planner;
//! ```
//!
//! The recorder is installed before the planner starts: what is told earlier is lost. The example
//! `exporter` shows a whole program.

mod families;
mod labels;
mod models;
mod open;
mod record;

pub use families::{FAMILIES, Family, Kind};
pub use models::ModelFigures;
pub use record::Metrics;

use aegis_core::Timestamp;

/// Alerting rules for Prometheus, in YAML: Aegis is down, blind, stuck, or needs a person.
pub const RULES: &str = include_str!("../../rules/aegis.yml");

/// A dashboard for Grafana, in JSON, to be imported as it stands.
pub const DASHBOARD: &str = include_str!("../../dashboards/aegis.json");

/// Unix time in seconds.
fn seconds(at: Timestamp) -> f64 {
    // Milliseconds since 1970 stay far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let ms = at.as_ms() as f64;
    ms / 1_000.0
}
