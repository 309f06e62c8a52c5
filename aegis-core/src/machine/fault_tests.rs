use super::*;

#[test]
fn times_and_bounds_of_zero_are_refused() {
    assert!(Settings::default().check().is_ok());
    for zero in ["poll_ms", "watch_ms", "failures"] {
        let json = format!("{{\"{zero}\": 0}}");
        let settings: Settings = serde_json::from_str(&json).unwrap();
        assert!(settings.check().unwrap_err().to_string().contains(zero));
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
    let running = Rollout::Live { release: Revision::new("later"), at: at(0), commit: None };
    let story = Story::merging().answered(EffectKind::Merge, running);
    assert!(story.0.merged.is_some() && !story.0.merge_named);
    let (release, commit) = (Revision::new("later"), Revision::new("merge"));
    let named = Rollout::Live { release, at: at(0), commit: Some(commit.clone()) };
    let story = Story::merging().answered(EffectKind::Merge, named);
    assert!(story.0.merged == Some(commit) && story.0.merge_named);
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
    let rollout = Some(Rollout::Live { release: Revision::new("r"), at: live_at, commit: None });
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
    let rollout = Some(Rollout::Live { release: Revision::new("m"), at: ahead, commit: None });
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

fn came_back(times: usize) -> Story {
    let mut story = Story::begin();
    for _ in 0..times {
        let symptom = story.0.case.symptoms[0].clone();
        story = story.then(Record::Resolved).then(Record::Reopened(Box::new(symptom)));
    }
    story
}

#[test]
fn an_error_that_comes_and_goes_is_looked_at_later_each_time() {
    for (times, seconds) in [(1, 0), (2, 60), (3, 120), (4, 240), (8, 3_600), (70, 3_600)] {
        let story = came_back(times);
        let wait = story.0.not_before.since(at(story.1));
        assert_eq!((story.0.phase, wait.as_secs()), (Phase::Diagnosing, seconds), "{times}");
        assert_eq!(story.0.is_damped(), seconds > 0);
    }
    let story = came_back(3);
    let why = "it came back 3 times; looked at again in 120 s";
    assert_eq!(story.0.held.as_deref(), Some(why));
    // Further sightings change nothing about it.
    let until = story.0.not_before;
    let symptom = story.0.case.symptoms[0].clone();
    let story = story.then(Record::Joined(Box::new(symptom)));
    assert_eq!(story.0.step(at(story.1)), Step::Wait(until));
    assert!(matches!(story.0.step(until), Step::Run { effect: Effect::Diagnose, .. }));
}

#[test]
fn a_person_who_resumes_lifts_the_damping() {
    let story = came_back(3).then(person(Said::Resume));
    assert!(matches!(story.0.step(at(story.1)), Step::Run { effect: Effect::Diagnose, .. }));
    assert!(!story.0.is_damped());
}

#[test]
fn settings_journaled_without_damping_still_load() {
    let mut json = serde_json::to_value(Settings::default()).unwrap();
    let fields = json.as_object_mut().unwrap();
    assert!(fields.remove("damp_ms").is_some() && fields.remove("damp_cap_ms").is_some());
    assert_eq!(serde_json::from_value::<Settings>(json).unwrap(), Settings::default());
    let none = Settings::default().with_damping(Duration::ZERO, Duration::ZERO);
    assert_eq!(none.damping(9), Duration::ZERO);
}
