//! What the remote's answers mean.

use std::time::Duration;

use super::incident::Watch;
use super::{AfterWithdraw, Incident, Phase, Why};
use crate::id::{EffectKey, EffectKind, Revision, Timestamp};
use crate::model::AttemptEnd;
use crate::stage::{Feedback, Rollout};

impl Incident {
    pub(super) fn on_answered(
        &mut self,
        key: &EffectKey,
        rollout: Option<&Rollout>,
        at: Timestamp,
    ) {
        if self.open_effect.as_ref().is_some_and(|open| open.key == *key) {
            self.open_effect = None;
        }
        // An answer about an earlier submission is history.
        if *key != self.key(key.kind) {
            return;
        }
        self.failures = 0;
        self.held = None;
        match self.phase {
            Phase::Submitting => self.in_submitting(rollout, at),
            Phase::Merging => self.in_merging(rollout, at),
            Phase::GoingLive => self.in_going_live(rollout, at),
            Phase::Withdrawing => self.in_withdrawing(key.kind, rollout, at),
            Phase::Reverting => self.in_reverting(key.kind, rollout, at),
            Phase::AwaitingHuman if self.why == Some(Why::Proposed) => {
                self.in_submitting(rollout, at);
            }
            _ => {}
        }
    }

    fn in_submitting(&mut self, rollout: Option<&Rollout>, at: Timestamp) {
        let proposed = self.phase == Phase::AwaitingHuman;
        let known = self.submitted;
        self.submitted = rollout.is_some();
        let Some(rollout) = rollout else {
            // What was there and is gone was taken away; what never arrived is submitted again, under
            // the same key.
            return if known { self.closed(at) } else { self.repeat(0, at) };
        };
        if !known {
            // Its checks begin here: what held the submit before does not count against them.
            self.since = at;
        }
        match rollout {
            Rollout::Checking => self.poll(at),
            Rollout::Ready { .. } if proposed => self.wait(at, self.settings.look_every_ms),
            Rollout::Ready { head } => {
                self.head = Some(head.clone());
                self.enter(Phase::Merging, at);
            }
            Rollout::AwaitingPerson if proposed => self.wait(at, self.settings.look_every_ms),
            Rollout::AwaitingPerson => {
                self.proposed = true;
                self.park(Why::Proposed, at);
                self.wait(at, self.settings.look_every_ms);
            }
            // Whoever merges a proposal decides that, wherever the branch is.
            Rollout::BaseMoved { .. } if proposed => self.wait(at, self.settings.look_every_ms),
            Rollout::BaseMoved { base } if known || self.lost() => {
                self.withdraw(AfterWithdraw::Rebase(base.clone()), String::new(), at);
            }
            Rollout::BaseMoved { base } => {
                // Nothing was written, so nothing has to be withdrawn.
                self.submitted = false;
                self.submission = self.submission.saturating_sub(1);
                self.tries = None;
                self.rebase(base, at);
            }
            other => self.landed(other, at),
        }
    }

    /// Whether the answer to the last write was lost, so that nobody knows what it left behind.
    fn lost(&self) -> bool {
        self.tries.as_ref().is_some_and(|tries| tries.failure.is_some())
    }

    /// A person took it away: that fix is not offered again, and a word for it is good no more.
    fn closed(&mut self, at: Timestamp) {
        self.submitted = false;
        self.head = None;
        self.approved = None;
        self.remember(AttemptEnd::Withdrawn, "a person closed it");
        self.park(Why::ClosedByPerson, at);
    }

    fn in_merging(&mut self, rollout: Option<&Rollout>, at: Timestamp) {
        match rollout {
            None => self.closed(at),
            Some(Rollout::Checking) => {
                if self.gives_up(at) {
                    return;
                }
                self.head = None;
                self.enter(Phase::Submitting, at);
                self.poll(at);
            }
            Some(Rollout::Ready { head }) if Some(head) != self.head.as_ref() => {
                self.park(Why::Interfered, at);
            }
            Some(Rollout::Ready { .. }) => self.repeat(self.settings.poll_ms, at),
            Some(Rollout::AwaitingPerson) => {
                self.proposed = true;
                self.park(Why::Proposed, at);
            }
            Some(Rollout::BaseMoved { base }) => {
                self.withdraw(AfterWithdraw::Rebase(base.clone()), String::new(), at);
            }
            Some(other) => self.landed(other, at),
        }
    }

