//! The case: everything the stages are told about an incident.

use serde::{Deserialize, Serialize};

use super::{Diagnosis, Release, Remedy, Symptom};
use crate::id::{Digest, Fingerprint, IncidentId, Revision, ServiceName, Timestamp};

/// What kind of trouble an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentKind {
    /// The service raises an error.
    Crash,
    /// A release is being watched, or made things worse.
    Release,
    /// A pipeline fails.
    Pipeline,
    /// A resource runs short, or a metric left its baseline without an error.
    Resource,
    /// Many different errors at once: an umbrella over them.
    Storm,
}

impl IncidentKind {
    /// The kind in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Release => "release",
            Self::Pipeline => "pipeline",
            Self::Resource => "resource",
            Self::Storm => "storm",
        }
    }
}

/// How an attempt at fixing ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttemptEnd {
    /// Verification rejected it.
    Rejected,
    /// Policy denied it.
    Denied,
    /// Its checks failed after it was submitted.
    ChecksFailed,
    /// It was withdrawn before it was merged.
    Withdrawn,
    /// It was merged and taken back.
    Reverted,
    /// It was merged and changed nothing.
    Futile,
}

/// A fix that was tried, so that it is not offered again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Attempt {
    /// Digest of the fix.
    pub fix: Digest,
    /// Its title.
    pub title: String,
    /// How it ended.
    pub end: AttemptEnd,
    /// What the next draft can learn from it.
    pub feedback: String,
}

impl Attempt {
    /// A fix that ended this way, with what can be learnt from it.
    pub fn new(
        fix: Digest,
        title: impl Into<String>,
        end: AttemptEnd,
        feedback: impl Into<String>,
    ) -> Self {
        Self { fix, title: title.into(), end, feedback: feedback.into() }
    }
}

/// An earlier incident that looks alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Similar {
    /// Its id.
    pub incident: IncidentId,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// How it ended, in words.
    pub outcome: String,
}

impl Similar {
    /// An earlier incident and how it ended.
    pub fn new(incident: IncidentId, fingerprint: Fingerprint, outcome: impl Into<String>) -> Self {
        Self { incident, fingerprint, outcome: outcome.into() }
    }
}

/// What the stages are told. Everything in it is redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Case {
    /// The incident.
    pub incident: IncidentId,
    /// The service.
    pub service: ServiceName,
    /// What kind of trouble it is.
    pub kind: IncidentKind,
    /// What identifies it.
    pub fingerprint: Fingerprint,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What was seen since it was opened, or reopened last, oldest first; bounded.
    pub symptoms: Vec<Symptom>,
    /// The revision that ran when it was opened, where known.
    pub deployed: Option<Revision>,
    /// What is believed to be the cause, once there is a diagnosis.
    pub diagnosis: Option<Diagnosis>,
    /// Recent releases of the service, newest first.
    pub releases: Vec<Release>,
    /// What was tried before, oldest first.
    pub attempts: Vec<Attempt>,
    /// Earlier incidents that look alike, newest first.
    pub similar: Vec<Similar>,
    /// Fingerprints of the service's other open incidents: their errors are not this one's.
    pub others: Vec<Fingerprint>,
}

impl Case {
    /// A case with its first symptom.
    pub fn new(
        incident: IncidentId,
        service: ServiceName,
        kind: IncidentKind,
        opened_at: Timestamp,
        first: Symptom,
    ) -> Self {
        Self {
            incident,
            service,
            kind,
            fingerprint: first.fingerprint.clone(),
            opened_at,
            deployed: first.revision.clone(),
            symptoms: vec![first],
            diagnosis: None,
            releases: Vec::new(),
            attempts: Vec::new(),
            similar: Vec::new(),
            others: Vec::new(),
        }
    }

    /// The first symptom that carries a stack trace.
    pub fn trace(&self) -> Option<&crate::trace::Trace> {
        self.symptoms.iter().find_map(Symptom::trace)
    }

    /// The remedy that `fix` is, where policy let it be offered.
    pub fn offered(&self, fix: &Digest) -> Option<&Remedy> {
        self.diagnosis.as_ref()?.offered().filter(|remedy| remedy.is(fix))
    }

    /// Whether a fix with this digest was tried before.
    pub fn tried(&self, fix: &Digest) -> bool {
        self.attempts.iter().any(|a| a.fix == *fix)
    }
}
