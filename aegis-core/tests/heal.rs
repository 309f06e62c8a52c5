//! A whole heal over fakes, and the ways it can end otherwise.

use std::sync::atomic::Ordering;

use aegis_core::machine::{Phase, Why};
use aegis_core::model::{AttemptEnd, Author, Case, Diagnosis, Event, Release};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Clock, Intake, Receipt};
use aegis_core::stage::Diagnoser;
use aegis_core::testkit::stages::{KnowsTheLine, Offers, Passes};
use aegis_core::testkit::{Chaos, Mischief};

use crate::bed::{Bed, TRACE};

#[tokio::test]
async fn a_crash_is_diagnosed_fixed_verified_merged_watched_and_healed() {
    let bed = Bed::new();
    let handle = bed.auto();
    let id = bed.crash(&handle).await;
    let incident = bed.until(&handle, &id, Phase::Healed).await;
    let phases: Vec<Phase> = incident.spans.iter().map(|s| s.phase).collect();
    let expected = [
        Phase::Diagnosing,
        Phase::Drafting,
        Phase::Verifying,
        Phase::Gating,
        Phase::Queued,
        Phase::Submitting,
        Phase::Merging,
        Phase::GoingLive,
        Phase::Watching,
        Phase::Healed,
    ];
    assert_eq!(phases, expected);
    bed.world.with(|remote| {
        assert_eq!(remote.merges.len(), 1);
        assert_eq!(remote.branches.len(), 1);
        assert!(remote.branches.contains_key(&format!("aegis/fix-{id}")));
        assert_eq!(Some(&remote.merges[0].0), incident.merged.as_ref());
    });
    let watched = incident.watch.unwrap();
    assert!(watched.evidence.unwrap().exercise.enough());
    let shown = bed.shown(&id);
    for part in ["## What broke", "| metric | before | since | change |", "mermaid", "It is kept."]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    handle.shutdown().await.unwrap();
}

#[tokio::test]
async fn many_reports_of_one_error_are_one_incident() {
    let bed = Bed::new();
    let handle =
        bed.builder(PolicyConfig::new(Autonomy::Observe)).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    for _ in 0..500 {
        let again = handle.report(bed.signal(TRACE)).await.unwrap();
        assert_eq!(again, Receipt::Joined(id.clone()));
    }
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn observe_mode_says_what_it_would_do_and_writes_nothing() {
    let bed = Bed::new();
    let before = bed.world.with(|remote| remote.clone());
    let handle =
        bed.builder(PolicyConfig::new(Autonomy::Observe)).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
    assert!(matches!(incident.why, Some(Why::WouldHave { .. })));
    assert_eq!(bed.world.with(|remote| remote.clone()), before);
}

#[tokio::test]
async fn a_fix_that_makes_things_worse_is_taken_back_and_never_shipped_again() {
    let bed = Bed::new();
    bed.shop.cursed.store(true, Ordering::SeqCst);
    let handle = bed.auto();
    let id = bed.crash(&handle).await;
    let incident = bed.until(&handle, &id, Phase::RolledBack).await;
    let merged = incident.merged.clone().unwrap();
    assert_eq!(bed.world.with(|r| r.reverts.clone()), [merged]);
    let attempt = incident.case.attempts.last().unwrap();
    assert_eq!(attempt.end, AttemptEnd::Reverted);
    let shown = bed.shown(&id);
    assert!(
        shown.contains("It is taken back.") && shown.contains(&incident.condemned[0]),
        "{shown}"
    );
    // The error is back with the revert: the incident is reopened, and the diff is refused.
    let reopened = bed.crash(&handle).await;
    assert_eq!(reopened, id);
    let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
    assert_eq!(bed.world.with(|r| r.merges.len()), 1, "{:?}", incident.why);
}

#[tokio::test]
async fn a_fix_that_changes_nothing_is_never_healed() {
    let bed = Bed::new();
    bed.shop.futile.store(true, Ordering::SeqCst);
    let handle = bed.auto();
    let id = bed.crash(&handle).await;
    let incident = bed.until(&handle, &id, Phase::RolledBack).await;
    assert!(incident.condemned.iter().any(|r| r.contains("error")), "{:?}", incident.condemned);
}

#[tokio::test]
async fn failing_checks_lead_to_the_next_candidate_and_then_to_a_person() {
    let bed = Bed::new();
    bed.world.with(|remote| remote.checks_pass = false);
    let handle = bed.auto();
    let id = bed.crash(&handle).await;
    let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
    assert!(matches!(incident.why, Some(Why::Exhausted(_))), "{:?}", incident.why);
    assert_eq!(incident.case.attempts.len(), 2);
    bed.world.with(|remote| {
        let names: Vec<&String> = remote.branches.keys().collect();
        assert_eq!(names, [&format!("aegis/fix-{id}"), &format!("aegis/fix-{id}-2")]);
        assert!(remote.branches.values().all(|b| b.withdrawn));
    });
}

#[tokio::test]
async fn low_confidence_waits_for_a_person_who_can_approve_exactly_that_fix() {
    let bed = Bed::new();
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto));
    let handle = builder.verifier(Passes(40)).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
    let Some(Why::Approval { fix, .. }) = incident.why else { panic!("{:?}", incident.why) };
    let other = aegis_core::Digest::of(["another"]);
    assert_eq!(handle.approve(&id, other, "kim").await.unwrap(), Phase::AwaitingHuman);
    handle.approve(&id, fix, "kim").await.unwrap();
    bed.until(&handle, &id, Phase::Healed).await;
}

