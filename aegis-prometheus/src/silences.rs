//! Quiet while a heal is under way: Alertmanager's silences, by its API v2.

use std::time::Duration;

use aegis_core::machine::Phase;
use aegis_core::planner::Change;
use aegis_core::port::{Clock, SystemClock};
use aegis_core::{Error, ErrorKind, IncidentId, Result, ServiceName, Timestamp};
use reqwest::RequestBuilder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::http::{Answered, EndpointConfig, Http, said};

/// Who makes silences here.
const BY: &str = "aegis";

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
        self.lasts_ms = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
        self
    }
}

/// Silences the alerts of a service while Aegis ships a fix to it, or takes one back.
///
/// [`follow`](Self::follow) the changes that the planner tells: it takes nothing from the planner, and
/// where Alertmanager is away only the silence is missing. A silence begins when something is submitted,
/// is renewed with each further phase, and ends when the incident ends or waits for a person, who must
/// hear the alerts. Somebody else's release is not silenced, though it is watched.
///
/// [`Handle::changes`](aegis_core::planner::Handle::changes) is the least of the ways to learn of phases:
/// of telemetry there is one, which a host wants for itself, and notifiers are told at the end only.
///
/// A silence mutes every receiver, [`Alerts`](crate::Alerts) too. The planner watches a release by its
/// metrics and not by alerts.
///
/// ```no_run
/// use aegis_core::planner::Handle;
/// use aegis_prometheus::{EndpointConfig, Silences, SilencesConfig};
///
/// # async fn run(handle: Handle) -> aegis_core::Result<()> {
/// let silences = Silences::new(SilencesConfig::new(EndpointConfig::new("http://localhost:9093")))?;
/// tokio::spawn(silences.follow(handle.changes()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Silences {
    config: SilencesConfig,
    http: Http,
}

/// A silence as Alertmanager tells it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Silence {
    id: String,
    created_by: String,
    comment: String,
    starts_at: String,
    status: Status,
}

#[derive(Debug, Deserialize)]
struct Status {
    state: String,
}

/// A silence as Alertmanager is told it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Wanted<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    matchers: Value,
    starts_at: String,
    ends_at: String,
    created_by: &'static str,
    comment: String,
}

/// What a phase means for a silence.
enum Wish {
    /// There is one.
    Quiet,
    /// One that there is goes on.
    Renewed,
    /// There is none.
    Over,
    /// Nothing.
    Any,
}

impl Wish {
    fn of(phase: Phase) -> Self {
        match phase {
            Phase::Submitting | Phase::Merging | Phase::GoingLive | Phase::Reverting => Self::Quiet,
            // A release of somebody else's is watched, too.
            Phase::Watching | Phase::Withdrawing => Self::Renewed,
            Phase::AwaitingHuman => Self::Over,
            phase if phase.is_terminal() => Self::Over,
            _ => Self::Any,
        }
    }
}

impl Silences {
    /// Silences as configured. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// `Invalid` for an address, a header or a file that can't be any, or silences that last no time.
    pub fn new(config: SilencesConfig) -> Result<Self> {
        if config.lasts_ms == 0 {
            return Err(Error::invalid("`lasts_ms` is 0; give it at least 1").at("silences"));
        }
        let http = Http::new(config.endpoint.clone()).map_err(|e| e.at("silences"))?;
        Ok(Self { config, http })
    }

