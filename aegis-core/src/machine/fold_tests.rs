//! What a storm does to one of its incidents.

use super::*;
use crate::model::IncidentKind;

fn folded() -> Record {
    Record::Folded { into: "umbrella".into() }
}

#[test]
fn what_was_not_submitted_is_folded_at_once() {
    let story = Story::begin().then(folded());
    assert_eq!((story.0.phase, story.0.folded), (Phase::Folded, Some("umbrella".into())));
}

#[test]
fn what_was_submitted_is_withdrawn_first() {
    let story = Story::merging().then(folded());
    assert_eq!(story.0.phase, Phase::Withdrawing);
    // Told again, it changes nothing.
    let again = Story(story.0.clone(), story.1).then(folded());
    assert_eq!((again.0.phase, again.0.since), (story.0.phase, story.0.since));
    let story = story.answered(EffectKind::Withdraw, Rollout::Withdrawn);
    assert_eq!((story.0.phase, story.0.submitted), (Phase::Folded, false));
}

#[test]
fn what_turns_out_to_be_merged_is_watched_and_not_folded() {
    let story = Story::merging();
    let (key, request) = (story.key(EffectKind::Merge), crate::id::Digest::of(["r"]));
    let story = story.then(Record::Intended { key: key.clone(), request }).then(folded());
    let step = story.0.step(at(story.1));
    assert_eq!(step, Step::Run { effect: Effect::Lookup, key: key.clone() });
    let rollout = Some(Rollout::Merged { commit: Revision::new("m") });
    let story = story.then(Record::Answered { key, rollout });
    assert_eq!((story.0.phase, &story.0.folded), (Phase::GoingLive, &None));
    let story = story.then(folded());
    assert_eq!(story.0.phase, Phase::GoingLive);
}

#[test]
fn a_person_who_cancelled_is_not_overruled() {
    let cancel = Record::Person { by: "kim".into(), said: Said::Cancel };
    let story = Story::merging()
        .then(cancel)
        .then(folded())
        .answered(EffectKind::Withdraw, Rollout::Withdrawn);
    assert_eq!(story.0.phase, Phase::Abandoned);
}

#[test]
fn a_folded_incident_is_reopened_with_nothing_held_against_its_fix() {
    let story = Story::merging().then(folded());
    let story = story.answered(EffectKind::Withdraw, Rollout::Withdrawn);
    let symptom = story.0.case.symptoms[0].clone();
    let story = story.then(Record::Reopened(Box::new(symptom)));
    assert_eq!((story.0.phase, story.0.reopened, &story.0.folded), (Phase::Diagnosing, 1, &None));
    assert!(story.0.case.attempts.is_empty());
    assert_eq!(story.0.open_since(), at(story.1));
}

fn umbrella() -> Story {
    let case = mint::case("shop", "storm");
    let (id, service) = (case.incident.clone(), case.service.clone());
    let (kind, first) = (IncidentKind::Storm, case.symptoms[0].clone());
    let mut opened = Opened::new(id, service, kind, first, Settings::default());
    opened.parked = Some(Why::Storm { errors: 10, within_ms: 60_000, shared: Vec::new() });
    let record = Record::Opened(Box::new(opened));
    Story(Incident::begin(&Entry { seq: 1, at: at(0), record }).unwrap(), 0)
}

#[test]
fn an_umbrella_waits_for_a_person_from_the_start_and_ends_as_they_say() {
    let story = umbrella();
    assert_eq!(story.0.step(at(0)), Step::Parked);
    assert!(
        story.0.why.as_ref().unwrap().to_string().starts_with("10 different errors within 60s")
    );
    for (record, end) in [
        (Record::Person { by: "kim".into(), said: Said::Resume }, Phase::SelfResolved),
        (Record::Person { by: "kim".into(), said: Said::Cancel }, Phase::Abandoned),
        (Record::Resolved, Phase::SelfResolved),
        (folded(), Phase::AwaitingHuman),
    ] {
        assert_eq!(umbrella().then(record).0.phase, end);
    }
}
