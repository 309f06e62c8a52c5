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
        let cause = Cause::Code(crate::model::Location::new("mean.py", 2));
        let blame = Hypothesis::new(cause, "empty", crate::id::Confidence::FULL);
        let diagnosis = Diagnosis::new(base.clone(), "test", vec![blame]);
        let fix = stages::numbered(0, base.clone());
        let proof = mint::verified(&fix, &base);
        let policy = crate::policy::Policy::new(crate::policy::PolicyConfig::new(
            crate::policy::Autonomy::Auto,
        ));
        let story = Self::begin()
            .then(Record::Diagnosed(Box::new(diagnosis)))
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
    let rollout = Some(Rollout::Live { release: commit, at: live_at });
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
        let rollout = Some(Rollout::Live { release: Revision::new("m"), at: now });
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

#[test]
fn a_write_that_never_works_ends_with_a_person() {
    let away = Error::unavailable("away");
    let mut story = Story::submitting();
    for _ in 0..4 {
        story = story.lost(EffectKind::Submit, &away, None);
        assert_eq!(story.0.phase, Phase::Submitting);
        assert!(story.0.not_before > at(story.1), "it is not repeated at once");
    }
    let story = story.lost(EffectKind::Submit, &away, None);
    let Some(Why::StageFailed { error, .. }) = &story.0.why else { panic!("{:?}", story.0.why) };
    assert!(error.contains("away") && !story.0.slot, "{error}");
}

#[test]
fn a_write_that_can_t_work_is_not_repeated() {
    for (story, kind, found) in [
        (Story::submitting(), EffectKind::Submit, None),
        (Story::merging(), EffectKind::Merge, Some(Rollout::Ready { head: Revision::new("h") })),
        (Story::reverting(), EffectKind::Revert, None),
    ] {
        let story = story.lost(kind, &Error::denied("the token may not"), found);
        assert!(matches!(story.0.why, Some(Why::StageFailed { .. })), "{kind:?}");
    }
}

#[test]
fn a_merge_that_is_never_done_ends_with_a_person() {
    let head = Revision::new("h");
    let mut story = Story::merging();
    for _ in 0..5 {
        assert_eq!(story.0.phase, Phase::Merging);
        story = story.answered(EffectKind::Merge, Rollout::Checking);
        let key = story.key(EffectKind::Submit);
        let rollout = Some(Rollout::Ready { head: head.clone() });
        story = story.then(Record::Answered { key, rollout });
    }
    assert!(matches!(story.0.why, Some(Why::StageFailed { .. })), "{:?}", story.0.phase);
}

#[test]
fn a_withdrawal_that_never_works_is_handed_over_and_goes_on_where_it_stopped() {
    let mut story = Story::submitting()
        .answered(EffectKind::Submit, Rollout::Checking)
        .then(person(Said::Cancel));
    for _ in 0..5 {
        assert_eq!(story.0.phase, Phase::Withdrawing);
        story = story.answered(EffectKind::Withdraw, Rollout::Checking);
    }
    assert_eq!((story.0.phase, story.0.slot), (Phase::AwaitingHuman, false));
    let story = story.then(person(Said::Resume));
    assert_eq!(story.0.phase, Phase::Withdrawing);
    let story = story.answered(EffectKind::Withdraw, Rollout::Withdrawn);
    assert_eq!(story.0.phase, Phase::Abandoned);
}

#[test]
fn what_is_out_there_is_withdrawn_before_it_is_rebased() {
    let moved = || Rollout::BaseMoved { base: Revision::new("b2") };
    let fresh = Story::submitting().answered(EffectKind::Submit, moved());
    assert_eq!(fresh.0.phase, Phase::Verifying);
    let known = Story::submitting().answered(EffectKind::Submit, Rollout::Checking);
    let key = known.key(EffectKind::Submit);
    let known = known.then(Record::Answered { key, rollout: Some(moved()) });
    let lost = Story::submitting().lost(EffectKind::Submit, &Error::timeout("slow"), Some(moved()));
    for story in [known, lost] {
        assert_eq!(story.0.phase, Phase::Withdrawing);
        let story = story.answered(EffectKind::Withdraw, Rollout::Withdrawn);
        assert_eq!(story.0.phase, Phase::Verifying);
    }
}

