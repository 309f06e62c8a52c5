//! The only mutator: what each record means.

use std::time::Duration;

use super::incident::SYMPTOMS;
use super::{AfterWithdraw, Entry, Incident, Phase, Record, Why};
use crate::id::{EffectKind, Timestamp};
use crate::model::{
    Attempt, AttemptEnd, Cause, Diagnosis, Evidence, Fix, FixKind, GateAnswer, IncidentKind,
    Symptom, Verdict, Verification,
};
use crate::policy::{Decision, Ruling};

impl Incident {
    /// Takes in one record. A record that does not fit the phase changes nothing but the sequence;
    /// a closed incident takes nothing but its reopening.
    pub fn apply(&mut self, entry: &Entry) {
        self.seq = entry.seq;
        let at = entry.at;
        if let Record::Reopened(symptom) = &entry.record {
            return self.on_reopened(symptom, at);
        }
        if self.phase.is_terminal() {
            return;
        }
        match &entry.record {
            Record::Opened(_) | Record::Reopened(_) => {}
            Record::Joined(symptom) => self.on_joined(symptom),
            Record::Diagnosed(diagnosis) => self.on_diagnosed(diagnosis, at),
            Record::Drafted(fixes) => self.on_drafted(fixes, at),
            Record::Verified(verification) => self.on_verified(verification, at),
            Record::Decided(decision) => self.on_decided(decision, at),
            Record::Recurring { rate } => self.recurrence = Some(*rate),
            Record::SlotTaken => self.on_slot(at),
            Record::Baselined(baseline) => self.baseline = Some((**baseline).clone()),
            Record::Intended { key, .. } => self.on_intended(key, at),
            Record::Answered { key, rollout } => self.on_answered(key, rollout.as_ref(), at),
            Record::Held { why, until } => {
                self.held = Some(why.clone());
                self.not_before = *until;
            }
            Record::Looked { evidence, verdict } => self.on_looked(evidence, verdict, at),
            Record::SwitchedBack(switch) => self.switched = Some(switch.clone()),
            Record::Rechecked { back, why } => self.on_rechecked(*back, why, at),
            Record::Failed(failure) => self.on_failed(failure, at),
            Record::Parked(why) => self.park(why.clone(), at),
            Record::Person { said, .. } => self.on_said(said, at),
            Record::Resolved => self.on_resolved(at),
            Record::Folded { into } => self.on_folded(into, at),
        }
    }

    fn on_reopened(&mut self, symptom: &Symptom, at: Timestamp) {
        if !self.phase.is_terminal() {
            return self.on_joined(symptom);
        }
        if let Some(fix) = self.candidates.front().filter(|_| self.merged.is_some())
            && !self.case.tried(&fix.digest())
        {
            let feedback = "the error came back after it was shipped";
            let attempt = Attempt::new(fix.digest(), &fix.title, AttemptEnd::Futile, feedback);
            self.case.attempts.push(attempt);
        }
        self.reopened += 1;
        if self.case.kind == IncidentKind::Release {
            self.case.kind = IncidentKind::Crash;
        }
        self.case.diagnosis = None;
        self.case.deployed.clone_from(&symptom.revision);
        self.candidates.clear();
        self.drafts = 0;
        self.verification = None;
        self.decision = None;
        self.approved = None;
        self.baseline = None;
        self.recurrence = None;
        self.open_effect = None;
        self.submitted = false;
        self.proposed = false;
        self.head = None;
        self.merged = None;
        self.merge_named = false;
        self.reverted = None;
        self.revert_pending = false;
        self.revert_live = false;
        self.tries = None;
        self.watch = None;
        self.condemned.clear();
        self.switched = None;
        self.green = false;
        // The lines of an older trace may be mended, and the code it names may have moved.
        self.case.symptoms.clear();
        self.on_joined(symptom);
        self.enter(Phase::Diagnosing, at);
        let wait = self.settings.damping(self.reopened);
        if !wait.is_zero() {
            let (times, seconds) = (self.reopened, wait.as_secs_f64());
            let why = format!("it came back {times} times; looked at again in {seconds} s");
            self.held = Some(why);
            self.not_before = at.plus(wait);
        }
    }

    /// Whether a symptom would add nothing: its like is in the case, or the case is full.
    pub(crate) fn has_seen(&self, symptom: &Symptom) -> bool {
        let symptoms = &self.case.symptoms;
        symptoms.len() >= SYMPTOMS || symptoms.iter().any(|s| s.fingerprint == symptom.fingerprint)
    }

    fn on_joined(&mut self, symptom: &Symptom) {
        if self.case.symptoms.len() < SYMPTOMS {
            self.case.symptoms.push(symptom.clone());
        }
    }

