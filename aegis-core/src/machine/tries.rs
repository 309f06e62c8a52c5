//! Failures: which are borne, which writes are repeated, and when a person is asked.

use std::time::Duration;

use serde::Serialize;

use super::{Incident, OpenEffect, Phase, StageFailure, Why};
use crate::error::Retry;
use crate::id::{EffectKey, EffectKind, Timestamp};
use crate::policy::Ruling;

/// The longest pause that a stage may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// How often one write was intended without settling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Tries {
    /// Its key.
    pub key: EffectKey,
    /// How often.
    pub times: u32,
    /// How the last one failed, where it did.
    pub failure: Option<StageFailure>,
}

impl Incident {
    pub(super) fn on_intended(&mut self, key: &EffectKey, at: Timestamp) {
        self.held = None;
        self.open_effect = Some(OpenEffect { key: key.clone(), since: at });
        if key.kind == EffectKind::Submit {
            self.proposed = self.decision.as_ref().is_some_and(|d| d.ruling == Ruling::Propose);
        }
        match &mut self.tries {
            Some(tries) if tries.key == *key => {
                tries.times += 1;
                tries.failure = None;
            }
            _ => self.tries = Some(Tries { key: key.clone(), times: 1, failure: None }),
        }
    }

    pub(super) fn on_failed(&mut self, failure: &StageFailure, at: Timestamp) {
        self.failures += 1;
        self.held = None;
        let backoff = self.settings.backoff(self.failures);
        let wait = match failure.retry {
            Retry::Never => None,
            Retry::Backoff => Some(backoff),
            Retry::AfterMs(ms) => Some(backoff.max(Duration::from_millis(ms).min(LONGEST_PAUSE))),
        };
        if self.open_effect.is_some() {
            // An intent whose answer is unknown is looked up for as long as it takes: giving up here
            // would leave a write that nobody knows of.
            if let Some(tries) = &mut self.tries {
                tries.failure.get_or_insert_with(|| failure.clone());
            }
            self.not_before = at.plus(wait.unwrap_or(backoff));
            return;
        }
        let borne = self.failures < self.settings.failures
            || self.patient_until().is_some_and(|until| at < until);
        match wait.filter(|_| borne) {
            Some(wait) => self.not_before = at.plus(wait),
            None => {
                let (stage, error) = (failure.stage.clone(), failure.message.clone());
                self.park(Why::StageFailed { stage, error }, at);
            }
        }
    }

    /// Until when a remote or a judge that is away is waited for: while something of this incident is
    /// out there, looking away from it is worse than looking late.
    fn patient_until(&self) -> Option<Timestamp> {
        let within = |ms| self.since.plus(Duration::from_millis(ms));
        match self.phase {
            Phase::Submitting if self.submitted => Some(within(self.settings.checks_ms)),
            Phase::GoingLive => Some(within(self.settings.live_ms)),
            Phase::Watching => self.watch.as_ref().map(|watch| watch.ends_at),
            Phase::Reverting if self.reverted.is_some() => Some(within(self.settings.live_ms)),
            // A proposal is looked at for as long as it is open.
            Phase::AwaitingHuman => Some(Timestamp::from_ms(i64::MAX)),
            _ => None,
        }
    }

    /// The write did not happen, or did not settle: it is repeated, later each time, until a person
    /// has to look.
    pub(super) fn repeat(&mut self, least_ms: u64, at: Timestamp) {
        if self.gives_up(at) {
            return;
        }
        let failed = self.tries.as_ref().filter(|t| t.times > 1 || t.failure.is_some());
        let backoff = failed.map_or(Duration::ZERO, |t| self.settings.backoff(t.times));
        self.not_before = at.plus(backoff.max(Duration::from_millis(least_ms)));
    }

    /// Parks where the last write was tried often enough, or can't succeed.
    pub(super) fn gives_up(&mut self, at: Timestamp) -> bool {
        let Some(tries) = &self.tries else { return false };
        let hopeless = tries.failure.as_ref().is_some_and(|f| f.retry == Retry::Never);
        if !hopeless && tries.times < self.settings.failures {
            return false;
        }
        let stage = tries.key.kind.as_str().to_owned();
        let error = match &tries.failure {
            Some(failure) => failure.message.clone(),
            None => format!("tried {} times, and it never settles", tries.times),
        };
        self.tries = None;
        self.park(Why::StageFailed { stage, error }, at);
        true
    }
}
