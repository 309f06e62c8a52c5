//! Proof that policy allowed something.

use crate::id::{Digest, IncidentId, Revision};

use super::Autonomy;

/// What a clearance permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Submit for a person to merge.
    Propose,
    /// Submit, to be merged under a clearance of its own.
    Submit,
    /// Merge the head that was verified.
    Merge,
    /// Take back what was merged.
    Revert,
}

/// Proof that the policy gate allowed one step, for one fix of one incident on one base.
///
/// It can't be built, copied or read from storage: only [`Policy`](super::Policy) mints one, and every
/// order consumes one. What the journal keeps is the decision; after a crash the gate is asked again.
#[derive(Debug)]
pub struct Clearance {
    incident: IncidentId,
    fix: Digest,
    base: Revision,
    ceiling: Autonomy,
    permit: Permit,
    policy: Digest,
}

impl Clearance {
    pub(super) fn mint(
        incident: IncidentId,
        fix: Digest,
        base: Revision,
        ceiling: Autonomy,
        permit: Permit,
        policy: Digest,
    ) -> Self {
        Self { incident, fix, base, ceiling, permit, policy }
    }

    /// The incident it was minted for.
    pub fn incident(&self) -> &IncidentId {
        &self.incident
    }

    /// Digest of the fix it was minted for.
    pub fn fix(&self) -> &Digest {
        &self.fix
    }

    /// The base that was verified.
    pub fn base(&self) -> &Revision {
        &self.base
    }

    /// The autonomy it was granted under.
    pub fn ceiling(&self) -> Autonomy {
        self.ceiling
    }

    /// What it permits.
    pub fn permit(&self) -> Permit {
        self.permit
    }

    /// Digest of the policy that granted it.
    pub fn policy(&self) -> &Digest {
        &self.policy
    }
}
