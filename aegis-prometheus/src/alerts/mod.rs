//! What Alertmanager sends by itself.

mod answer;
mod config;
mod door;
mod event;
mod payload;
mod seen;
mod serve;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aegis_core::port::{Clock, Intake, SystemClock};
use aegis_core::{ErrorKind, Result};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub use self::answer::{Refusal, Taken};
pub use self::config::AlertsConfig;
use self::door::Door;
use self::event::About;
use self::payload::{Alert, Payload, Status};
use self::seen::{Before, Episode, Seen};

/// Bodies that are read at the same time.
const AT_ONCE: usize = 4;
/// Reasons that an answer lists.
const LISTED: usize = 5;

/// Takes the webhooks of Alertmanager (version 4 of the payload, Alertmanager 0.16 and later), and tells
/// the planner. Clones are one receiver.
///
/// Each alert is one event; a group comes as one delivery. It is answered with 200 once all of it is in
/// the journal, and else with 503, so that Alertmanager sends it again. The same alert, by `fingerprint`
/// and `startsAt`, is told once, and again where it still fires after an hour.
///
/// An alert about a metric, by its label `aegis_metric` or by its name, is to the planner what its own
/// detector of that metric would see: both are one incident. What was measured is read from the
/// annotation `value`, and NaN without it; what is normal no alert says. Any other says that the service
/// is unhealthy. An alert that ended resolves its incident once no other of the same trouble fires; what
/// fired before this process started is not known here.
///
/// ```yaml
/// receivers:
///   - name: aegis
///     webhook_configs:
///       - url: http://aegis:8080/alerts
///         http_config: {authorization: {credentials_file: /etc/alertmanager/aegis.token}}
/// ```
///
/// ```no_run
/// use std::sync::Arc;
/// use aegis_core::planner::Handle;
/// use aegis_prometheus::{Alerts, AlertsConfig, Auth};
///
/// # async fn run(handle: Handle, token: String) -> Result<(), Box<dyn std::error::Error>> {
/// let handle = Arc::new(handle);
/// let alerts = Alerts::new(AlertsConfig::new(Auth::Bearer(token.into())), handle)?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// axum::serve(listener, alerts.router("/alerts")).await?;
/// # Ok(())
/// # }
/// ```
///
/// A host on another server gives headers and body to [`receive`](Self::receive).
#[derive(Debug, Clone)]
pub struct Alerts {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: AlertsConfig,
    intake: Arc<dyn Intake>,
    clock: Arc<dyn Clock>,
    door: Door,
    bodies: Semaphore,
    seen: Mutex<Seen>,
}

/// What became of one alert.
enum Told {
    Firing,
    Resolved,
    Passed,
}

impl Alerts {
    /// Tells `intake`, which the planner's handle is.
    ///
    /// # Errors
    ///
    /// `Invalid` where the secret has fewer than 16 bytes, `Unavailable` where the system has no random
    /// numbers.
    pub fn new(config: AlertsConfig, intake: Arc<dyn Intake>) -> Result<Self> {
        Self::with_clock(config, intake, Arc::new(SystemClock))
    }

    /// The same, by another clock.
    ///
    /// # Errors
    ///
    /// As those of [`new`](Self::new).
    pub fn with_clock(
        config: AlertsConfig,
        intake: Arc<dyn Intake>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let door = Door::new(&config.auth).map_err(|e| e.at("alerts"))?;
        let bodies = Semaphore::new(AT_ONCE);
        let seen = Mutex::default();
        Ok(Self { inner: Arc::new(Inner { config, intake, clock, door, bodies, seen }) })
    }