    fn on_diagnosed(&mut self, diagnosis: &Diagnosis, at: Timestamp) {
        if self.phase != Phase::Diagnosing {
            return;
        }
        self.case.diagnosis = Some(diagnosis.clone());
        match diagnosis.likely().map(|h| &h.cause) {
            Some(_) if diagnosis.offered().is_some() => self.enter(Phase::Drafting, at),
            Some(Cause::Environment(look)) => self.park(Why::NotCode(look.clone()), at),
            Some(Cause::Code(_) | Cause::Release(_)) => self.enter(Phase::Drafting, at),
            None => self.park(Why::Inconclusive(diagnosis.author.clone()), at),
        }
    }

    fn on_drafted(&mut self, fixes: &[Fix], at: Timestamp) {
        if self.phase != Phase::Drafting {
            return;
        }
        self.drafts += 1;
        self.candidates.clear();
        for fix in fixes {
            let digest = fix.digest();
            let again = self.candidates.iter().any(|c| c.digest() == digest);
            if !again && !self.case.tried(&digest) {
                self.candidates.push_back(fix.clone());
            }
        }
        if self.candidates.is_empty() {
            self.exhausted("no generator offers anything that was not tried", at);
        } else {
            self.begin_verifying(at);
        }
    }

    fn exhausted(&mut self, why: &str, at: Timestamp) {
        let tried = self.case.attempts.len();
        self.park(Why::Exhausted(format!("{why}; tried {tried}")), at);
    }

    pub(super) fn begin_verifying(&mut self, at: Timestamp) {
        self.verification = None;
        self.decision = None;
        self.enter(Phase::Verifying, at);
    }

    /// The candidate is done with; on to the next one, or to a new draft that learns from it.
    pub(super) fn next_fix(&mut self, end: AttemptEnd, feedback: &str, at: Timestamp) {
        if let Some(fix) = self.candidates.pop_front() {
            self.case.attempts.push(Attempt::new(fix.digest(), &fix.title, end, feedback));
        }
        self.approved = None;
        self.slot = false;
        self.follow_up(at);
    }

    /// The next candidate where one is left, else a new draft, else a person.
    pub(super) fn follow_up(&mut self, at: Timestamp) {
        if !self.candidates.is_empty() {
            self.begin_verifying(at);
        } else if self.drafts < self.settings.drafts {
            self.enter(Phase::Drafting, at);
        } else {
            self.exhausted("every draft was rejected", at);
        }
    }

    fn on_verified(&mut self, verification: &Verification, at: Timestamp) {
        let current = self.fix().is_some_and(|f| f.digest() == verification.fix);
        if self.phase != Phase::Verifying || !current {
            return;
        }
        self.verification = Some(verification.clone());
        if verification.answer() == GateAnswer::Deny {
            let feedback = verification.feedback();
            self.offer_smaller(verification);
            self.next_fix(AttemptEnd::Rejected, &feedback, at);
        } else {
            self.enter(Phase::Gating, at);
        }
    }

    /// What is left of a fix without its needless parts comes next, once.
    fn offer_smaller(&mut self, verification: &Verification) {
        let (Some(fix), Some(smaller)) = (self.fix(), &verification.smaller) else { return };
        let smaller = Fix { kind: FixKind::Patch(smaller.clone()), ..fix.clone() };
        let digest = smaller.digest();
        let again = self.candidates.iter().any(|c| c.digest() == digest);
        if !again && !self.case.tried(&digest) {
            self.candidates.insert(1, smaller);
        }
    }

    fn on_decided(&mut self, decision: &Decision, at: Timestamp) {
        let deciding = matches!(self.phase, Phase::Gating | Phase::Submitting | Phase::Merging);
        let current = self.fix().is_some_and(|f| f.digest() == decision.fix);
        if !deciding || !current {
            return;
        }
        self.decision = Some(decision.clone());
        match &decision.ruling {
            Ruling::Deny(why) if self.submitted => {
                let title = self.fix().map(|f| f.title.clone()).unwrap_or_default();
                self.withdraw(AfterWithdraw::NextFix, format!("denied: {title}: {why}"), at);
            }
            Ruling::Deny(why) => self.next_fix(AttemptEnd::Denied, why, at),
            Ruling::Ask(reason) => {
                let why = Why::Approval { fix: decision.fix.clone(), reason: reason.clone() };
                self.park(why, at);
            }
            Ruling::Observe => {
                let title = self.fix().map(|f| f.title.clone()).unwrap_or_default();
                self.park(Why::WouldHave { fix: decision.fix.clone(), title }, at);
            }
            // What is out there waits for a person already.
            Ruling::Propose if self.phase == Phase::Merging || self.submitted => {
                self.park(Why::Proposed, at);
            }
            Ruling::Go if self.phase == Phase::Merging => {}
            // What is out there already waits for its turn, too: it was given up with the last park.
            Ruling::Go | Ruling::Propose if !self.slot => self.enter(Phase::Queued, at),
            Ruling::Go | Ruling::Propose => self.begin_submitting(at),
        }
    }

