//! What a hint from outside makes the planner look at, and what not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aegis_core::machine::{Phase, Settings};
use aegis_core::planner::{Handle, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Clock, Journal};
use aegis_core::stage::{Deployer, MergeOrder, Order, RevertOrder, Rollout};
use aegis_core::testkit::stages::honest;
use aegis_core::testkit::{World, soon};
use aegis_core::{EffectKey, Error, IncidentId, Result};

use crate::bed::Bed;

/// The planner's own pace.
const PACE: Duration = Duration::from_secs(600);

/// The world, counting how often it is looked up.
#[derive(Debug, Clone)]
struct Counted {
    world: World,
    lookups: Arc<AtomicUsize>,
    /// Lookups fail.
    away: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl Deployer for Counted {
    async fn submit(&self, order: &Order) -> Result<Rollout> {
        self.world.submit(order).await
    }

    async fn lookup(&self, key: &EffectKey) -> Result<Option<Rollout>> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::unavailable("it is away"));
        }
        self.world.lookup(key).await
    }

    async fn merge(&self, order: &MergeOrder) -> Result<Rollout> {
        self.world.merge(order).await
    }

    async fn withdraw(&self, key: &EffectKey, why: &str) -> Result<Rollout> {
        self.world.withdraw(key, why).await
    }

    async fn revert(&self, order: &RevertOrder) -> Result<Rollout> {
        self.world.revert(order).await
    }
}

/// An incident in `phase`, of a planner that looks every ten minutes, and waits for that.
struct Slow {
    bed: Bed,
    deployer: Counted,
    handle: Handle,
    id: IncidentId,
}

impl Slow {
    async fn in_phase(bed: Bed, autonomy: Autonomy, phase: Phase) -> Self {
        let (lookups, away) = (Arc::default(), Arc::default());
        let deployer = Counted { world: bed.world.clone(), lookups, away };
        let settings = Settings::default().with_poll(PACE).with_deadlines(9 * PACE, 9 * PACE);
        let planner = honest(&bed.shop, PolicyConfig::new(autonomy))
            .deployer(deployer.clone())
            .service(ServiceConfig::new("shop").with_settings(settings))
            .journal(Arc::clone(&bed.journal) as Arc<dyn Journal>)
            .clock(Arc::new(bed.clock.clone()));
        let handle = planner.build().unwrap().start().unwrap();
        let id = bed.crash(&handle).await;
        bed.until(&handle, &id, phase).await;
        let slow = Self { bed, deployer, handle, id };
        soon("idle", async || slow.handle.in_flight() == 0).await;
        slow
    }

    async fn phase(&self) -> Phase {
        self.handle.incident(&self.id).await.unwrap().phase
    }

    fn lookups(&self) -> usize {
        self.deployer.lookups.load(Ordering::SeqCst)
    }

    /// Waits until it is in `phase`, while the clock stands still.
    async fn reaches(&self, phase: Phase) {
        let now = self.bed.clock.now();
        soon("there", async || self.phase().await == phase).await;
        assert_eq!(self.bed.clock.now(), now);
    }

    /// Merges what was submitted, as a person does.
    fn merge(&self) {
        self.bed.world.with(|remote| {
            let commit = remote.push();
            let branch = remote.branches.values_mut().next().unwrap();
            branch.merged = Some(commit.clone());
            let fix = branch.fix.clone();
            remote.merges.push((commit, fix));
        });
    }
}

#[tokio::test]
async fn what_is_waited_for_outside_is_looked_at_at_once_again_and_again() {
    let slow = Slow::in_phase(Bed::new(), Autonomy::Propose, Phase::AwaitingHuman).await;
    for _ in 0..3 {
        let before = slow.lookups();
        slow.handle.look_again();
        soon("looked", async || slow.lookups() > before).await;
        assert_eq!(slow.phase().await, Phase::AwaitingHuman);
    }
    slow.merge();
    slow.handle.look_again();
    slow.reaches(Phase::Watching).await;
}

#[tokio::test]
async fn a_rollout_that_is_waited_for_is_looked_at_at_once() {
    let bed = Bed::new();
    bed.world.with(|remote| remote.rolls_out = false);
    let slow = Slow::in_phase(bed, Autonomy::Auto, Phase::GoingLive).await;
    slow.bed.world.with(|remote| remote.running = remote.head.clone());
    slow.handle.look_again();
    slow.reaches(Phase::Watching).await;
}

#[tokio::test]
async fn hints_by_the_thousand_cost_ten_looks_a_second() {
    let slow = Slow::in_phase(Bed::new(), Autonomy::Propose, Phase::AwaitingHuman).await;
    let (before, began) = (slow.lookups(), Instant::now());
    while began.elapsed() < Duration::from_millis(500) {
        slow.handle.look_again();
        tokio::task::yield_now().await;
    }
    let (looked, most) = (slow.lookups() - before, began.elapsed().as_millis() / 100 + 2);
    assert!(looked >= 2 && looked as u128 <= most, "{looked} of {most}");
}

#[tokio::test]
async fn a_hint_cuts_no_pause_after_a_failure_short() {
    let slow = Slow::in_phase(Bed::new(), Autonomy::Propose, Phase::AwaitingHuman).await;
    slow.deployer.away.store(true, Ordering::SeqCst);
    let before = slow.lookups();
    slow.handle.look_again();
    let failed = async || slow.handle.incident(&slow.id).await.unwrap().failures > 0;
    soon("failed", failed).await;
    for _ in 0..3 {
        slow.handle.look_again();
        // Longer than hints are held back.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    assert_eq!(slow.lookups(), before + 1);
}

#[tokio::test]
async fn what_waits_for_a_person_alone_is_left_alone() {
    let slow = Slow::in_phase(Bed::new(), Autonomy::Propose, Phase::AwaitingHuman).await;
    slow.bed.world.with(|r| r.branches.values_mut().for_each(|b| b.closed = true));
    slow.handle.look_again();
    let closed = async || slow.handle.incident(&slow.id).await.unwrap().why.unwrap();
    let over = aegis_core::machine::Why::ClosedByPerson;
    soon("closed", async || closed().await == over && slow.handle.in_flight() == 0).await;
    let before = slow.lookups();
    for _ in 0..2 {
        slow.handle.look_again();
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    assert_eq!(slow.lookups(), before);
}
