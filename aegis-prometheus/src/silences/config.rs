//! Where silences are made, and for how long.

use std::time::Duration;

use serde::Deserialize;

use crate::http::EndpointConfig;

/// Silences as configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SilencesConfig {
    /// Where Alertmanager is.
    pub endpoint: EndpointConfig,
    /// The label that holds a service's name; `service` unless set.
    #[serde(default = "service_label")]
    pub service_label: String,
    /// How long a silence lasts where nobody ends it, in milliseconds; 15 minutes unless set.
    #[serde(default = "lasts_ms")]
    pub lasts_ms: u64,
}

fn service_label() -> String {
    String::from("service")
}

fn lasts_ms() -> u64 {
    900_000
}

impl SilencesConfig {
    /// Silences in the Alertmanager at `endpoint`.
    pub fn new(endpoint: EndpointConfig) -> Self {
        Self { endpoint, service_label: service_label(), lasts_ms: lasts_ms() }
    }

    /// Names the label that holds a service's name.
    #[must_use]
    pub fn with_service_label(mut self, label: impl Into<String>) -> Self {
        self.service_label = label.into();
        self
    }

    /// Lets a silence last so long where nobody ends it.
    #[must_use]
    pub fn with_lasts(mut self, lasts: Duration) -> Self {
        self.lasts_ms = crate::ms(lasts);
        self
    }
}
