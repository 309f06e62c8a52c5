//! Storms: when the umbrella incident stands for another.

use super::{AfterWithdraw, Incident, Phase};
use crate::id::{IncidentId, Timestamp};
use crate::model::IncidentKind;

impl Incident {
    /// Since when it is open, this time.
    pub(crate) fn open_since(&self) -> Timestamp {
        let closed = self.spans.iter().rev().find(|span| span.phase.is_terminal());
        closed.and_then(|span| span.to).unwrap_or(self.case.opened_at)
    }

    /// Whether the umbrella incident of a storm may stand for it: an error of which nothing is merged,
    /// and which is not on its way out already.
    pub(crate) fn may_be_folded(&self) -> bool {
        let leaves = matches!(
            self.after_withdraw,
            Some(AfterWithdraw::Fold(_) | AfterWithdraw::Abandon | AfterWithdraw::SelfResolve)
        );
        let open = !self.phase.is_terminal() && !leaves;
        open && self.case.kind == IncidentKind::Crash && self.merged.is_none()
    }

    pub(super) fn on_folded(&mut self, into: &IncidentId, at: Timestamp) {
        if !self.may_be_folded() {
            return;
        }
        // A merge whose answer is unknown is looked up first: what is merged is watched.
        if self.submitted || self.open_effect.is_some() {
            self.withdraw(AfterWithdraw::Fold(into.clone()), String::new(), at);
        } else {
            self.fold(into.clone(), at);
        }
    }

    pub(super) fn fold(&mut self, into: IncidentId, at: Timestamp) {
        self.enter(Phase::Folded, at);
        self.folded = Some(into);
    }
}
