#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;
use crate::error::Error;
use crate::id::{EffectKind, Revision, Timestamp};
use crate::model::{Cause, Diagnosis, Hypothesis};
use crate::stage::Rollout;
use crate::testkit::{mint, stages};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + ms)
}

fn blamed(base: &Revision) -> Record {
    let cause = Cause::Code(crate::model::Location::new("mean.py", 2));
    let blame = Hypothesis::new(cause, "empty", crate::id::Confidence::FULL);
    Record::Diagnosed(Box::new(Diagnosis::new(base.clone(), "test", vec![blame])))
}

/// A diagnosis as it was written before there were remedies.
#[test]
fn a_diagnosis_without_a_remedy_reads_and_parks_as_it_did() {
    let cause = Cause::Environment(String::from("the disk"));
    let told = Hypothesis::new(cause, "it is full", crate::id::Confidence::FULL);
    let diagnosis = Diagnosis::new(Revision::new("b"), "test", vec![told]);
    let written = r#"{"diagnosed":{"base":"b","hypotheses":[{"cause":{"environment":"the disk"},"explanation":"it is full","evidence":[],"confidence":10000}],"triggers":[],"author":"test"}}"#;
    let record = Record::Diagnosed(Box::new(diagnosis));
    assert_eq!(serde_json::to_string(&record).unwrap(), written);
    let read: Record = serde_json::from_str(written).unwrap();
    assert_eq!(read, record);
    let story = Story::begin().then(read);
    assert_eq!(story.0.phase, Phase::AwaitingHuman);
    assert_eq!(story.0.why, Some(Why::NotCode("the disk".into())));
}

struct Story(Incident, i64);

impl Story {
    fn begin() -> Self {
        let case = mint::case("shop", "i1");
        let (id, service, first) =
            (case.incident.clone(), case.service.clone(), case.symptoms[0].clone());
        let opened = Opened::new(id, service, case.kind, first, Settings::default());
        let record = Record::Opened(Box::new(opened));
        Self(Incident::begin(&Entry { seq: 1, at: at(0), record }).unwrap(), 0)
    }

    fn then(mut self, record: Record) -> Self {
        self.1 += 100;
        let entry = Entry { seq: self.0.seq + 1, at: at(self.1), record };
        self.0.apply(&entry);
        self
    }

    /// Up to a submitted fix whose checks are asked about.
    fn submitting() -> Self {
        let base = Revision::new("b");
        let fix = stages::numbered(0, base.clone());
        let proof = mint::verified(&fix, &base);
        let policy = crate::policy::Policy::new(crate::policy::PolicyConfig::new(
            crate::policy::Autonomy::Auto,
        ));
        let story = Self::begin()
            .then(blamed(&base))
            .then(Record::Drafted(vec![fix.clone()]))
            .then(Record::Verified(Box::new(proof.clone())));
        let case = story.0.case.clone();
        let q = crate::policy::Question {
            case: &case,
            fix: &fix,
            verification: &proof,
            approved: None,
        };
        let control = Some(crate::policy::Control::new());
        let decision = policy.decide(&q, &crate::policy::Standing::new(at(0), control));
        let baseline = crate::model::Baseline::new(at(0), Vec::new());
        story
            .then(Record::Decided(Box::new(decision)))
            .then(Record::SlotTaken)
            .then(Record::Baselined(Box::new(baseline)))
    }

    fn key(&self, kind: EffectKind) -> crate::id::EffectKey {
        self.0.key(kind)
    }

    fn answered(self, kind: EffectKind, rollout: Rollout) -> Self {
        let key = self.key(kind);
        let request = crate::id::Digest::of(["r"]);
        self.then(Record::Intended { key: key.clone(), request })
            .then(Record::Answered { key, rollout: Some(rollout) })
    }
}

