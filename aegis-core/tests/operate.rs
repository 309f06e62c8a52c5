//! Freeze, kill switch, budgets, and a person's word.

use aegis_core::machine::Phase;
use aegis_core::policy::{Autonomy, Budget, Control, Freeze, PolicyConfig};
use aegis_core::port::Clock;
use aegis_core::testkit::settle;
use std::time::Duration;

use crate::bed::Bed;

#[tokio::test]
async fn a_freeze_holds_the_merge_says_why_and_goes_on_when_lifted() {
    let bed = Bed::new();
    let handle = bed.auto();
    let now = bed.clock.now();
    let to = now.plus(Duration::from_secs(9_000));
    handle.freeze(Freeze { from: now, to, why: "launch day".into() }).await.unwrap();
    let id = bed.crash(&handle).await;
    let incident = bed.until(&handle, &id, Phase::Merging).await;
    let held = async || handle.incident(&id).await.unwrap().held.is_some();
    assert!(settle(&bed.clock, &handle, Duration::from_secs(60), held).await);
    assert_eq!(incident.phase, Phase::Merging);
    let why = handle.incident(&id).await.unwrap().held.unwrap();
    assert!(why.contains("launch day"), "{why}");
    assert_eq!(bed.world.with(|r| r.merges.len()), 0);
    handle.set_control(Control::new()).await.unwrap();
    bed.until(&handle, &id, Phase::Healed).await;
}

#[tokio::test]
async fn the_kill_switch_stops_even_the_submit() {
    let bed = Bed::new();
    let handle = bed.auto();
    handle.pause("drill").await.unwrap();
    let id = bed.crash(&handle).await;
    bed.until(&handle, &id, Phase::Submitting).await;
    let held = async || handle.incident(&id).await.unwrap().held.is_some();
    assert!(settle(&bed.clock, &handle, Duration::from_secs(60), held).await);
    assert!(bed.world.with(|r| r.branches.is_empty()));
    handle.unpause().await.unwrap();
    bed.until(&handle, &id, Phase::Healed).await;
}

#[tokio::test]
async fn a_spent_budget_holds_the_merge() {
    let bed = Bed::new();
    let mut budget = Budget::default();
    budget.merges_per_day = 0;
    let policy = PolicyConfig::new(Autonomy::Auto).with_budget(budget);
    let handle = bed.builder(policy).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    bed.until(&handle, &id, Phase::Merging).await;
    let held = async || handle.incident(&id).await.unwrap().held.is_some();
    assert!(settle(&bed.clock, &handle, Duration::from_secs(60), held).await);
    assert_eq!(bed.world.with(|r| r.merges.len()), 0);
}

#[tokio::test]
async fn propose_leaves_the_merge_to_a_person_and_watches_it() {
    let bed = Bed::new();
    let handle =
        bed.builder(PolicyConfig::new(Autonomy::Propose)).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    bed.until(&handle, &id, Phase::AwaitingHuman).await;
    bed.world.with(|remote| {
        assert!(remote.merges.is_empty());
        let commit = remote.push();
        let branch = remote.branches.values_mut().next().unwrap();
        branch.merged = Some(commit.clone());
        let fix = branch.fix.clone();
        remote.merges.push((commit, fix));
    });
    bed.until(&handle, &id, Phase::Healed).await;
}

#[tokio::test]
async fn a_branch_that_a_person_closed_is_handed_over() {
    let bed = Bed::new();
    let handle =
        bed.builder(PolicyConfig::new(Autonomy::Propose)).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    bed.until(&handle, &id, Phase::AwaitingHuman).await;
    bed.world.with(|r| r.branches.values_mut().for_each(|b| b.closed = true));
    let closed = async || {
        let why = handle.incident(&id).await.unwrap().why;
        why == Some(aegis_core::machine::Why::ClosedByPerson)
    };
    assert!(settle(&bed.clock, &handle, Duration::from_secs(600), closed).await);
}

#[tokio::test]
async fn cancel_withdraws_what_was_submitted() {
    let bed = Bed::new();
    let handle =
        bed.builder(PolicyConfig::new(Autonomy::Propose)).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    bed.until(&handle, &id, Phase::AwaitingHuman).await;
    handle.cancel(&id, "kim").await.unwrap();
    bed.until(&handle, &id, Phase::Abandoned).await;
    assert!(bed.world.with(|r| r.branches.values().all(|b| b.withdrawn)));
}

#[tokio::test]
async fn budgets_hold_across_incidents() {
    let bed = Bed::new();
    bed.shop.futile.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut budget = Budget::default();
    budget.merges_per_day = 2;
    let policy = PolicyConfig::new(Autonomy::Auto).with_budget(budget);
    let handle = bed.builder(policy).build().unwrap().start().unwrap();
    // Six different errors: each wants a release of its own.
    for n in 0..6 {
        let text = crate::bed::TRACE.replace("mean", &format!("mean{n}"));
        aegis_core::port::Intake::report(&handle, bed.signal(&text)).await.unwrap();
    }
    let day = Duration::from_secs(3_600);
    settle(&bed.clock, &handle, day, async || false).await;
    let merges = bed.world.with(|r| r.merges.len());
    assert_eq!(merges, 2);
}

#[tokio::test]
async fn one_release_of_a_service_is_in_flight_at_a_time() {
    let bed = Bed::new();
    let handle = bed.auto();
    for n in 0..3 {
        let text = crate::bed::TRACE.replace("mean", &format!("mean{n}"));
        aegis_core::port::Intake::report(&handle, bed.signal(&text)).await.unwrap();
    }
    let mut most = 0;
    let releasing = [Phase::Submitting, Phase::Merging, Phase::GoingLive, Phase::Watching];
    let all = settle(&bed.clock, &handle, Duration::from_secs(3_600), async || {
        let list = handle.list(&aegis_core::port::Filter::new()).await.unwrap();
        let now = list.iter().filter(|s| releasing.contains(&s.phase)).count();
        most = most.max(now);
        list.len() == 3 && list.iter().all(|s| s.phase == Phase::Healed)
    });
    assert!(all.await);
    assert_eq!(most, 1);
}
