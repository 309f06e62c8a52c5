//! What an alert is about, and who may send it.

use std::collections::BTreeMap;
use std::time::Duration;

use aegis_core::model::Metric;
use serde::Deserialize;

use crate::http::Auth;

/// A receiver of alerts as configured.
///
/// ```
/// use aegis_core::model::Metric;
/// use aegis_prometheus::{AlertsConfig, Auth};
///
/// let config = AlertsConfig::new(Auth::Bearer("a-long-random-token".into()))
///     .with_metric("HighErrorRate", Metric::ErrorRate);
/// # let _ = config;
/// let read = |json| serde_json::from_str::<AlertsConfig>(json);
/// assert!(read(r#"{"auth": "none", "metrics": {"HighErrorRate": "error_rate"}}"#).is_ok());
/// assert!(read(r#"{"metrics": {}}"#).is_err());
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AlertsConfig {
    /// As whom Alertmanager comes. It has no default: who is let in without a secret can open incidents.
    pub auth: Auth,
    /// Labels that may hold the service's name, the first that is there counts; `service` and then `job`
    /// unless set.
    #[serde(default = "service_labels")]
    pub service_labels: Vec<String>,
    /// The label that holds the metric an alert is about, as `error_rate`; `aegis_metric` unless set.
    #[serde(default = "metric_label")]
    pub metric_label: String,
    /// The metric that an alert of this name is about, where no label says so.
    #[serde(default)]
    pub metrics: BTreeMap<String, Metric>,
    /// The annotation that holds what was measured, in the metric's unit; `value` unless set.
    #[serde(default = "value")]
    pub value: String,
    /// After how long an alert that still fires counts again, in milliseconds; an hour unless set. Until
    /// then it is a repetition.
    #[serde(default = "again_after_ms")]
    pub again_after_ms: u64,
    /// How long a delivery may take until all of it is in the journal, in milliseconds; 10,000 unless
    /// set.
    #[serde(default = "within_ms")]
    pub within_ms: u64,
    /// Most bytes of a delivery; 4 MiB unless set.
    #[serde(default = "body_bytes")]
    pub body_bytes: usize,
}

fn service_labels() -> Vec<String> {
    ["service", "job"].map(String::from).to_vec()
}

fn metric_label() -> String {
    String::from("aegis_metric")
}

fn value() -> String {
    String::from("value")
}

fn again_after_ms() -> u64 {
    3_600_000
}

fn within_ms() -> u64 {
    10_000
}

fn body_bytes() -> usize {
    4 * 1_024 * 1_024
}

impl AlertsConfig {
    /// Takes alerts from who comes as this one.
    pub fn new(auth: Auth) -> Self {
        Self {
            auth,
            service_labels: service_labels(),
            metric_label: metric_label(),
            metrics: BTreeMap::new(),
            value: value(),
            again_after_ms: again_after_ms(),
            within_ms: within_ms(),
            body_bytes: body_bytes(),
        }
    }

    /// Takes the service's name from the first of these labels that is there.
    #[must_use]
    pub fn with_service_labels<L: Into<String>>(
        mut self,
        labels: impl IntoIterator<Item = L>,
    ) -> Self {
        self.service_labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// Says that alerts of this name are about `metric`.
    #[must_use]
    pub fn with_metric(mut self, alert: impl Into<String>, metric: Metric) -> Self {
        self.metrics.insert(alert.into(), metric);
        self
    }

    /// Counts an alert again that still fires after so long.
    #[must_use]
    pub fn with_again_after(mut self, again_after: Duration) -> Self {
        self.again_after_ms = crate::ms(again_after);
        self
    }

    /// Takes deliveries of so many bytes, within so long.
    #[must_use]
    pub fn with_bounds(mut self, bytes: usize, within: Duration) -> Self {
        self.body_bytes = bytes;
        self.within_ms = crate::ms(within);
        self
    }
}
