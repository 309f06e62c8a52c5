//! What the supervisor sees of its service.

use std::path::PathBuf;

use aegis_core::stage::Feedback;
use aegis_core::{Revision, Timestamp};

use crate::git::Refusal;

/// Where the service is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Started, not yet healthy.
    Starting,
    /// Healthy at least once since it was started.
    Running,
    /// It would not start, or crashed; it is tried again with a growing delay.
    Failed(Feedback),
    /// Ended by us.
    Stopped,
}

/// What the supervisor sees of its service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The revision that runs: the one that the service reports, else the one that was started.
    pub revision: Option<Revision>,
    /// Number of the process that leads its group.
    pub pid: Option<u32>,
    /// When this revision was first reported running.
    pub since: Option<Timestamp>,
    /// Where it is in its life.
    pub state: State,
    /// Whether the last look found it healthy.
    pub healthy: bool,
    /// How often it was started again after a crash.
    pub restarts: u64,
    /// The release that would not start, where the one before it runs in its stead.
    pub refused: Option<Refusal>,
    /// Where its standard output and error go.
    pub log: Option<PathBuf>,
}

impl Status {
    pub(super) fn stopped() -> Self {
        Self {
            revision: None,
            pid: None,
            since: None,
            state: State::Stopped,
            healthy: false,
            restarts: 0,
            refused: None,
            log: None,
        }
    }
}