    fn on_slot(&mut self, at: Timestamp) {
        if self.phase == Phase::Queued {
            self.slot = true;
            self.begin_submitting(at);
        }
    }

    fn begin_submitting(&mut self, at: Timestamp) {
        if !self.submitted && self.phase != Phase::Submitting {
            self.submission += 1;
            self.head = None;
        }
        self.enter(Phase::Submitting, at);
    }

    /// Takes back what is out there, then goes on as `after` says.
    pub(super) fn withdraw(&mut self, after: AfterWithdraw, feedback: String, at: Timestamp) {
        if let AfterWithdraw::NextFix = after
            && let Some(fix) = self.candidates.pop_front()
        {
            let end = AttemptEnd::Withdrawn;
            self.case.attempts.push(Attempt::new(fix.digest(), &fix.title, end, feedback));
            self.approved = None;
        }
        self.enter(Phase::Withdrawing, at);
        self.after_withdraw = Some(after);
    }

    fn on_looked(&mut self, evidence: &Evidence, verdict: &Verdict, at: Timestamp) {
        if self.phase != Phase::Watching {
            return;
        }
        let look = Duration::from_millis(self.settings.look_every_ms);
        let Some(watch) = &mut self.watch else { return };
        watch.evidence = Some(evidence.clone());
        watch.next_look = watch.next_look(at, look);
        match verdict {
            Verdict::Rollback(grounds) => self.condemn(grounds.reasons.clone(), at),
            // Nothing else counts before the window is over.
            _ if !evidence.over() => {}
            Verdict::Keep(_) if self.proven(evidence) => self.kept(at),
            other => {
                let why = other.grounds().reasons.join("; ");
                self.undecided(&why, at);
            }
        }
        self.failures = 0;
    }

    /// Silence means something only where the path that failed was used, and nothing came back.
    fn proven(&self, evidence: &Evidence) -> bool {
        self.watched_release().is_some()
            || (evidence.exercise.recurrences == 0 && evidence.exercise.enough())
    }

    fn kept(&mut self, at: Timestamp) {
        let outcome = if self.watched_release().is_some() {
            Phase::Kept
        } else if self.is_revert() {
            Phase::RolledBack
        } else {
            Phase::Healed
        };
        self.enter(outcome, at);
    }

    fn condemn(&mut self, reasons: Vec<String>, at: Timestamp) {
        self.condemned = reasons;
        if let Some(fix) = self.fix().filter(|_| self.merged.is_some()) {
            let feedback = self.condemned.join("; ");
            let attempt = Attempt::new(fix.digest(), &fix.title, AttemptEnd::Reverted, feedback);
            self.case.attempts.push(attempt);
        }
        self.enter(Phase::Reverting, at);
    }

    fn undecided(&mut self, why: &str, at: Timestamp) {
        let (more, length) = (self.settings.extensions, self.settings.watch_ms);
        let Some(watch) = &mut self.watch else { return };
        if watch.extended < more {
            watch.extended += 1;
            watch.ends_at = at.plus(Duration::from_millis(length));
        } else {
            self.park(Why::Undecided(why.to_owned()), at);
        }
    }

    fn on_rechecked(&mut self, back: bool, why: &str, at: Timestamp) {
        if self.phase != Phase::Reverting || !self.revert_live {
            return;
        }
        let limit = Duration::from_millis(self.settings.recover_ms);
        if back {
            self.enter(Phase::RolledBack, at);
        } else if at.since(self.since) >= limit {
            self.park(Why::RevertDidNotHelp(why.to_owned()), at);
        } else {
            self.wait(at, self.settings.look_every_ms);
        }
    }

    fn on_resolved(&mut self, at: Timestamp) {
        // Said of a pipeline by a run that succeeded: once the fix is in, that is what shows it.
        self.green |= self.case.kind == IncidentKind::Pipeline && self.merged.is_some();
        let merged = self.merged.is_some() || self.watched_release().is_some();
        let merging = self.open_effect.as_ref().is_some_and(|e| e.key.kind == EffectKind::Merge);
        if merged || merging || self.phase == Phase::Withdrawing {
            return;
        }
        if self.submitted || self.open_effect.is_some() {
            self.withdraw(AfterWithdraw::SelfResolve, String::new(), at);
        } else {
            self.enter(Phase::SelfResolved, at);
        }
    }

    /// The same fix, to be verified on `base`.
    pub(super) fn rebase(&mut self, base: &crate::id::Revision, at: Timestamp) {
        if let Some(Fix { kind: FixKind::Patch(patch), .. }) = self.candidates.front_mut() {
            patch.base = base.clone();
        }
        self.begin_verifying(at);
    }
}