#[test]
fn what_was_parked_waits_for_its_turn_again() {
    let story = Story::merging().answered(EffectKind::Merge, Rollout::Conflict);
    assert_eq!((story.0.why.clone(), story.0.slot), (Some(Why::Interfered), false));
    let story = story.then(person(Said::Resume));
    assert_eq!(story.0.phase, Phase::Queued);
    let submission = story.0.submission;
    let story = story.then(Record::SlotTaken);
    assert_eq!((story.0.phase, story.0.submission), (Phase::Submitting, submission));
    assert!(matches!(story.0.step(at(story.1)), Step::Run { effect: Effect::Lookup, .. }));
}

#[test]
fn an_approval_that_came_late_waits_for_its_turn_again() {
    let story = Story::merging();
    let mut ask = story.0.decision.clone().unwrap();
    let go = ask.clone();
    ask.ruling = crate::policy::Ruling::Ask("autonomy is Approve".into());
    let story = story.then(Record::Decided(Box::new(ask)));
    assert!(matches!(story.0.why, Some(Why::Approval { .. })) && !story.0.slot);
    let approve = person(Said::Approve(go.fix.clone()));
    let story = story.then(approve).then(Record::Decided(Box::new(go)));
    assert_eq!(story.0.phase, Phase::Queued);
}

#[test]
fn a_revert_that_is_cancelled_is_looked_up_and_never_taken_for_a_merge() {
    let story = Story::reverting();
    let key = story.key(EffectKind::Revert);
    let request = crate::id::Digest::of(["r"]);
    let story =
        story.then(Record::Intended { key: key.clone(), request }).then(person(Said::Cancel));
    let lookup = Step::Run { effect: Effect::Lookup, key: key.clone() };
    assert_eq!(story.0.step(at(story.1)), lookup);
    let rollout = Some(Rollout::Merged { commit: Revision::new("r") });
    let story = story.then(Record::Answered { key, rollout });
    assert_eq!(story.0.phase, Phase::Abandoned);
    assert_eq!(story.0.merged, Some(Revision::new("m")));
    assert_eq!(story.0.reverted, Some(Revision::new("r")));
}

#[test]
fn what_a_person_closed_is_not_submitted_again_and_its_approval_is_void() {
    let closings = [None, Some(Rollout::ClosedByPerson)];
    for rollout in closings {
        let mut story = Story::submitting().answered(EffectKind::Submit, Rollout::Checking);
        let fix = story.0.fix().unwrap().clone();
        story.0.approved = Some(fix.digest());
        let key = story.key(EffectKind::Submit);
        let story = story.then(Record::Answered { key, rollout });
        assert_eq!(story.0.why, Some(Why::ClosedByPerson));
        let story = story.then(person(Said::Resume));
        assert!(story.0.approved.is_none() && story.0.case.tried(&fix.digest()));
    }
}

#[test]
fn a_release_that_was_only_seen_running_is_not_named_as_the_merge() {
    let running = Rollout::Live { release: Revision::new("later"), at: at(0) };
    let story = Story::merging().answered(EffectKind::Merge, running);
    assert!(story.0.merged.is_some() && !story.0.merge_named);
    assert!(Story::merged().0.merge_named);
}

#[test]
fn a_remote_that_is_away_does_not_end_the_wait_for_what_was_merged() {
    let mut story = Story::merged();
    for _ in 0..8 {
        story = story.then(failed(&Error::unavailable("away")));
    }
    assert_eq!(story.0.phase, Phase::GoingLive);
    let mut incident = story.0;
    let late = incident.since.plus(Duration::from_secs(600));
    incident.apply(&Entry { seq: 99, at: late, record: failed(&Error::unavailable("away")) });
    assert!(matches!(incident.why, Some(Why::StageFailed { .. })));
}

#[test]
fn a_proposal_is_looked_at_for_as_long_as_it_is_open() {
    let mut story = Story::submitting().answered(EffectKind::Submit, Rollout::AwaitingPerson);
    for _ in 0..50 {
        story = story.then(failed(&Error::unavailable("away")));
    }
    assert_eq!(story.0.why, Some(Why::Proposed));
    let until = story.0.not_before;
    assert!(matches!(story.0.step(until), Step::Run { effect: Effect::Lookup, .. }));
}

