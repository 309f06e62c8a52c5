//! Where an incident stands.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{Digest, IncidentId, Revision};

/// The phases of an incident. The last six are terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Looking for the cause.
    Diagnosing,
    /// Writing candidates.
    Drafting,
    /// Proving a candidate.
    Verifying,
    /// Asking policy.
    Gating,
    /// Waiting for another release of the service to end.
    Queued,
    /// Offering the fix, waiting for its checks.
    Submitting,
    /// Merging the head that was verified.
    Merging,
    /// Merged, waiting until it is reported running.
    GoingLive,
    /// Watching the release.
    Watching,
    /// Taking back what was submitted and not merged.
    Withdrawing,
    /// Taking back what was merged.
    Reverting,
    /// Waiting for a person.
    AwaitingHuman,
    /// A fix was shipped and works.
    Healed,
    /// A release was taken back and the signal is at its baseline again.
    RolledBack,
    /// A person's release was watched and kept.
    Kept,
    /// The trouble went away before anything was merged.
    SelfResolved,
    /// A person cancelled it.
    Abandoned,
    /// One of many at once: the umbrella incident of a storm stands for it.
    Folded,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 18] = [
        Self::Diagnosing,
        Self::Drafting,
        Self::Verifying,
        Self::Gating,
        Self::Queued,
        Self::Submitting,
        Self::Merging,
        Self::GoingLive,
        Self::Watching,
        Self::Withdrawing,
        Self::Reverting,
        Self::AwaitingHuman,
        Self::Healed,
        Self::RolledBack,
        Self::Kept,
        Self::SelfResolved,
        Self::Abandoned,
        Self::Folded,
    ];

    /// The phase's name, as in its type: `AwaitingHuman`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Diagnosing => "Diagnosing",
            Self::Drafting => "Drafting",
            Self::Verifying => "Verifying",
            Self::Gating => "Gating",
            Self::Queued => "Queued",
            Self::Submitting => "Submitting",
            Self::Merging => "Merging",
            Self::GoingLive => "GoingLive",
            Self::Watching => "Watching",
            Self::Withdrawing => "Withdrawing",
            Self::Reverting => "Reverting",
            Self::AwaitingHuman => "AwaitingHuman",
            Self::Healed => "Healed",
            Self::RolledBack => "RolledBack",
            Self::Kept => "Kept",
            Self::SelfResolved => "SelfResolved",
            Self::Abandoned => "Abandoned",
            Self::Folded => "Folded",
        }
    }

    /// The phase of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }

    /// Whether nothing more happens.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Healed
                | Self::RolledBack
                | Self::Kept
                | Self::SelfResolved
                | Self::Abandoned
                | Self::Folded
        )
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a person is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// No code is to blame; what to look at.
    NotCode(String),
    /// Nobody knows the cause.
    Inconclusive(String),
    /// Every candidate was tried, or there was none.
    Exhausted(String),
    /// Policy asks for approval of the fix with this digest; why.
    Approval {
        /// The fix.
        fix: Digest,
        /// What policy said.
        reason: String,
    },
    /// Observe mode: this fix would have been shipped.
    WouldHave {
        /// The fix.
        fix: Digest,
        /// Its title.
        title: String,
    },
    /// Submitted; a person merges or closes it.
    Proposed,
    /// A person closed it or deleted its branch.
    ClosedByPerson,
    /// Somebody else changed what was submitted.
    Interfered,
    /// Its checks took too long.
    Expired,
    /// Merged, and never reported running.
    Blind,
    /// Watched, and nobody can tell.
    Undecided(String),
    /// The judge condemns the release, and policy does not let Aegis take it back; approving this
    /// digest does.
    WouldRevert {
        /// What to approve.
        revert: Digest,
        /// The judge's reasons.
        reasons: Vec<String>,
    },
    /// The revert does not apply cleanly to later work.
    RevertConflict,
    /// Reverted, and the signal did not come back.
    RevertDidNotHelp(String),
    /// So many different errors at once that none of them is looked at alone.
    Storm {
        /// How many different errors.
        errors: u64,
        /// Within how many milliseconds.
        within_ms: u64,
        /// What they share, one finding each; redacted.
        shared: Vec<String>,
    },
    /// A stage failed too often or for good.
    StageFailed {
        /// Which stage.
        stage: String,
        /// How.
        error: String,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCode(look) => write!(f, "no code is to blame; look at {look}"),
            Self::Inconclusive(why) => write!(f, "the cause is unknown: {why}"),
            Self::Exhausted(why) => write!(f, "nothing left to try: {why}"),
            Self::Approval { fix, reason } => write!(f, "approve {}: {reason}", fix.short()),
            Self::WouldHave { fix, title } => {
                write!(f, "observing only; would have shipped {}: {title}", fix.short())
            }
            Self::Proposed => f.write_str("proposed; a person merges it"),
            Self::ClosedByPerson => f.write_str("a person closed it"),
            Self::Interfered => f.write_str("somebody changed what was submitted"),
            Self::Expired => f.write_str("its checks took too long"),
            Self::Blind => f.write_str("merged, and never reported running"),
            Self::Undecided(why) => write!(f, "watched, and nobody can tell: {why}"),
            Self::WouldRevert { revert, reasons } => {
                write!(f, "approve the revert {}: {}", revert.short(), reasons.join("; "))
            }
            Self::RevertConflict => f.write_str("the revert conflicts with later work"),
            Self::RevertDidNotHelp(why) => write!(f, "reverted, and it did not help: {why}"),
            Self::Storm { errors, within_ms, shared } => {
                let within = Duration::from_millis(*within_ms);
                write!(f, "{errors} different errors within {within:?}; ")?;
                match shared.as_slice() {
                    [] => f.write_str("they share nothing that can be told from their text"),
                    shared => write!(f, "look at what they share: {}", shared.join("; ")),
                }
            }
            Self::StageFailed { stage, error } => write!(f, "{stage} failed: {error}"),
        }
    }
}

/// Where a withdrawal leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterWithdraw {
    /// The next candidate or draft.
    NextFix,
    /// Verify the same fix on the base that the branch moved to.
    Rebase(Revision),
    /// A person.
    Park(Why),
    /// The trouble went away by itself.
    SelfResolve,
    /// A person cancelled.
    Abandon,
    /// The umbrella incident of a storm.
    Fold(IncidentId),
}
