//! Freeze, kill switch, budgets, and a person's word.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_core::machine::{Phase, Why};
use aegis_core::model::{Case, Fix, GateAnswer, GateReport, Verification};
use aegis_core::planner::Handle;
use aegis_core::policy::{Autonomy, Budget, Control, Freeze, PolicyConfig};
use aegis_core::port::{Clock, Notice, Notifier};
use aegis_core::stage::Verifier;
use aegis_core::testkit::settle;
use aegis_core::testkit::stages::Passes;

use crate::bed::Bed;

/// Nothing is merged for some hours.
async fn freeze(bed: &Bed, handle: &Handle, why: &str) {
    let from = bed.clock.now();
    let to = from.plus(Duration::from_secs(9_000));
    handle.freeze(Freeze { from, to, why: why.into() }).await.unwrap();
}

#[tokio::test]
async fn a_freeze_holds_the_merge_says_why_and_goes_on_when_lifted() {
    let bed = Bed::new();
    let handle = bed.auto();
    freeze(&bed, &handle, "launch day").await;
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
async fn a_merge_that_was_not_made_since_the_base_moved_costs_no_budget() {
    let bed = Bed::new();
    let handle = bed.auto();
    freeze(&bed, &handle, "launch day").await;
    let id = bed.crash(&handle).await;
    for _ in 0..2 {
        bed.until(&handle, &id, Phase::Merging).await;
        // Somebody pushes while it is held, and holds it again once it was verified on that.
        bed.world.with(|remote| drop(remote.push()));
        handle.set_control(Control::new()).await.unwrap();
        let moved = async || handle.incident(&id).await.unwrap().phase != Phase::Merging;
        assert!(settle(&bed.clock, &handle, Duration::from_secs(60), moved).await);
        freeze(&bed, &handle, "again").await;
    }
    handle.set_control(Control::new()).await.unwrap();
    let incident = bed.until(&handle, &id, Phase::Healed).await;
    assert!(incident.submission > 1, "the base never moved under it");
    bed.world.with(|remote| assert_eq!(remote.merges.len(), 1));
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

/// Passes everything, and leaves the merge to a person.
#[derive(Debug)]
struct Caps;

#[async_trait::async_trait]
impl Verifier for Caps {
    async fn verify(&self, case: &Case, fix: &Fix) -> aegis_core::Result<Verification> {
        let cap = GateReport::new("coverage", GateAnswer::Cap, "a changed line is not covered");
        Ok(Passes(95).verify(case, fix).await?.with_gates(vec![cap]))
    }
}

/// Keeps what a person was told.
#[derive(Debug, Clone, Default)]
struct Told(Arc<Mutex<Vec<Notice>>>);

#[async_trait::async_trait]
impl Notifier for Told {
    async fn notify(&self, notice: &Notice) -> aegis_core::Result<()> {
        self.0.lock().unwrap().push(notice.clone());
        Ok(())
    }
}

impl Told {
    /// What to do next, by the last notice.
    async fn next(&self, bed: &Bed, handle: &Handle) -> String {
        let told = async || !self.0.lock().unwrap().is_empty();
        assert!(settle(&bed.clock, handle, Duration::from_secs(60), told).await);
        self.0.lock().unwrap().last().unwrap().next.join("; ")
    }
}

#[tokio::test]
async fn a_proposal_that_a_gate_capped_is_merged_once_a_person_approves_it() {
    let (bed, told) = (Bed::new(), Told::default());
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto)).verifier(Caps);
    let handle = builder.notifier(Arc::new(told.clone())).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
    assert_eq!(incident.why, Some(Why::Proposed));
    let fix = incident.fix().unwrap().digest();
    let next = told.next(&bed, &handle).await;
    assert!(next.contains(&format!("approve {fix}")), "{next}");
    let other = aegis_core::Digest::of(["another"]);
    assert_eq!(handle.approve(&id, other, "kim").await.unwrap(), Phase::AwaitingHuman);
    assert_eq!(handle.approve(&id, fix, "kim").await.unwrap(), Phase::Gating);
    bed.until(&handle, &id, Phase::Healed).await;
    bed.world.with(|r| assert_eq!((r.branches.len(), r.merges.len()), (1, 1)));
}

#[tokio::test]
async fn no_approval_merges_what_autonomy_leaves_to_a_person() {
    let (bed, told) = (Bed::new(), Told::default());
    let builder = bed.builder(PolicyConfig::new(Autonomy::Propose));
    let handle = builder.notifier(Arc::new(told.clone())).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    let proposed = bed.until(&handle, &id, Phase::AwaitingHuman).await;
    let next = told.next(&bed, &handle).await;
    assert!(next.contains("merge or close it") && !next.contains("approve"), "{next}");
    let fix = proposed.fix().unwrap().digest();
    for _ in 0..3 {
        handle.approve(&id, fix.clone(), "kim").await.unwrap();
        let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
        assert_eq!((incident.why, incident.submission), (Some(Why::Proposed), 1));
        let calm = bed.clock.now().plus(Duration::from_secs(60));
        let passed = async || bed.clock.now() >= calm;
        assert!(settle(&bed.clock, &handle, Duration::from_secs(90), passed).await);
        assert_eq!(handle.incident(&id).await.unwrap().phase, Phase::AwaitingHuman);
    }
    bed.world.with(|r| assert_eq!((r.branches.len(), r.merges.len()), (1, 0)));
}