    fn in_going_live(&mut self, rollout: Option<&Rollout>, at: Timestamp) {
        match rollout {
            Some(Rollout::Failed(feedback)) => {
                self.condemned = vec![reason(feedback)];
                self.remember(AttemptEnd::Reverted, &reason(feedback));
                self.enter(Phase::Reverting, at);
            }
            Some(landed @ Rollout::Live { .. }) => self.landed(landed, at),
            Some(Rollout::Merged { commit }) if !self.merge_named => {
                self.merge(commit, true);
                self.wait(at, self.settings.poll_ms);
            }
            _ if at.since(self.since) >= Duration::from_millis(self.settings.live_ms) => {
                self.park(Why::Blind, at);
            }
            _ => self.wait(at, self.settings.poll_ms),
        }
    }

    /// Answers that mean the same wherever a fix is on its way.
    fn landed(&mut self, rollout: &Rollout, at: Timestamp) {
        match rollout {
            Rollout::Merged { commit } => {
                self.merge(commit, true);
                self.enter(Phase::GoingLive, at);
            }
            Rollout::Live { release, at: live_at, commit } => {
                self.merge(commit.as_ref().unwrap_or(release), commit.is_some());
                self.go_live(release, *live_at, at);
            }
            Rollout::Failed(feedback) => {
                self.remember(AttemptEnd::ChecksFailed, &reason(feedback));
                self.candidates.pop_front();
                self.approved = None;
                self.enter(Phase::Withdrawing, at);
                self.after_withdraw = Some(AfterWithdraw::NextFix);
            }
            Rollout::Conflict => self.park(Why::Interfered, at),
            Rollout::ClosedByPerson => self.closed(at),
            Rollout::Withdrawn => {
                self.submitted = false;
                self.approved = None;
                self.park(Why::Interfered, at);
            }
            Rollout::Checking
            | Rollout::Ready { .. }
            | Rollout::AwaitingPerson
            | Rollout::BaseMoved { .. } => {}
        }
    }

    fn remember(&mut self, end: AttemptEnd, feedback: &str) {
        if let Some(fix) = self.candidates.front() {
            let attempt = crate::model::Attempt::new(fix.digest(), &fix.title, end, feedback);
            self.case.attempts.push(attempt);
        }
    }

    /// `named` where the remote says that `commit` is the merge, not only that it runs.
    fn merge(&mut self, commit: &Revision, named: bool) {
        self.submitted = false;
        if !self.merge_named && (named || self.merged.is_none()) {
            self.merged = Some(commit.clone());
            self.merge_named = named;
        }
    }

    fn go_live(&mut self, release: &Revision, live_at: Timestamp, at: Timestamp) {
        // A remote whose clock is ahead must not postpone the watch.
        let live_at = live_at.min(at);
        let mut watch = Watch::new(release.clone(), live_at.max(self.since), &self.settings);
        watch.live_at = live_at;
        self.watch = Some(watch);
        self.enter(Phase::Watching, at);
    }

    /// Waits for the next look at the checks, or gives up on them.
    fn poll(&mut self, at: Timestamp) {
        if at.since(self.since) >= Duration::from_millis(self.settings.checks_ms) {
            self.withdraw(AfterWithdraw::Park(Why::Expired), String::new(), at);
        } else {
            self.wait(at, self.settings.poll_ms);
        }
    }

