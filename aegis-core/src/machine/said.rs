//! What a person's word does.

use std::time::Duration;

use super::{AfterWithdraw, Incident, Phase, Said, Why};
use crate::id::{Digest, Timestamp};
use crate::model::{Fix, IncidentKind};
use crate::policy::Policy;

impl Incident {
    pub(super) fn on_said(&mut self, said: &Said, at: Timestamp) {
        match said {
            Said::Cancel => self.cancel(at),
            Said::Approve(digest) => self.approve(digest, at),
            Said::Resume if self.phase == Phase::AwaitingHuman => self.resume(at),
            Said::Resume if self.is_damped() => {
                self.not_before = at;
                self.held = None;
            }
            Said::Resume => {}
        }
    }

    /// Whether it waits for a person's word on exactly the fix, or the revert, of this digest.
    pub fn awaits(&self, digest: &Digest) -> bool {
        let mut said = self.clone();
        said.approve(digest, self.since);
        said.approved.as_ref() == Some(digest) && said != *self
    }

    fn cancel(&mut self, at: Timestamp) {
        // A write whose answer is unknown is looked up first, a revert's too.
        if self.open_effect.is_some() || (self.merged.is_none() && self.submitted) {
            self.withdraw(AfterWithdraw::Abandon, String::new(), at);
        } else {
            self.enter(Phase::Abandoned, at);
        }
    }

    fn approve(&mut self, digest: &Digest, at: Timestamp) {
        let waiting = self.phase == Phase::AwaitingHuman;
        match &self.why {
            Some(Why::Approval { fix, .. }) if waiting && fix == digest => {
                self.approved = Some(digest.clone());
                self.enter(Phase::Gating, at);
            }
            // Whether the autonomy allows merging it is the gate's to say.
            Some(Why::Proposed)
                if waiting && self.fix().map(Fix::digest).as_ref() == Some(digest) =>
            {
                self.approved = Some(digest.clone());
                self.tries = None;
                self.enter(Phase::Gating, at);
            }
            Some(Why::WouldRevert { revert, .. }) if waiting && revert == digest => {
                self.approved = Some(digest.clone());
                self.enter(Phase::Reverting, at);
            }
            _ if self.phase == Phase::Reverting => {
                let expected = self.condemnable().map(Policy::revert_digest);
                if expected.as_ref() == Some(digest) {
                    self.approved = expected;
                    self.not_before = at;
                }
            }
            _ => {}
        }
    }

    /// Goes on from where the outside world stands.
    fn resume(&mut self, at: Timestamp) {
        self.tries = None;
        if self.case.kind == IncidentKind::Storm {
            // A person says that it is over: what is left of it opens incidents of its own.
            self.enter(Phase::SelfResolved, at);
        } else if let Some(after) = self.after_withdraw.take() {
            self.enter(Phase::Withdrawing, at);
            self.after_withdraw = Some(after);
        } else if self.reverted.is_some() {
            self.enter(Phase::Reverting, at);
        } else if self.watch.is_some() && self.condemned.is_empty() {
            if let Some(watch) = &mut self.watch {
                watch.extended = 0;
                watch.next_look = at;
                watch.ends_at = at.plus(Duration::from_millis(self.settings.watch_ms));
            }
            self.enter(Phase::Watching, at);
        } else if !self.condemned.is_empty() {
            self.enter(Phase::Reverting, at);
        } else if self.merged.is_some() {
            self.enter(Phase::GoingLive, at);
        } else if self.submitted {
            // Its turn to release was given up when it was parked.
            self.enter(Phase::Queued, at);
        } else {
            self.drafts = 0;
            self.approved = None;
            self.candidates.clear();
            self.enter(Phase::Diagnosing, at);
        }
    }
}
