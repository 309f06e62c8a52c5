//! An error that comes and goes: damped, and left to a person when fixes don't last.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aegis_core::machine::{Phase, Why};
use aegis_core::planner::Handle;
use aegis_core::policy::{Autonomy, Budget, PolicyConfig};
use aegis_core::port::{Clock, Intake, Journal, Receipt};
use aegis_core::testkit::stages::Offers;
use aegis_core::{Error, IncidentId};

use crate::bed::{Bed, TRACE};
use crate::flaky::Flaky;

fn policy() -> PolicyConfig {
    let mut budget = Budget::default();
    budget.merges_per_incident = 5;
    budget.submits_per_incident = 5;
    budget.reverts_per_incident = 5;
    PolicyConfig::new(Autonomy::Auto).with_budget(budget)
}

async fn futile(bed: &Bed, handle: &Handle, id: &IncidentId) -> u64 {
    let case = handle.incident(id).await.unwrap().case;
    bed.journal.used(&format!("futile/{}/{}", case.service, case.fingerprint)).await.unwrap()
}

/// The error comes back from what runs.
async fn comes_back(bed: &Bed, handle: &Handle, id: &IncidentId) {
    bed.clock.advance(Duration::from_secs(60));
    let receipt = handle.report(bed.signal(TRACE)).await.unwrap();
    assert_eq!(receipt, Receipt::Reopened(id.clone()));
}

#[tokio::test]
async fn a_third_fix_of_an_error_that_keeps_coming_back_is_left_to_a_person() {
    let bed = Bed::new();
    let handle = bed.builder(policy()).fixes(Offers(9)).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    for merges in 1..=2 {
        bed.until(&handle, &id, Phase::Healed).await;
        assert_eq!(bed.world.with(|r| r.merges.len()), merges);
        comes_back(&bed, &handle, &id).await;
        assert_eq!(futile(&bed, &handle, &id).await, merges as u64);
    }
    let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
    let Some(Why::Approval { reason, .. }) = &incident.why else { panic!("{:?}", incident.why) };
    assert!(reason.contains("futility"), "{reason}");
    assert_eq!(bed.world.with(|r| r.merges.len()), 2);
}

#[tokio::test]
async fn a_fix_that_was_taken_back_counts_once_however_it_ended() {
    // Taken back because the error went on, which counts, and because it made things worse, which
    // says nothing about the error.
    for (futile_fix, counted) in [(true, 1), (false, 0)] {
        let bed = Bed::new();
        let handle = bed.builder(policy()).fixes(Offers(9)).build().unwrap().start().unwrap();
        bed.shop.futile.store(futile_fix, Ordering::SeqCst);
        bed.shop.cursed.store(!futile_fix, Ordering::SeqCst);
        let id = bed.crash(&handle).await;
        bed.until(&handle, &id, Phase::RolledBack).await;
        comes_back(&bed, &handle, &id).await;
        assert_eq!(futile(&bed, &handle, &id).await, counted, "{futile_fix}");
    }
}

#[tokio::test]
async fn a_reopening_that_fails_is_counted_once_and_never_lost() {
    let bed = Bed::new();
    let flaky = Flaky::of(&bed);
    let builder = bed.builder(policy()).journal(Arc::clone(&flaky) as Arc<dyn Journal>);
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    bed.until(&handle, &id, Phase::Healed).await;
    assert_eq!(futile(&bed, &handle, &id).await, 0);
    flaky.no_open.store(true, Ordering::SeqCst);
    bed.clock.advance(Duration::from_secs(60));
    for _ in 0..3 {
        let away: Error = handle.report(bed.signal(TRACE)).await.unwrap_err();
        assert_eq!(away.kind(), aegis_core::ErrorKind::Unavailable);
    }
    assert_eq!(futile(&bed, &handle, &id).await, 1);
    flaky.no_open.store(false, Ordering::SeqCst);
    comes_back(&bed, &handle, &id).await;
    assert_eq!(futile(&bed, &handle, &id).await, 1);
}

#[tokio::test]
async fn what_comes_back_again_waits_and_a_person_can_have_it_looked_at_at_once() {
    for resumed in [false, true] {
        let bed = Bed::new();
        let handle = bed.builder(policy()).fixes(Offers(9)).build().unwrap().start().unwrap();
        let id = bed.crash(&handle).await;
        bed.until(&handle, &id, Phase::Healed).await;
        comes_back(&bed, &handle, &id).await;
        bed.until(&handle, &id, Phase::Healed).await;
        comes_back(&bed, &handle, &id).await;
        let back = bed.clock.now();
        let incident = handle.incident(&id).await.unwrap();
        assert!(incident.is_damped(), "{:?}", incident.held);
        if resumed {
            let driven = async || handle.resume(&id, "kim").await.is_ok();
            assert!(
                aegis_core::testkit::settle(&bed.clock, &handle, Duration::from_secs(30), driven)
                    .await
            );
        } else {
            let joined = handle.report(bed.signal(TRACE)).await.unwrap();
            assert_eq!(joined, Receipt::Joined(id.clone()));
        }
        let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
        let mut spans = incident.spans.iter().rev();
        let diagnosed = spans.find(|s| s.phase == Phase::Diagnosing).unwrap();
        let waited = diagnosed.to.unwrap().since(back);
        assert_eq!(waited >= Duration::from_secs(60), !resumed, "{waited:?}");
    }
}
