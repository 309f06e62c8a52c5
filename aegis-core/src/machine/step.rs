//! What to do next.

use super::{Incident, Phase, Why};
use crate::id::{EffectKey, EffectKind, Timestamp};
use crate::policy::Ruling;

/// Something for the driver to do; its result comes back as a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Ask the diagnoser.
    Diagnose,
    /// Ask the fix generator.
    Draft,
    /// Ask the verifier about the first candidate.
    Verify,
    /// Ask policy.
    Decide,
    /// Take the service's turn to release.
    TakeSlot,
    /// Measure what is normal before anything is submitted.
    Measure,
    /// Submit the first candidate, cleared by policy at this moment.
    Submit,
    /// Merge the head that was verified, cleared by policy at this moment.
    Merge,
    /// Take back what was submitted.
    Withdraw,
    /// Take back what was merged, cleared by policy at this moment.
    Revert,
    /// Look up how far a write got; always before an open intent is repeated.
    Lookup,
    /// Sample the release under watch and ask the judge.
    Look,
    /// Sample the signal after a revert.
    Recheck,
}

/// What an incident needs at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Do this; writes and lookups are about `key`.
    Run {
        /// What to do.
        effect: Effect,
        /// The key it is about; for effects that write nothing, the submission's.
        key: EffectKey,
    },
    /// Nothing before this moment.
    Wait(Timestamp),
    /// Nothing until a person speaks.
    Parked,
    /// Nothing more.
    Done,
}

impl Incident {
    /// Whether what was proposed may be merged from here, and the remote does not know that.
    fn to_be_cleared(&self) -> bool {
        self.proposed && self.decision.as_ref().is_some_and(|d| d.ruling == Ruling::Go)
    }

    /// What to do at `now`.
    pub fn step(&self, now: Timestamp) -> Step {
        if self.phase.is_terminal() {
            return Step::Done;
        }
        if self.phase == Phase::AwaitingHuman && self.why != Some(Why::Proposed) {
            return Step::Parked;
        }
        if now < self.not_before {
            return Step::Wait(self.not_before);
        }
        if let Some(open) = &self.open_effect {
            return Step::Run { effect: Effect::Lookup, key: open.key.clone() };
        }
        let run = |effect, kind| Step::Run { effect, key: self.key(kind) };
        match self.phase {
            Phase::Diagnosing => run(Effect::Diagnose, EffectKind::Submit),
            Phase::Drafting => run(Effect::Draft, EffectKind::Submit),
            Phase::Verifying => run(Effect::Verify, EffectKind::Submit),
            Phase::Gating => run(Effect::Decide, EffectKind::Submit),
            Phase::Queued => run(Effect::TakeSlot, EffectKind::Submit),
            Phase::Submitting if self.baseline.is_none() => {
                run(Effect::Measure, EffectKind::Submit)
            }
            // Only the write says that what was proposed may be merged; under its key it finds itself.
            Phase::Submitting if self.submitted && !self.to_be_cleared() => {
                run(Effect::Lookup, EffectKind::Submit)
            }
            Phase::Submitting => run(Effect::Submit, EffectKind::Submit),
            Phase::Merging => run(Effect::Merge, EffectKind::Merge),
            Phase::GoingLive => run(Effect::Lookup, EffectKind::Submit),
            Phase::Watching => match &self.watch {
                Some(watch) if now < watch.next_look => Step::Wait(watch.next_look),
                _ => run(Effect::Look, EffectKind::Submit),
            },
            Phase::Withdrawing => run(Effect::Withdraw, EffectKind::Withdraw),
            Phase::Reverting if self.revert_live => run(Effect::Recheck, EffectKind::Revert),
            Phase::Reverting if self.reverted.is_some() || self.revert_pending => {
                run(Effect::Lookup, EffectKind::Revert)
            }
            Phase::Reverting => run(Effect::Revert, EffectKind::Revert),
            Phase::AwaitingHuman => run(Effect::Lookup, EffectKind::Submit),
            Phase::Healed
            | Phase::RolledBack
            | Phase::Kept
            | Phase::SelfResolved
            | Phase::Abandoned
            | Phase::Folded => Step::Done,
        }
    }

    /// Whether all that it waits for is the next look at the remote, which may come sooner.
    pub fn polls(&self) -> bool {
        // After a failure, and to learn what became of a write, it waits on purpose.
        let calm = self.failures == 0 && self.open_effect.is_none();
        calm && matches!(self.step(self.not_before), Step::Run { effect: Effect::Lookup, .. })
    }
}