#[test]
fn a_merge_is_not_live_and_the_watch_starts_only_when_it_runs() {
    let commit = Revision::new("m");
    let story = Story::submitting()
        .answered(EffectKind::Submit, Rollout::Ready { head: Revision::new("h") })
        .answered(EffectKind::Merge, Rollout::Merged { commit: commit.clone() });
    assert_eq!((story.0.phase, story.0.watch.is_none()), (Phase::GoingLive, true));
    let (key, live_at) = (story.key(EffectKind::Submit), at(5_000));
    let story = Story(story.0, 6_000);
    let rollout = Some(Rollout::Live { release: commit, at: live_at, commit: None });
    let story = story.then(Record::Answered { key, rollout });
    assert_eq!(story.0.phase, Phase::Watching);
    let watch = story.0.watch.unwrap();
    assert_eq!(watch.live_at, live_at);
    assert_eq!(watch.ends_at, live_at.plus(Duration::from_secs(300)));
}

#[test]
fn never_live_is_a_blind_hand_over() {
    let story = Story::submitting()
        .answered(EffectKind::Submit, Rollout::Ready { head: Revision::new("h") })
        .answered(EffectKind::Merge, Rollout::Merged { commit: Revision::new("m") });
    let key = story.key(EffectKind::Submit);
    let mut incident = story.0;
    let late = incident.since.plus(Duration::from_secs(600));
    let rollout = Some(Rollout::Merged { commit: Revision::new("m") });
    incident.apply(&Entry { seq: 99, at: late, record: Record::Answered { key, rollout } });
    assert_eq!((incident.phase, incident.why), (Phase::AwaitingHuman, Some(Why::Blind)));
}

#[test]
fn checks_that_take_too_long_are_withdrawn_and_handed_over() {
    let story = Story::submitting().answered(EffectKind::Submit, Rollout::Checking);
    let key = story.key(EffectKind::Submit);
    let mut incident = story.0;
    let late = incident.since.plus(Duration::from_secs(1_800));
    let rollout = Some(Rollout::Checking);
    incident.apply(&Entry { seq: 99, at: late, record: Record::Answered { key, rollout } });
    assert_eq!(incident.phase, Phase::Withdrawing);
    assert_eq!(incident.after_withdraw, Some(AfterWithdraw::Park(Why::Expired)));
}

#[test]
fn recovered_before_the_merge_is_withdrawn_and_self_resolved() {
    let story =
        Story::submitting().answered(EffectKind::Submit, Rollout::Checking).then(Record::Resolved);
    assert_eq!(story.0.phase, Phase::Withdrawing);
    let story = story.answered(EffectKind::Withdraw, Rollout::Withdrawn);
    assert_eq!(story.0.phase, Phase::SelfResolved);
    let early = Story::begin().then(Record::Resolved);
    assert_eq!(early.0.phase, Phase::SelfResolved);
}

#[test]
fn a_withdrawal_that_comes_too_late_is_watched() {
    let story = Story::submitting()
        .answered(EffectKind::Submit, Rollout::Checking)
        .then(Record::Resolved)
        .answered(EffectKind::Withdraw, Rollout::Merged { commit: Revision::new("m") });
    assert_eq!(story.0.phase, Phase::GoingLive);
}

#[test]
fn backoff_doubles_up_to_its_cap_and_then_a_person_is_asked() {
    let away = || Record::Failed(StageFailure::new("diagnose", &Error::unavailable("away")));
    let mut story = Story::begin();
    for seconds in [1, 2, 4, 8] {
        story = story.then(away());
        let wait = story.0.not_before.since(at(story.1));
        assert_eq!(wait, Duration::from_secs(seconds));
        assert_eq!(story.0.step(at(story.1)), Step::Wait(story.0.not_before));
    }
    let story = story.then(away());
    assert!(matches!(story.0.why, Some(Why::StageFailed { .. })));
}

#[test]
fn time_in_phases_adds_up_to_the_incident_s_life() {
    let story = Story::submitting();
    let times = story.0.time_in_phases(at(story.1));
    let sum: u64 = times.iter().map(|(_, ms)| ms).sum();
    assert_eq!(i64::try_from(sum).unwrap(), story.1);
    assert_eq!(times[0], (Phase::Diagnosing, 100));
}

