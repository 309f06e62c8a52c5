//! The machine's times and limits; journaled with each incident, so that a replay uses the same.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Times in milliseconds and limits of one incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Settings {
    /// How long a release is watched; 5 minutes unless set.
    pub watch_ms: u64,
    /// Time between two looks at a release; 10 s unless set.
    pub look_every_ms: u64,
    /// How often a watch that can't be decided is extended by its own length; 2 unless set.
    pub extensions: u32,
    /// Requests on the path that failed before its silence means anything; 5 unless set.
    pub exercise: u64,
    /// Time between two looks at checks and at what is running; 1 s unless set.
    pub poll_ms: u64,
    /// How long checks may take; 30 minutes unless set.
    pub checks_ms: u64,
    /// How long a merged revision may take to run; 10 minutes unless set.
    pub live_ms: u64,
    /// How long the signal may take to come back after a revert; 5 minutes unless set.
    pub recover_ms: u64,
    /// Rounds of drafting; 3 unless set.
    pub drafts: u32,
    /// Failures of one phase before a person is asked; 5 unless set.
    pub failures: u32,
    /// The first backoff after a failure, doubled each time; 1 s unless set.
    pub backoff_ms: u64,
    /// The longest backoff; 1 minute unless set.
    pub backoff_cap_ms: u64,
    /// How long an error that came back twice waits before it is looked at, doubled each further time;
    /// 1 minute unless set. The first time it is looked at at once; 0 damps nothing.
    pub damp_ms: u64,
    /// The longest wait of an error that comes and goes; 1 h unless set.
    pub damp_cap_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            watch_ms: 300_000,
            look_every_ms: 10_000,
            extensions: 2,
            exercise: 5,
            poll_ms: 1_000,
            checks_ms: 1_800_000,
            live_ms: 600_000,
            recover_ms: 300_000,
            drafts: 3,
            failures: 5,
            backoff_ms: 1_000,
            backoff_cap_ms: 60_000,
            damp_ms: 60_000,
            damp_cap_ms: 3_600_000,
        }
    }
}

impl Settings {
    /// Watches a release for `watch`, looking every `every`.
    #[must_use]
    pub fn with_watch(mut self, watch: Duration, every: Duration) -> Self {
        self.watch_ms = ms(watch);
        self.look_every_ms = ms(every).max(1);
        self
    }

    /// Needs `requests` on the path that failed before its silence means anything.
    #[must_use]
    pub fn with_exercise(mut self, requests: u64) -> Self {
        self.exercise = requests;
        self
    }

    /// Looks at checks and at what is running every `poll`.
    #[must_use]
    pub fn with_poll(mut self, poll: Duration) -> Self {
        self.poll_ms = ms(poll).max(1);
        self
    }

    /// Lets checks take `checks` and a merged revision `live` to run.
    #[must_use]
    pub fn with_deadlines(mut self, checks: Duration, live: Duration) -> Self {
        self.checks_ms = ms(checks);
        self.live_ms = ms(live);
        self
    }

    /// Lets an error that comes back for the second time wait for `first` before it is looked at, and
    /// each further time for twice as long, `cap` at most. Zero damps nothing.
    #[must_use]
    pub fn with_damping(mut self, first: Duration, cap: Duration) -> Self {
        self.damp_ms = ms(first);
        self.damp_cap_ms = ms(cap);
        self
    }

    /// Refuses what can't work: a phase that never ends, or one that never waits.
    pub(crate) fn check(&self) -> Result<()> {
        let least = [
            ("watch_ms", self.watch_ms),
            ("look_every_ms", self.look_every_ms),
            ("poll_ms", self.poll_ms),
            ("backoff_ms", self.backoff_ms),
            ("backoff_cap_ms", self.backoff_cap_ms),
            ("drafts", self.drafts.into()),
            ("failures", self.failures.into()),
        ];
        match least.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(Error::invalid(format!("{name} is 0; give it at least 1"))),
            None => Ok(()),
        }
    }

    /// The backoff after `failures` failures in a row.
    pub(super) fn backoff(&self, failures: u32) -> Duration {
        let doubled = self.backoff_ms.saturating_mul(1 << failures.saturating_sub(1).min(20));
        Duration::from_millis(doubled.min(self.backoff_cap_ms))
    }

    /// How long an error that came back `reopened` times waits before it is looked at.
    pub(super) fn damping(&self, reopened: u32) -> Duration {
        let Some(doublings) = reopened.checked_sub(2) else { return Duration::ZERO };
        let doubled = self.damp_ms.saturating_mul(1 << doublings.min(32));
        Duration::from_millis(doubled.min(self.damp_cap_ms))
    }
}

fn ms(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}
