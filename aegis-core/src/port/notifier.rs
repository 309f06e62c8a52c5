//! Telling a person.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::id::{Confidence, IncidentId, ServiceName, Timestamp};

/// How soon a person should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// For the record: healed, kept.
    Info,
    /// During working hours.
    Attention,
    /// Now: production is broken and Aegis has stopped.
    Page,
}

/// What a person is told; every text in it is redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Notice {
    /// The incident.
    pub incident: IncidentId,
    /// The service.
    pub service: ServiceName,
    /// When the notice was written.
    pub at: Timestamp,
    /// How soon to look.
    pub urgency: Urgency,
    /// One line: what happened.
    pub title: String,
    /// Why it stopped or what it did.
    pub why: String,
    /// What was changed so far, one line each: branches, merges, reverts.
    pub changed: Vec<String>,
    /// How to undo each change, commands where there are any.
    pub undo: Vec<String>,
    /// What can be done next: approve, resume, cancel, what to look at.
    pub next: Vec<String>,
    /// The verification's confidence, where there was one.
    pub confidence: Option<Confidence>,
    /// A change that a person may apply, as a unified diff of at most 16 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

impl Notice {
    /// A notice about an incident, with its title.
    pub fn new(
        incident: IncidentId,
        service: ServiceName,
        at: Timestamp,
        urgency: Urgency,
        title: impl Into<String>,
    ) -> Self {
        Self {
            incident,
            service,
            at,
            urgency,
            title: title.into(),
            why: String::new(),
            changed: Vec::new(),
            undo: Vec::new(),
            next: Vec::new(),
            confidence: None,
            diff: None,
        }
    }
}

/// Tells a person. At least once: after a crash the same notice may be sent again.
#[async_trait]
pub trait Notifier: std::fmt::Debug + Send + Sync + 'static {
    /// Sends `notice`; an error that can be retried is, by the planner, within a budget.
    async fn notify(&self, notice: &Notice) -> Result<()>;
}
