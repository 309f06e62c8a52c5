//! A planner that dies at any moment and starts again ends the same, without doing a thing twice.

use std::time::Duration;

use aegis_core::machine::Phase;
use aegis_core::planner::{Handle, PlannerConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::testkit::settle;
use tokio::sync::watch;

use crate::bed::Bed;
use crate::storm::Waits;

fn start(bed: &Bed) -> Handle {
    // A lease of a dead planner in this very process runs out soon.
    let config = PlannerConfig::new()
        .with_observe_every(Duration::from_secs(5))
        .with_lease(Duration::from_millis(300));
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto)).config(config);
    builder.build().unwrap().start().unwrap()
}

#[tokio::test]
async fn dropped_in_every_phase_it_ends_healed_with_one_branch_and_one_merge() {
    let phases = [
        Phase::Diagnosing,
        Phase::Drafting,
        Phase::Verifying,
        Phase::Gating,
        Phase::Queued,
        Phase::Submitting,
        Phase::Merging,
        Phase::GoingLive,
        Phase::Watching,
    ];
    for phase in phases {
        let bed = Bed::new();
        let handle = start(&bed);
        let mut changes = handle.changes();
        let id = bed.crash(&handle).await;
        let reached = settle(&bed.clock, &handle, Duration::from_secs(600), async || {
            std::iter::from_fn(|| changes.try_recv().ok()).any(|c| c.phase == phase)
        });
        assert!(reached.await, "never {phase}");
        drop(handle);
        let handle = start(&bed);
        bed.until(&handle, &id, Phase::Healed).await;
        bed.world.with(|r| assert_eq!((r.branches.len(), r.merges.len()), (1, 1), "{phase}"));
    }
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_never_repeated_blindly() {
    for lost in 1..=3 {
        let bed = Bed::new();
        bed.world.with(|remote| remote.lose_answers = lost);
        let handle = bed.auto();
        let id = bed.crash(&handle).await;
        bed.until(&handle, &id, Phase::Healed).await;
        bed.world.with(|r| assert_eq!((r.branches.len(), r.merges.len()), (1, 1), "{lost}"));
    }
}

#[tokio::test]
async fn how_often_an_error_was_seen_is_known_to_the_process_that_ships_its_fix() {
    let bed = Bed::new();
    let policy = PolicyConfig::new(Autonomy::Approve);
    let (go, waits) = watch::channel(false);
    let builder = bed.builder(policy.clone()).verifier(Waits(waits));
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    for _ in 0..9 {
        bed.clock.advance(Duration::from_secs(1));
        bed.crash(&handle).await;
    }
    go.send_replace(true);
    let waits = async || handle.incident(&id).await.unwrap().phase == Phase::AwaitingHuman;
    assert!(settle(&bed.clock, &handle, Duration::from_secs(60), waits).await);
    handle.shutdown().await.unwrap();
    // It was not there when the error was seen.
    let handle = bed.builder(policy).owner("second").build().unwrap().start().unwrap();
    let digest = handle.incident(&id).await.unwrap().fix().unwrap().digest();
    handle.approve(&id, digest, "kim").await.unwrap();
    let measured = async || handle.incident(&id).await.unwrap().baseline.is_some();
    assert!(settle(&bed.clock, &handle, Duration::from_secs(60), measured).await);
    let rate = handle.incident(&id).await.unwrap().baseline.unwrap().recurrence.unwrap();
    assert!(rate > 0.1, "{rate}");
}
