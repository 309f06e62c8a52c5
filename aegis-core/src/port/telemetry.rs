//! What Aegis says about itself, to programs.

use std::time::Duration;

use crate::error::ErrorKind;
use crate::id::{EffectKind, IncidentId, ServiceName, Timestamp};
use crate::machine::Phase;
use crate::model::{IncidentKind, Verdict};

/// Something that happened inside the planner.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum TelemetryEvent<'a> {
    /// This process committed a new incident, or one that it opened again.
    Opened {
        /// Its service.
        service: &'a ServiceName,
        /// What kind of trouble.
        kind: IncidentKind,
        /// Whether it had been closed before.
        again: bool,
    },
    /// An incident entered a phase, or begins to be driven here in the phase where it stands.
    Phase {
        /// The incident.
        incident: &'a IncidentId,
        /// Its service.
        service: &'a ServiceName,
        /// The phase.
        phase: Phase,
        /// The phase that it left; `None` where it only begins to be driven here.
        before: Option<Phase>,
        /// When it entered the phase.
        since: Timestamp,
        /// How long it had been open by then, this time.
        open_for: Duration,
    },
    /// An incident is driven here no more: it is closed, or another's.
    Left {
        /// The incident.
        incident: &'a IncidentId,
    },
    /// A driver began later than it was due: its incident waited to be claimed, or its task to run.
    Lag {
        /// How much later.
        by: Duration,
    },
    /// A stage call ended.
    Stage {
        /// The stage's name: `diagnose`, `verify`.
        stage: &'static str,
        /// How long it took.
        took: Duration,
        /// How it failed; `None` where it returned `Ok`.
        error: Option<ErrorKind>,
    },
    /// A thread was given up because its stage call did not return by its deadline.
    Abandoned {
        /// The stage's name.
        stage: &'static str,
        /// How many threads are given up and still blocked.
        total: usize,
    },
    /// A release was judged.
    Judged {
        /// Its service.
        service: &'a ServiceName,
        /// The verdict.
        verdict: &'a Verdict,
    },
    /// A notice was given up: no person reads it there.
    NoticeLost {
        /// The service it is about.
        service: &'a ServiceName,
    },
    /// A call of the journal ended.
    Journal {
        /// The method's name: `commit`, `claim`.
        call: &'static str,
        /// How long it took.
        took: Duration,
        /// How it failed. A refusal that the contract names, such as a lease that went to another, is
        /// an answer and no failure.
        error: Option<ErrorKind>,
    },
    /// The journal was asked for incidents to drive, and answered.
    Claimed {
        /// When.
        at: Timestamp,
        /// Incidents driven here that take room.
        driven: usize,
        /// For how many there is room in all.
        room: usize,
        /// Whether more may wait than there was room for.
        more: bool,
    },
    /// A service is observed from here on.
    Observing {
        /// The service.
        service: &'a ServiceName,
        /// When.
        at: Timestamp,
    },
    /// A service was sampled, and the metric source answered.
    Sampled {
        /// The service.
        service: &'a ServiceName,
        /// When.
        at: Timestamp,
        /// Metrics that have a value.
        values: usize,
        /// Metrics that have none.
        missing: usize,
    },
    /// How a person's switches stand; told at each look at a service.
    Switches {
        /// Whether the kill switch is thrown.
        killed: bool,
        /// Whether merges are frozen.
        frozen: bool,
    },
    /// How much of a service's budget of today is used; told at each look at the service.
    Budget {
        /// The service.
        service: &'a ServiceName,
        /// Which writes it limits.
        kind: EffectKind,
        /// Writes so far, by all processes on the journal.
        used: u64,
        /// The most there may be.
        most: u64,
    },
    /// A source failed and will be asked again.
    SourceFailed {
        /// The source's name.
        source: &'a str,
    },
    /// An event was dropped because a bounded queue was full.
    Dropped {
        /// Which queue.
        queue: &'static str,
    },
}

/// Takes what Aegis says about itself. Infallible and non-blocking: called on hot paths.
pub trait Telemetry: std::fmt::Debug + Send + Sync + 'static {
    /// Records one event.
    fn record(&self, event: TelemetryEvent<'_>);

    /// Whether nobody listens: what would be read from the journal only to be told is not read.
    fn is_silent(&self) -> bool {
        false
    }
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Telemetry for Silent {
    fn record(&self, _event: TelemetryEvent<'_>) {}

    fn is_silent(&self) -> bool {
        true
    }
}