#[tokio::test]
async fn a_moved_base_is_verified_again_before_anything_is_submitted() {
    let bed = Bed::new();
    let handle = bed
        .builder(PolicyConfig::new(Autonomy::Approve))
        .fixes(Offers(1))
        .build()
        .unwrap()
        .start()
        .unwrap();
    let id = bed.crash(&handle).await;
    let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
    let Some(Why::Approval { fix, .. }) = incident.why else { panic!("{:?}", incident.why) };
    let pushed = bed.world.with(|remote| remote.push());
    handle.approve(&id, fix.clone(), "kim").await.unwrap();
    // Under Approve the fix on its new base needs no second word: the digest is the same.
    let incident = bed.until(&handle, &id, Phase::Healed).await;
    assert_eq!(incident.verification.unwrap().base, pushed);
    let verified = incident.spans.iter().filter(|s| s.phase == Phase::Verifying).count();
    assert_eq!(verified, 2);
}

#[tokio::test]
async fn a_person_s_release_is_watched_and_kept_or_taken_back() {
    for (cursed, outcome) in [(false, Phase::Kept), (true, Phase::RolledBack)] {
        let bed = Bed::new();
        // Healthy to begin with: one merge is in.
        let first = bed.world.with(|r| {
            let revision = r.push();
            r.merges.push((revision.clone(), aegis_core::Digest::of(["x"])));
            revision
        });
        let handle = bed.auto();
        let ten_minutes = std::time::Duration::from_secs(600);
        let end = bed.clock.now().plus(ten_minutes);
        let passed = async || bed.clock.now() >= end;
        assert!(aegis_core::testkit::settle(&bed.clock, &handle, ten_minutes, passed).await);
        let revision = bed.world.with(|r| r.push());
        bed.shop.cursed.store(cursed, Ordering::SeqCst);
        let person = Author::Person("kim".into());
        let release = Release::new("shop".into(), revision.clone(), bed.clock.now(), person)
            .with_previous(Some(first));
        let receipt = handle.report(Event::Released(release)).await.unwrap();
        let Receipt::Opened(id) = receipt else { panic!("{receipt:?}") };
        let incident = bed.until(&handle, &id, outcome).await;
        let reverts = bed.world.with(|r| r.reverts.clone());
        assert_eq!(reverts.contains(&revision), cursed, "{:?}", incident.condemned);
    }
}

/// Finds the line, and no request that leads to it.
#[derive(Debug)]
struct KnowsNoRequest(KnowsTheLine);

#[async_trait::async_trait]
impl Diagnoser for KnowsNoRequest {
    async fn diagnose(&self, case: &Case) -> aegis_core::Result<Diagnosis> {
        Ok(self.0.diagnose(case).await?.with_triggers(Vec::new()))
    }
}

#[tokio::test]
async fn without_counted_requests_an_error_that_was_due_and_did_not_come_is_gone() {
    let bed = Bed::new();
    let stage = KnowsNoRequest(KnowsTheLine(bed.world.clone()));
    // Time passes until it is proven, and the error goes on meanwhile.
    let slow = Chaos::new(Passes(95), Mischief::Fail, 4);
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto)).diagnoser(stage).verifier(slow);
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    bed.until(&handle, &id, Phase::Healed).await;
}

#[tokio::test]
async fn an_error_too_rare_to_be_due_is_left_to_a_person_and_blocks_nobody() {
    let bed = Bed::new();
    let stage = KnowsNoRequest(KnowsTheLine(bed.world.clone()));
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto)).diagnoser(stage);
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    let waits = async || handle.incident(&id).await.unwrap().phase == Phase::AwaitingHuman;
    let hour = std::time::Duration::from_secs(3_600);
    assert!(aegis_core::testkit::settle(&bed.clock, &handle, hour, waits).await);
    let incident = handle.incident(&id).await.unwrap();
    assert!(matches!(incident.why, Some(Why::Undecided(_))), "{:?}", incident.why);
    assert!(!incident.slot);
}

#[tokio::test]
async fn an_error_that_is_delivered_again_after_its_end_reopens_nothing() {
    let bed = Bed::new();
    let handle = bed.auto();
    let old = bed.signal(TRACE);
    let id = bed.crash(&handle).await;
    bed.until(&handle, &id, Phase::Healed).await;
    bed.clock.advance(std::time::Duration::from_secs(60));
    // Delivered again with the time it was made.
    let receipt = handle.report(old.clone()).await.unwrap();
    assert!(matches!(receipt, Receipt::Noted(_)), "{receipt:?}");
    // Without a time of its own, but from the code that was mended.
    let Event::Signal(mut undated) = old else { unreachable!() };
    undated.at = bed.clock.now();
    let receipt = handle.report(Event::Signal(undated)).await.unwrap();
    assert!(matches!(receipt, Receipt::Noted(_)), "{receipt:?}");
    // From what runs: it came back.
    let receipt = handle.report(bed.signal(TRACE)).await.unwrap();
    assert_eq!(receipt, Receipt::Reopened(id));
}
