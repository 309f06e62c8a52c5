//! What comes in: signals from outside, and the symptoms that intake makes of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Metric, Release};
use crate::id::{Fingerprint, Revision, ServiceName, Timestamp};
use crate::redact::{Redacted, Untrusted};
use crate::trace::Trace;

/// Something a source tells the planner.
#[derive(Debug, Clone)]
pub enum Event {
    /// Something is wrong.
    Signal(Signal),
    /// What was wrong under this fingerprint is over, as the source sees it.
    Resolved(ServiceName, Fingerprint),
    /// A release went live.
    Released(Release),
}

/// What kind of trouble a signal reports.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Observation {
    /// An error with its text: a stack trace, a log line, a panic message.
    Error(Untrusted),
    /// A metric left its baseline.
    Anomaly(Anomaly),
    /// The health check fails.
    Unhealthy(Untrusted),
    /// A pipeline fails: what makes two failures the same, and the text that reports it, its first
    /// line the title.
    Pipeline(Fingerprint, Untrusted),
}

impl Observation {
    /// What makes failures of a health check the same trouble, whoever reports them.
    pub fn unhealthy_fingerprint() -> Fingerprint {
        Fingerprint::of(["unhealthy", &Metric::Health.to_string()])
    }
}

/// A metric that left its baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Anomaly {
    /// Which metric.
    pub metric: Metric,
    /// What was expected, in the metric's unit, as the bits of an `f64`; NaN where nobody says.
    #[serde(with = "crate::bits")]
    pub expected: f64,
    /// What was measured; NaN where nobody says.
    #[serde(with = "crate::bits")]
    pub measured: f64,
    /// How far off, in robust standard deviations; NaN where nobody says.
    #[serde(with = "crate::bits")]
    pub deviations: f64,
}

impl Anomaly {
    /// A metric measured `deviations` away from what was expected.
    pub fn new(metric: Metric, expected: f64, measured: f64, deviations: f64) -> Self {
        Self { metric, expected, measured, deviations }
    }

    /// What makes anomalies of `metric` the same trouble, whoever reports them.
    pub fn fingerprint_of(metric: &Metric) -> Fingerprint {
        Fingerprint::of(["anomaly", &metric.to_string()])
    }
}

/// What nobody says is left out.
///
/// ```
/// use aegis_core::model::{Anomaly, Metric};
///
/// let seen = |expected, measured| Anomaly::new(Metric::ErrorRate, expected, measured, 8.0).to_string();
/// assert_eq!(seen(0.01, 0.33), "error rate is 0.3300, expected 0.0100");
/// assert_eq!(seen(f64::NAN, 0.33), "error rate is 0.3300");
/// assert_eq!(seen(f64::NAN, f64::NAN), "error rate left its baseline");
/// ```
impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metric, expected, measured, .. } = self;
        if measured.is_finite() {
            write!(f, "{metric} is {measured:.4}")?;
        } else {
            write!(f, "{metric} left its baseline")?;
        }
        if expected.is_finite() { write!(f, ", expected {expected:.4}") } else { Ok(()) }
    }
}

/// One report of trouble, as its source wrote it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Signal {
    /// The service in trouble.
    pub service: ServiceName,
    /// When it was seen.
    pub at: Timestamp,
    /// What was seen.
    pub observation: Observation,
    /// The revision that was running, where the source knows.
    pub revision: Option<Revision>,
    /// Which source saw it, for people: `log:stderr`, `health`.
    pub source: String,
}

impl Signal {
    /// An error of `service`, with the text that reports it.
    pub fn error(service: ServiceName, at: Timestamp, text: Untrusted) -> Self {
        Self::new(service, at, Observation::Error(text))
    }

    /// A report of `observation`.
    pub fn new(service: ServiceName, at: Timestamp, observation: Observation) -> Self {
        Self { service, at, observation, revision: None, source: String::from("host") }
    }

    /// Says which revision was running.
    #[must_use]
    pub fn with_revision(mut self, revision: Revision) -> Self {
        self.revision = Some(revision);
        self
    }

    /// Names the source.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }
}

/// The kind of a symptom; what is left of an [`Observation`] after redaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SignalKind {
    /// An error, with its trace where one was recognised.
    Error(Option<Trace>),
    /// A metric left its baseline.
    Anomaly(Anomaly),
    /// The health check fails.
    Unhealthy,
    /// A pipeline fails, with what a test of it raised, where that was recognised.
    Pipeline(Option<Trace>),
}

/// A signal after intake: redacted, parsed, fingerprinted, fit to be stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Symptom {
    /// When it was first seen.
    pub at: Timestamp,
    /// What makes two of them the same.
    pub fingerprint: Fingerprint,
    /// What was seen.
    pub kind: SignalKind,
    /// One line for people.
    pub title: Redacted,
    /// The whole text, redacted and capped.
    pub detail: Redacted,
    /// The revision that was running, where known.
    pub revision: Option<Revision>,
    /// Which source saw it.
    pub source: String,
}

impl Symptom {
    /// A symptom of `kind` with its fingerprint and title.
    pub fn new(at: Timestamp, fingerprint: Fingerprint, kind: SignalKind, title: Redacted) -> Self {
        Self {
            at,
            fingerprint,
            kind,
            detail: title.clone(),
            title,
            revision: None,
            source: String::from("host"),
        }
    }

    /// Adds the whole text.
    #[must_use]
    pub fn with_detail(mut self, detail: Redacted) -> Self {
        self.detail = detail;
        self
    }

    /// Says which revision was running.
    #[must_use]
    pub fn with_revision(mut self, revision: Option<Revision>) -> Self {
        self.revision = revision;
        self
    }

    /// Names the source.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// The stack trace, where there is one.
    pub fn trace(&self) -> Option<&Trace> {
        match &self.kind {
            SignalKind::Error(trace) | SignalKind::Pipeline(trace) => trace.as_ref(),
            _ => None,
        }
    }
}
