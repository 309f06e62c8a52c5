//! Whether the service is healthy, and which revision it says it is.

use std::time::Duration;

use aegis_core::{Error, Result, Revision};

use super::http::LocalUrl;
use crate::service::ServiceSpec;

/// What the service was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    /// Healthy; the revision that it reports, where it reports one.
    Healthy(Option<Revision>),
    /// Not, and why.
    Unhealthy(String),
}

/// Asks a service for its health and its revision.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    health: LocalUrl,
    version: Option<LocalUrl>,
    limit: Duration,
}

impl Probe {
    /// Probes by the service's URLs, each within `limit`. May block to resolve a host.
    pub(super) fn new(spec: &ServiceSpec, limit: Duration) -> Result<Self> {
        let version = spec.version.as_deref().map(LocalUrl::parse).transpose()?;
        Ok(Self { health: LocalUrl::parse(&spec.health)?, version, limit })
    }

    /// Looks once.
    pub(super) async fn look(&self) -> Health {
        let probe = self.clone();
        let look = tokio::task::spawn_blocking(move || probe.look_blocking());
        look.await.unwrap_or_else(|e| Health::Unhealthy(format!("the probe failed: {e}")))
    }

    /// Whether anything listens where the service will.
    pub(super) async fn taken(&self) -> bool {
        let (health, limit) = (self.health.clone(), self.limit);
        tokio::task::spawn_blocking(move || health.taken(limit)).await.unwrap_or(false)
    }

    fn look_blocking(&self) -> Health {
        let healthy = self.health.get(self.limit).and_then(|answer| match answer.status {
            200..=299 => Ok(()),
            status => Err(Error::unavailable(format!("its health check answers {status}"))),
        });
        if let Err(e) = healthy {
            return Health::Unhealthy(e.to_string());
        }
        let Some(version) = &self.version else { return Health::Healthy(None) };
        match version.get(self.limit) {
            Err(e) => Health::Unhealthy(e.to_string()),
            Ok(answer) => match first_revision(&answer.body) {
                Some(revision) => Health::Healthy(Some(revision)),
                None => Health::Unhealthy(String::from("it reports no revision")),
            },
        }
    }
}

/// The first run of exactly 40 hexadecimal digits.
fn first_revision(text: &str) -> Option<Revision> {
    text.split(|c: char| !c.is_ascii_hexdigit())
        .find(|run| run.len() == 40)
        .map(|run| Revision::new(run.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_forty_digits_count() {
        let sha = "0123456789abcdef0123456789abcdef01234567";
        let text = format!(
            "{{\"build\":\"0123\",\"revision\":\"{sha}\",\"parent\":\"{}\"}}",
            "f".repeat(40)
        );
        assert_eq!(first_revision(&text), Some(Revision::new(sha)));
        assert_eq!(first_revision(&"a".repeat(64)), None);
    }
}
