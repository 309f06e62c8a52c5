//! What an alert is to core.

use aegis_core::model::{Anomaly, Event, Metric, Observation, Signal};
use aegis_core::redact::Untrusted;
use aegis_core::{ServiceName, Timestamp};

use super::AlertsConfig;
use super::payload::{Alert, Status};
use super::seen::Trouble;

/// Characters that a service's name may have.
const NAME: usize = 200;

/// What an alert is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct About {
    pub(super) service: ServiceName,
    /// The metric that left its baseline; where nobody says, the service is unhealthy.
    pub(super) metric: Option<Metric>,
}

impl About {
    /// Nothing where no label names a service.
    pub(super) fn of(alert: &Alert, config: &AlertsConfig) -> Option<Self> {
        let named = |label: &String| alert.labels.get(label).filter(|name| !name.is_empty());
        let service = config.service_labels.iter().find_map(named)?;
        let fits = service.chars().count() <= NAME;
        let metric = match alert.labels.get(&config.metric_label) {
            Some(label) => {
                let metric = metric(label);
                if metric.is_none() {
                    let alert = alert.shown();
                    tracing::warn!(target: "aegis", ?alert, "its label names no metric");
                }
                metric
            }
            None => config.metrics.get(alert.name()).cloned(),
        };
        fits.then(|| Self { service: ServiceName::new(service.clone()), metric })
    }

    /// What makes it the same trouble to core as what a detector or a probe sees.
    pub(super) fn trouble(&self) -> Trouble {
        let fingerprint = match &self.metric {
            Some(metric) => Anomaly::fingerprint_of(metric),
            None => Observation::unhealthy_fingerprint(),
        };
        (self.service.clone(), fingerprint)
    }

    pub(super) fn event(&self, alert: &Alert, config: &AlertsConfig, at: Timestamp) -> Event {
        let (service, fingerprint) = self.trouble();
        if alert.status == Status::Resolved {
            return Event::Resolved(service, fingerprint);
        }
        let observation = match &self.metric {
            Some(metric) => {
                let value = alert.annotations.get(&config.value);
                let measured = value.and_then(|v| v.trim().parse().ok()).unwrap_or(f64::NAN);
                // A rule has a limit of its own: what is normal it does not say.
                Observation::Anomaly(Anomaly::new(metric.clone(), f64::NAN, measured, f64::NAN))
            }
            None => Observation::Unhealthy(Untrusted::new(alert.text())),
        };
        Event::Signal(Signal::new(service, at, observation).with_source("alertmanager"))
    }
}

/// The metric of this name: `error_rate`, `latency_p95`.
fn metric(name: &str) -> Option<Metric> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}
