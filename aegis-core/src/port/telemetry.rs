//! What Aegis says about itself, to programs.

use std::time::Duration;

use crate::id::{IncidentId, ServiceName};

/// Something that happened inside the planner.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum TelemetryEvent<'a> {
    /// An incident entered a phase.
    Phase {
        /// The incident.
        incident: &'a IncidentId,
        /// Its service.
        service: &'a ServiceName,
        /// The phase's name.
        phase: &'static str,
    },
    /// A stage call ended.
    Stage {
        /// The stage's name: `diagnose`, `verify`.
        stage: &'static str,
        /// How long it took.
        took: Duration,
        /// Whether it returned `Ok`.
        ok: bool,
    },
    /// A thread was given up because its stage call did not return by its deadline.
    Abandoned {
        /// The stage's name.
        stage: &'static str,
        /// How many threads are given up and still blocked.
        total: usize,
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
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Telemetry for Silent {
    fn record(&self, _event: TelemetryEvent<'_>) {}
}
