//! What policy is told about the moment.

use super::Control;
use crate::id::{IncidentId, Timestamp};

/// How things stand at this moment; read anew for every decision.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// The time.
    pub now: Timestamp,
    /// What a person has switched; `None` where it could not be read: then nothing is allowed.
    pub control: Option<Control>,
    /// Whether this very fix was shipped and taken back before.
    pub reverted: bool,
    /// How many fixes of this fingerprint were shipped and changed nothing, or nothing that lasted.
    pub futile: u64,
    /// The umbrella incident of the storm that the service is in: then nothing is shipped, whoever
    /// approves.
    pub storm: Option<IncidentId>,
}

impl Standing {
    /// Nothing switched, nothing taken back.
    pub fn new(now: Timestamp, control: Option<Control>) -> Self {
        Self { now, control, reverted: false, futile: 0, storm: None }
    }

    /// Says what the ledger holds about the fix and the fingerprint.
    #[must_use]
    pub fn with_ledger(mut self, reverted: bool, futile: u64) -> Self {
        self.reverted = reverted;
        self.futile = futile;
        self
    }

    /// Says which umbrella incident is open for the service.
    #[must_use]
    pub fn with_storm(mut self, umbrella: Option<IncidentId>) -> Self {
        self.storm = umbrella;
        self
    }
}