    /// Takes one delivery; returns once all of it is in the journal. `body` is what came.
    ///
    /// # Errors
    ///
    /// What to answer instead, with [`Refusal::status`]. What was taken of the delivery stays so.
    pub async fn receive(&self, headers: &HeaderMap, body: &[u8]) -> Result<Taken, Refusal> {
        let taken = self.taken(headers, body).await;
        match &taken {
            Ok(taken) if taken.truncated > 0 => {
                tracing::warn!(target: "aegis", %taken, "alerts were left out");
            }
            Ok(taken) => tracing::debug!(target: "aegis", %taken, "alerts"),
            Err(refusal) => tracing::warn!(target: "aegis", %refusal, "alerts were not taken"),
        }
        taken
    }

    fn let_in(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let sent = headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes);
        if self.inner.door.opens(sent) { Ok(()) } else { Err(Refusal::Unauthorized) }
    }

    async fn taken(&self, headers: &HeaderMap, body: &[u8]) -> Result<Taken, Refusal> {
        let config = &self.inner.config;
        self.let_in(headers)?;
        if body.len() > config.body_bytes {
            return Err(Refusal::TooLarge(config.body_bytes));
        }
        let mut payload = Payload::read(body).map_err(Refusal::NotADelivery)?;
        // What begins comes before what ends: one may take the place of the other.
        payload.alerts.sort_by_key(|alert| alert.status == Status::Resolved);
        let deadline = Instant::now() + Duration::from_millis(config.within_ms);
        let mut taken = Taken { truncated: payload.truncated_alerts, ..Taken::default() };
        let (mut misplaced, mut failed) = (Vec::new(), Vec::new());
        for alert in &payload.alerts {
            match tokio::time::timeout_at(deadline, self.tell(alert)).await {
                Ok(Ok(Told::Firing)) => taken.firing += 1,
                Ok(Ok(Told::Resolved)) => taken.resolved += 1,
                Ok(Ok(Told::Passed)) => taken.passed += 1,
                Ok(Err(Refusal::Misplaced(why))) => misplaced.push(why),
                Ok(Err(refused)) => failed.push(refused.to_string()),
                Err(_) => failed.push(format!("it took longer than {} ms", config.within_ms)),
            }
        }
        if !failed.is_empty() {
            return Err(Refusal::NotJournaled(listed(failed)));
        }
        if !misplaced.is_empty() {
            return Err(Refusal::Misplaced(listed(misplaced)));
        }
        Ok(taken)
    }

    /// Tells the planner of one alert.
    async fn tell(&self, alert: &Alert) -> Result<Told, Refusal> {
        let Inner { config, intake, clock, .. } = &*self.inner;
        let about = About::of(alert, config).ok_or_else(|| {
            let labels = config.service_labels.join(", ");
            let name: String = alert.name().chars().take(100).collect();
            Refusal::Misplaced(format!(
                "{name:?} has none of the labels {labels}, or too long a one"
            ))
        })?;
        let (episode, trouble) = (Episode::of(alert), about.trouble());
        let now = clock.now();
        let again_after = Duration::from_millis(config.again_after_ms);
        let at = match self.seen().before(&episode, alert.status, now, again_after) {
            Before::Lately => return Ok(Told::Passed),
            // Another clock's start may lie ahead.
            Before::Never => alert.starts_at.min(now),
            Before::LongAgo => now,
        };
        let goes_on =
            alert.status == Status::Resolved && self.seen().others_fire(&trouble, &episode);
        if !goes_on {
            let told = intake.report(about.event(alert, config, at)).await;
            told.map_err(|e| match e.kind() {
                ErrorKind::NotFound | ErrorKind::Invalid => Refusal::Misplaced(e.to_string()),
                _ => Refusal::NotJournaled(e.to_string()),
            })?;
        }
        self.seen().remember(episode, trouble, alert.status, now);
        Ok(match alert.status {
            _ if goes_on => Told::Passed,
            Status::Firing => Told::Firing,
            Status::Resolved => Told::Resolved,
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Valid after every single change.
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listed(mut reasons: Vec<String>) -> String {
    reasons.dedup();
    let more = reasons.len().saturating_sub(LISTED);
    reasons.truncate(LISTED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{more}", reasons.join("; "))
}
