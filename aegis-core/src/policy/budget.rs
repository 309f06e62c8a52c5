//! How much may be spent. What can't be read counts as spent.

use serde::{Deserialize, Serialize};

use crate::id::{EffectKey, EffectKind, ServiceName, Timestamp};

/// Limits on writes to the outside world, each per incident and per service and day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Budget {
    /// Submits (branches, pull requests) per incident; 3 unless set.
    pub submits_per_incident: u64,
    /// Merges per incident; 1 unless set: no fix of a fix.
    pub merges_per_incident: u64,
    /// Reverts per incident; 1 unless set.
    pub reverts_per_incident: u64,
    /// Submits per service and day; 20 unless set.
    pub submits_per_day: u64,
    /// Merges per service and day; 10 unless set.
    pub merges_per_day: u64,
    /// Reverts per service and day; 10 unless set.
    pub reverts_per_day: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            submits_per_incident: 3,
            merges_per_incident: 1,
            reverts_per_incident: 1,
            submits_per_day: 20,
            merges_per_day: 10,
            reverts_per_day: 10,
        }
    }
}

/// A counter of the journal, and how far it may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The counter's name.
    pub counter: String,
    /// The most it may reach.
    pub most: u64,
}

impl Budget {
    /// The counters that a write takes one from; none for a withdrawal, which is always allowed.
    pub fn limits(&self, key: &EffectKey, now: Timestamp) -> Vec<Limit> {
        let each = match key.kind {
            EffectKind::Submit => self.submits_per_incident,
            EffectKind::Merge => self.merges_per_incident,
            EffectKind::Revert => self.reverts_per_incident,
            EffectKind::Withdraw => return Vec::new(),
        };
        let counter = format!("{}/incident/{}", key.kind.as_str(), key.incident);
        let of_day = self.of_day(key.kind, &key.service, now);
        [Limit { counter, most: each }].into_iter().chain(of_day).collect()
    }

    /// The counter of a service's writes of this kind on the day of `now`; none for withdrawals.
    pub fn of_day(&self, kind: EffectKind, service: &ServiceName, now: Timestamp) -> Option<Limit> {
        let most = match kind {
            EffectKind::Submit => self.submits_per_day,
            EffectKind::Merge => self.merges_per_day,
            EffectKind::Revert => self.reverts_per_day,
            EffectKind::Withdraw => return None,
        };
        let today = now.as_ms().div_euclid(86_400_000);
        Some(Limit { counter: format!("{}/day/{today}/{service}", kind.as_str()), most })
    }
}