    fn in_withdrawing(&mut self, kind: EffectKind, rollout: Option<&Rollout>, at: Timestamp) {
        if kind == EffectKind::Revert {
            // Cancelled while a revert was under way: there is nothing to withdraw.
            self.reverted = self.reverted.take().or(rollout.and_then(commit_of));
            return self.withdrawn(at);
        }
        let gone = match rollout {
            // Too late: it was merged meanwhile, so it is watched.
            Some(landed @ (Rollout::Merged { .. } | Rollout::Live { .. })) => {
                return self.landed(landed, at);
            }
            Some(Rollout::Withdrawn | Rollout::ClosedByPerson) | None => true,
            Some(_) => false,
        };
        // A lookup of an intent that was open before the withdrawal only says what is there.
        if kind != EffectKind::Withdraw && rollout.is_some() {
            return self.wait(at, 0);
        }
        if !gone {
            return self.repeat(self.settings.poll_ms, at);
        }
        self.withdrawn(at);
    }

    /// Nothing is left out there: on to where the withdrawal leads.
    fn withdrawn(&mut self, at: Timestamp) {
        self.submitted = false;
        self.head = None;
        match self.after_withdraw.take() {
            Some(AfterWithdraw::Rebase(base)) => self.rebase(&base, at),
            Some(AfterWithdraw::Park(why)) => self.park(why, at),
            Some(AfterWithdraw::SelfResolve) => self.enter(Phase::SelfResolved, at),
            Some(AfterWithdraw::Abandon) => self.enter(Phase::Abandoned, at),
            Some(AfterWithdraw::Fold(into)) => self.fold(into, at),
            Some(AfterWithdraw::NextFix) | None => {
                self.slot = false;
                self.follow_up(at);
            }
        }
    }

    fn in_reverting(&mut self, kind: EffectKind, rollout: Option<&Rollout>, at: Timestamp) {
        if kind != EffectKind::Revert {
            return;
        }
        let limit = Duration::from_millis(self.settings.live_ms);
        self.revert_pending = matches!(rollout, Some(Rollout::Checking | Rollout::AwaitingPerson));
        match rollout {
            // The lookup knows nothing of it: the intent never arrived.
            None if self.reverted.is_none() => self.repeat(0, at),
            None | Some(Rollout::Merged { .. }) => {
                if let (None, Some(Rollout::Merged { commit })) = (&self.reverted, rollout) {
                    // It has its time to go live from here, whatever held it before.
                    self.since = at;
                    self.reverted = Some(commit.clone());
                }
                if at.since(self.since) >= limit {
                    self.park(Why::Blind, at);
                } else {
                    self.wait(at, self.settings.poll_ms);
                }
            }
            Some(live @ Rollout::Live { .. }) => {
                self.reverted = self.reverted.take().or(commit_of(live));
                if !self.revert_live {
                    // The signal has its time to come back from here.
                    self.since = at;
                }
                self.revert_live = true;
                self.wait(at, 0);
            }
            Some(Rollout::Ready { .. }) => self.repeat(self.settings.poll_ms, at),
            Some(Rollout::Conflict | Rollout::BaseMoved { .. }) => {
                self.park(Why::RevertConflict, at);
            }
            Some(Rollout::Failed(feedback)) => {
                self.park(Why::RevertDidNotHelp(reason(feedback)), at);
            }
            Some(Rollout::ClosedByPerson | Rollout::Withdrawn) => {
                self.park(Why::ClosedByPerson, at);
            }
            Some(Rollout::Checking | Rollout::AwaitingPerson) => {
                if at.since(self.since) >= limit {
                    self.park(Why::Expired, at);
                } else {
                    self.wait(at, self.settings.poll_ms);
                }
            }
        }
    }
}

/// The commit that a rollout is of, as far as it is known.
fn commit_of(rollout: &Rollout) -> Option<Revision> {
    match rollout {
        Rollout::Merged { commit } => Some(commit.clone()),
        Rollout::Live { release, commit, .. } => Some(commit.as_ref().unwrap_or(release).clone()),
        _ => None,
    }
}

fn reason(feedback: &Feedback) -> String {
    if feedback.detail.is_empty() {
        feedback.summary.clone()
    } else {
        format!("{}: {}", feedback.summary, feedback.detail)
    }
}