#[test]
fn a_pause_that_a_stage_asks_for_has_a_limit() {
    let forever = Error::unavailable("quota").retry_after(Duration::MAX);
    let story = Story::begin().then(failed(&forever));
    assert!(story.0.not_before.since(at(story.1)) <= Duration::from_secs(3_600));
}

#[test]
fn time_held_before_a_write_does_not_count_against_what_follows_it() {
    let (hours, why) = (7_200_000, String::from("drill"));
    let held = |story: Story| {
        let until = at(story.1 + hours);
        Story(story.then(Record::Held { why: why.clone(), until }).0, hours)
    };
    let story = held(Story::submitting()).answered(EffectKind::Submit, Rollout::Checking);
    assert_eq!(story.0.phase, Phase::Submitting);
    let merged = Rollout::Merged { commit: Revision::new("r") };
    let story = held(Story::reverting()).answered(EffectKind::Revert, merged);
    assert_eq!(story.0.phase, Phase::Reverting);
    let mut story = Story(story.0, hours + 500_000);
    let (key, live_at) = (story.key(EffectKind::Revert), at(story.1));
    let rollout = Some(Rollout::Live { release: Revision::new("r"), at: live_at });
    story = story.then(Record::Answered { key, rollout });
    let story = story.then(Record::Rechecked { back: false, why: "errors".into() });
    assert_eq!(story.0.phase, Phase::Reverting, "the signal has its time to come back");
}

#[test]
fn a_revert_that_waits_for_its_checks_is_looked_up_and_not_asked_for_again() {
    let story = Story::reverting().answered(EffectKind::Revert, Rollout::Checking);
    let (now, key) = (story.0.not_before, story.key(EffectKind::Revert));
    assert_eq!(story.0.step(now), Step::Run { effect: Effect::Lookup, key });
}

#[test]
fn a_revert_that_the_remote_forgot_is_polled_and_then_handed_over() {
    let merged = Rollout::Merged { commit: Revision::new("r") };
    let story = Story::reverting().answered(EffectKind::Revert, merged);
    let key = story.key(EffectKind::Revert);
    let story = story.then(Record::Answered { key: key.clone(), rollout: None });
    assert!(story.0.not_before > at(story.1), "not at once");
    let mut incident = story.0;
    let late = incident.since.plus(Duration::from_secs(600));
    incident.apply(&Entry { seq: 99, at: late, record: Record::Answered { key, rollout: None } });
    assert_eq!(incident.why, Some(Why::Blind));
}

#[test]
fn a_clock_that_is_ahead_does_not_postpone_a_watch() {
    let ahead = at(86_400_000);
    let story = Story::merged();
    let key = story.key(EffectKind::Submit);
    let rollout = Some(Rollout::Live { release: Revision::new("m"), at: ahead });
    let story = story.then(Record::Answered { key, rollout });
    assert!(story.0.watch.unwrap().ends_at < at(400_000));
}

#[test]
fn nobody_can_tell_means_nothing_before_the_window_is_over() {
    let mut story = Story::watching();
    let grounds = || crate::model::Grounds::new(crate::id::Confidence::FULL, Vec::new());
    for _ in 0..5 {
        let watch = story.0.watch.clone().unwrap();
        let baseline = crate::model::Baseline::new(at(0), Vec::new());
        let evidence =
            crate::model::Evidence::new(watch.revision, watch.live_at, watch.ends_at, baseline);
        let verdict = crate::model::Verdict::Inconclusive(grounds());
        story = story.then(Record::Looked { evidence: Box::new(evidence), verdict });
    }
    assert_eq!((story.0.phase, story.0.watch.unwrap().extended), (Phase::Watching, 0));
}

#[test]
fn a_watch_of_a_day_does_not_fill_the_journal() {
    let day = Settings::default().with_watch(Duration::from_secs(86_400), Duration::from_secs(10));
    let watch = Watch::new(Revision::new("r"), at(0), &day);
    let (mut now, mut looks) = (watch.next_look, 0);
    while now < watch.ends_at {
        now = watch.next_look(now, Duration::from_secs(10));
        looks += 1;
    }
    assert!((100..500).contains(&looks), "{looks}");
    assert_eq!(now, watch.ends_at);
}
