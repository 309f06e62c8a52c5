//! Asks a service whether it is well.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use aegis_core::model::{Metric, Missing, Point, Query, Readings, Samples};
use aegis_core::stage::MetricSource;
use aegis_core::{ErrorKind, Result};
use async_trait::async_trait;
use reqwest::{Method, Url};

use crate::http::{Http, Reach, describe, parse_url, unresolved};

/// Bytes of the answer that are searched.
const BODY: usize = 64 * 1024;

/// A health check over HTTP: [`Metric::Health`] is 1 where it passes and 0 where it fails.
///
/// A connection that fails, a timeout and any other answer count as 0. What is no answer of the
/// service is never a 0: an address that may not be reached is an error, and a name that does not
/// resolve is [`Missing::Failed`].
///
/// Only public addresses are asked unless the host says otherwise; redirects are followed on the same
/// origin only, one that leads elsewhere is just its status.
///
/// ```
/// use aegis_local::sources::HealthProbe;
/// let probe = HealthProbe::new("http://127.0.0.1:8080/health")?.allow_private();
/// # Ok::<(), aegis_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct HealthProbe {
    url: Url,
    reach: Reach,
    timeout: Duration,
    status: RangeInclusive<u16>,
    contains: Option<String>,
}

impl HealthProbe {
    /// A probe of `url` that expects any 2xx within 2 seconds.
    ///
    /// # Errors
    ///
    /// `Invalid` where `url` is not `http` or `https` with a host.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self {
            url: parse_url(url)?,
            reach: Reach::public(),
            timeout: Duration::from_secs(2),
            status: 200..=299,
            contains: None,
        })
    }

    /// Lets the probe reach loopback and private addresses; never link-local or metadata ones.
    #[must_use]
    pub fn allow_private(mut self) -> Self {
        self.reach.allow_private();
        self
    }

    /// Lets the probe reach `address`, whatever it is.
    #[must_use]
    pub fn allow_address(mut self, address: IpAddr) -> Self {
        self.reach.allow(address);
        self
    }

    /// Bounds the whole exchange.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Says which statuses mean health.
    #[must_use]
    pub fn with_status(mut self, status: RangeInclusive<u16>) -> Self {
        self.status = status;
        self
    }

    /// Asks that the first 64 KiB of the body contain `text`.
    #[must_use]
    pub fn with_body(mut self, text: impl Into<String>) -> Self {
        self.contains = Some(text.into());
        self
    }

    /// Whether the service is well at this moment.
    ///
    /// # Errors
    ///
    /// `Denied` where its address may not be reached, `Unavailable` where its name does not resolve:
    /// neither says anything about the service.
    pub async fn check(&self) -> Result<bool> {
        let http = Http::new(self.reach.clone(), self.timeout, false)?;
        let request = http.request(Method::GET, self.url.clone()).map_err(|e| e.at("probe"))?;
        match Http::send(request, BODY).await {
            Ok(answer) => {
                let said = self.contains.as_ref().is_none_or(|t| answer.text().contains(t));
                Ok(self.status.contains(&answer.status) && said)
            }
            Err(e) => {
                if let Some(why) = unresolved(&e) {
                    return Err(why.at("probe"));
                }
                let why = describe(e);
                tracing::debug!(target: "aegis::probe", why, "the health check got no answer");
                Ok(false)
            }
        }
    }
}

#[async_trait]
impl MetricSource for HealthProbe {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        let health = if query.metrics.contains(&Metric::Health) {
            match self.check().await {
                Ok(well) => {
                    let value = if well { 1.0 } else { 0.0 };
                    Readings::Values(vec![Point::new(query.now, value).with_weight(1)])
                }
                Err(e) if e.kind() == ErrorKind::Unavailable => {
                    Readings::Missing(Missing::Failed(e.to_string()))
                }
                Err(e) => return Err(e),
            }
        } else {
            Readings::Missing(Missing::Unsupported)
        };
        let answer = |metric: &Metric| match metric {
            Metric::Health => (metric.clone(), health.clone()),
            _ => (metric.clone(), Readings::Missing(Missing::Unsupported)),
        };
        Ok(Samples::new(query.metrics.iter().map(answer).collect()))
    }
}
