//! What is journaled: facts, in the past tense.

use serde::{Deserialize, Serialize};

use super::{Settings, Why};
use crate::error::{Error, ErrorKind, Retry};
use crate::id::{Digest, EffectKey, IncidentId, Revision, ServiceName, Timestamp};
use crate::model::{
    Baseline, Diagnosis, Evidence, Fix, IncidentKind, Release, Similar, Symptom, Verdict,
    Verification,
};
use crate::policy::Decision;
use crate::stage::Rollout;

/// One journaled fact with its place and time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the incident's journal, from 1, without gaps.
    pub seq: u64,
    /// When it was written, by the planner's clock.
    pub at: Timestamp,
    /// What happened.
    pub record: Record,
}

/// How a stage failed, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageFailure {
    /// Which stage.
    pub stage: String,
    /// What went wrong.
    pub kind: ErrorKind,
    /// Whether calling again can help.
    pub retry: Retry,
    /// The message.
    pub message: String,
}

impl StageFailure {
    /// The failure of `stage` with `error`.
    pub fn new(stage: impl Into<String>, error: &Error) -> Self {
        Self {
            stage: stage.into(),
            kind: error.kind(),
            retry: error.retry(),
            message: error.to_string(),
        }
    }
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Go ahead with exactly the fix, or the revert, of this digest.
    Approve(Digest),
    /// Look again; where it is damped, at once.
    Resume,
    /// Leave it.
    Cancel,
}

/// A switch back to an earlier release, by the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchBack {
    /// What is to serve again.
    pub to: Revision,
    /// Why nobody knows whether it does.
    pub failed: Option<String>,
}

/// One fact about an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Record {
    /// A signal opened the incident, or a release opened a watch.
    Opened(Box<Opened>),
    /// The same trouble came back not long after the incident was closed.
    Reopened(Box<Symptom>),
    /// Another symptom belongs to this incident.
    Joined(Box<Symptom>),
    /// A diagnosis was made.
    Diagnosed(Box<Diagnosis>),
    /// Candidates were written.
    Drafted(Vec<Fix>),
    /// A candidate was proven or rejected.
    Verified(Box<Verification>),
    /// Policy decided.
    Decided(Box<Decision>),
    /// How often its error was seen until a fix was proven: a process that starts again would not know.
    Recurring {
        /// Times a second.
        #[serde(with = "crate::bits")]
        rate: f64,
    },
    /// It is this incident's turn to release.
    SlotTaken,
    /// What was normal before the release was measured.
    Baselined(Box<Baseline>),
    /// A write is about to happen.
    Intended {
        /// Its key.
        key: EffectKey,
        /// Digest of what is asked.
        request: Digest,
    },
    /// A write or a lookup was answered; `None` where the remote knows nothing of it.
    Answered {
        /// The key it was about.
        key: EffectKey,
        /// The answer.
        rollout: Option<Rollout>,
    },
    /// A step is not allowed at this moment.
    Held {
        /// Why.
        why: String,
        /// When to ask again.
        until: Timestamp,
    },
    /// A look at a release, and the verdict.
    Looked {
        /// Everything known since it went live.
        evidence: Box<Evidence>,
        /// The judge's verdict.
        verdict: Verdict,
    },
    /// The host was asked to go back to what ran before, until the revert has come through.
    SwitchedBack(SwitchBack),
    /// A look at the signal after a revert.
    Rechecked {
        /// Whether it is back at its baseline.
        back: bool,
        /// In words.
        why: String,
    },
    /// A stage failed.
    Failed(StageFailure),
    /// A person is needed.
    Parked(Why),
    /// A person said something.
    Person {
        /// Who.
        by: String,
        /// What.
        said: Said,
    },
    /// The trouble went away by itself.
    Resolved,
    /// It is one of many at once, and the umbrella incident of that storm stands for it.
    Folded {
        /// The umbrella.
        into: IncidentId,
    },
}

/// How an incident begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Opened {
    /// Its id.
    pub incident: IncidentId,
    /// The service.
    pub service: ServiceName,
    /// What kind of trouble.
    pub kind: IncidentKind,
    /// The first symptom.
    pub first: Symptom,
    /// Times and limits.
    pub settings: Settings,
    /// Recent releases, newest first; the first one is watched where `kind` is `Release`.
    pub releases: Vec<Release>,
    /// Earlier incidents that look alike.
    pub similar: Vec<Similar>,
    /// What was normal before the release, where a release is watched.
    pub baseline: Option<Baseline>,
    /// Why a person is needed from the start, where nothing is done without one: a storm.
    pub parked: Option<Why>,
}

impl Opened {
    /// An incident that `first` opens.
    pub fn new(
        incident: IncidentId,
        service: ServiceName,
        kind: IncidentKind,
        first: Symptom,
        settings: Settings,
    ) -> Self {
        Self {
            incident,
            service,
            kind,
            first,
            settings,
            releases: Vec::new(),
            similar: Vec::new(),
            baseline: None,
            parked: None,
        }
    }
}