    /// Keeps silences as the phases of incidents ask for, until the planner is gone. What fails is
    /// logged: a silence that can't be ended ends by itself.
    pub async fn follow(self, mut changes: Receiver<Change>) {
        loop {
            match changes.recv().await {
                Ok(change) => {
                    let Change { service, incident: id, phase, .. } = &change;
                    if let Err(e) = self.heed(service, id, *phase).await {
                        tracing::warn!(target: "aegis", incident_id = %id, error = %e, "no silence");
                    }
                }
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(target: "aegis", missed, "silences may last to their ends");
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Does what a phase asks for that an incident entered.
    ///
    /// # Errors
    ///
    /// `Invalid`, `Denied`, `Timeout` and `Unavailable`, as Alertmanager answers.
    pub async fn heed(
        &self,
        service: &ServiceName,
        incident: &IncidentId,
        phase: Phase,
    ) -> Result<()> {
        match Wish::of(phase) {
            Wish::Quiet => self.silence(service, incident).await.map(drop),
            Wish::Renewed => match self.of(incident).await? {
                Some(there) => self.put(service, incident, Some(&there)).await.map(drop),
                None => Ok(()),
            },
            Wish::Over => self.end(incident).await.map(drop),
            Wish::Any => Ok(()),
        }
    }

    /// Silences the alerts of `service` on behalf of `incident` from this moment on, for as long as is
    /// configured; renews the silence where there is one. Its id.
    ///
    /// # Errors
    ///
    /// As those of [`heed`](Self::heed).
    pub async fn silence(&self, service: &ServiceName, incident: &IncidentId) -> Result<String> {
        let there = self.of(incident).await?;
        self.put(service, incident, there.as_ref()).await
    }

    /// Ends the silence of `incident`; whether there was one.
    ///
    /// # Errors
    ///
    /// As those of [`heed`](Self::heed).
    pub async fn end(&self, incident: &IncidentId) -> Result<bool> {
        let Some(there) = self.of(incident).await? else { return Ok(false) };
        let url = self.http.at(&format!("/api/v2/silence/{}", there.id));
        match self.ask(self.http.client().delete(url)).await {
            // It ended by itself in between.
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            ended => ended.map(|_| true),
        }
    }

    /// The silence of `incident` that has not ended.
    async fn of(&self, incident: &IncidentId) -> Result<Option<Silence>> {
        let body = self.ask(self.http.client().get(self.http.at("/api/v2/silences"))).await?;
        let all: Vec<Silence> = serde_json::from_slice(&body).map_err(|e| unreadable(&e))?;
        let mark = mark(incident);
        let ours = |silence: &Silence| {
            let words = silence.comment.split([',', ' ']);
            silence.created_by == BY
                && silence.status.state != "expired"
                && words.into_iter().any(|word| word == mark)
        };
        Ok(all.into_iter().find(ours))
    }

    async fn put(
        &self,
        service: &ServiceName,
        incident: &IncidentId,
        there: Option<&Silence>,
    ) -> Result<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Put {
            #[serde(rename = "silenceID")]
            id: String,
        }
        let now = SystemClock.now();
        let wanted = Wanted {
            id: there.map(|silence| silence.id.as_str()),
            matchers: json!([{
                "name": self.config.service_label, "value": service.as_str(),
                "isRegex": false, "isEqual": true,
            }]),
            // One with another start would be another silence.
            starts_at: there
                .map_or_else(|| rfc3339(now), |silence| Ok(silence.starts_at.clone()))?,
            ends_at: rfc3339(now.plus(Duration::from_millis(self.config.lasts_ms)))?,
            created_by: BY,
            comment: format!("Aegis heals {service}, {}", mark(incident)),
        };
        let wanted = serde_json::to_vec(&wanted).map_err(|e| unreadable(&e))?;
        let request = self.http.client().post(self.http.at("/api/v2/silences")).body(wanted);
        let request = request.header(::http::header::CONTENT_TYPE, "application/json");
        let body = self.ask(request).await?;
        let Put { id } = serde_json::from_slice(&body).map_err(|e| unreadable(&e))?;
        Ok(id)
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Vec<u8>> {
        let Answered { status, body } =
            self.http.send(request).await.map_err(|e| e.at("silences"))?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let kind = match status {
            404 => ErrorKind::NotFound,
            429 | 500.. => ErrorKind::Unavailable,
            _ => ErrorKind::Invalid,
        };
        let why = said(&String::from_utf8_lossy(&body));
        Err(Error::new(kind, format!("Alertmanager answers {status}: {why}")).at("silences"))
    }
}

/// What an incident's silence is found by.
fn mark(incident: &IncidentId) -> String {
    format!("incident:{incident}")
}

fn rfc3339(at: Timestamp) -> Result<String> {
    let nanos = i128::from(at.as_ms()) * 1_000_000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok();
    let text = at.and_then(|at| at.format(&Rfc3339).ok());
    text.ok_or_else(|| Error::invalid("the silence ends beyond the year 9999").at("silences"))
}

fn unreadable(e: &serde_json::Error) -> Error {
    Error::invalid(format!("the answer is none of Alertmanager's API v2: {e}")).at("silences")
}