#[test]
fn a_journal_with_a_gap_is_refused() {
    let story = Story::begin();
    let opened = Opened::new(
        story.0.case.incident.clone(),
        story.0.case.service.clone(),
        story.0.case.kind,
        story.0.case.symptoms[0].clone(),
        Settings::default(),
    );
    let first = Entry { seq: 1, at: at(0), record: Record::Opened(Box::new(opened)) };
    let gap = Entry { seq: 3, at: at(1), record: Record::Resolved };
    let error = Incident::replay(&[first, gap]).unwrap_err();
    assert!(error.to_string().contains("from 1 to 3"), "{error}");
}

fn failed(error: &Error) -> Record {
    Record::Failed(StageFailure::new("stage", error))
}

fn person(said: Said) -> Record {
    Record::Person { by: "kim".into(), said }
}

impl Story {
    /// An intent whose answer is lost, and what the lookup finds.
    fn lost(self, kind: EffectKind, error: &Error, found: Option<Rollout>) -> Self {
        let key = self.key(kind);
        let request = crate::id::Digest::of(["r"]);
        let story = self.then(Record::Intended { key: key.clone(), request });
        story.then(failed(error)).then(Record::Answered { key, rollout: found })
    }

    /// Merged and condemned by the judge.
    fn reverting() -> Self {
        let story = Self::watching();
        let watch = story.0.watch.clone().unwrap();
        let baseline = crate::model::Baseline::new(at(0), Vec::new());
        let evidence =
            crate::model::Evidence::new(watch.revision, watch.live_at, watch.ends_at, baseline);
        let grounds = crate::model::Grounds::new(crate::id::Confidence::FULL, vec!["bad".into()]);
        let verdict = crate::model::Verdict::Rollback(grounds);
        story.then(Record::Looked { evidence: Box::new(evidence), verdict })
    }

    fn watching() -> Self {
        let story = Self::merged();
        let (key, now) = (story.key(EffectKind::Submit), at(story.1));
        let rollout = Some(Rollout::Live { release: Revision::new("m"), at: now, commit: None });
        story.then(Record::Answered { key, rollout })
    }

    fn merged() -> Self {
        Self::merging().answered(EffectKind::Merge, Rollout::Merged { commit: Revision::new("m") })
    }

    fn merging() -> Self {
        let head = Revision::new("h");
        Self::submitting().answered(EffectKind::Submit, Rollout::Ready { head })
    }
}

#[path = "fold_tests.rs"]
mod folds;

#[path = "fault_tests.rs"]
mod faults;

#[test]
fn a_fix_that_is_denied_for_its_needless_parts_comes_again_without_them_once() {
    let base = Revision::new("b");
    let (fix, other) = (stages::numbered(0, base.clone()), stages::numbered(1, base.clone()));
    let smaller = stages::numbered(2, base.clone()).patch().unwrap().clone();
    let denied = |fix: &crate::model::Fix| {
        let gate = crate::model::GateAnswer::Deny;
        let why = crate::model::GateReport::new("superfluous", gate, "leave a.py:3 out");
        let proof = mint::verified(fix, &base).with_gates(vec![why]);
        Record::Verified(Box::new(proof.with_smaller(smaller.clone())))
    };
    let story = Story::begin()
        .then(blamed(&base))
        .then(Record::Drafted(vec![fix.clone(), other.clone()]))
        .then(denied(&fix));
    let offered = story.0.fix().unwrap().clone();
    assert_eq!(offered.patch(), Some(&smaller));
    assert_eq!((&offered.title, story.0.phase), (&fix.title, Phase::Verifying));
    // What is left is denied as well: it is not offered again, and the next candidate follows.
    let story = story.then(denied(&offered));
    assert_eq!(story.0.fix().unwrap().digest(), other.digest());
    assert_eq!(story.0.case.attempts.len(), 2);
}
